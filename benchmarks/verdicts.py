"""Verdicts on trainings that are made to go wrong, and on sound ones: what each should say, and what it says.

    python -m benchmarks.verdicts                   all; some twenty minutes on one core
    python -m benchmarks.verdicts dcgan nan-data    some
    python -m benchmarks.verdicts --out runs/v      keeps the run folders

MNIST's digits as small nets draw them within minutes. The table is docs/results/verdicts.md.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from energan.data import ImageSet
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.experiment import Experiment
from energan.games.gan.gan import gan
from energan.recipes.build import build
from energan.recipes.catalog import RECIPES
from energan.recipes.common import DcganPair, GeneratorTraining, experiment, padded_digits
from energan.runs.folder import RunFolder
from energan.runs.reader import read
from energan.training.loop import train
from energan.training.verdict import verdict_of
from energan.utils.arguments import parameters
from energan.utils.errors import UserError

SOUND = ("still improving", "flat")


@dataclass(frozen=True)
class Row:
    """A training: what is done to it, which verdicts are right, and how it is made."""

    what: str
    right: tuple[str, ...]
    make: Callable[[int], Experiment]  # of a seed
    change: Callable[[ImageSet], ImageSet] = lambda data: data


class Outcome(NamedTuple):
    name: str
    seed: int
    kind: str
    sentence: str
    step: int
    seconds: float


def _recipe(name: str, **changes: object) -> Callable[[int], Experiment]:
    def make(seed: int) -> Experiment:
        narrow = {"width": 8} if "width" in parameters(RECIPES[name]) else {}
        settings = {"data": "mnist", **narrow, "batch": 32, "precision": "fp32", "device": "cpu", **changes}
        return build(name, seed=seed, **settings)

    return make


def _dcgan(lr_g: float = 1e-3, lr_d: float = 1e-3, steps: int = 1200, batch: int = 32) -> Callable[[int], Experiment]:
    """DCGAN, whose players have rates of their own."""

    def make(seed: int) -> Experiment:
        training = GeneratorTraining(
            steps=steps, batch=batch, save_every=steps // 12, ema=0.99, seed=seed, precision="fp32", device="cpu"
        )
        G, D = DcganPair(width=8).build(training)
        optimizers = {"optimizer_G": Adam(lr_g, 0.5), "optimizer_D": Adam(lr_d, 0.5)}
        game: Game = gan(G, D, 100, **optimizers)
        return experiment(game, "gan", "mnist", padded_digits, training)

    return make


def _first(n: int) -> Callable[[ImageSet], ImageSet]:
    def cut(data: ImageSet) -> ImageSet:
        return data._replace(images=data.images[:n].clone(), labels=None if data.labels is None else data.labels[:n])

    return cut


def _with_nan(data: ImageSet) -> ImageSet:
    """One pixel of each hundredth image is no number: bytes cannot say so, but anyone's array of floats can."""
    images = data.images.float()
    images[::100, :, 16, 16] = torch.nan
    return data._replace(images=images)


_SHORT = {"steps": 1200, "save_every": 100, "ema": 0.99}

ROWS = {
    "ebgan-pt": Row("EBGAN-PT, sound", SOUND, _recipe("ebgan-pt-mnist", batch=64, **_SHORT)),
    "dcgan": Row("DCGAN, sound", SOUND, _dcgan()),
    "wgan-gp": Row("WGAN-GP, sound", SOUND, _recipe("wgan-gp-mnist", **{**_SHORT, "steps": 600, "save_every": 50})),
    "r3gan": Row("R3GAN, sound", SOUND, _recipe("r3gan-mnist", **_SHORT)),
    "rate": Row(
        "EBGAN of fully connected nets, learning rate x 30", ("diverged", "collapsed", "D has won"),
        _recipe(
            "ebgan-mnist", **{**_SHORT, "lr": 30e-3, "layers_g": 3, "size_g": 128, "size_d": 128, "steps": 400,
            "save_every": 33},
        ),
    ),
    "rate-dcgan": Row(
        "DCGAN, learning rates x 30, which still learns", SOUND, _dcgan(30e-3, 30e-3, steps=600)
    ),
    "rate-wgan-gp": Row(
        "WGAN-GP, learning rate x 30, which still learns", SOUND,
        _recipe("wgan-gp-mnist", **{**_SHORT, "lr": 30 * 5e-4, "steps": 400, "save_every": 33}),
    ),
    "margin": Row(
        "EBGAN, margin 0.05", ("collapsed",),
        _recipe("ebgan-pt-mnist", batch=64, pt=0.0, margin=0.05, steps=600, save_every=50, ema=0.99),
    ),
    "few": Row(
        "Sinkhorn divergence, 20 images", ("copies its data",),
        _recipe("sinkhorn-mnist", steps=1200, save_every=100, batch=20), change=_first(20),
    ),
    "few-dcgan": Row(
        "DCGAN, 20 images", ("copies its data", "D has won"), _dcgan(steps=3000, batch=16), change=_first(20)
    ),
    "frozen-d": Row("DCGAN, D frozen", ("collapsed", "flat"), _dcgan(2e-4, 0.0, steps=600)),
    "frozen-g": Row("DCGAN, G frozen", ("D has won",), _dcgan(0.0, 2e-4, steps=600)),
    "nan-data": Row(
        "EBGAN-PT, NaN in the data", ("diverged",), _recipe("ebgan-pt-mnist", batch=64, **_SHORT), change=_with_nan
    ),
    "collapse": Row("DCGAN, G 100 times as fast as D", ("collapsed",), _dcgan(1e-2, 1e-4, steps=600)),
    "copying": Row(
        "Sinkhorn divergence, 64 images", ("copies its data",),
        _recipe("sinkhorn-mnist", steps=1500, save_every=125, batch=64), change=_first(64),
    ),
}  # fmt: skip


def play(name: str, seed: int, folder: Path) -> Outcome:
    """Trains a row in `folder`; the verdict at its end."""
    row, started = ROWS[name], time.monotonic()
    run = row.make(seed)
    data = row.change(run.training_set())
    RunFolder(folder).create(run, data, name, {}, f"python -m benchmarks.verdicts {name}")
    with suppress(UserError):  # it diverged: run.json says so
        train(run, RunFolder(folder), data, quiet=True)
    found = verdict_of(read(folder), folder)
    kind, sentence = (found.kind, found.sentence) if found else ("none", "")
    step = RunFolder(folder).record["status"]["step"]
    return Outcome(name, seed, kind, sentence, step, time.monotonic() - started)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, help="where the run folders are kept; by default they are not")
    given = parser.parse_args(arguments)
    if strange := [name for name in given.rows if name not in ROWS]:
        parser.error(f"there is no {strange[0]}: there are {', '.join(ROWS)}")
    out = given.out or Path(tempfile.mkdtemp())
    wrong = 0
    print("| training | seed | right | verdict | step | s |\n|---|---|---|---|---|---|")
    for name in given.rows or ROWS:
        for seed in given.seeds:
            found = play(name, seed, out / f"{name}-{seed}")
            right = found.kind in ROWS[name].right
            wrong += not right
            print(
                f"| {ROWS[name].what} | {seed} | {'yes' if right else 'NO'} | **{found.kind}**: {found.sentence} "
                f"| {found.step} | {found.seconds:.0f} |",
                flush=True,
            )
    if not given.out:
        shutil.rmtree(out)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
