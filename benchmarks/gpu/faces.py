"""The check of the rest: networks of all recipes, estimators, ranks."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.gpu import commands
from benchmarks.gpu.commands import process
from benchmarks.gpu.outcome import FP32, Finding, Item, Setting, SkippedError, expect
from energan.data.download import FetchError
from energan.metrics.features.catalog import NETWORKS, describe
from energan.recipes.catalog import RECIPES


def items() -> list[Item]:
    estimators: dict[str, Callable[[Setting], Finding]] = {
        "EBGAN": ebgan,
        "DCGAN": dcgan,
        "LadderClassifier": partial(classifier, "LadderClassifier"),
        "EBGANLadderClassifier": partial(classifier, "EBGANLadderClassifier"),
        "ImprovedGANClassifier": partial(classifier, "ImprovedGANClassifier"),
    }
    return [
        *(Item("recipe", name, partial(recipe, name)) for name in RECIPES),
        *(Item("estimator", name, check) for name, check in estimators.items()),
        *(Item("features", name, partial(features, name)) for name in NETWORKS),
        Item("ranks", "one process of torchrun", ranks),
    ]


def recipe(name: str, at: Setting) -> Finding:
    """Two steps of its networks, small; what the trained game can do."""
    from small_runs import arguments

    from energan.inference.guided import sample_guided
    from energan.inference.snapshot import snapshot
    from energan.recipes.build import build
    from energan.training.loop import trainer_of
    from energan.utils.specification import trusting

    with trusting("tiny_encoder"):
        run = build(name, **arguments(name, at.folder / "run", device=at.device, precision="bf16"))
    try:
        data = run.training_set()
        one = trainer_of(run, data)
        logs = [one.step() for _ in range(2)]
    except FetchError as error:  # an encoder of sentences is a download
        raise SkippedError(str(error)) from error
    expect(all(bool(v.isfinite()) for step in logs for v in step.values()), "a log is not finite")
    model = snapshot(one, data.images, run.batch)
    if run.game.sample is not None:
        expect(len(model.sample(4)) == 4, "no samples")
    if run.game.energy is not None:
        expect(bool(model.score(data.images[:4]).isfinite().all()), "an energy is not finite")
    if run.game.logits is not None:
        expect(bool(model.probabilities(data.images[:4]).isfinite().all()), "a probability is not finite")
    if run.game.codes is not None:
        trace = sample_guided(model, torch.tensor([0, 1]), precision="bf16")
        expect(trace.images is not None and bool(trace.images.isfinite().all()), "a chain's image is not finite")
    return Finding()


def features(name: str, at: Setting) -> Finding:
    """What metrics are measured with, beside the CPU's."""
    shape = (32, 1, 28, 28) if name == "mnist" else (32, 3, 64, 64)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    try:
        here, there = (describe(images, name, device).features for device in ("cpu", at.device))
    except FetchError as error:  # its weights are a download
        raise SkippedError(str(error)) from error
    return Finding(float((here - there).abs().max() / here.abs().max()), FP32)


def _images(n: int = 40) -> Any:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8), dtype=np.uint8)


def ebgan(at: Setting) -> Finding:
    from energan import EBGAN

    found = EBGAN(steps=4, width=2, z=3, batch=8, random_state=0, device=at.device).fit(_images())  # finds its margin
    energies = found.energy(_images())
    expect(bool(np.isfinite(energies).all()) and len(found.sample(3)) == 3, "energies are not finite, or no samples")
    return Finding()


def dcgan(at: Setting) -> Finding:
    from energan import DCGAN

    found = DCGAN(steps=4, width=2, z=3, batch=8, random_state=0, device=at.device).fit(_images())
    expect(len(found.sample(3)) == 3, "no samples")
    return Finding()


def classifier(name: str, at: Setting) -> Finding:
    import energan

    labels = np.where(np.arange(40) < 20, np.arange(40) % 2, -1)
    small = {"steps": 4, "batch": 8, "hidden": (8, 6), "random_state": 0}
    found = getattr(energan, name)(**small, device=at.device).fit(_images(), labels)
    likely = found.predict_proba(_images())
    expect(bool(np.allclose(likely.sum(1), 1)) and len(found.predict(_images())) == 40, "no probabilities")
    return Finding()


def ranks(at: Setting) -> Finding:
    """Exchanges of tensors by NCCL (on the CPU: gloo), and a run that torchrun starts."""
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 1)
    said = process(*torchrun, "-m", "benchmarks.gpu.one_rank", at.device)
    expect("equal" in said, f"the exchange said {said.strip()[-200:]}")
    flags = [*commands.TINY, "--data", commands.few(at), "--steps", 4, "--device", at.device]
    process(*torchrun, "-m", "energan", "train", "ebgan-pt-mnist", *flags, "--out", at.folder / "ranks")
    expect((at.folder / "ranks" / "report.html").is_file(), "the run wrote no report")
    return Finding(note=said.strip().splitlines()[-1])
