"""What the comparisons with public implementations share: reading a peer's checkout, timing in turn, memory, tables.

benchmarks/peers.py (EBGANs at 32 x 32) and benchmarks/peers_images.py (DCGANs at 64 x 64) are made of this.
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

from energan.engine.optimizers import Adam
from energan.utils import hardware
from energan.utils.errors import UserError

POOL = 4  # batches in memory
WARM_UP = 3  # steps a row, not timed
MEMORY_STEPS = 5
ADAM = Adam(2e-4, beta1=0.5)  # PyTorch-GAN's own; torchgan's trainer is given it


class Setting(NamedTuple):
    folder: Path | None  # the peer's checkout; None: Energan's rows only
    batch: int  # images
    threads: int
    steps: int  # timed, a row


class Row(NamedTuple):
    energan: bool
    channels_last: bool
    bf16: bool
    once: bool = False  # G moves on the samples that D has learned from: Game.share

    def __str__(self) -> str:
        settings = [name for name, on in (("channels-last", self.channels_last), ("bf16", self.bf16)) if on]
        if self.energan:
            how = f"Energan, {'bf16' if self.bf16 else 'fp32'}, {'channels-last' if self.channels_last else 'NCHW'}"
            return how + (", samples drawn once" if self.once else "")
        return "the peer, " + (f"{' and '.join(settings)} by hand" if settings else "as published")


ROWS = tuple(Row(e, *s) for e in (False, True) for s in ((False, False), (True, False), (True, True)))
ONCE = Row(True, True, True, True)
Step = Callable[[], object]


# ---- reading a peer's checkout --------------------------------------------------------------------------------------
def read_file(path: Path, reshape: bool) -> str:
    """A peer's file. A channels-last tensor cannot be viewed flat: `reshape` rewrites `.view(`."""
    if not path.is_file():
        raise UserError(f"{path} is not there: give the folder of a checkout (git clone ...; see --help)")
    text = path.read_text()
    return text.replace(".view(", ".reshape(") if reshape else text


def _calls(node: ast.stmt, *names: str) -> bool:
    called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)) in names


LOADING = ("transforms_", "dataloader", "val_dataloader")  # what scripts call what reads their images


def loop_body(text: str, loader: str, filename: str) -> CodeType:
    """The statements of the loop over `loader` as they stand, up to the first that prints (logging and images)."""
    loops = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.For)]
    of_loader = [f for f in loops if any(isinstance(n, ast.Name) and n.id == loader for n in ast.walk(f.iter))]
    if len(of_loader) != 1:
        raise UserError(f"{filename} has {len(of_loader)} loops over {loader}, not 1: it is another version")
    body = list(itertools.takewhile(lambda s: not _calls(s, "print", "write"), of_loader[0].body))
    return compile(ast.Module(body, []), filename, "exec", dont_inherit=True)


def prelude(text: str, filename: str) -> CodeType:
    """A training script's statements before its loop, without those that make folders, print or load data."""

    def kept(node: ast.stmt) -> bool:
        loads = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in LOADING
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
    utils = modules["torchvision.utils"]
    utils.save_image = utils.make_grid = modules["torchvision"].__path__ = []  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, found in before.items():
            sys.modules.pop(name)
            sys.modules.update({name: found} if found else {})


@contextmanager
def _neighbours(folder: Path) -> Iterator[None]:
    """Files beside a script can be imported by their names, as when it is run, and are forgotten afterwards."""
    names = [path.stem for path in folder.glob("*.py")]
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    try:
        with patch.object(sys, "path", [str(folder), *sys.path]):
            yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)


class Script(NamedTuple):
    """A training script up to its loop: its names, and its loop's body."""

    names: dict[str, Any]
    body: CodeType


def script(path: Path, reshape: bool, flags: Sequence[str], device: str = "cpu") -> Script:
    """PyTorch-GAN's kind of script, run with these flags up to its loop over `dataloader`, on the CPU or on the GPU."""
    text = read_file(path, reshape)
    names: dict[str, Any] = {"__name__": path.stem}
    with (
        _torchvision(),
        _neighbours(path.parent),
        patch.object(sys, "argv", [path.name, *flags]),
        patch("torch.cuda.is_available", lambda: device != "cpu"),
    ):
        exec(prelude(text, str(path)), names)
    return Script(names, loop_body(text, "dataloader", str(path)))


@contextmanager
def package(folder: Path, name: str, reshape: bool, emptied: Sequence[str] = ()) -> Iterator[Path]:
    """Inside the block, the package `name` of a checkout can be imported, from a copy in the folder that it gives.

    A copy, so that `reshape` is no change of the user's checkout. The packages in `emptied` are not initialised: what
    their __init__.py would import is not imported.
    """
    with tempfile.TemporaryDirectory() as made, _torchvision():
        for path in folder.glob(f"{name}/**/*.py"):
            copy = Path(made) / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(read_file(path, reshape))
        for empty in emptied:
            module = sys.modules[empty] = ModuleType(empty)
            module.__path__ = [str(Path(made, *empty.split(".")))]
        try:
            with patch.object(sys, "path", [made, *sys.path]):
                importlib.invalidate_caches()
                yield Path(made)
        finally:
            for known in [known for known in sys.modules if known.split(".")[0] == name]:
                del sys.modules[known]  # so that the other copy can be imported too


def torchgan_trainer(
    folder: Path,
    reshape: bool,
    batch: int,
    nets: Callable[[Any], Mapping[str, Mapping[str, Any]]],
    losses: Sequence[str],
    device: str = "cpu",
) -> tuple[Any, Callable[[Tensor], None]]:
    """torchgan's Trainer, and its loop's body as step(x).

    nets: torchgan.models -> what its Trainer is given of "generator" and "discriminator"; both learn by ADAM.
    """
    loop = folder / "torchgan" / "trainer" / "base_trainer.py"
    body = loop_body(read_file(loop, reshape), "data_loader", str(loop))
    off = dict.fromkeys(("TENSORBOARD_LOGGING", "CONSOLE_LOGGING", "VISDOM_LOGGING"), "0")
    optimizer = {"name": torch.optim.Adam, "args": {"lr": ADAM.lr, "betas": (ADAM.beta1, ADAM.beta2)}}
    with patch.dict(os.environ, off), package(folder, "torchgan", reshape) as made:
        torchgan: Any = importlib.import_module("torchgan")
        trainer = torchgan.trainer.Trainer(
            {key: {**net, "optimizer": optimizer} for key, net in nets(torchgan.models).items()},
            [getattr(torchgan.losses, name)() for name in losses],
            device=torch.device(device), checkpoints=f"{made}/model/gan", recon=f"{made}/images",
        )  # fmt: skip
    trainer.batch_size = batch  # as its __call__ takes it from the loader
    names = {"self": trainer, "torch": torch}

    def step(x: Tensor) -> None:
        names["data"] = x
        exec(body, names)

    return trainer, step


# ---- playing --------------------------------------------------------------------------------------------------------
def pool(row: Row, batch: int, shape: tuple[int, int, int]) -> list[Tensor]:
    """Batches of images in [-1, 1], in the row's layout."""
    torch.manual_seed(0)
    images = torch.rand(POOL, batch, *shape).mul(2).sub(1)
    return [x.contiguous(memory_format=layout(row)) for x in images]


def layout(row: Row) -> torch.memory_format:
    return torch.channels_last if row.channels_last else torch.contiguous_format


def peer_step(nets: Sequence[nn.Module], step: Callable[[Tensor], None], row: Row, images: Sequence[Tensor]) -> Step:
    """A peer's step on one batch after another, with what the row sets by hand."""
    for net in nets:
        net.to(memory_format=layout(row))  # type: ignore[call-overload]
    batches = itertools.cycle(images)

    def play() -> None:
        with torch.autocast(images[0].device.type, torch.bfloat16) if row.bf16 else nullcontext():
            step(next(batches))

    return play


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
    return int(found[0][1]) * 1024 if found else hardware.peak_memory()


def peak_memory(build: Callable[[], Step], threads: int) -> int:
    """What a row's nets and steps add to the largest resident size after imports, bytes. For a fresh process."""
    torch.set_num_threads(threads)
    w = torch.zeros(1, requires_grad=True)
    w.sum().backward()
    torch.optim.Adam([w]).step()  # torch's optimizers import its compiler, some 70 MiB of code: no row's own need
    before = _high_water()
    step = build()
    for _ in range(MEMORY_STEPS):
        step()
    return _high_water() - before


def in_own_process(build: Callable[[], Step], threads: int) -> int:
    """peak_memory in a process of its own; `build` can be pickled."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(peak_memory, build, threads).result()


# ---- telling --------------------------------------------------------------------------------------------------------
def quartiles(values: Sequence[float], digits: int) -> str:
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def default() -> Row:
    return Row(True, True, hardware.pick_precision("auto", "cpu") == "bf16")


def commit(folder: Path) -> str:
    """The commit of a checkout, or what its file COMMIT says where the history was left behind."""
    if (folder / ".git").exists():  # else git would answer for a repository that the folder lies in
        command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    else:
        told = (folder / "COMMIT").read_text().strip() if (folder / "COMMIT").is_file() else ""
    return told or "(no git history)"


def heading(command: str, steps: int) -> str:
    here = hardware.environment()
    return (
        f"    {command}\n\n"
        f"{here['cpu']}, {here['cores']} cores, {here['threads']} threads, {torch.backends.cpu.get_cpu_capability()},"
        f" bf16 {'native' if hardware.native_bf16('cpu') else 'emulated'}; {platform.system()},"
        f" Python {here['python']},"
        f" torch {here['torch']}; load average at the start {os.getloadavg()[0]:.1f}. {steps} rounds; medians"
        " (quartiles) of a row's steps, and of its ratios to the peer's step of the same round.\n"
    )


def parser(doc: str | None, repositories: Mapping[str, str]) -> argparse.ArgumentParser:
    """The flags of a comparison. repositories: each checkout's flag -> its name on GitHub."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag, repository in repositories.items():
        made.add_argument(flag, type=Path, metavar="DIR", help=f"a checkout of {repository}")
    made.add_argument("--self-only", action="store_true", help="Energan's rows only, without the peers")
    made.add_argument("--steps", type=int, default=50, help="timed steps a row, 2 or more")
    made.add_argument("--batch", type=int, default=64, help="images a step (PyTorch-GAN's own is 64)")
    made.add_argument("--threads", type=int, default=torch.get_num_threads())
    made.add_argument("--no-memory", action="store_true", help="leave out the processes that measure memory")
    return made


def begin(
    given: argparse.Namespace, folders: Mapping[str, Path | None], module: str, arguments: list[str] | None
) -> None:
    """Checks the flags and prints the heading. UserError for flags that make no comparison.

    folders: flag -> the checkout given; none where the peers are left out.
    """
    if not given.self_only and not any(folders.values()):
        flags = ", ".join(f"{flag} DIR" for flag in folders)
        raise UserError(f"there is no peer to compare with: give {flags} or --self-only")
    if given.steps < 2 or given.batch < 2:
        raise UserError(f"--steps {given.steps} --batch {given.batch}: quartiles and batch norm need 2 or more")
    torch.set_num_threads(given.threads)
    said = " ".join(Path(a).name if os.sep in a else a for a in (sys.argv[1:] if arguments is None else arguments))
    print(heading(f"python -m {module} {said}", given.steps))
