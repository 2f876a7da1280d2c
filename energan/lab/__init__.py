"""The laboratory: studies that show, with error bars, that the systems do what their papers prove.

`energan lab NAME` runs one. Its flags are its arguments.
"""

from collections.abc import Callable

from energan.lab.few_labels.few_labels import few_labels
from energan.lab.fgan_1d import fgan_1d
from energan.lab.modes.modes import grid, published, ring
from energan.lab.theorems.theorems import theorems
from energan.lab.vanishing.vanishing import vanishing

STUDIES: dict[str, Callable[..., None]] = {
    "few-labels": few_labels,
    "fgan-1d": fgan_1d,
    "grid": grid,
    "published": published,
    "ring": ring,
    "theorems": theorems,
    "vanishing": vanishing,
}
