"""Small folders of parts with defects, in the layouts of MVTec AD and of BTAD, and a run that knows the normal ones."""

from pathlib import Path

import numpy as np
from PIL import Image
from small_runs import trained

SIDE = 16


def _normal(random: np.random.Generator) -> np.ndarray:
    return random.integers(100, 120, (SIDE, SIDE, 3), dtype=np.uint8)


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def parts(root: Path, *, train: int = 24, test: int = 10, bad: int = 3, btad: bool = False) -> Path:
    """A folder in MVTec AD's layout (defects "bent", "spot"), or in BTAD's: grey noise; defects are white squares."""
    random = np.random.default_rng(0)
    good, defects, ending = ("ok", ["ko"], "") if btad else ("good", ["bent", "spot"], "_mask")
    for split, count in (("train", train), ("test", test)):
        for i in range(count):
            _save(_normal(random), root / split / good / f"{i:03d}.png")
    for defect in defects:
        for i in range(bad):
            pixels, mask = _normal(random), np.zeros((SIDE, SIDE), np.uint8)
            mask[4 : 8 + i, 4:8] = 255
            pixels[mask > 0] = 255
            _save(pixels, root / "test" / defect / f"{i:03d}.png")
            _save(mask, root / "ground_truth" / defect / f"{i:03d}{ending}.png")
    return root


def normal_parts(folder: Path, n: int = 30, seed: int = 1) -> Path:
    """Normal parts alone."""
    random = np.random.default_rng(seed)
    for i in range(n):
        _save(_normal(random), folder / f"{i:03d}.png")
    return folder


def run_of_parts(run: Path, data: Path) -> Path:
    """A run that was trained on the normal parts for a moment."""
    return trained(run, "ebgan-pt-64", data=str(data), width=2, steps=4, save_every=2)
