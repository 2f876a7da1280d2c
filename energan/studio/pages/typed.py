"""Numbers that somebody typed. A page that was not written here may send anything in the place of one."""

import re

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


def rate_of(text: str) -> str:
    """The rate that was typed, "" for none. UserError for what is no such number.

    >>> rate_of(" 1e-3 "), rate_of("")
    ('0.001', '')
    """
    if not text.strip():
        return ""
    try:
        rate: float | None = float(text)
    except ValueError:
        rate = None
    rate = number(rate, "the rate", 1e-12, 1e3)
    return f"{rate:g}"


def advised_rate(verdict: str) -> str:
    """The rate of the command that a verdict ends with, "" for none.

    >>> advised_rate("It diverged: energan restart RUN --from best --lr 0.00033")
    '0.00033'
    """
    rate = re.search(r"restart .*--lr ([0-9.e+-]+[0-9])", verdict)
    return rate.group(1) if rate else ""
