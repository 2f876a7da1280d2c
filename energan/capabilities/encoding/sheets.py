"""Pictures of what a system reads: images drawn again, one code changed at a time, images as points of a plane."""

import warnings
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.data import ImageSet
from energan.data.image_set import NONE, fixed_subset
from energan.inference.model import Model
from energan.utils.files import write
from energan.utils.image_files import figure_text, save_sheet

PAIRS = 20  # images shown beside what is drawn again of them
COLUMNS = 10  # of their sheet

ROWS = 5  # noise that a code is changed at
VALUES = 10  # values of a number, from the lowest to the highest
MOST_CATEGORIES = 20  # of a noise whose categories are shown
MOST_NUMBERS = 4  # of a noise whose numbers are shown
EDGE = 0.01  # share of the noise that lies below the lowest value shown, and above the highest

POINTS = 2000
COLOURED = 10  # classes; of more, points have one colour


def write_pairs(folder: Path, images: UInt8[Tensor, "n c h w"], again: UInt8[Tensor, "n c h w"]) -> int:
    """Writes reconstructions.png, each image beside what is drawn again of it; gives the number of pairs."""
    pairs = torch.stack([images[:PAIRS], again[:PAIRS]], 1)
    save_sheet(pairs.flatten(0, 1), folder / "reconstructions.png", columns=COLUMNS)
    return len(pairs)


def write_traversals(folder: Path, model: Model, seed: int) -> list[dict[str, Any]]:
    """Writes traversal-0.png, ... for each category and each of a few numbers that are read and drawn with.

    A row for each of 5 draws of all other noise; columns change the code alone. Gives what each sheet shows.
    """
    shown: list[dict[str, Any]] = []
    if model.game.sample is None:
        return shown
    drawn = dict(zip(model.generator.inputs, model.noise(1000, model.noise_of_seed(seed)), strict=True))
    for name, code in (model.game.encode or {}).items():
        if name not in model.decoded or drawn[name].ndim != 2:
            continue
        rows, width = drawn[name].cpu(), drawn[name].shape[1]
        if code.kind == "category":
            steps = [(torch.eye(width), "its categories, one a column")] if width <= MOST_CATEGORIES else []
        else:
            ends = [rows[:, i].quantile(torch.tensor([EDGE, 1 - EDGE])).tolist() for i in range(width)]
            steps = [(_line(i, *ends[i]), f"number {i + 1} of {width}, from {ends[i][0]:.2g} to {ends[i][1]:.2g}")
                     for i in range(width) if width <= MOST_NUMBERS]  # fmt: skip
        for values, what in steps:
            sheet = _changed(model, name, rows[:ROWS], values, seed, keep=code.kind != "category")
            save_sheet(sheet, folder / f"traversal-{len(shown)}.png", columns=len(values))
            shown.append({"name": name, "what": what})
    return shown


def _line(i: int, low: float, high: float) -> Float[Tensor, "v 2"]:
    """Rows (i, value) of VALUES values from low to high."""
    return torch.stack([torch.full((VALUES,), float(i)), torch.linspace(low, high, VALUES)], 1)


def _changed(
    model: Model, name: str, rows: Float[Tensor, "r d"], values: Tensor, seed: int, keep: bool
) -> UInt8[Tensor, "n c h w"]:
    """Images, row by row: the noise of each row with the code changed to each of the values.

    keep: values are (i, value), and the code's other numbers stay those of the row; else values are whole codes.
    """
    columns = []
    for value in values:
        code = rows.clone()
        if keep:
            code[:, int(value[0])] = value[1]
        else:
            code[:] = value
        columns.append(model.decode({name: code}, seed=seed))
    return torch.stack(columns, 1).flatten(0, 1)


def write_scatter(
    folder: Path, model: Model, codes: dict[str, Float[Tensor, "n d"]], test: ImageSet, n: int
) -> list[str]:
    """Writes plane-0.png, ... for each noise of two numbers: images as points, in the colours of their classes."""
    kinds = {name: code.kind for name, code in (model.game.encode or {}).items()}
    planes = [name for name, rows in codes.items() if kinds[name] == "numbers" and rows.shape[1] == 2]
    labels = None if test.labels is None else test.labels[fixed_subset(len(test.images), n)]
    for i, name in enumerate(planes):
        _draw_plane(folder / f"plane-{i}.png", codes[name][:POINTS], labels, test.classes)
    return planes


def _draw_plane(path: Path, points: Float[Tensor, "n 2"], labels: Tensor | None, classes: tuple[str, ...]) -> None:
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(6, 6), layout="constrained")
    axes = drawn.subplots()
    coloured = labels is not None and 1 < len(classes) <= COLOURED
    for c in range(-1, len(classes)) if coloured and labels is not None else [NONE]:
        here = points if not coloured or labels is None else points[labels[: len(points)] == c]
        if len(here):
            text = "no label" if c == NONE else figure_text(classes[c])
            axes.scatter(
                here[:, 0].tolist(),
                here[:, 1].tolist(),
                s=5,
                alpha=0.6,
                label=text,
                color="grey" if c == NONE else f"C{c}",
            )
    if coloured:
        axes.legend(frameon=False, markerscale=3)
    axes.set(xlabel="first number", ylabel="second number", aspect="equal")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # letters that the font lacks are drawn as boxes
        write(path, lambda p: drawn.savefig(p, format="png", dpi=110))
