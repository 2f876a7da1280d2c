"""Equality of numbers relative to their scale, which holds on any processor."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from energan.engine import leaves

Tree = Mapping[str, "Tensor | Tree"]


def assert_close_to_scale(
    actual: Tensor | Tree, expected: Tensor | Tree, rtol: float = 1e-9, floor: float = 1e-3
) -> None:
    """max |actual - expected| <= rtol * max |expected|, for a tensor or a tree of tensors with the same leaves.

    The scale is that of the whole tree: a bias near 0 is summed from values as large as the other weights. It is
    taken to be at least `floor`, so that values which are 0 up to rounding may differ by rtol * floor.
    """
    if isinstance(actual, Tensor) and isinstance(expected, Tensor):
        actual, expected = {"": actual}, {"": expected}
    pairs, wanted = dict(leaves(actual)), dict(leaves(expected))
    assert pairs.keys() == wanted.keys()
    atol = rtol * max(floor, scale(wanted.values()))
    for key, value in pairs.items():
        torch.testing.assert_close(value, wanted[key], rtol=0, atol=atol, msg=lambda m, k=key: f"{k}: {m}")


def scale(tensors: Iterable[Tensor]) -> float:
    """The largest absolute value among the tensors of floating-point numbers."""
    return max((float(v.detach().abs().max()) for v in tensors if v.is_floating_point() and v.numel()), default=0.0)


def assert_states_close(actual: Tree, expected: Tree, rtol: float = 1e-9) -> None:
    """assert_close_to_scale of each part of a state: weights, moments and hyperparameters have scales of their own."""
    assert actual.keys() == expected.keys()
    for part, tree in expected.items():
        assert_close_to_scale({part: actual[part]}, {part: tree}, rtol)


def assert_equal(actual: Tree, expected: Tree) -> None:
    """Both trees have the same leaves, bit for bit."""
    pairs, wanted = dict(leaves(actual)), dict(leaves(expected))
    assert pairs.keys() == wanted.keys()
    assert not [key for key, value in wanted.items() if not torch.equal(pairs[key], value)]
