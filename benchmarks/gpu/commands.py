"""The check of the command line on the device: each command as a user types it, on the digits of scikit-learn."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.outcome import FP32, Finding, Item, Setting, SkippedError, expect, states_apart
from benchmarks.gpu.small import TESTS
from energan.cli import main
from energan.runs.log import json_lines
from energan.utils.console import STOPPED
from energan.utils.files import read_weights

STEPS = 8
PATIENCE = 300  # seconds for a process
TINY = ["--width", "4", "--z", "8", "--batch", "8", "--decay", "0", "--save-every", "4", "--quiet"]
FEW = 24  # images of runs that need not be measured: too few for distances to real ones


def items() -> list[Item]:
    checks: dict[str, Callable[[Setting], Finding]] = {
        "train": lambda at: _right(trained(at)),
        "resume": resume,
        "resume on the CPU, and back": crossing,
        "sample": sample,
        "evaluate": evaluate,
        "sample, invert, inpaint, walk, excite by chains": chains,
        "score": score,
        "export": export,
        "classify": lambda at: _right(classified(at)),
        "predict": predict,
        "bench": bench,
        "train --batch auto": batch_auto,
        "train --graph on and off": graph_on_and_off,
    }
    return [
        *(Item("command", name, check) for name, check in checks.items()),
        Item("deterministic", "train, resumed to the same bits", deterministic),
    ]


def _right(_: object) -> Finding:
    return Finding()


def energan(*words: Any) -> str:
    """What the command says on stdout. AssertionError with its last words where it does not end with 0."""
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            code = main([str(word) for word in words])
        except SystemExit as leaving:  # tyro's, for wrong flags
            code = int(leaving.code or 0)
    if code == STOPPED:
        raise KeyboardInterrupt  # a signal that the command took for its own
    last = " ".join((complained.getvalue() or said.getvalue()).split())[-300:]
    expect(code == 0, f"energan {words[0]} ends with {code}: {last}")
    return said.getvalue()


def train(at: Setting, name: str, *flags: Any, steps: int = STEPS) -> Path:
    """The folder of a run of EBGAN-PT on the device, trained to its end."""
    folder = at.folder / name
    energan("train", "ebgan-pt-mnist", *TINY, "--steps", steps, "--device", at.device, *flags, "--out", folder)
    return checked(folder, steps, at.device)


@cache
def few(at: Setting) -> Path:
    """A file of few images."""
    path = at.folder / "few.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (FEW, 28, 28), dtype=np.uint8))
    return path


def checked(folder: Path, steps: int, device: str = "") -> Path:
    """The run's folder. AssertionError unless it was trained to its end there, by finite numbers."""
    record = json.loads((folder / "run.json").read_text())
    status = record["status"]
    expect(status["state"] == "finished" and status["step"] == steps, f"the run ended {status}")
    expect(not device or record["device"] == device, f"run.json says that it was trained on {record['device']}")
    values = [v for line in json_lines(folder / "log.jsonl") for v in line.get("logs", {}).values()]
    expect(bool(values) and bool(np.isfinite(values).all()), "the log has no numbers, or some that are not finite")
    for name in ("evaluation.json", "report.html"):
        expect((folder / name).is_file(), f"the run has no {name}")
    return folder


def tensors(folder: Path, steps: int, part: str = "") -> dict[str, Any]:
    """The tensors of a run's checkpoint; those of a part, such as state/weights."""
    found = read_weights(folder / "checkpoints" / f"{steps:06d}.safetensors")[0]
    return {k: v for k, v in found.items() if k.startswith(part)}


@cache
def trained(at: Setting) -> Path:
    return train(at, "run", "--data", "digits", "--ema", 0.9)


@cache
def trained_on_few(at: Setting) -> Path:
    return train(at, "few", "--data", few(at), "--ema", 0.9)


@cache
def classified(at: Setting) -> Path:
    folder = at.folder / "classified"
    energan("classify", "--data", "digits", "--labels", 50, "--steps", STEPS, "--batch", 16, "--device", at.device,
            "--out", folder, "--quiet")  # fmt: skip
    return checked(folder, STEPS, at.device)


def _copy(at: Setting, name: str) -> Path:
    return Path(shutil.copytree(trained_on_few(at), at.folder / name))


def resume(at: Setting) -> Finding:
    folder = _copy(at, "resumed")
    energan("resume", folder, "--steps", STEPS + 4, "--quiet")
    checked(folder, STEPS + 4, at.device)
    return Finding()


def crossing(at: Setting) -> Finding:
    folder = _copy(at, "crossed")
    energan("resume", folder, "--steps", STEPS + 4, "--device", "cpu", "--quiet")
    checked(folder, STEPS + 4, "cpu")
    energan("resume", folder, "--steps", STEPS + 8, "--device", at.device, "--quiet")
    checked(folder, STEPS + 8, at.device)
    return Finding()


def sample(at: Setting) -> Finding:
    out = at.folder / "sample.npz"
    energan("sample", trained_on_few(at), "--n", 5, "--out", out, "--device", at.device)
    images = np.load(out)["images"]
    expect(images.shape == (5, 1, 32, 32) and images.std() > 0, f"samples are {images.shape}, or all alike")
    return Finding()


def chains(at: Setting) -> Finding:
    """A generator of an encoder's codes, and what only such a system can do."""
    encoder, folder, there = at.folder / "encoder", at.folder / "chains", ("--device", at.device)
    few_steps = ("--batch", 8, "--steps", STEPS, "--save-every", STEPS, "--quiet", *there)
    energan("train", "encoder-mnist", "--data", "digits", *few_steps, "--out", encoder)
    latent = ("--data", "digits", "--encoder", encoder, "--width", 4, "--chain-steps", 3)
    energan("train", "latent-discriminators-mnist", *latent, *few_steps, "--out", folder)
    checked(folder, STEPS, at.device)
    of_run = ("--run", folder, *there)
    out = [at.folder / f"chains-{i}.png" for i in range(6)]
    energan("sample", folder, "--class", "3", "--n", 2, "--path", out[0], "--out", out[1], *there)
    energan("invert", "digits", "--n", 3, "--out", out[2], *of_run)
    energan("inpaint", "digits", "--box", "8,8,8,8", "--n", 1, "--fills", 2, "--out", out[3], *of_run)
    energan("walk", folder, "--classes", "3,8", "--frames", 3, "--out", out[4], *there)
    energan("excite", folder, "--unit", "logits:7", "--n", 2, "--chain-steps", 3, "--out", out[5], *there)
    expect(all(path.is_file() for path in out), "a picture is missing")
    return Finding()


def evaluate(at: Setting) -> Finding:
    """On the device, beside the CPU: energies are the same but for rounding."""
    found = [
        json.loads(energan("evaluate", trained(at), "--n", 64, "--device", device, "--json"))
        for device in ("cpu", at.device)
    ]
    a, b = (np.array([v for k, v in sorted(_numbers(each).items()) if "E(x)" in k]) for each in found)
    expect(len(a) == len(b) > 0, "no energy was measured")
    return Finding(float((np.abs(a - b) / np.abs(a)).max()), 1e-2, "samples differ, energies of images do not")


def _numbers(tree: Any, prefix: str = "") -> dict[str, float]:
    if isinstance(tree, dict):
        return {k: v for name, value in tree.items() for k, v in _numbers(value, f"{prefix}/{name}").items()}
    return {prefix: float(tree)} if isinstance(tree, int | float) and not isinstance(tree, bool) else {}


def score(at: Setting) -> Finding:
    out = at.folder / "scores.csv"
    energan("score", "digits", "--run", trained_on_few(at), "--out", out, "--device", at.device)
    expect(len(out.read_text().splitlines()) > 100, "there are no scores")
    return Finding()


def export(at: Setting) -> Finding:
    out, onnx = at.folder / "export", find_spec("onnxscript") is not None and find_spec("onnxruntime") is not None
    energan("export", trained_on_few(at), "--out", out, *(["--onnx"] if onnx else []))
    expect(any(out.glob("*.safetensors")) and (not onnx or any(out.glob("*.onnx"))), "parts are missing")
    return Finding(note="" if onnx else "without ONNX, which is not installed")


def predict(at: Setting) -> Finding:
    out = at.folder / "predictions.csv"
    energan("predict", "digits", "--run", classified(at), "--out", out, "--device", at.device)
    expect(len(out.read_text().splitlines()) > 100, "there are no predictions")
    return Finding()


def bench(at: Setting) -> Finding:
    """Of a system that is initialised by data, each time that its step is counted."""
    flags = ["--batch", 16, "--labels", 20, "--device", at.device, "--repeats", 2, "--no-alternatives", "--json"]
    found = json.loads(energan("bench", "improved-gan-mnist", *flags))
    expect(found["step"]["seconds"] > 0 and found["step"]["operations"] > 0, "nothing was measured")
    return Finding()


def batch_auto(at: Setting) -> Finding:
    flags = ["--size-g", 16, "--size-d", 16, "--batch", "auto", "--steps", 4, "--save-every", 4, "--quiet"]
    folder = at.folder / "auto"
    energan("train", "gan-mnist", "--data", few(at), *flags, "--device", at.device, "--out", folder)
    checked(folder, 4)
    return Finding(note=f"batch {json.loads((folder / 'run.json').read_text())['batch']}")


def graph_on_and_off(at: Setting) -> Finding:
    if not at.cuda:
        raise SkippedError("CUDA graphs need CUDA")
    flags, steps = ["--data", few(at), "--precision", "fp32"], 4 * STEPS
    runs = [train(at, f"graph-{way}", *flags, "--graph", way, steps=steps) for way in ("on", "off")]
    return Finding(
        states_apart(*(tensors(run, steps, "state/weights") for run in runs)), 10 * FP32, f"after {steps} steps"
    )


def deterministic(at: Setting) -> Finding:
    """Processes of their own: the setting is the whole process'."""
    shared = ["--data", few(at), "--device", at.device, "--deterministic"]
    whole, part = at.folder / "whole", at.folder / "part"
    _process("train", "ebgan-pt-mnist", *TINY, *shared, "--steps", STEPS, "--out", whole)
    _process("train", "ebgan-pt-mnist", *TINY, *shared, "--steps", STEPS // 2, "--out", part)
    _process("resume", part, "--steps", STEPS, "--quiet")
    found = states_apart(*(tensors(checked(run, STEPS), STEPS) for run in (whole, part)))
    return Finding(found, 0.0)


def _process(*words: Any) -> None:
    process(sys.executable, "-m", "energan", *words)


def process(*command: Any) -> str:
    """What a process says. AssertionError with its last words where it does not end with 0."""
    paths = (str(TESTS.parent), str(TESTS / "helpers"), os.environ.get("PYTHONPATH"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    ended = subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    last = " ".join((ended.stderr or ended.stdout).split())[-300:]
    expect(ended.returncode == 0, f"{command[2]} ends with {ended.returncode}: {last}")
    return ended.stdout
