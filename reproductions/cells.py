"""What reproductions of several run folders share: training what is missing, distances, tables."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor

from energan import metrics
from energan.data.image_set import fixed_subset
from energan.inference.model import Model
from energan.lab.figures import panels, save
from energan.metrics.features.catalog import NETWORKS, describe
from energan.recipes.build import build, find_recipe
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.training.loop import train
from energan.utils.arguments import parameters
from energan.utils.console import complain
from energan.utils.errors import UserError


def trained(folder: Path, recipe: str, arguments: dict[str, Any], command: str) -> bool:
    """Trains a cell to its end, from where it stands. Whether it is there, and was not stopped.

    UserError where the folder holds a training with other arguments, or other defaults: it would be told as this one.
    """
    arguments = {**parameters(find_recipe(recipe)), **arguments}  # a default of then is not one of now
    if not (folder / "run.json").is_file():
        run = build(recipe, **arguments)
        RunFolder(folder).create(run, run.training_set(), recipe, arguments, command)
    made = RunFolder(folder)
    there, asked = made.record["arguments"], json.loads(json.dumps(arguments, default=str))
    for name in sorted({*there, *asked}):
        if name not in there or there[name] != asked.get(name):
            known = repr(there[name]) if name in there else "not recorded"
            raise UserError(
                f"{folder} holds another training ({name} is {known} there, and {asked.get(name)!r} is asked for): "
                "choose another folder, or delete it"
            )
    if made.record["status"]["state"] == "finished":
        return True
    run = rebuild(made.record)
    return train(run, made, run.training_set()) == "finished"


def real_images(folder: Path, n: int, training: bool = False) -> tuple[Tensor, str]:
    """At most n held-out (or training) images of a run, always the same, and the name of its feature network."""
    run = rebuild(RunFolder(folder).record)
    images = (run.shown(run.training_set()) if training else run.test_set()).images
    return images[fixed_subset(len(images), n)], run.network or "mnist"


def of_samples(model: Model, images: Tensor, network: str) -> dict[str, float]:
    """Distance, precision and recall of as many samples as there are images."""
    values = metrics.evaluate(model.sample(len(images), seed=1), images, network)
    label = NETWORKS[network].label
    return {name: values[label.format(name)] for name in ("FID", "precision", "recall")}


def of_reconstructions(images: Tensor, again: Tensor, network: str) -> dict[str, float]:
    """How far reconstructions are from their images.

    pixel RMS         root of the mean squared difference, pixels from 0 to 1
    feature distance  mean distance of the feature network's features, in units of that between two images at random
    """
    rms = float((images.double() - again).div(255).square().mean().sqrt())
    real, fake = (describe(x, network).features for x in (images, again))
    apart = (real - real[torch.randperm(len(real), generator=torch.Generator().manual_seed(0))]).norm(dim=1).mean()
    return {"pixel RMS": rms, "feature distance": float((real - fake).norm(dim=1).mean() / apart)}


def draw_sheets(sheets: dict[str, Path], path: Path, width: float, height: float) -> None:
    """A figure of pictures side by side, each under its name, in panels of width x height inches."""
    from PIL import Image

    figure, axes = panels(1, len(sheets), width, height)
    for ax, (name, sheet) in zip(axes, sheets.items(), strict=True):
        ax.imshow(Image.open(sheet), cmap="gray")  # of grey pictures alone
        ax.set_title(name, fontsize=8)
        ax.axis("off")
    save(figure, path)


def table(head: str, columns: tuple[str, ...], found: dict[str, list[dict[str, float]]]) -> str:
    """Markdown: a row for each cell, mean ± deviation over its seeds."""
    titles = (head, "seeds", *columns)
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    for name, each in found.items():
        cells = [spread([row[column] for row in each if column in row]) for column in columns]
        lines.append(f"| {name} | {len(each)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def spread(values: list[float]) -> str:
    """
    >>> spread([1.0, 2.0]), spread([0.9789]), spread([])
    ('1.5 ± 0.707', '0.979', '–')
    """
    if not values:
        return "–"
    return f"{fmean(values):.3g} ± {stdev(values):.2g}" if len(values) > 1 else f"{values[0]:.3g}"


def told(main: Callable[[], None]) -> None:
    """Plays a reproduction's main; what it cannot do is a sentence, and exit code 2."""
    try:
        main()
    except UserError as error:
        complain(error.with_flags())
        sys.exit(2)
