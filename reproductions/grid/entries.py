"""Models of the paper's grid search at length, by number (table1.py): a part of reproductions.campaign.

`python -m reproductions.campaign --only grid-gan --seeds 3,77` plays
configurations 3 and 77; by default eight of each, drawn at random once.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from energan.data.batches.epochs import permutation
from reproductions.campaign.entry import Conditions, Entry, images_of
from reproductions.campaign.images import Drawn, of_samples
from reproductions.grid.table1 import EBGAN, GAN, configuration, size
from reproductions.grid.trial import OPEN

SYSTEMS = {"grid-gan": ("GAN", "gan-mnist", GAN), "grid-ebgan": ("EBGAN", "ebgan-mnist", EBGAN)}
DRAWN = 8  # configurations of each


def entries(where: Conditions) -> list[Entry]:
    return [_entry(where, name, *row) for name, row in SYSTEMS.items()]


def _entry(where: Conditions, name: str, about: str, recipe: str, grid: Mapping[str, tuple[Any, ...]]) -> Entry:
    settings: dict[str, Any] = {
        "recipe": recipe, "data": "mnist", "z": 100, "batch": 128, "seed": 0, "precision": where.precision(),
    }  # fmt: skip
    steps, samples, drawn, numbered = 20_000, 10_000, DRAWN, partial(configuration, grid)
    if where.toy:
        settings |= {"data": "digits", "z": 8, "batch": 16}
        steps, samples, drawn, numbered = 2, 64, 2, partial(_narrow, grid)
    arguments = {k: v for k, v in settings.items() if k != "recipe"} | {"steps": steps}
    numbers = tuple(permutation(size(grid), 0, 0)[:drawn].tolist())
    return Entry(
        name=name,
        table="The paper's grid search, at random",
        about=about,
        steps=steps,
        seeds=numbers,
        settings={**settings, "samples": samples},
        build=Drawn(recipe, arguments, numbered, of_samples(samples, "mnist"), samples, "mnist").models,
        shown=("MNIST-I", "MNIST-IS", "MNIST-FID", "digits covered"),
        axis="configuration",
        looks=1,
        published="histograms only",
        open=f"20,000 steps; {OPEN}",
        needs=images_of(settings["data"]),
    )


def _narrow(grid: Mapping[str, tuple[Any, ...]], number: int) -> dict[str, Any]:
    """A configuration, a hundred times narrower."""
    chosen = configuration(grid, number)
    return chosen | {"size_g": chosen["size_g"] // 100, "size_d": chosen["size_d"] // 16}
