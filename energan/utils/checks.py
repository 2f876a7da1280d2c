"""Range checks of parameters. Each raises a UserError that names the parameter."""

import math
import operator
from collections.abc import Callable
from typing import Any

from energan.utils.errors import UserError


def positive(**values: float) -> None:
    """UserError unless every value is above 0 (and finite)."""
    for name, value in values.items():
        if not _holds(value, lambda v: 0 < v < math.inf):
            raise UserError(f"`{name}` must be above 0, got {value!r}")


def not_negative(**values: float) -> None:
    """UserError unless every value is 0 or above (and finite)."""
    for name, value in values.items():
        if not _holds(value, lambda v: 0 <= v < math.inf):
            raise UserError(f"`{name}` must be 0 or above, got {value!r}")


def fraction(**values: float) -> None:
    """UserError unless every value is in [0, 1): a decay, a rate of dropout, a share of a target."""
    for name, value in values.items():
        if not _holds(value, lambda v: 0 <= v < 1):
            raise UserError(f"`{name}` must be 0 or above and below 1, got {value!r}")


def share(**values: float) -> None:
    """UserError unless every value is in [0, 1]: a share of the steps."""
    for name, value in values.items():
        if not _holds(value, lambda v: 0 <= v <= 1):
            raise UserError(f"`{name}` is a share of the steps, 0 to 1, got {value!r}")


def at_least(least: float, **values: float) -> None:
    """UserError unless every value is `least` or more."""
    for name, value in values.items():
        if not _holds(value, lambda v: v >= least):
            raise UserError(f"`{name}` must be {least} or more, got {value!r}")


def usable_seed(seed: int, name: str = "seed") -> None:
    """UserError unless both torch and NumPy take the seed."""
    if not _holds(seed, lambda v: 0 <= v < 2**63):
        raise UserError(f"`{name}` must be from 0 to 2^63 - 1, got {seed!r}")


def _holds(value: Any, compare: Callable[[Any], bool]) -> bool:
    """Whether the comparison holds; none does of what is no number."""
    try:
        return bool(compare(value))
    except (TypeError, ValueError, RuntimeError):
        return False


def whole(name: str, value: Any) -> int:
    """The value as an int. UserError unless it is a whole number (of Python, NumPy or torch)."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise UserError(f"`{name}` must be a whole number, got {value!r}") from None
