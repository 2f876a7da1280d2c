"""One training step of Energan against one of public EBGAN implementations: equal nets, batch, data and threads.

    git clone https://github.com/eriklindernoren/PyTorch-GAN
    git clone https://github.com/torchgan/torchgan
    python -m benchmarks.peers --pytorch-gan PyTorch-GAN --torchgan torchgan --steps 50

The peers' code is read from those checkouts; none of it is here. Their networks, losses and optimizers are their own
objects, and the statements of their loop's body run as they stand, up to its printing and saving of images. Data are
in memory beforehand. All rows of a contest are played in turn, in random order, in one process; peak memory is that
of a process of its own per row. `--self-only` times Energan's rows without the peers. Prints Markdown.

How the numbers are to be read, and where the peers' objectives differ from the paper: benchmarks/peers.md.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.peer_parts import (
    ADAM,
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
    parser,
    peer_step,
    pool,
    quartiles,
    script,
    time_steps,
    torchgan_trainer,
)  # fmt: skip
from energan.engine import Trainer
from energan.engine.game import Game
from energan.games.energy.ebgan import ebgan, ebgan_pt
from energan.games.gan.variations import shared
from energan.networks.layers import initialise
from energan.utils.errors import UserError


class Peer(NamedTuple):
    """A peer's networks and its own loop's body as step(x); x (n, c, h, w).

    parts: D's networks in the order in which data pass them. read: x -> D's (reconstruction, code).
    """

    G: nn.Module
    D: nn.Module
    parts: tuple[nn.Module, ...]
    read: Callable[[Tensor], tuple[Tensor, Tensor]]
    step: Callable[[Tensor], None]


class Contest(NamedTuple):
    title: str
    repository: str  # the flag that names its checkout
    load: Callable[[Path, bool, int], Peer]  # (checkout, whether .view becomes .reshape, batch)
    nets: Callable[[], tuple[nn.Module, nn.Module]]
    game: Callable[[nn.Module, nn.Module], Game]
    z: int
    shape: tuple[int, int, int]
    note: str


# ---- equal nets, in torch's own layers; the running statistics, which a step writes and never reads, are left out ----

Norm1d = partial(nn.BatchNorm1d, track_running_stats=False)
Norm2d = partial(nn.BatchNorm2d, track_running_stats=False)


class Autoencoder(nn.Module):
    """x -> (reconstruction, code)."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        return self.decoder(code), code


def pytorch_gan_nets() -> tuple[nn.Module, nn.Module]:
    """PyTorch-GAN's at its defaults: z (n, 62), x (n, 1, 32, 32), code (n, 32). Its batch norm has eps 0.8."""
    G = nn.Sequential(
        nn.Linear(62, 128 * 8 * 8), nn.Unflatten(1, (128, 8, 8)),
        nn.Upsample(scale_factor=2), nn.Conv2d(128, 128, 3, 1, 1), Norm2d(128, 0.8), nn.LeakyReLU(0.2, True),
        nn.Upsample(scale_factor=2), nn.Conv2d(128, 64, 3, 1, 1), Norm2d(64, 0.8), nn.LeakyReLU(0.2, True),
        nn.Conv2d(64, 1, 3, 1, 1), nn.Tanh(),
    )  # fmt: skip
    encoder = nn.Sequential(nn.Conv2d(1, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 16 * 16, 32))
    decoder = nn.Sequential(
        Norm1d(32, 0.8), nn.ReLU(True), nn.Linear(32, 64 * 16 * 16), Norm1d(64 * 16 * 16),
        nn.ReLU(True), nn.Unflatten(1, (64, 16, 16)), nn.Upsample(scale_factor=2), nn.Conv2d(64, 1, 3, 1, 1),
    )  # fmt: skip
    return initialise(G, 0.02), initialise(Autoencoder(encoder, decoder), 0.02)


def _conv(a: int, b: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(a, b, 3, stride, 1, bias=False), Norm2d(b), nn.ELU()]


def torchgan_nets() -> tuple[nn.Module, nn.Module]:
    """torchgan's at their defaults: z (n, 100), x (n, 3, 32, 32), code (n, 192, 8, 8)."""
    levels = [
        [nn.ConvTranspose2d(a, b, 4, s, p, bias=False), Norm2d(b), nn.LeakyReLU(0.2)]
        for a, b, s, p in ((100, 256, 1, 0), (256, 128, 2, 1), (128, 64, 2, 1))
    ]
    G = nn.Sequential(
        nn.Unflatten(1, (100, 1, 1)), *itertools.chain(*levels), nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh()
    )
    encoder = nn.Sequential(
        nn.Conv2d(3, 64, 3, 1, 1), nn.ELU(), *_conv(64, 64), *_conv(64, 128, 2), *_conv(128, 128), *_conv(128, 192, 2),
        *_conv(192, 192), *_conv(192, 192),
    )  # fmt: skip
    up = nn.ConvTranspose2d(64, 64, 3, 2, 1, 1, bias=False), Norm2d(64), nn.ELU(), *_conv(64, 64)
    decoder = nn.Sequential(
        nn.Flatten(), nn.Linear(192 * 8 * 8, 100), Norm1d(100), nn.ELU(),
        nn.Linear(100, 64 * 8 * 8), Norm1d(64 * 8 * 8), nn.ELU(), nn.Unflatten(1, (64, 8, 8)),
        *_conv(64, 64), *_conv(64, 64), *up, *up, nn.Conv2d(64, 3, 3, 1, 1), nn.Tanh(),
    )  # fmt: skip  # up twice: torchgan's decoder passes the same layers at 8 x 8 and at 16 x 16
    return initialise(G, 0.02), initialise(Autoencoder(encoder, decoder), 0.02)


# ---- the peers ------------------------------------------------------------------------------------------------------
def load_pytorch_gan(folder: Path, reshape: bool, batch: int) -> Peer:
    names, body = script(folder / "implementations" / "ebgan" / "ebgan.py", reshape, ["--batch_size", str(batch)])

    def step(x: Tensor) -> None:
        names["imgs"] = x
        exec(body, names)
        if names["d_loss_fake"] >= names["margin"]:
            raise RuntimeError("PyTorch-GAN's hinge was off, so its step left out a backward pass: not equal work")

    D = names["discriminator"]
    return Peer(names["generator"], D, (D.down, D.embedding, D.fc, D.up), D, step)


def load_torchgan(folder: Path, reshape: bool, batch: int, losses: Sequence[str]) -> Peer:
    trainer, step = torchgan_trainer(
        folder, reshape, batch,
        lambda models: {
            "generator": {"name": models.DCGANGenerator},
            "discriminator": {"name": models.AutoEncodingDiscriminator, "args": {"embeddings": True}},
        },
        losses,
    )  # fmt: skip
    D = trainer.discriminator

    def read(x: Tensor) -> tuple[Tensor, Tensor]:
        with patch.object(D, "energy", False), patch.object(D, "embeddings", True):
            code, reconstruction = D(x)
        return reconstruction, code

    return Peer(trainer.generator, D, (D.encoder, D.fc, D.decoder), read, step)


TORCHGAN = ("EnergyBasedGeneratorLoss", "EnergyBasedDiscriminatorLoss")
TORCHGAN_PT = (TORCHGAN[0], "EnergyBasedPullingAwayTerm", TORCHGAN[1])
CONTESTS = {
    "pytorch-gan": Contest(
        "EBGAN-PT with PyTorch-GAN's nets", "--pytorch-gan", load_pytorch_gan, pytorch_gan_nets,
        partial(ebgan_pt, z=62, margin=1.0, kind="mse", optimizer_G=ADAM, optimizer_D=ADAM), 62, (1, 32, 32),
        "Equal work: one update of G and of D a step. The peer shows D the images that its G's turn drew; Energan draws"
        " them anew for D's turn, as the paper's two expectations read: one more forward pass of G.",
    ),
    "torchgan": Contest(
        "EBGAN with torchgan's nets", "--torchgan", partial(load_torchgan, losses=TORCHGAN), torchgan_nets,
        partial(ebgan, z=100, margin=80.0, kind="mse", optimizer_G=ADAM, optimizer_D=ADAM), 100, (3, 32, 32),
        "Equal work: one update of G and of D a step, each with images of its own.",
    ),
    "torchgan-pt": Contest(
        "EBGAN-PT with torchgan's nets", "--torchgan", partial(load_torchgan, losses=TORCHGAN_PT), torchgan_nets,
        partial(ebgan_pt, z=100, margin=80.0, kind="mse", optimizer_G=ADAM, optimizer_D=ADAM), 100, (3, 32, 32),
        "**Not equal work**: the peer descends the pull-away term in an update of its own, with images of its own, so"
        " that its step updates G twice; eq. 14 is one update of G. A step of either is one step of EBGAN-PT.",
    ),
}  # fmt: skip


# ---- playing --------------------------------------------------------------------------------------------------------
def build(contest: Contest, row: Row, setting: Setting) -> Step:
    """One row's training step, on images in memory in the row's layout."""
    images = pool(row, setting.batch, contest.shape)
    if row.energan:
        game = contest.game(*contest.nets())
        playing = shared(game) if row.once else game
        engine = Trainer(playing, lambda k: {"x": images[k % POOL]}, precision="bf16" if row.bf16 else "fp32")
        if not row.channels_last:
            _default_layout(engine)
        return engine.step
    assert setting.folder
    peer = contest.load(setting.folder, row.channels_last, setting.batch)
    return peer_step((peer.G, peer.D), peer.step, row, images)


def _build(name: str, row: Row, setting: Setting) -> Step:
    return build(CONTESTS[name], row, setting)  # by its name: a contest cannot be pickled


def _alone(name: str, row: Row, setting: Setting) -> int:
    return in_own_process(partial(_build, name, row, setting), setting.threads)


def _default_layout(engine: Trainer) -> None:
    """Undoes the engine's channels-last, in its weights and in its optimizers' moments."""
    for net in engine.nets.values():
        net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for moments in engine.state()["moments"].values():
        for tree in moments.values():
            tree.update({k: v.contiguous() for k, v in tree.items()})


def parameters(contest: Contest, setting: Setting) -> tuple[int, int]:
    """The parameters of our G and D. With a checkout: RuntimeError unless the peer's nets are the same functions."""
    G, D = contest.nets()
    sizes = sum(w.numel() for w in G.parameters()), sum(w.numel() for w in D.parameters())
    if not setting.folder:
        return sizes
    peer = contest.load(setting.folder, False, setting.batch)
    for ours, net, parts in ((G, peer.G, (peer.G,)), (D, peer.D, peer.parts)):
        mine, theirs = list(ours.parameters()), list(nn.ModuleList(parts).parameters())
        if [w.shape for w in mine] != [w.shape for w in theirs] or len(theirs) != len(list(net.parameters())):
            raise RuntimeError(f"{contest.title}: the peer's weights have other shapes than ours")
        for w, other in zip(mine, theirs, strict=True):
            w.data.copy_(other.data)
    with torch.no_grad():
        z, x = torch.randn(8, contest.z), torch.rand(8, *contest.shape).mul(2).sub(1)
        torch.testing.assert_close((G(z), *D(x)), (peer.G(z), *peer.read(x)), rtol=1e-4, atol=1e-5)
    return sizes


# ---- telling --------------------------------------------------------------------------------------------------------
def play(name: str, setting: Setting, memory: bool) -> str:
    """Plays one contest and gives its Markdown."""
    contest, folder = CONTESTS[name], setting.folder
    size_g, size_d = parameters(contest, setting)
    rows = [row for row in (*ROWS, ONCE) if row.energan or folder]
    times = time_steps({row: build(contest, row, setting) for row in rows}, setting.steps)
    shape = " × ".join(map(str, contest.shape))
    lines = [
        f"### {contest.title}\n",
        f"Batch {setting.batch} of {shape}; G {size_g:,} and D {size_d:,} parameters. {contest.note}",
    ]
    if folder:
        lines.append(
            f"The peer is {folder.name} {commit(folder)}; our nets have its shapes of weights and give its outputs for"
            " its weights (checked in this run)."
        )
    lines.append("\n| a step of | ms | times as fast as the peer | peak memory, MiB |\n|---|---|---|---|")
    for row, t in times.items():
        faster = quartiles([p / own for p, own in zip(times[ROWS[0]], t, strict=True)], 2) if folder else "-"
        peak = f"{_alone(name, row, setting) / 2**20:.0f}" if memory else "-"
        here = " (the default here)" if row == default() else ""
        lines.append(f"| {row}{here} | {quartiles(t, 1)} | {faster} | {peak} |")
    return "\n".join(lines) + "\n"


CHANGED = (
    "What was changed of the peers' code at import: torchvision is an empty module (a step uses none of it); in the"
    " rows by hand, `.view(` is `.reshape(` (a channels-last tensor cannot be viewed flat). Nothing else.\n"
)


REPOSITORIES = {"--pytorch-gan": "eriklindernoren/PyTorch-GAN", "--torchgan": "torchgan/torchgan"}


def main(arguments: list[str] | None = None) -> int:
    given = parser(__doc__, REPOSITORIES).parse_args(arguments)
    folders = {} if given.self_only else {"--pytorch-gan": given.pytorch_gan, "--torchgan": given.torchgan}
    try:
        begin(given, folders, "benchmarks.peers", arguments)
        if not given.self_only:
            print(CHANGED)
        for name, contest in CONTESTS.items():
            folder = folders.get(contest.repository)
            if folder or given.self_only:
                setting = Setting(folder, given.batch, given.threads, given.steps)
                print(play(name, setting, not given.no_memory), flush=True)
    except UserError as error:
        print(f"benchmarks.peers: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
