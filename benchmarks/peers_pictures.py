"""One training step of Energan's pix2pix and CycleGAN against PyTorch-GAN's: the same nets, batch, data and threads.

    git clone https://github.com/eriklindernoren/PyTorch-GAN
    python -m benchmarks.peers_pictures --pytorch-gan PyTorch-GAN --only pix2pix --batch 2 --steps 8
    python -m benchmarks.peers_pictures --pytorch-gan PyTorch-GAN --only cyclegan --size 128 --batch 2 --steps 4

The peer's code is read from that checkout; none of it is here. Its row plays the statements of its loop's body, up to
printing; Energan's rows play its game with the peer's own modules, loaded anew, by its Adam's settings. A step is one
update of every net, on as many pictures. Where the two differ:

    pix2pix     the peer's D is judged by squares, the paper's and ours by logs; the peer draws a picture once a step,
                ours once for each of both players
    CycleGAN    the same losses: each run checks that both descend the same gradient of both generators; the peer's
                discriminators see the pictures that the generators' turn drew, ours are drawn anew of a fresh batch

The peer's U-Net drops numbers by torch's dropout, which the engine refuses: its own takes that place. Prints Markdown.
"""

import copy
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.peer_parts import (
    POOL,
    ROWS,
    Row,
    Setting,
    Step,
    begin,
    commit,
    default,
    in_own_process,
    layout,
    parser,
    peer_step,
    quartiles,
    script,
    time_steps,
)  # fmt: skip
from benchmarks.peers_images import HERE, settings
from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.games.translation.cyclegan import cyclegan
from energan.games.translation.pix2pix import pix2pix
from energan.networks.layers import Dropout
from energan.networks.translation.pool import Pool
from energan.utils.errors import UserError

HELD = 50  # pictures of CycleGAN's pools, as the peer's
CYCLE, IDENTITY = 10.0, 5.0  # the peer's weights


class Peer(NamedTuple):
    """A peer's nets, and its step of (two batches above one another: x, y)."""

    nets: dict[str, nn.Module]
    step: Callable[[Tensor], None]
    names: dict[str, Any]


def load(name: str, folder: Path, reshape: bool, size: int) -> Peer:
    """PyTorch-GAN's script of that name, up to its loop."""
    path = folder / "implementations" / name / f"{name}.py"
    flags = ["--img_height", str(size), "--img_width", str(size)]
    names, body = script(path, reshape, flags)
    names |= {"dataloader": [None], "epoch": 0, "i": 0}

    def step(both: Tensor) -> None:
        x, y = both.chunk(2)
        names["batch"] = {"A": x, "B": y}
        exec(body, names)

    which = ("generator", "discriminator") if name == "pix2pix" else ("G_AB", "G_BA", "D_A", "D_B")
    return Peer({key: names[key] for key in which}, step, names)


class OfPairs(nn.Module):
    """The peer's D of a picture and its input, as ours asks: both above one another in the channels."""

    def __init__(self, D: nn.Module) -> None:
        super().__init__()
        self.D = D

    def forward(self, both: Tensor) -> Tensor:
        x, y = both.chunk(2, 1)
        return self.D(y, x)


def _fitted(net: nn.Module) -> nn.Module:
    """The net itself, whose dropout draws from the engine's stream."""
    for layer in list(net.modules()):
        for name, inner in layer.named_children():
            if type(inner) is nn.Dropout:
                setattr(layer, name, Dropout(inner.p))
    return net


def game(name: str, peer: Peer, size: int, batch: int) -> Game:
    """The peer's nets, playing ours."""
    nets = {key: _fitted(net) for key, net in peer.nets.items()}
    learn = settings(peer.names["optimizer_G"])
    if name == "pix2pix":
        D = OfPairs(nets["discriminator"])
        return pix2pix(nets["generator"], D, None, optimizer_G=learn, optimizer_D=learn)
    pools = (Pool(HELD, (3, size, size)) for _ in range(2))
    return cyclegan(
        nets["G_AB"], nets["G_BA"], nets["D_A"], nets["D_B"], *pools, batch=batch, cycle=CYCLE, identity=IDENTITY,
        optimizer_generators=learn, optimizer_discriminators=learn,
    )  # fmt: skip


def agreement(peer: Peer, size: int) -> None:
    """Plays CycleGAN's step once, with steps of length 0, and holds the generators' gradients against ours.

    AssertionError where they are others. The peer halves each of its three losses, and so their sum.
    """
    ours = game("cyclegan", peer._replace(nets=copy.deepcopy(peer.nets)), size, 1)
    x, y = torch.rand(2, 1, 3, size, size).mul(2).sub(1)
    players = {key: player.net for key, player in ours.players.items()}
    bound = {key: dict(players[key].named_parameters()) for key in ("G", "F")}
    batch = Batch({"x": x, "y": y, **{k: torch.tensor(float(v)) for k, v in ours.hyperparameters.items()}})
    move = next(move for turn in ours.turns.values() for move in turn if "G" in move.min)
    loss = move.objective(Players(players), batch)[0]
    want = torch.autograd.grad(loss, [w for of in bound.values() for w in of.values()])
    found: list[Tensor] = []
    optimizer = peer.names["optimizer_G"]

    def keep(*_: Any) -> None:
        assert not found
        found.extend(2 * w.grad for key in ("G_AB", "G_BA") for w in peer.nets[key].parameters())

    rates = [
        (group, group["lr"]) for name in ("G", "D_A", "D_B") for group in peer.names[f"optimizer_{name}"].param_groups
    ]
    for group, _ in rates:
        group["lr"] = 0.0
    hook = optimizer.register_step_pre_hook(keep)
    peer.step(torch.cat([x, y]))
    hook.remove()
    for group, rate in rates:
        group["lr"] = rate
    largest = max(float(g.abs().max()) for g in want)
    torch.testing.assert_close(found, list(want), rtol=1e-3, atol=1e-4 * largest)


def pictures(row: Row, batch: int, size: int) -> list[Tensor]:
    """Batches of x above y in [-1, 1], (2 batch, 3, size, size), in the row's layout."""
    torch.manual_seed(0)
    images = torch.rand(POOL, 2 * batch, 3, size, size).mul(2).sub(1)
    return [x.contiguous(memory_format=layout(row)) for x in images]


def build(name: str, row: Row, setting: Setting, size: int) -> Step:
    """One row's training step."""
    assert setting.folder is not None
    images = pictures(row, setting.batch, size)
    peer = load(name, setting.folder, row.channels_last, size)
    if not row.energan:
        return peer_step(list(peer.nets.values()), peer.step, row, images)

    def source(k: int) -> dict[str, Tensor]:
        x, y = images[k % POOL].chunk(2)
        return {"x": x, "y": y}

    playing = game(name, peer, size, setting.batch)
    return Trainer(playing, source, precision="bf16" if row.bf16 else "fp32").step


def play(name: str, setting: Setting, size: int, memory: bool) -> str:
    """One contest's Markdown."""
    assert setting.folder is not None
    peer = load(name, setting.folder, False, size)
    checked = ""
    if name == "cyclegan":
        agreement(peer, size)
        checked = " Both generators' gradients are the peer's own (checked in this run)."
    count = sum(w.numel() for net in peer.nets.values() for w in net.parameters())
    lines = [
        f"### PyTorch-GAN's {name}\n",
        f"Batch {setting.batch} of either domain, 3 x {size} x {size}; {count:,} parameters in all nets; commit"
        f" {commit(setting.folder)}.{checked}",
        "\n| a step of | ms | times as fast as the peer | peak memory, MiB |\n|---|---|---|---|",
    ]
    times = time_steps({row: build(name, row, setting, size) for row in HERE}, setting.steps)
    for row, t in times.items():
        made: Callable[[], Step] = partial(build, name, row, setting, size)
        peak = f"{in_own_process(made, setting.threads) / 2**20:.0f}" if memory else "-"
        ratio = quartiles([p / own for p, own in zip(times[ROWS[0]], t, strict=True)], 2)
        lines.append(
            f"| {row}{' (the default here)' if row == default() else ''} | {quartiles(t, 0)} | {ratio} | {peak} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    made = parser(__doc__, {"--pytorch-gan": "eriklindernoren/PyTorch-GAN"})
    made.add_argument("--size", type=int, default=256, help="pixels a side; of pix2pix multiples of 256")
    made.add_argument("--only", choices=("pix2pix", "cyclegan"), help="one of both")
    given = made.parse_args(arguments)
    try:
        begin(
            given,
            {"--pytorch-gan": given.pytorch_gan},
            "benchmarks.peers_pictures",
            None if arguments is None else list(arguments),
        )
        if given.only != "cyclegan" and given.size % 256:
            raise UserError(f"--size {given.size}: the peer's U-Net takes multiples of 256")
        for name in (given.only,) if given.only else ("pix2pix", "cyclegan"):
            setting = Setting(given.pytorch_gan, given.batch, given.threads, given.steps)
            print(play(name, setting, given.size, not given.no_memory), flush=True)
    except UserError as error:
        print(f"benchmarks.peers_pictures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
