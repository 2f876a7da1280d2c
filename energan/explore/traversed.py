"""Rows of a traversal: codes from one side to the other, samples along directions of their noise."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.engine.isolation import isolated
from energan.engine.noise import Distribution
from energan.inference.chunks import CHUNK
from energan.inference.model import Model
from energan.inference.probes.directions import Directions, factorised, principal
from energan.inference.probes.first_layer import FirstLayer, activations, first_layer, seen, weight
from energan.runs.probes import Number
from energan.utils.errors import UserError

FEW = 10  # numbers of a noise, at most, that are codes to look at one by one
CATEGORIES = 20  # of a code, that a row shows at most
ROWS = 2000  # of noise that directions are found with, at most
UNITS = 2**24  # of activations, about, at a time
WIDEST = 4096  # numbers of noise whose directions are found in closed form


class Rows(NamedTuple):
    """Rows of a sheet, how they are called, and what was measured."""

    images: list[UInt8[Tensor, "k c h w"]]
    names: list[str]
    numbers: list[Number]


def measured(noise: Distribution, model: Model, name: str) -> Distribution:
    """The distribution; of an unknown one, with the mean and deviation of some draws."""
    if noise.kind != "unknown":
        return noise
    draws = model.game.noise[name](torch.Generator(model.device).manual_seed(0), CHUNK).double()
    return Distribution("unknown", float(draws.mean()), float(draws.std()) or 1.0)


def codes_among(samples: Mapping[str, Tensor], kinds: Mapping[str, Distribution]) -> list[str]:
    """The noise whose numbers are codes: categories, and those of few numbers.

    >>> kinds = {"z": Distribution("normal"), "c": Distribution("uniform")}
    >>> codes_among({"z": torch.zeros(1, 64), "c": torch.zeros(1, 2)}, kinds)
    ['c']
    """
    return [name for name, kind in kinds.items() if kind.kind == "category" or samples[name].flatten(1).shape[1] <= FEW]


def half_width(noise: Distribution) -> float:
    """How far noise reaches to one side: where uniform noise ends, one standard deviation of other noise."""
    return noise.deviation * (math.sqrt(3) if noise.kind == "uniform" else 1.0)


def code_rows(
    model: Model,
    samples: Mapping[str, Tensor],
    name: str,
    noise: Distribution,
    reach: float,
    steps: int,
    found: Rows,
) -> None:
    """Adds rows in which one code of the samples is changed: every category, or even steps of a number."""
    z = samples[name]
    if noise.kind == "category":
        shown = min(z.shape[1], CATEGORIES)
        values = torch.eye(z.shape[1])[:shown].expand(len(z), -1, -1)
        _draw(model, samples, name, values, found)
        found.names.append(name if shown == z.shape[1] else f"{name} (the first {shown} of {z.shape[1]})")
        return
    far = reach * half_width(noise)
    column = torch.linspace(noise.mean - far, noise.mean + far, steps)
    for i in range(z.flatten(1).shape[1]):
        values = z.flatten(1)[:, None].repeat(1, steps, 1)
        values[:, :, i] = column
        _draw(model, samples, name, values.unflatten(2, z.shape[1:]), found)
        found.names.append(f"{name}[{i}] from {column[0]:.3g} to {column[-1]:.3g}")


def direction_rows(
    model: Model,
    samples: Mapping[str, Tensor],
    name: str,
    noise: Distribution,
    method: str,
    sizes: tuple[int, float, int],
    draws: torch.Generator,
    found: Rows,
) -> None:
    """Adds rows in which the samples move along directions of a noise. sizes: directions, reach, steps."""
    k, reach, steps = sizes
    ways = directions_of(model, {each: z[:1] for each, z in samples.items()}, name, method, k, draws)
    t = torch.linspace(-reach, reach, steps) * half_width(noise)
    z = samples[name]
    for i, (vector, share) in enumerate(zip(ways.vectors.cpu(), ways.shares.tolist(), strict=True)):
        moved = z.flatten(1)[:, None] + t[None, :, None] * vector
        _draw(model, samples, name, moved.unflatten(2, z.shape[1:]), found)
        found.names.append(f"{name} {i + 1} ({100 * share:.1f} %)")
        what = "variance of the first layer’s activations" if method == "pca" else "first layer’s squared weights"
        found.numbers.append(Number(f"share of {name} {i + 1}", share, f"of the {what}"))


@isolated()
def directions_of(
    model: Model, sample: Mapping[str, Tensor], name: str, method: str, k: int, draws: torch.Generator
) -> Directions:
    """The k directions of a noise along which the generator's first layer changes most, all other noise as it is.

    UserError where the generator has no such layer, or the method does not fit it.
    """
    draw, nets = drawing(model, sample, name), list(model.nets.values())
    z = sample[name].to(model.device)
    first = first_layer(draw, z, nets)
    if first is None:
        raise UserError(f"this run’s generator has no layer with a weight that sees {name}: it has no directions")
    if method == "factors":
        return _factors(first, name, k)
    used = seen(first)
    width = activations(draw, z, first, nets).shape[1]
    rows = model.game.noise[name](torch.Generator(model.device).manual_seed(draws.initial_seed()), count(width))
    rows = torch.where(used.view(1, *z.shape[1:]), rows, z)
    units = [activations(draw, some, first, nets).cpu() for some in rows.split(CHUNK)]
    narrow = principal(torch.cat(units), rows.flatten(1)[:, used].cpu(), k)
    vectors = torch.zeros(len(narrow.vectors), len(used))
    vectors[:, used.cpu()] = narrow.vectors
    if not len(vectors):
        raise UserError(f"the first layer of this run’s generator does not change with {name}: it has no directions")
    return Directions(vectors, narrow.shares)


def count(width: int) -> int:
    """How many rows of noise directions are found with, whose activations have so many units."""
    return max(CHUNK, min(ROWS, UNITS // width))


def _factors(first: FirstLayer, name: str, k: int) -> Directions:
    if first.x.numel() > WIDEST:
        raise UserError(
            f"the first layer has {first.x.numel():,} inputs, too many for factors of {name}: pca is for it"
        )
    return factorised(weight(first), k)


def drawing(model: Model, sample: Mapping[str, Tensor], name: str) -> Callable[[Tensor], Tensor]:
    """One noise -> images in [-1, 1], with all other noise that of the one sample."""
    inputs = model.generator.inputs
    rest = dict(zip(inputs, model.noise(1, model.noise_of_seed(0)), strict=True))
    rest |= {each: z.to(model.device) for each, z in sample.items()}

    def draw(z: Tensor) -> Tensor:
        return model.generator(
            *(z if each == name else rest[each].expand(len(z), *rest[each].shape[1:]) for each in rest)
        )

    return draw


def _draw(model: Model, samples: Mapping[str, Tensor], name: str, values: Tensor, found: Rows) -> None:
    """Adds a row of images for each sample: `values` (n, steps, *d) of the one noise, the sample's of all other."""
    n, steps = values.shape[:2]
    noise = {each: z.repeat_interleave(steps, 0) for each, z in samples.items()}
    images = model.decode({**noise, name: values.flatten(0, 1)})
    found.images.extend(images.unflatten(0, (n, steps)))
