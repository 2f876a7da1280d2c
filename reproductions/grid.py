"""Samples of the grid search of EBGAN's paper (arXiv:1609.03126, table 1), by number: a part of reproductions.campaign.

512 EBGANs, and 6,144 GANs, which have optimizers and learning rates beside. Configuration i is the i-th of `EBGAN` or
`GAN` when the last setting goes round first. `python -m reproductions.campaign --only grid-gan --seeds 3,77` plays
configurations 3 and 77; by default eight of each, drawn at random once.
"""

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import Any

from energan.data.batches.epochs import permutation
from energan.utils.errors import UserError
from reproductions.campaign.entry import Conditions, Entry, images_of
from reproductions.campaign.images import Drawn, of_samples

NETS: dict[str, tuple[Any, ...]] = {
    "layers_g": (2, 3, 4, 5),
    "layers_d": (2, 3, 4, 5),
    "size_g": (400, 800, 1600, 3200),
    "size_d": (128, 256, 512, 1024),
    "dropout_d": (0.0, 0.5),
}
EBGAN: dict[str, tuple[Any, ...]] = {**NETS, "lr": (1e-3,), "margin": (10.0,), "pt": (0.0,)}
GAN: dict[str, tuple[Any, ...]] = {
    **NETS, "optim_d": ("adam", "sgd"), "optim_g": ("adam", "sgd"), "lr": (1e-2, 1e-3, 1e-4),
}  # fmt: skip
SYSTEMS = {"grid-gan": ("GAN", "gan-mnist", GAN), "grid-ebgan": ("EBGAN", "ebgan-mnist", EBGAN)}
OPEN = (
    "the paper states neither length, batch, z nor the rate of dropout: 20,000 steps of 128, z 100, dropout .5 of D's "
    "hidden layers; Adam's beta1 .5, SGD without momentum"
)
DRAWN = 8  # configurations of each


def configuration(grid: Mapping[str, tuple[Any, ...]], number: int) -> dict[str, Any]:
    """The settings of a number, from 0.

    >>> configuration(EBGAN, 0)["size_g"], configuration(EBGAN, 511)["size_g"]
    (400, 3200)
    """
    if not 0 <= number < size(grid):
        raise UserError(f"configurations are numbered from 0 to {size(grid) - 1}: there is no {number}")
    chosen = {}
    for name, values in reversed(list(grid.items())):
        number, at = divmod(number, len(values))
        chosen[name] = values[at]
    return dict(reversed(chosen.items()))


def size(grid: Mapping[str, tuple[Any, ...]]) -> int:
    """How many configurations a grid has.

    >>> size(EBGAN), size(GAN)
    (512, 6144)
    """
    return prod(len(values) for values in grid.values())


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
        open=OPEN,
        needs=images_of(settings["data"]),
    )


def _narrow(grid: Mapping[str, tuple[Any, ...]], number: int) -> dict[str, Any]:
    """A configuration, a hundred times narrower."""
    chosen = configuration(grid, number)
    return chosen | {"size_g": chosen["size_g"] // 100, "size_d": chosen["size_d"] // 16}
