"""The check of the engine beside the games: parts of a batch, averages, compiling, statistics, reading, checkpoints."""

import importlib.util
import os
import shutil
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu import games, small
from benchmarks.gpu.outcome import (
    FP32,
    Finding,
    Item,
    Setting,
    SkippedError,
    apart,
    expect,
    flat,
    larger,
    learners,
    of_nets,
    states_apart,
    update_apart,
)
from energan.data import Batches
from energan.data.batches.resident import Prefetch, resident
from energan.engine import State, Trainer, leaves
from energan.inference.model import Model
from energan.inference.snapshot import batch_norm_statistics, snapshot
from energan.runs.checkpoints import read_checkpoint, write_checkpoint

CONVOLUTIONAL = "ebgan-pt convolutional"  # has batch norm in both players, and channels-last maps
ROWS = 8
STEPS_AHEAD = 20
BUSY = 10**9  # of a GPU's clock ticks: half a second
IMAGES = torch.randint(256, (40, 2, 8, 8), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)


def items() -> list[Item]:
    checks = {
        "microbatches and averages": microbatches_and_averages,
        "synchronised statistics of one process": synchronised,
        "standing statistics, samples and energies": standing,
        "state saved and loaded": continued,
        "checkpoint to the CPU and back": crossing,
        "reading ahead, pinned": reading_ahead,
        "images on the device": resident_images,
        "batches that are dropped before the device has them": run_ahead,
    }
    return [
        *(Item("engine", name, check) for name, check in checks.items()),
        Item("compiled", "a step", compiled),
    ]


def _parts(device: str, precision: str) -> Trainer:
    from small_games import source

    game = small.portable(small.build(CONVOLUTIONAL))
    batches = source(small.small_games()[CONVOLUTIONAL], n=2 * ROWS)
    averaged = dict.fromkeys(learners(game), 0.5)
    return Trainer(game, batches, device=device, precision=precision, microbatches=2, ema=averaged)


def microbatches_and_averages(at: Setting) -> Finding:
    expected, given = _parts("cpu", "fp64"), _parts(at.device, "fp32")
    first = games.start(CONVOLUTIONAL)
    found = apart(games.played(expected), games.played(given), first)
    averages = [{who: flat(tree) for who, tree in one.averaged().items()} for one in (expected, given)]
    return Finding(larger(*found, update_apart(*averages, first)), FP32)


def synchronised(at: Setting) -> Finding:
    return Finding(
        _same_play(*(small.trainer(CONVOLUTIONAL, at.device, "fp32", sync_batch_stats=on) for on in (True, False))),
        FP32,
    )


def _model(one: Trainer) -> Model:
    return snapshot(one, IMAGES, ROWS)


def standing(at: Setting) -> Finding:
    """Of one model after three steps on the CPU: measured, sampled and scored on either device."""
    one = small.trainer(CONVOLUTIONAL, "cpu", "fp32")
    games.played(one)
    other = small.trainer(CONVOLUTIONAL, at.device, "fp32")
    other.load(_with_generator(one.state(), other))
    models = _model(one), _model(other)
    statistics = [batch_norm_statistics(model) for model in models]
    expect(bool(statistics[0]), "nothing was measured")
    images = [model.sample(20, seed=3).double() for model in models]
    energies = [{"E": model.score(IMAGES)} for model in models]
    levels = float((images[0] - images[1]).abs().max())
    expect(levels <= 1, f"samples differ by {levels:.0f} of 255 levels, where rounding makes 1")
    return Finding(larger(states_apart(*statistics), states_apart(*energies)), FP32, f"samples: {levels:.0f} levels")


def _with_generator(state: State, of: Trainer) -> State:
    """The state, with the other's generator: a GPU's is of another kind."""
    return {**state, "generator": of.state()["generator"]}


def _state(one: Trainer) -> dict[str, Tensor]:
    return {k: v.detach().cpu().clone() for k, v in leaves(one.state())}


def _trainer(device: str, seed: int = 0) -> Trainer:
    game = small.build("ebgan-pt dropout")
    averages = dict.fromkeys(learners(game), 0.9)
    return Trainer(game, small.source("ebgan-pt dropout"), seed=seed, device=device, ema=averages)


def continued(at: Setting) -> Finding:
    """Four steps at once, and two and two."""
    whole, part = _trainer(at.device), _trainer(at.device)
    games.played(whole, 4)
    games.played(part, 2)
    saved = _copied(part.state())
    rest = _trainer(at.device, seed=9)
    rest.load(saved)
    games.played(rest, 2)
    return Finding(states_apart(_state(whole), _state(rest)), FP32, "bits are compared in `deterministic`")


def _copied(tree: Mapping[str, Any]) -> State:
    return {k: v.detach().cpu().clone() if isinstance(v, Tensor) else _copied(v) for k, v in tree.items()}


def crossing(at: Setting) -> Finding:
    """Weights, moments and averages are the same bits on both sides, and training goes on there."""
    one, back = small.trainer(CONVOLUTIONAL, at.device, "fp32"), small.trainer(CONVOLUTIONAL, at.device, "fp32")
    games.played(one, 2)
    path = write_checkpoint(at.folder / "000002.safetensors", one, _model(one))
    there = small.trainer(CONVOLUTIONAL, "cpu", "fp32")
    there.load(_with_generator(read_checkpoint(path).state, there))
    path = write_checkpoint(at.folder / "again.safetensors", there, _model(there))
    back.load(_with_generator(read_checkpoint(path).state, back))
    states = [{k: v for k, v in _state(each).items() if k != "generator"} for each in (one, there, back)]
    expect(states_apart(states[0], states[1]) == 0, "the CPU reads other numbers than were written")
    expect(states_apart(states[0], states[2]) == 0, "the device reads other numbers than were written")
    return Finding(_same_play(there, back, 1), FP32)


def reading_ahead(at: Setting) -> Finding:
    batches = Batches(IMAGES, None, ROWS, 0)
    ahead = Prefetch(Batches(IMAGES, None, ROWS, 0), at.device)
    for k in (0, 1, 2, 7, 3):  # and a jump
        batch = ahead(k)["x"]
        expect(torch.equal(batch, batches(k)["x"]), f"batch {k} is another")
        expect(batch.is_pinned() or not at.cuda, "batches are not in pinned memory")
    one, other = (_of_images(at.device, source) for source in (batches, Prefetch(batches, at.device)))
    return Finding(_same_play(one, other), FP32)


def resident_images(at: Setting) -> Finding:
    batches = Batches(IMAGES, None, ROWS, 0)
    source = resident(Batches(IMAGES, None, ROWS, 0), at.device)
    for k in (0, 1, 7, 3):
        batch = source(k)["x"]
        expect(batch.device.type == torch.device(at.device).type, f"batches are on {batch.device}")
        expect(torch.allclose(batch.cpu(), batches(k)["x"], rtol=0, atol=1e-6), f"batch {k} is another")
    one, other = (_of_images(at.device, each) for each in (batches, source))
    return Finding(_same_play(one, other), FP32)


def run_ahead(at: Setting) -> Finding:
    """The host is many steps ahead of a busy device, and a batch's memory is used again by the next ones."""

    def source(k: int) -> dict[str, Tensor]:
        return {"x": torch.rand(ROWS, 2, 8, 8, generator=torch.Generator().manual_seed(k)) * 2 - 1}

    one, other = _of_images(at.device, source), _of_images(at.device, source)
    first = of_nets(one.nets, learners(one.game))
    if at.cuda:
        torch.cuda._sleep(BUSY)
    ahead = [one.step() for _ in range(STEPS_AHEAD)]
    logs = [{k: float(v) for k, v in step.items()} for step in ahead]
    return Finding(larger(*apart(games.played(other, STEPS_AHEAD), games.so_far(one, logs), first)), FP32)


def _of_images(device: str, source: Any) -> Trainer:
    return Trainer(small.build(CONVOLUTIONAL), source, seed=1, device=device)


def _same_play(one: Trainer, other: Trainer, steps: int = games.STEPS) -> float:
    """How far the two are apart after some steps."""
    first = of_nets(one.nets, learners(one.game))
    return larger(*apart(games.played(one, steps), games.played(other, steps), first))


def compiled(at: Setting) -> Finding:
    if at.cuda and importlib.util.find_spec("triton") is None:
        raise SkippedError("torch.compile needs Triton on a GPU, which is not installed")
    if at.cuda and not (os.environ.get("CC") or any(map(shutil.which, ("gcc", "clang")))):
        raise SkippedError("Triton needs a C compiler, and there is none")
    if at.cuda and not Path(sysconfig.get_path("include"), "Python.h").is_file():
        raise SkippedError("Triton needs Python's headers, which are not installed")
    if not at.cuda and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise SkippedError("torch.compile needs a C++ compiler on the CPU, and there is none")

    def make(on: bool) -> Trainer:
        return Trainer(small.build("ebgan"), small.source("ebgan"), seed=1, device=at.device, compile=on)

    return Finding(_same_play(make(False), make(True)), FP32)
