"""Checks of the metrics' tensors, each failure in one sentence."""

import torch
from jaxtyping import Float
from torch import Tensor

from energan.utils.errors import UserError


def check_rows(x: Float[Tensor, "n d"], what: str, least: int = 1) -> None:
    """Raise UserError unless x is a floating (n >= least, d) tensor of finite numbers."""
    if not x.is_floating_point() or x.ndim != 2:
        raise UserError(f"{what} must be a floating (n, d) tensor, not {x.dtype} {tuple(x.shape)}")
    if len(x) < least:
        raise UserError(f"{what} has {len(x)} rows, but this measure needs at least {least}: give more samples")
    if not bool(x.isfinite().all()):
        raise UserError(f"{what} has NaN or infinite values: the model that made it has diverged")


def check_pair(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], what: tuple[str, str], least: int = 1) -> None:
    """Raise UserError unless both pass `check_rows` and have the same width."""
    check_rows(a, what[0], least)
    check_rows(b, what[1], least)
    if a.shape[1] != b.shape[1]:
        raise UserError(f"{what[0]} and {what[1]} must be equally wide, not {a.shape[1]} and {b.shape[1]}")


def check_probabilities(p: Float[Tensor, "n k"]) -> None:
    """Raise UserError unless each row of p is a distribution over k >= 2 classes (sums to 1 within 1e-3)."""
    check_rows(p, "the table of class probabilities")
    sums = p.sum(1, dtype=torch.float64)
    if p.shape[1] < 2 or bool((p < 0).any()) or bool(((sums - 1).abs() > 1e-3).any()):
        raise UserError(
            "each row of class probabilities must be at least 0 and sum to 1, over 2 classes or more: "
            "apply a softmax to logits first"
        )
