"""The noise of a system as users hand it over: which of it the generator reads, and whether its rows are sound."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.engine.game import Game
from energan.engine.isolation import isolated
from energan.inference.modules import generator_of_what_it_reads
from energan.utils.errors import UserError


@isolated(gradients=False)
def decoded_names(game: Game, nets: dict[str, nn.Module], values: Sequence[Tensor]) -> tuple[str, ...]:
    """The names of the noise that `sample` reads; what training alone reads is none of it.

    values: a few rows of each of `inputs`.
    """
    return generator_of_what_it_reads(game, nets, values)[0].inputs


def checked_noise(noise: Mapping[str, Tensor], of: Mapping[str, Tensor]) -> int:
    """The number of rows of the noise.

    of: a row of all that the generator reads, by name.
    UserError for another name, for rows that are not as many of each or not of that width, and for what is not finite.
    """
    known = ", ".join(of)
    if not noise:
        raise UserError(f"there is no noise to draw images from: give one or more of {known}")
    for name, rows in noise.items():
        if name not in of:
            raise UserError(f"this run's generator reads no noise {name!r}; it reads {known}")
        shape = tuple(of[name].shape[1:])
        if not isinstance(rows, Tensor) or tuple(rows.shape[1:]) != shape or not rows.ndim:
            got = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
            raise UserError(f"the noise {name} is a tensor of rows of shape {shape}, not {got}")
        if not bool(rows.isfinite().all()):
            raise UserError(f"the noise {name} has NaN or infinite values")
    counts = {name: len(rows) for name, rows in noise.items()}
    if len(set(counts.values())) > 1:
        raise UserError(f"the noise has as many rows of each name, not {counts}")
    return next(iter(counts.values()))


def as_drawn(game: Game, codes: Mapping[str, Float[Tensor, "n d"]]) -> dict[str, Float[Tensor, "n d"]]:
    """What was read from images, as noise that could have been drawn: a category is the likeliest one, one-hot."""
    kinds = {name: code.kind for name, code in (game.encode or {}).items()}
    return {name: likeliest(rows) if kinds[name] == "category" else rows for name, rows in codes.items()}


def likeliest(probabilities: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """One-hot rows of the greatest entries.

    >>> likeliest(torch.tensor([[0.2, 0.8], [0.5, 0.5]])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return torch.zeros_like(probabilities).scatter_(1, probabilities.argmax(1, keepdim=True), 1.0)
