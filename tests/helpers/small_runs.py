"""Runs that take a second: narrow nets, few steps, 8 x 8 digits or a dozen generated pictures."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from energan.data import ImageSet
from energan.experiment import Experiment
from energan.recipes.build import build
from energan.recipes.catalog import RECIPES
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.training.loop import train
from energan.utils.arguments import parameters
from energan.utils.files import read_weights

INVERTED = {"module": "tiny_encoder:Net", "features": "h.1", "chain_steps": 2}
ENLARGED = {"square": 16, "crop": 16, "scale": 2, "width": 2, "blocks": 1}
SMALL: dict[str, dict[str, Any]] = {
    "ebgan-pt-mnist": {"data": "digits", "width": 4, "z": 8, "ema": 0.9},
    "ebgan-mnist": {"data": "digits", "pt": 0.1, "size_g": 16, "size_d": 16, "dropout_d": 0.5, "ema": 0.9},
    "gan-mnist": {"data": "digits", "size_g": 16, "size_d": 16, "dropout_d": 0.5, "optim_d": "adam"},
    "ebgan-pt-64": {"data": "pictures", "width": 4, "ema": 0.9},
    "autoencoder": {"data": "pictures", "width": 2, "calibration": 0.3},
    "feature-autoencoder": {"data": "pictures", "size": 64, "side": 32, "code": 2, "calibration": 0.3},
    "fastgan-64": {"data": "pictures", "width": 2, "z": 8, "ema": 0.9},
    "dcgan-64": {"data": "pictures", "width": 4, "ema": 0.9},
    "ebgan-pt-128": {"data": "pictures", "width": 1, "batch": 4, "steps": 4, "ema": 0.9, "pt": 0.0},
    "ebgan-pt-256": {
        "data": "pictures",
        "width": 1,
        "batch": 2,
        "steps": 4,
        "checkpoint_activations": True,
        "ema": 0.9,
    },
    "cgan-mnist": {"data": "digits", "z": 8, "size_z": 8, "size_y": 8, "size_g": 16, "size_d": 8, "size_dy": 4},
    "conditional-faces": {"data": "described pictures", "z": 8, "width": 2, "ema": 0.9},
    "gan-text-mnist": {"data": "captioned pictures", "z": 8, "width": 1, "ema": 0.9},
    "gan-cls-mnist": {"data": "captioned pictures", "z": 8, "width": 1, "ema": 0.9},
    "gan-int-mnist": {"data": "captioned pictures", "z": 8, "width": 1, "ema": 0.9},
    "gan-int-cls-mnist": {"data": "captioned pictures", "z": 8, "width": 1, "ema": 0.9},
    "gan-int-cls-64": {"data": "captioned pictures", "z": 8, "width": 1, "together": 2},
    "maxout-gan-mnist": {"data": "digits", "z": 8, "size_g": 16, "size_d": 8},
    "energy-losses-mnist": {"data": "digits", "width": 4, "z": 8, "ema": 0.9},
    "began-mnist": {"data": "digits", "width": 4, "z": 8},
    "wgan-mnist": {"data": "digits", "width": 4, "z": 8, "warm_steps": 2, "critic_steps": 1},
    "wgan-gp-mnist": {"data": "digits", "generator": "mlp", "width": 4, "z": 8, "size_g": 16, "critic_steps": 2},
    "wgan-gp-stacked": {"data": "pictures", "width": 4, "z": 8, "critic_steps": 2, "ema": 0.9},
    "fgan-mnist": {"data": "digits", "divergence": "pearson", "width": 4, "z": 8, "ema": 0.9},
    "unrolled-mnist": {"data": "digits", "unroll": 2, "width": 4, "width_d": 2, "z": 8, "ema": 0.9},
    "lsgan-mnist": {"data": "digits", "width": 4, "z": 8, "ema": 0.9},
    "hinge-mnist": {"data": "digits", "width": 4, "z": 8, "ema": 0.9},
    "lapgan-mnist": {"data": "digits", "width": 4, "z": 8, "size_g": 16, "size_d": 16, "ema": 0.9},
    "lapgan-64": {"data": "pictures", "width": 2, "z": 8, "size_g": 16, "size_d": 16, "ema": 0.9},
    "r3gan-mnist": {"data": "digits", "width": 4, "z": 8, "ema": 0.9},
    "gmmn-mnist": {"data": "digits", "z": 8},
    "gmmn-ae-mnist": {"data": "digits", "z": 8, "code": 4, "units": 16, "batch_ae": 2, "ema": 0.9},
    "energy-distance-mnist": {"data": "digits", "z": 8},
    "sinkhorn-mnist": {"data": "digits", "z": 8},
    "ladder-mnist": {"data": "digits", "size": 8, "labels": 20, "hidden": [16, 8]},
    "ladder-features": {
        "data": "digits",
        "features": "tiny_encoder:Net",
        "size": 28,
        "channels": 1,
        "classes": 10,
        "labels": 20,
        "hidden": [8],
    },
    "conv-ladder-32": {
        "data": "digits",
        "size": 8,
        "channels": 1,
        "classes": 10,
        "labels": 20,
        "width": 2,
        "costs": "bottom",
    },
    "ebgan-ln-mnist": {
        "data": "digits",
        "size": 8,
        "labels": 20,
        "hidden": [16, 8],
        "z": 8,
        "size_g": 8,
        "switch": 0.5,
    },
    "vae-mnist": {"data": "digits", "size": 8, "z": 4, "ema": 0.9},
    "vae-gan-mnist": {"data": "digits", "net": "mlp", "width": 1, "z": 4, "reconstruction": 0.1, "ema": 0.9},
    "vae-gan-64": {"data": "pictures", "width": 2, "z": 4, "ema": 0.9},
    "two-stage-mnist": {"data": "digits", "width": 2, "z": 4, "ema": 0.9},
    "two-stage-64": {"data": "pictures", "width": 2, "z": 4, "ema": 0.9},
    "mode-regularised-mnist": {"data": "digits", "width": 4, "z": 8, "ema": 0.9},
    "encoder-mnist": {"data": "digits", "net": "sgan"},
    "adda-mnist": {"data": "digits", "target": "digits", "size": 16, "channels": 1, "units": 8},
    "dann-mnist": {"data": "digits", "target": "digits", "size": 16, "channels": 1},
    "pixelda-mnist": {
        "data": "digits",
        "target": "digits",
        "size": 16,
        "channels": 1,
        "width": 2,
        "blocks": 1,
        "width_d": 2,
    },
    "latent-discriminators-mnist": {
        "data": "digits",
        "module": "tiny_encoder:Net",
        "width": 2,
        "critic_steps": 2,
        "warm_steps": 0,
        "chain_steps": 2,
        "ema": 0.9,
    },
    "conditional-dcgan-mnist": {"data": "digits", "width": 4, "units": 16, "z": 8, "ema": 0.9},
    "conditional-ebgan-pt-mnist": {"data": "digits", "width": 4, "z": 8, "mismatch": 0.5, "ema": 0.9},
    "aae-mnist": {"data": "digits", "prior": "mixture", "labels": 100, "units": 16, "ema": 0.9},
    "aae-ssl-mnist": {"data": "digits", "size": 8, "labels": 20, "units": 16, "z": 4},
    "aae-clusters-mnist": {"data": "digits", "clusters": 4, "units": 16, "z": 2, "heads": 4.0},
    "infogan-mnist": {"data": "digits", "width": 2, "units": 16, "z": 8, "ema": 0.9},
    "sgan-mnist": {"data": "digits", "width": 2, "z": 8, "entropy": 5.0},
    "improved-gan-mnist": {"data": "digits", "size": 8, "labels": 20, "hidden": [16, 8], "z": 8, "size_g": 8},
    "dgn-am-mnist": {"data": "digits", "width": 2, **INVERTED},
    "ppgn-x-mnist": {"data": "digits", "size_r": 8, "module": "tiny_encoder:Net", "chain_steps": 2},
    "ppgn-h-mnist": {"data": "digits", "width": 2, "size_r": 8, **INVERTED},
    "joint-ppgn-h-mnist": {"data": "digits", "width": 2, **INVERTED},
    "noiseless-ppgn-h-mnist": {"data": "digits", "width": 2, "paired": True, **INVERTED},
    "noiseless-ppgn-h-64": {"data": "pictures", "width": 2, **INVERTED, "module": "tiny_encoder:Colour"},
}
SMALL |= {
    "pix2pix": {"data": "paired pictures", "size": 16, "width": 2, "patch": 16},
    "srresnet": {"data": "pictures", **ENLARGED, "norm": True, "ema": 0.9},
    "srgan": {
        "data": "pictures",
        **ENLARGED,
        "width_d": 1,
        "hidden_d": 4,
        "module": "tiny_encoder:Maps",
        "features": "maps.1",
        "first": 0.5,
        "ema": 0.9,
    },
    "cyclegan": {"data": "paired pictures", "size": 16, "width": 1, "blocks": 1, "patch": 16, "pool": 10, "flip": True},
}
COMMON = {"steps": 8, "save_every": 3, "batch": 8, "precision": "fp32", "device": "cpu"}


def pictures(folder: Path, n: int = 12) -> Path:
    """n PNGs of colour noise, 20 x 24, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(n):
        Image.fromarray(random.integers(0, 256, (24, 20, 3), dtype=np.uint8)).save(folder / f"{i:02d}.png")
    return folder


def paired_pictures(folder: Path, n: int = 12) -> Path:
    """The pictures in `input`, and upside down in `output`."""
    for path in sorted(pictures(folder / "input", n).iterdir()):
        (folder / "output").mkdir(exist_ok=True)
        Image.open(path).rotate(180).save(folder / "output" / path.name)
    return folder


def described_pictures(folder: Path, n: int = 12) -> Path:
    """The pictures, with two attributes each."""
    rows = [f"{i:02d}.png,{i % 2},{i * 0.25}" for i in range(n)]
    pictures(folder, n).joinpath("attributes.csv").write_text("\n".join(["file,round,size", *rows]))
    return folder


def captioned_pictures(folder: Path, n: int = 12) -> Path:
    """The pictures, with a sentence or two each."""
    said = ("a red one", "a dark blue one", "<b>=1+1</b>")
    rows = [f"{i:02d}.png,{said[i % 3]}" for i in range(n)] + [f"{i:02d}.png,number {i}" for i in range(0, n, 2)]
    pictures(folder, n).joinpath("captions.csv").write_text("\n".join(["file,caption", *rows]))
    return folder


def arguments(recipe: str, folder: Path, **changes: Any) -> dict[str, Any]:
    """A recipe's small arguments; pictures are made beside the run's folder."""
    small = {**COMMON, **SMALL[recipe], **changes}
    if small["data"] == "pictures":
        small["data"] = str(pictures(folder.parent / "pictures"))
    if small["data"] == "paired pictures":
        small["data"] = str(paired_pictures(folder.parent / "paired"))
    if small["data"] == "described pictures":
        small["data"] = str(described_pictures(folder.parent / "described"))
    if small["data"] == "captioned pictures":
        small["data"] = str(captioned_pictures(folder.parent / "captioned"))
    return small


def steady(recipe: str) -> dict[str, Any]:
    """What keeps a run's learning rates, and margin, from depending on how many steps it is to have."""
    flags = parameters(RECIPES[recipe])
    return {
        name: value
        for name, value in (("decay", 0.0), ("switch", 0.0), ("halvings", 0), ("horizon", 8), ("first", 0.0))
        if name in flags
    }


def start(folder: Path, recipe: str = "ebgan-pt-mnist", **changes: Any) -> tuple[Experiment, ImageSet]:
    """A new run in `folder`, not trained yet."""
    small = arguments(recipe, folder, **changes)
    run = build(recipe, **small)
    data = run.training_set()
    RunFolder(folder).create(run, data, recipe, small, "a test")
    return run, data


def trained(folder: Path, recipe: str = "ebgan-pt-mnist", **changes: Any) -> Path:
    """A run in `folder`, trained to its end."""
    run, data = start(folder, recipe, **changes)
    assert train(run, RunFolder(folder), data, quiet=True) == "finished"
    return folder


def resumed(folder: Path, steps: int | None = None) -> str:
    """What training says that goes on where the folder stands."""
    run = rebuild(RunFolder(folder).record, **({"steps": steps} if steps else {}))
    return train(run, RunFolder(folder), run.training_set(), quiet=True)


def flags(recipe: str, folder: Path, **changes: Any) -> list[str]:
    """The same arguments as the command line takes them."""
    small = arguments(recipe, folder, **changes)
    return [text for k, v in small.items() for text in (f"--{k.replace('_', '-')}", str(v))]


def fingerprint(checkpoint: Path) -> str:
    """sha256 over the names, types, shapes and bytes of every tensor of a checkpoint."""
    tensors, _ = read_weights(checkpoint)
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def leftovers(folder: Path) -> list[Path]:
    """Temporary files that a failed write left behind."""
    return [path for path in folder.rglob(".*") if path.is_file()]


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """What the command line said on stderr last: one line that starts with its name, and no traceback."""
    said = capsys.readouterr().err
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith("energan: ")
    return last
