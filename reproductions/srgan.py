"""Bicubic, SRResNet and SRGAN on the pictures that come with scikit-image  (arXiv:1609.04802, table 2).

    python -m reproductions.srgan --seeds 0 --out runs/srgan --set steps=5000 save_every=500 width=32 blocks=6
    python -m reproductions.srgan --validation ...       measures on the run's own held-out squares: to choose settings

A cell is a run folder, OUT/srgan-SEED, of the recipe srgan on `debian-photos`; finished ones are kept. SRResNet is the
same run at the step before D joins: the recipe's first steps are SRResNet's. OUT/table.md has means over pictures, of
deviations over seeds: PSNR and SSIM of the luma without a border of `scale` pixels, and how far MobileNetV2's features
are from the true picture's, a mean over squares of at most 224 pixels. OUT/pictures.json has each picture's, and
OUT/crops.png the square of each picture with the most detail: truth, bicubic, SRResNet, SRGAN.

The paper's Set5 has (PSNR/SSIM): bicubic 28.43/0.821, SRResNet 32.05/0.902, SRGAN 29.40/0.847. Other pictures: what
compares is how far a row is from bicubic's.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

import energan
from energan.data.decoding.decode import squares_of
from energan.data.image_set import fixed_subset
from energan.data.named.pictures import test_pictures
from energan.data.resampling import cropped_to_multiple, enlarged, reduced
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.inference.tiles import translated_in_tiles
from energan.metrics.closeness import psnr, ssim
from energan.metrics.features.catalog import describe
from energan.recipes.build import build
from energan.runs.folder import KEPT, RunFolder
from energan.runs.rebuild import rebuild
from energan.utils.files import write, write_json
from energan.utils.image_files import save_sheet
from reproductions.cells import table, told, trained

COLUMNS = ("PSNR", "SSIM", "feature distance")
ROWS = ("bicubic", "SRResNet", "SRGAN")
SIDE = 224  # pixels of MobileNetV2's pictures
SHOWN = 96  # pixels a side of the squares that are shown, twice as large
VALIDATED = 60


def colour(picture: Tensor) -> Tensor:
    return picture if picture.shape[1] == 3 else picture.expand(-1, 3, -1, -1)


def as_true(made: Tensor, true: Tensor) -> Tensor:
    """Grey where the truth is: the luminance of Pillow, to a level."""
    if made.shape[1] == true.shape[1]:
        return made
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    return (made.float() * weights).sum(1, keepdim=True).round().clamp(0, 255).to(torch.uint8)


def of_squares(picture: Tensor) -> Tensor:
    """What MobileNetV2 says of a picture's squares."""
    pixels = colour(picture)[0].numpy()
    side = min(SIDE, *pixels.shape[1:])
    return describe(torch.from_numpy(np.stack(squares_of(pixels, side))), "mobilenetv2").features


def measured(made: Tensor, true: Tensor, scale: int) -> dict[str, float]:
    far = (of_squares(made) - of_squares(true)).norm(dim=1).mean()
    return {
        "PSNR": psnr(made, true, border=scale, luma=True),
        "SSIM": ssim(made, true, border=scale, luma=True),
        "feature distance": float(far),
    }


def busiest(true: Tensor) -> tuple[int, int]:
    """Where the square with the most detail is: the largest mean difference of neighbours."""
    grey = true.float().mean(1, keepdim=True)
    detail = (grey[..., 1:, 1:] - grey[..., :-1, 1:]).abs() + (grey[..., 1:, 1:] - grey[..., 1:, :-1]).abs()
    side = min(SHOWN, *true.shape[2:]) - 1
    means = torch.nn.functional.avg_pool2d(detail, side, 8)[0, 0]
    place = int(means.argmax())
    return 8 * (place // means.shape[1]), 8 * (place % means.shape[1])


def square(picture: Tensor, at: tuple[int, int]) -> Tensor:
    top, left = at
    part = colour(picture)[..., top : top + SHOWN, left : left + SHOWN]
    return interpolate(part, scale_factor=2, mode="nearest")


def made_of(models: dict[str, Model], small: Tensor, true: Tensor, scale: int) -> dict[str, Tensor]:
    """The picture by each row, of the truth's channels."""
    made = {"bicubic": enlarged(small, scale)}
    for name, model in models.items():
        channels = model.shape[0] if model.shape else 3
        seen = colour(small) if channels == 3 else small
        made[name] = as_true(translated_in_tiles(model, seen[0].contiguous())[None], true)
    return made


def pictures_of(run: Experiment, validation: bool) -> dict[str, Tensor]:
    """The pictures to measure on, (1, c, h, w)."""
    if not validation:
        return {name: torch.from_numpy(pixels.copy())[None] for name, pixels in test_pictures().items()}
    held = run.pictures("validation").targets
    assert held is not None
    return {f"{i}": held[i : i + 1] for i in fixed_subset(len(held), VALIDATED).tolist()}


def cell(folder: Path, validation: bool) -> dict[str, dict[str, dict[str, float]]]:
    """Row -> picture -> columns of a finished run; and the squares to look at."""
    kept = folder / ("validation.json" if validation else "pictures.json")
    if kept.is_file():
        known: dict[str, dict[str, dict[str, float]]] = json.loads(kept.read_text())
        return known
    record = RunFolder(folder).record
    run = rebuild(record)
    assert run.game.translate is not None
    scale = run.game.translate["xy"].scale
    models = {"SRResNet": energan.load(folder, checkpoint=joins(run)), "SRGAN": energan.load(folder)}
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in ROWS}
    shown = []
    for name, whole in pictures_of(run, validation).items():
        true = cropped_to_multiple(whole, scale).contiguous()
        made = made_of(models, reduced(true, scale), true, scale)
        for row, picture in made.items():
            found[row][name] = measured(picture, true, scale)
        if min(true.shape[2:]) >= SHOWN:
            at = busiest(true)
            shown += [square(true, at), *(square(picture, at) for picture in made.values())]
        print(name, {row: round(found[row][name]["PSNR"], 2) for row in ROWS}, flush=True)
    save_sheet(torch.cat(shown), folder / ("validation.png" if validation else "crops.png"), 1 + len(ROWS))
    write_json(kept, found)
    return found


def check(given: dict[str, Any]) -> None:
    """SystemExit unless the checkpoint of SRResNet, at which D joins, is among the last three when the run ends."""
    run = build("srgan", **given)
    first, every = joins(run), run.save_every
    if first % every or run.steps - first > (KEPT - 1) * every:
        raise SystemExit(
            f"SRResNet is the run at step {first} of {run.steps}, of which a checkpoint must be among the last {KEPT}: "
            f"choose save_every, now {every}, so that it divides {first} and that {KEPT - 1} times it reach the end"
        )


def joins(run: Experiment) -> int:
    """The step at which D joins."""
    return next(t for t in range(run.steps) if "D" in run.game.turns_at(t))


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes the table and the squares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--data", default="debian-photos", help="debian-photos, or a folder of pictures")
    parser.add_argument("--set", nargs="*", default=[], help="other flags of the recipe srgan, as width=32 blocks=6")
    parser.add_argument("--validation", action="store_true", help="measure on held-out squares: to choose settings")
    parser.add_argument("--out", type=Path, default=Path("runs/srgan"), help="where the cells are")
    args = parser.parse_args(arguments)
    given = {name: json.loads(value) for name, _, value in (each.partition("=") for each in args.set)}
    check({"data": args.data, **given})
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    for seed in args.seeds:
        folder = args.out / f"srgan-{seed}"
        if not trained(folder, "srgan", {"data": args.data, **given, "seed": seed}, "reproductions.srgan"):
            return
        for row, pictures in cell(folder, args.validation).items():
            of_all = pictures.values()
            found[row].append({column: sum(each[column] for each in of_all) / len(of_all) for column in COLUMNS})
        text = table("enlarged by", COLUMNS, found)
        write(args.out / ("validation.md" if args.validation else "table.md"), lambda p, text=text: p.write_text(text))  # type: ignore[misc]
        print(text, flush=True)


if __name__ == "__main__":
    told(main)
