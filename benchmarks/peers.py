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

import argparse
import ast
import importlib
import itertools
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.machinery import ModuleSpec
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from types import CodeType, ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor, nn

from energan import machine
from energan.errors import UserError
from energan.game import Game
from energan.games.ebgan import ebgan, ebgan_pt
from energan.nets.layers import initialise
from energan.optimizers import Adam
from energan.play import One

POOL = 4  # batches in memory
WARM_UP = 3  # steps a row, not timed
MEMORY_STEPS = 5
ADAM = Adam(2e-4, beta1=0.5)  # both peers'


class Peer(NamedTuple):
    """A peer's networks and its own loop's body as step(x); x (n, c, h, w).

    parts: D's networks in the order in which data pass them. read: x -> D's (reconstruction, code).
    """

    G: nn.Module
    D: nn.Module
    parts: tuple[nn.Module, ...]
    read: Callable[[Tensor], tuple[Tensor, Tensor]]
    step: Callable[[Tensor], None]


class Setting(NamedTuple):
    folder: Path | None  # the peer's checkout; None: Energan's rows only
    batch: int  # images
    threads: int
    steps: int  # timed, a row


class Contest(NamedTuple):
    title: str
    repository: str  # the flag that names its checkout
    load: Callable[[Path, bool, int], Peer]  # (checkout, whether .view becomes .reshape, batch)
    nets: Callable[[], tuple[nn.Module, nn.Module]]
    game: Callable[[nn.Module, nn.Module], Game]
    z: int
    shape: tuple[int, int, int]
    note: str


class Row(NamedTuple):
    energan: bool
    channels_last: bool
    bf16: bool

    def __str__(self) -> str:
        settings = [name for name, on in (("channels-last", self.channels_last), ("bf16", self.bf16)) if on]
        if self.energan:
            return f"Energan, {'bf16' if self.bf16 else 'fp32'}, {'channels-last' if self.channels_last else 'NCHW'}"
        return "the peer, " + (f"{' and '.join(settings)} by hand" if settings else "as published")


ROWS = tuple(Row(e, *s) for e in (False, True) for s in ((False, False), (True, False), (True, True)))
Step = Callable[[], object]


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
def _read(path: Path, reshape: bool) -> str:
    """A peer's file. A channels-last tensor cannot be viewed flat: `reshape` rewrites `.view(`."""
    if not path.is_file():
        raise UserError(f"{path} is not there: give the folder of a checkout (git clone ...; see --help)")
    text = path.read_text()
    return text.replace(".view(", ".reshape(") if reshape else text


def _calls(node: ast.stmt, *names: str) -> bool:
    called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)) in names


def loop_body(text: str, loader: str, filename: str) -> CodeType:
    """The statements of the loop over `loader` as they stand, up to the first print (logging and images)."""
    loops = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.For)]
    of_loader = [f for f in loops if any(isinstance(n, ast.Name) and n.id == loader for n in ast.walk(f.iter))]
    if len(of_loader) != 1:
        raise UserError(f"{filename} has {len(of_loader)} loops over {loader}, not 1: it is another version")
    body = list(itertools.takewhile(lambda s: not _calls(s, "print"), of_loader[0].body))
    return compile(ast.Module(body, []), filename, "exec", dont_inherit=True)


def prelude(text: str, filename: str) -> CodeType:
    """A training script's statements before its loop, without those that make folders, print or load data."""

    def kept(node: ast.stmt) -> bool:
        loads = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "dataloader"
        return not (loads or _calls(node, "makedirs", "print"))

    body = itertools.takewhile(lambda s: not isinstance(s, ast.For), ast.parse(text).body)
    return compile(ast.Module([s for s in body if kept(s)], []), filename, "exec", dont_inherit=True)


@contextmanager
def _torchvision() -> Iterator[None]:
    """torchvision as an empty module while the peers are imported: a training step uses none of it."""
    names = ("torchvision", "torchvision.transforms", "torchvision.utils", "torchvision.datasets")
    modules = {name: ModuleType(name) for name in names}
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        setattr(modules["torchvision"], name.rpartition(".")[2], module)
    modules["torchvision.utils"].save_image = modules["torchvision"].__path__ = []  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, found in before.items():
            sys.modules.pop(name)
            sys.modules.update({name: found} if found else {})


def load_pytorch_gan(folder: Path, reshape: bool, batch: int) -> Peer:
    path = folder / "implementations" / "ebgan" / "ebgan.py"
    text = _read(path, reshape)
    script: dict[str, Any] = {"__name__": "ebgan"}
    flags = ["ebgan.py", "--batch_size", str(batch)]
    with _torchvision(), patch.object(sys, "argv", flags), patch("torch.cuda.is_available", lambda: False):
        exec(prelude(text, str(path)), script)
    body = loop_body(text, "dataloader", str(path))

    def step(x: Tensor) -> None:
        script["imgs"] = x
        exec(body, script)
        if script["d_loss_fake"] >= script["margin"]:
            raise RuntimeError("PyTorch-GAN's hinge was off, so its step left out a backward pass: not equal work")

    D = script["discriminator"]
    return Peer(script["generator"], D, (D.down, D.embedding, D.fc, D.up), D, step)


def load_torchgan(folder: Path, reshape: bool, batch: int, losses: Sequence[str]) -> Peer:
    loop = folder / "torchgan" / "trainer" / "base_trainer.py"
    body = loop_body(_read(loop, reshape), "data_loader", str(loop))
    off = dict.fromkeys(("TENSORBOARD_LOGGING", "CONSOLE_LOGGING", "VISDOM_LOGGING"), "0")
    with tempfile.TemporaryDirectory() as made, _torchvision(), patch.dict(os.environ, off):
        for path in folder.glob("torchgan/**/*.py"):  # a copy: `reshape` is no change of the user's checkout
            copy = Path(made) / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(_read(path, reshape))
        with patch.object(sys, "path", [made, *sys.path]):
            torchgan: Any = importlib.import_module("torchgan")
        for name in [name for name in sys.modules if name.split(".")[0] == "torchgan"]:
            del sys.modules[name]  # so that the other copy can be imported too
        optimizer = {"name": torch.optim.Adam, "args": {"lr": ADAM.lr, "betas": (ADAM.beta1, ADAM.beta2)}}
        models = torchgan.models
        trainer = torchgan.trainer.Trainer(
            {
                "generator": {"name": models.DCGANGenerator, "optimizer": optimizer},
                "discriminator": {
                    "name": models.AutoEncodingDiscriminator, "args": {"embeddings": True}, "optimizer": optimizer,
                },
            },
            [getattr(torchgan.losses, name)() for name in losses],
            device=torch.device("cpu"), checkpoints=f"{made}/model/gan", recon=f"{made}/images",
        )  # fmt: skip
    trainer.batch_size = batch  # as its __call__ takes it from the loader
    D = trainer.discriminator

    def read(x: Tensor) -> tuple[Tensor, Tensor]:
        with patch.object(D, "energy", False), patch.object(D, "embeddings", True):
            code, reconstruction = D(x)
        return reconstruction, code

    names = {"self": trainer, "torch": torch}

    def step(x: Tensor) -> None:
        names["data"] = x
        exec(body, names)

    return Peer(trainer.generator, D, (D.encoder, D.fc, D.decoder), read, step)


TORCHGAN = ("EnergyBasedGeneratorLoss", "EnergyBasedDiscriminatorLoss")
TORCHGAN_PT = (TORCHGAN[0], "EnergyBasedPullingAwayTerm", TORCHGAN[1])
CONTESTS = {
    "pytorch-gan": Contest(
        "EBGAN-PT with PyTorch-GAN's nets", "pytorch_gan", load_pytorch_gan, pytorch_gan_nets,
        partial(ebgan_pt, z=62, margin=1.0, kind="mse", optimizer_G=ADAM, optimizer_D=ADAM), 62, (1, 32, 32),
        "Equal work: one update of G and of D a step. The peer shows D the images that its G's turn drew; Energan draws"
        " them anew for D's turn, as the paper's two expectations read: one more forward pass of G.",
    ),
    "torchgan": Contest(
        "EBGAN with torchgan's nets", "torchgan", partial(load_torchgan, losses=TORCHGAN), torchgan_nets,
        partial(ebgan, z=100, margin=80.0, kind="mse", optimizer_G=ADAM, optimizer_D=ADAM), 100, (3, 32, 32),
        "Equal work: one update of G and of D a step, each with images of its own.",
    ),
    "torchgan-pt": Contest(
        "EBGAN-PT with torchgan's nets", "torchgan", partial(load_torchgan, losses=TORCHGAN_PT), torchgan_nets,
        partial(ebgan_pt, z=100, margin=80.0, kind="mse", optimizer_G=ADAM, optimizer_D=ADAM), 100, (3, 32, 32),
        "**Not equal work**: the peer descends the pull-away term in an update of its own, with images of its own, so"
        " that its step updates G twice; eq. 14 is one update of G. A step of either is one step of EBGAN-PT.",
    ),
}  # fmt: skip


# ---- playing --------------------------------------------------------------------------------------------------------
def build(contest: Contest, row: Row, setting: Setting) -> Step:
    """One row's training step, on images in memory in the row's layout."""
    torch.manual_seed(0)
    layout = torch.channels_last if row.channels_last else torch.contiguous_format
    images = torch.rand(POOL, setting.batch, *contest.shape).mul(2).sub(1)
    pool = [x.contiguous(memory_format=layout) for x in images]
    if row.energan:
        engine = One(
            contest.game(*contest.nets()), lambda k: {"x": pool[k % POOL]}, precision="bf16" if row.bf16 else "fp32"
        )
        if not row.channels_last:
            _default_layout(engine)
        return engine.step
    assert setting.folder
    peer, batches = contest.load(setting.folder, row.channels_last, setting.batch), itertools.cycle(pool)
    for net in (peer.G, peer.D):
        net.to(memory_format=layout)  # type: ignore[call-overload]

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16) if row.bf16 else nullcontext():
            peer.step(next(batches))

    return step


def _default_layout(engine: One) -> None:
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


def time_steps(steps: Mapping[Row, Step], n: int) -> dict[Row, list[float]]:
    """The times of n steps of each row, ms; in each of the n rounds the rows take turns in random order."""
    for step in steps.values():
        for _ in range(min(WARM_UP, n)):
            step()
    chance = random.Random(0)
    times: dict[Row, list[float]] = {row: [] for row in steps}
    for _ in range(n):
        for row in chance.sample(list(steps), len(steps)):
            start = perf_counter()
            steps[row]()
            times[row].append(1e3 * (perf_counter() - start))
    return times


def _high_water() -> int:
    """The largest resident size of this process, bytes.

    On Linux not getrusage's ru_maxrss: a child inherits its parent's there (execve keeps the larger), and shows no
    growth of its own below that.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = [line.split() for line in lines if line.startswith("VmHWM:")]
    return int(found[0][1]) * 1024 if found else machine.peak_memory()


def peak_memory(name: str, row: Row, setting: Setting) -> int:
    """What a row's nets and steps add to the largest resident size after imports, bytes. For a fresh process."""
    torch.set_num_threads(setting.threads)
    w = torch.zeros(1, requires_grad=True)
    w.sum().backward()
    torch.optim.Adam([w]).step()  # torch's optimizers import its compiler, some 70 MiB of code: no row's own need
    before = _high_water()
    step = build(CONTESTS[name], row, setting)
    for _ in range(MEMORY_STEPS):
        step()
    return _high_water() - before


def _alone(name: str, row: Row, setting: Setting) -> int:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(peak_memory, name, row, setting).result()


# ---- telling --------------------------------------------------------------------------------------------------------
def _quartiles(values: Sequence[float], digits: int) -> str:
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def play(name: str, setting: Setting, memory: bool) -> str:
    """Plays one contest and gives its Markdown."""
    contest, folder = CONTESTS[name], setting.folder
    size_g, size_d = parameters(contest, setting)
    rows = [row for row in ROWS if row.energan or folder]
    times = time_steps({row: build(contest, row, setting) for row in rows}, setting.steps)
    shape = " × ".join(map(str, contest.shape))
    lines = [
        f"### {contest.title}\n",
        f"Batch {setting.batch} of {shape}; G {size_g:,} and D {size_d:,} parameters. {contest.note}",
    ]
    if folder:
        lines.append(
            f"The peer is {folder.name} {_commit(folder)}; our nets have its shapes of weights and give its outputs for"
            " its weights (checked in this run)."
        )
    lines.append("\n| a step of | ms | times as fast as the peer | peak memory, MiB |\n|---|---|---|---|")
    for row, t in times.items():
        faster = _quartiles([p / own for p, own in zip(times[ROWS[0]], t, strict=True)], 2) if folder else "-"
        peak = f"{_alone(name, row, setting) / 2**20:.0f}" if memory else "-"
        here = " (the default here)" if row == _default() else ""
        lines.append(f"| {row}{here} | {_quartiles(t, 1)} | {faster} | {peak} |")
    return "\n".join(lines) + "\n"


def _default() -> Row:
    return Row(True, True, machine.pick_precision("auto", "cpu") == "bf16")


def _commit(folder: Path) -> str:
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "(no git history)"


def heading(command: str, steps: int) -> str:
    here = machine.environment()
    return (
        f"    {command}\n\n"
        f"{here['cpu']}, {here['cores']} cores, {here['threads']} threads, {torch.backends.cpu.get_cpu_capability()},"
        f" bf16 {'native' if machine.native_bf16('cpu') else 'emulated'}; {platform.system()}, Python {here['python']},"
        f" torch {here['torch']}; load average at the start {os.getloadavg()[0]:.1f}. {steps} rounds; medians"
        " (quartiles) of a row's steps, and of its ratios to the peer's step of the same round.\n"
    )


CHANGED = (
    "What was changed of the peers' code at import: torchvision is an empty module (a step uses none of it); in the"
    " rows by hand, `.view(` is `.reshape(` (a channels-last tensor cannot be viewed flat). Nothing else.\n"
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pytorch-gan", type=Path, metavar="DIR", help="a checkout of eriklindernoren/PyTorch-GAN")
    parser.add_argument("--torchgan", type=Path, metavar="DIR", help="a checkout of torchgan/torchgan")
    parser.add_argument("--self-only", action="store_true", help="Energan's rows only, without the peers")
    parser.add_argument("--steps", type=int, default=50, help="timed steps a row, 2 or more")
    parser.add_argument("--batch", type=int, default=64, help="images a step (PyTorch-GAN's own is 64)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--no-memory", action="store_true", help="leave out the processes that measure memory")
    given = parser.parse_args(arguments)
    folders = {} if given.self_only else {"pytorch_gan": given.pytorch_gan, "torchgan": given.torchgan}
    try:
        if not given.self_only and not any(folders.values()):
            raise UserError("there is no peer to compare with: give --pytorch-gan DIR, --torchgan DIR or --self-only")
        if given.steps < 2 or given.batch < 2:
            raise UserError(f"--steps {given.steps} --batch {given.batch}: quartiles and batch norm need 2 or more")
        torch.set_num_threads(given.threads)
        said = " ".join(Path(a).name if os.sep in a else a for a in (sys.argv[1:] if arguments is None else arguments))
        print(heading(f"python -m benchmarks.peers {said}", given.steps))
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
