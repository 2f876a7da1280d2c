"""Numbers that somebody typed. A page that was not written here may send anything in the place of one."""

from energan.utils.errors import UserError

LARGEST = 2**31 - 1


def number(value: object, name: str, low: float, high: float) -> float:
    """The number that somebody typed. UserError for none, and for one outside the bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UserError(f"{name} is a number from {low:g} to {high:g}")
    return float(value)


def whole(value: object, name: str, low: int = 0, high: int = LARGEST) -> int:
    """The whole number that somebody typed. UserError for none, and for one outside the bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high or value != int(value):
        raise UserError(f"{name} is a whole number from {low} to {high}")
    return int(value)
