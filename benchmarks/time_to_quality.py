"""Seconds of training until samples of digits are good: public implementations and Energan's recipes, by one judge.

    git clone https://github.com/eriklindernoren/PyTorch-GAN
    git clone https://github.com/torchgan/torchgan
    python -m benchmarks.time_to_quality --pytorch-gan PyTorch-GAN --torchgan torchgan --out runs/quality
    python -m benchmarks.time_to_quality --out runs/quality --page docs/results/time-to-quality.png

Peers train in their own loops with their own networks and default settings (benchmarks/contestants.py), recipes with
theirs. The judge is MNIST-FID of 2,000 samples against the 10,000 test images. It looks whenever another 10 seconds of
training are done, and a mark is reached at the first look that is at or below it. A second is one of the processor, in
all threads of the process: with the one thread by default that is a second of a quiet machine. Only training counts:
imports, data, drawing samples and judging do not. Seconds on the wall are kept, too.

Each contestant plays in a process of its own, one after another, and leaves a JSON in --out when it ends, and sheets of
its samples. The command again plays what is missing. A contestant that needs a checkout which is not given is left out.
`--page` plays nothing: it prints the tables of what is in --out, and draws the figure.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.contestants import ENTRIES, Contestant
from benchmarks.peer_parts import commit
from energan.data import load
from energan.metrics.feature_distances import frechet_distance
from energan.metrics.features.catalog import describe
from energan.utils.errors import UserError
from energan.utils.files import write_json
from energan.utils.hardware import environment
from energan.utils.image_files import save_sheet

MARKS = (30, 15, 8)  # MNIST-FID
SAMPLES = 2000
SHEET = 64
DEMO = "ebgan-pt-mnist"


class Look(NamedTuple):
    seconds: float  # of training, of the processor
    wall: float
    steps: int
    fid: float


class Setting(NamedTuple):
    """What makes two measurements comparable."""

    minutes: float  # of the processor, a contestant
    every: float  # seconds of training between two looks
    seed: int
    threads: int


# ---- measuring ------------------------------------------------------------------------------------------------------
def now() -> tuple[float, float]:
    """(the processor's, the wall's) seconds."""
    return time.process_time(), time.perf_counter()


def looks(
    one: Contestant, budget: float, every: float, clock: Callable[[], tuple[float, float]] = now
) -> Iterator[tuple[float, float, int]]:
    """Trains; gives (processor's seconds, wall seconds, steps) so far whenever a multiple of `every` is passed.

    The last is at the first step at or after `budget`, or the contestant's own end. What is done between two of them
    is not counted.
    """
    seconds, wall, steps = 0.0, 0.0, 0
    while seconds < budget and steps < one.last:
        due = min((seconds // every + 1) * every, budget)
        begun = clock()
        spent = (0.0, 0.0)
        while steps < one.last and seconds + spent[0] < due:
            one.step()
            steps += 1
            at = clock()
            spent = at[0] - begun[0], at[1] - begun[1]
        seconds, wall = seconds + spent[0], wall + spent[1]
        yield seconds, wall, steps


def judge() -> Callable[[Tensor], float]:
    """Images -> their MNIST-FID against the test images."""
    real = describe(load("mnist", "test").images, "mnist", "cpu").features
    return lambda images: frechet_distance(real, describe(images, "mnist", "cpu").features)


def digits(n: int) -> Tensor:
    """n training images at random: what no model should be better than."""
    images = load("mnist", "train").images
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:n]]


def reached(curve: Sequence[Look], mark: float) -> Look | None:
    """The first look whose FID is at or below the mark."""
    return next((look for look in curve if look.fid <= mark), None)


def play(name: str, folder: Path | None, setting: Setting, out: Path) -> None:
    """Trains one contestant, and writes its sheets and, last of all, its JSON. For a process of its own."""
    torch.set_num_threads(setting.threads)
    entry = ENTRIES[name]
    fid, real = judge(), digits(SAMPLES)
    one = entry.make(folder, setting.seed)
    about = {
        "name": name, "peer": commit(folder) if folder else "", "date": str(date.today()), **setting._asdict(),
        "machine": environment(), "real": fid(real), "through": fid(one.through(real)),
    }  # fmt: skip
    curve: list[Look] = []
    for seconds, wall, steps in looks(one, 60 * setting.minutes, setting.every):
        samples = one.sample(SAMPLES)
        curve.append(Look(seconds, wall, steps, fid(samples)))
        for mark in MARKS:
            if reached(curve, mark) is curve[-1]:
                save_sheet(samples[:SHEET], out / f"{name}-{mark}.png")
        told = ", ".join(f"{key} {value:.5g}" for key, value in curve[-1]._asdict().items())
        print(f"{name}: {told}", file=sys.stderr, flush=True)
    save_sheet(samples[:SHEET], out / f"{name}-end.png")
    write_json(out / f"{name}.json", {**about, "curve": [look._asdict() for look in curve]})


def measured(out: Path) -> dict[str, dict[str, Any]]:
    """What is finished, in the order of ENTRIES; the curves as Looks."""
    found = {name: json.loads(path.read_text()) for name in ENTRIES if (path := out / f"{name}.json").is_file()}
    return {name: {**one, "curve": [Look(**look) for look in one["curve"]]} for name, one in found.items()}


def play_missing(names: Sequence[str], folders: Mapping[str, Path | None], setting: Setting, out: Path) -> None:
    """Plays those of `names` that are not finished. UserError where others were measured with other settings."""
    done = measured(out)
    for name, one in done.items():
        if other := [f"--{key} {one[key]:g}" for key, value in setting._asdict().items() if one[key] != value]:
            raise UserError(f"{out} has {name} with {' '.join(other)}: give the same, or another --out")
    for flag, folder in folders.items():
        if folder and not folder.is_dir():
            raise UserError(f"{flag} {folder} is not there: give the folder of a checkout (git clone ...; see --help)")
    for name in names:
        folder = folders.get(ENTRIES[name].flag)
        if name in done or (ENTRIES[name].flag and not folder):
            print(f"{name}: {'finished already' if name in done else 'no checkout of it is given'}", file=sys.stderr)
            continue
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            process.submit(play, name, folder, setting, out).result()


# ---- telling --------------------------------------------------------------------------------------------------------
def told_time(curve: Sequence[Look], mark: float) -> str:
    """The seconds to a mark; where it is not reached, the seconds that were trained, as a bound."""
    look = reached(curve, mark)
    return f"{look.seconds:.0f}" if look else f"≥ {curve[-1].seconds:.0f}"


def told_ratio(peer: Sequence[Look], ours: Sequence[Look], mark: float) -> str:
    """How many times our seconds to a mark the peer's are; "-" where we do not reach it."""
    own, other = reached(ours, mark), reached(peer, mark)
    if own is None:
        return "-"
    return ("" if other else "≥ ") + f"{(other or peer[-1]).seconds / own.seconds:.2g}"


def page(done: Mapping[str, Mapping[str, Any]]) -> str:
    """The tables, as Markdown."""
    marks = " | ".join(f"to {mark}, s" for mark in MARKS)
    lines = [
        f"| | a step, ms | {marks} | at the end: MNIST-FID | s | wall s | steps | real digits by the same way |",
        "|---" * (len(MARKS) + 7) + "|",
    ]
    for name, one in done.items():
        curve, label = one["curve"], ENTRIES[name].label + (f" ({one['peer']})" if one["peer"] else "")
        seconds, wall, steps, fid = curve[-1]
        times = " | ".join(told_time(curve, mark) for mark in MARKS)
        lines.append(
            f"| {label} | {1e3 * seconds / steps:,.0f} | {times} | {fid:.1f} | {seconds:.0f} | {wall:.0f} | {steps:,}"
            f" | {one['through']:.1f} |"
        )
    ratios = []
    for name, one in done.items():
        for own in dict.fromkeys(k for k in (DEMO, ENTRIES[name].like) if one["peer"] and k in done):
            cells = " | ".join(told_ratio(one["curve"], done[own]["curve"], mark) for mark in MARKS)
            ratios.append(f"| {ENTRIES[name].label} | `{own}` | {cells} |")
    if ratios:
        lines += ["", f"| peer | against | {' | '.join(f'to {mark}' for mark in MARKS)} |", "|---" * 5 + "|", *ratios]
    return "\n".join(lines) + "\n"


def draw(done: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """FID over seconds, both logarithmic: peers broken, Energan's recipes whole."""
    from energan.lab.figures import panels, save

    figure, (axes,) = panels(1, 1, 7.5, 4.8)
    for name, one in done.items():
        xs, ys = ([look[k] for look in one["curve"]] for k in (0, 3))
        axes.plot(xs, ys, "--" if one["peer"] else "-", marker=".", ms=4, label=ENTRIES[name].label.replace("`", ""))
    for mark in MARKS:
        axes.axhline(mark, color="#999999", linewidth=0.8, zorder=0)
        axes.annotate(str(mark), (1.005, mark), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="seconds of training (processor)", ylabel="MNIST-FID")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.legend(fontsize=8, ncols=2)
    save(figure, path)


def settings(arguments: list[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--pytorch-gan", type=Path, metavar="DIR", help="a checkout of eriklindernoren/PyTorch-GAN")
    made.add_argument("--torchgan", type=Path, metavar="DIR", help="a checkout of torchgan/torchgan")
    made.add_argument("--only", nargs="+", choices=tuple(ENTRIES), default=tuple(ENTRIES), metavar="NAME")
    made.add_argument("--minutes", type=float, default=6.0, help="of training, a contestant, of the processor")
    made.add_argument("--every", type=float, default=10.0, help="seconds of training between two looks")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--out", type=Path, default=Path("runs/quality"), help="where measurements are kept")
    made.add_argument("--page", type=Path, metavar="PNG", help="tell what was measured, and draw it there")
    return made.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    given = settings(arguments)
    try:
        if given.page:
            if not (done := measured(given.out)):
                raise UserError(f"{given.out} has no measurements yet: leave out --page to make some")
            print(page(done))
            draw(done, given.page)
            return 0
        if min(given.minutes, given.every, given.threads) <= 0:
            raise UserError("--minutes, --every and --threads are above 0")
        setting = Setting(given.minutes, given.every, given.seed, given.threads)
        play_missing(given.only, {"--pytorch-gan": given.pytorch_gan, "--torchgan": given.torchgan}, setting, given.out)
    except UserError as error:
        print(f"benchmarks.time_to_quality: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks.time_to_quality: interrupted; what is finished is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
