"""The laboratory: studies that show, with error bars, that the systems do what their papers prove.

`energan lab NAME` runs one. Its flags are its arguments. Nothing heavy is imported before one is called.
"""

from collections.abc import Callable

from energan.lab.modes import grid, ring

STUDIES: dict[str, Callable[..., None]] = {"grid": grid, "ring": ring}
