"""Range checks of parameters. Each raises a UserError that names the parameter."""

import math

from energan.utils.errors import UserError


def positive(**values: float) -> None:
    """UserError unless every value is above 0 (and finite)."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise UserError(f"`{name}` must be above 0, got {value}")


def not_negative(**values: float) -> None:
    """UserError unless every value is 0 or above (and finite)."""
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise UserError(f"`{name}` must be 0 or above, got {value}")


def fraction(**values: float) -> None:
    """UserError unless every value is in [0, 1): a decay, a rate of dropout, a share of a target."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise UserError(f"`{name}` must be 0 or above and below 1, got {value}")


def share(**values: float) -> None:
    """UserError unless every value is in [0, 1]: a share of the steps."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise UserError(f"`{name}` is a share of the steps, 0 to 1, got {value}")


def at_least(least: float, **values: float) -> None:
    """UserError unless every value is `least` or more."""
    for name, value in values.items():
        if not value >= least:
            raise UserError(f"`{name}` must be {least} or more, got {value}")


def usable_seed(seed: int, name: str = "seed") -> None:
    """UserError unless both torch and NumPy take the seed."""
    if not 0 <= seed < 2**63:
        raise UserError(f"`{name}` must be from 0 to 2^63 - 1, got {seed}")
