"""One training step of Energan against public DCGANs at 64 x 64 x 3: the same nets, batch, data and threads.

    git clone https://github.com/eriklindernoren/PyTorch-GAN
    git clone https://github.com/torchgan/torchgan
    git clone https://github.com/kwotsin/mimicry
    python -m benchmarks.peers_images --pytorch-gan PyTorch-GAN --torchgan torchgan --mimicry mimicry --steps 12

The peers' code is read from those checkouts; none of it is here. A peer's row plays the peer's own step: the statements
of its loop's body, or its own train_step functions. An Energan row plays the game `gan` with the peer's own modules,
loaded anew, by the peer's optimizers' settings. Before it times anything, each run checks that both descend the same
gradients. `--self-only` times Energan with its own DCGAN instead. Prints Markdown.

What a step is, where a peer's loss differs, and why StudioGAN is not here: benchmarks/peers_images.md.
"""

import copy
import importlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.peer_parts import (
    ONCE,
    POOL,
    ROWS,
    Row,
    Setting,
    Step,
    begin,
    commit,
    default,
    in_own_process,
    package,
    parser,
    peer_step,
    pool,
    quartiles,
    script,
    time_steps,
    torchgan_trainer,
)  # fmt: skip
from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.optimizers import Adam
from energan.games.gan.gan import gan
from energan.games.gan.variations import shared
from energan.networks.conv.dcgan import Discriminator, Generator
from energan.networks.layers import Dropout
from energan.utils.errors import UserError

SHAPE = (3, 64, 64)
HERE = (*ROWS[:3], *ROWS[4:])  # the engine always makes its nets channels-last


class Peer(NamedTuple):
    """A peer's networks, optimizers and own step.

    step: x (n, 3, 64, 64) -> one update of G and of D. share: its D's loss, as a multiple of ours.
    """

    G: nn.Module
    D: nn.Module
    optimizer_G: torch.optim.Optimizer
    optimizer_D: torch.optim.Optimizer
    step: Callable[[Tensor], None]
    share: float = 1.0


class Contest(NamedTuple):
    title: str
    flag: str  # that names its checkout
    load: Callable[..., Peer]  # (checkout, whether .view becomes .reshape, batch, device="cpu")
    z: int
    note: str


# ---- the peers' own modules, as players of ours ---------------------------------------------------------------------
class DropChannels(nn.Module):
    """torch's Dropout2d with masks from the engine's stream: (n, c, h, w), whole channels at a time."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.drop = Dropout(rate)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.drop(x.new_ones(*x.shape[:2], 1, 1))


def _fitted(layer: nn.Module) -> nn.Module:
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
        layer.track_running_stats = False
        layer.running_mean = layer.running_var = layer.num_batches_tracked = None
    if isinstance(layer, nn.Dropout2d):
        return DropChannels(layer.p)
    return nn.Identity() if isinstance(layer, nn.Sigmoid) else layer


def as_players(G: nn.Module, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The modules themselves, as the engine asks: no running statistics, dropout from its stream, logits (n,)."""
    for layer in (*G.modules(), *D.modules()):
        for name, inner in layer.named_children():
            setattr(layer, name, _fitted(inner))
    return G, nn.Sequential(D, nn.Flatten(0))


def settings(optimizer: torch.optim.Optimizer) -> Adam:
    """Those of a peer's Adam."""
    assert type(optimizer) is torch.optim.Adam
    group = optimizer.param_groups[0]
    beta1, beta2 = group["betas"]
    return Adam(group["lr"], beta1, beta2, group["eps"], group["weight_decay"])


def game(peer: Peer, z: int) -> Game:
    """The peer's modules playing `gan`. They are changed: the peer's own step is no longer as published."""
    learn_G, learn_D = settings(peer.optimizer_G), settings(peer.optimizer_D)
    return gan(*as_players(peer.G, peer.D), z, optimizer_G=learn_G, optimizer_D=learn_D)


# ---- the peers ------------------------------------------------------------------------------------------------------
def load_pytorch_gan(folder: Path, reshape: bool, batch: int, device: str = "cpu") -> Peer:
    flags = ["--img_size", "64", "--channels", "3", "--batch_size", str(batch)]
    names, body = script(folder / "implementations" / "dcgan" / "dcgan.py", reshape, flags, device)

    def step(x: Tensor) -> None:
        names["imgs"] = x
        exec(body, names)

    optimizers = names["optimizer_G"], names["optimizer_D"]
    return Peer(names["generator"], names["discriminator"], *optimizers, step, share=0.5)


def load_torchgan(folder: Path, reshape: bool, batch: int, device: str = "cpu") -> Peer:
    trainer, step = torchgan_trainer(
        folder, reshape, batch,
        lambda models: {
            "generator": {"name": models.DCGANGenerator, "args": {"out_size": 64}},
            "discriminator": {"name": models.DCGANDiscriminator, "args": {"in_size": 64}},
        },
        ("MinimaxGeneratorLoss", "MinimaxDiscriminatorLoss"), device,
    )  # fmt: skip
    optimizers = trainer.optimizer_generator, trainer.optimizer_discriminator
    return Peer(trainer.generator, trainer.discriminator, *optimizers, step)


def load_mimicry(folder: Path, reshape: bool, batch: int) -> Peer:
    if not (folder / "torch_mimicry").is_dir():
        raise UserError(
            f"{folder}/torch_mimicry is not there: give the folder of a checkout (git clone ...; see --help)"
        )
    # its two __init__.py would import TensorFlow, for scores, and TensorBoard
    with package(folder, "torch_mimicry", reshape, ("torch_mimicry", "torch_mimicry.training")):
        nets: Any = importlib.import_module("torch_mimicry.nets.dcgan.dcgan_64")
        logs: Any = importlib.import_module("torch_mimicry.training.metric_log")
    G, D = nets.DCGANGenerator64(), nets.DCGANDiscriminator64()
    learn_G, learn_D = (torch.optim.Adam(net.parameters(), 2e-4, betas=(0.0, 0.9)) for net in (G, D))  # its examples'

    def step(x: Tensor) -> None:
        real, log, device = (x, labels[: len(x)]), logs.MetricLog(), x.device
        log = D.train_step(real_batch=real, netG=G, optD=learn_D, log_data=log, global_step=0, device=device)
        G.train_step(real_batch=real, netD=D, optG=learn_G, log_data=log, global_step=0, device=device)

    labels = torch.zeros(batch, dtype=torch.long)
    return Peer(G, D, learn_G, learn_D, step)


CONTESTS = {
    "pytorch-gan": Contest(
        "PyTorch-GAN's DCGAN", "--pytorch-gan", load_pytorch_gan, 100,
        "Its D drops channels, and its loss is cross-entropy of probabilities, halved (for Adam a scale is nothing)."
        " The peer draws images once a step and shows them to D too; Energan draws them anew for D's turn: one more"
        " forward pass of G.",
    ),
    "torchgan": Contest(
        "torchgan's DCGAN", "--torchgan", load_torchgan, 100,
        "Equal work: one update of G and of D a step, each with images of its own.",
    ),
    "mimicry": Contest(
        "mimicry's DCGAN, of residual blocks", "--mimicry", load_mimicry, 128,
        "Equal work: one update of D and of G a step, each with images of its own.",
    ),
}  # fmt: skip


# ---- are both the same? ---------------------------------------------------------------------------------------------
def _quiet(net: nn.Module) -> nn.Module:
    """Without dropout, whose masks two programs do not share."""
    for layer in net.modules():
        if isinstance(layer, nn.Dropout2d | Dropout):
            layer.eval()
    return net


def agreement(peer: Peer, z: int) -> tuple[int, int]:
    """Plays the peer's step once and holds its gradients against ours; gives the parameters of G and of D.

    At the moment of each of the peer's updates, which are of length 0: the gradient of our objective, by the modules
    that Energan's rows play, with the peer's weights, its noise and its batch. AssertionError where it is another one.
    """
    players = {k: _quiet(net) for k, net in zip("GD", as_players(*copy.deepcopy((peer.G, peer.D))), strict=True)}
    theirs = {"G": _quiet(peer.G), "D": _quiet(peer.D)}
    x = torch.rand(4, *SHAPE).mul(2).sub(1)
    turns = gan(players["G"], players["D"], z).turns
    drawn: dict[str, Any] = {}

    def weights(name: str) -> dict[str, Tensor]:
        values = (w.detach().clone().requires_grad_() for w in theirs[name].parameters())
        return dict(zip(dict(players[name].named_parameters()), values, strict=True))

    def forward(z: Tensor) -> Tensor:
        drawn.update(z=z, G=weights("G"))
        return type(peer.G).forward(peer.G, z)

    def updates(name: str, *_: Any) -> None:
        bound = {"G": drawn["G"], "D": weights("D")}
        batch = Batch({"x": x, "z": drawn["z"], "smoothing": torch.tensor(0.0)})
        loss = turns[name][0].objective(Players(players).move(**bound), batch)[0] * (peer.share if name == "D" else 1)
        grads = torch.autograd.grad(loss, list(bound[name].values()))
        found = [w.grad for w in theirs[name].parameters()]
        largest = max(float(g.abs().max()) for g in grads)
        torch.testing.assert_close(found, list(grads), rtol=1e-3, atol=1e-4 * max(largest, 1e-3))
        drawn[f"{name} compared"] = True

    optimizers = {"G": peer.optimizer_G, "D": peer.optimizer_D}
    groups = [group for optimizer in optimizers.values() for group in optimizer.param_groups]
    rates = [group["lr"] for group in groups]
    for group in groups:  # mimicry's log(p + 1e-8) is another loss where D has become sure
        group["lr"] = 0.0
    hooks = [optimizer.register_step_pre_hook(partial(updates, k)) for k, optimizer in optimizers.items()]
    with patch.object(peer.G, "forward", forward):  # no hook: mimicry calls `forward` itself
        peer.step(x)
    for hook in hooks:
        hook.remove()
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = rate
    assert drawn["G compared"] and drawn["D compared"]
    size_g, size_d = (sum(w.numel() for w in net.parameters()) for net in (peer.G, peer.D))
    return size_g, size_d


# ---- playing and telling --------------------------------------------------------------------------------------------
def own() -> Game:
    """Energan's DCGAN."""
    return gan(Generator(100), Discriminator(), 100)


def build(name: str | None, row: Row, setting: Setting) -> Step:
    """One row's training step, on images in memory in the row's layout; `name` of a contest, or Energan's own nets."""
    images = pool(row, setting.batch, SHAPE)
    if name and setting.folder:
        # a peer of a row's own: of what it loads, Energan's rows play the modules and drop the rest
        peer = CONTESTS[name].load(setting.folder, row.channels_last, setting.batch)
        if not row.energan:
            return peer_step((peer.G, peer.D), peer.step, row, images)
    playing = game(peer, CONTESTS[name].z) if name else own()
    playing = shared(playing) if row.once else playing
    return Trainer(playing, lambda k: {"x": images[k % POOL]}, precision="bf16" if row.bf16 else "fp32").step


def play(name: str | None, setting: Setting, memory: bool) -> str:
    """Plays one contest, or Energan's own nets without a peer, and gives its Markdown."""
    rows = [row for row in (*HERE, ONCE) if row.energan or name]
    lines = _introduction(name, setting)
    times = time_steps({row: build(name, row, setting) for row in rows}, setting.steps)
    lines.append(
        "\n| a step of | ms | images/s | times as fast as the peer | peak memory, MiB |\n|---|---|---|---|---|"
    )

    def ratio(row: Row, to: Row) -> str:
        return quartiles([p / own for p, own in zip(times[to], times[row], strict=True)], 2)

    for row, t in times.items():
        peak = f"{in_own_process(partial(build, name, row, setting), setting.threads) / 2**20:.0f}" if memory else "-"
        here = " (the default here)" if row == default() else ""
        rate = quartiles([1e3 * setting.batch / ms for ms in t], 1)
        lines.append(f"| {row}{here} | {quartiles(t, 1)} | {rate} | {ratio(row, ROWS[0]) if name else '-'} | {peak} |")
    if name:
        engine = [f"{ratio(e, p)} in {'bf16' if p.bf16 else 'fp32'}" for p, e in zip(ROWS[1:3], ROWS[4:], strict=True)]
        engine.append(f"{ratio(ONCE, ROWS[2])} in bf16 with samples drawn once")
        lines.append(f"\nEnergan against the peer with the same settings by hand: {', '.join(engine)}.")
    return "\n".join(lines) + "\n"


def _introduction(name: str | None, setting: Setting) -> list[str]:
    batch = f"Batch {setting.batch} of 3 × 64 × 64"
    if name is None or setting.folder is None:
        G, D = (sum(w.numel() for w in own().players[k].net.parameters()) for k in "GD")
        return ["### Energan's own DCGAN\n", f"{batch}; G {G:,} and D {D:,} parameters."]
    contest = CONTESTS[name]
    peer = contest.load(setting.folder, False, 4)
    G, D = agreement(peer, contest.z)
    learns = settings(peer.optimizer_G)
    return [
        f"### {contest.title}\n",
        f"{batch}; G {G:,} and D {D:,} parameters; Adam {learns.lr:g} ({learns.beta1:g}, {learns.beta2:g})."
        f" {contest.note}",
        f"The peer is {setting.folder.name} {commit(setting.folder)}; our game descends the gradients of its own step"
        " (checked in this run).",
    ]


CHANGED = (
    "What was changed of the peers' code at import: torchvision is an empty module (a step uses none of it); in the"
    " rows by hand, `.view(` is `.reshape(` (a channels-last tensor cannot be viewed flat); mimicry's own"
    " `__init__.py` (TensorFlow, TensorBoard) is left out. Nothing else.\n"
)
REPOSITORIES = {
    "--pytorch-gan": "eriklindernoren/PyTorch-GAN", "--torchgan": "torchgan/torchgan", "--mimicry": "kwotsin/mimicry"
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    given = parser(__doc__, REPOSITORIES).parse_args(arguments)
    checkouts = {"--pytorch-gan": given.pytorch_gan, "--torchgan": given.torchgan, "--mimicry": given.mimicry}
    folders = {} if given.self_only else checkouts
    setting = Setting(None, given.batch, given.threads, given.steps)
    try:
        begin(given, checkouts, "benchmarks.peers_images", arguments)
        if given.self_only:
            print(play(None, setting, not given.no_memory))
        elif folders:
            print(CHANGED)
        for name, contest in CONTESTS.items():
            if folder := folders.get(contest.flag):
                print(play(name, setting._replace(folder=folder), not given.no_memory), flush=True)
    except UserError as error:
        print(f"benchmarks.peers_images: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
