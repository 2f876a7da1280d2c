"""Sheets with signs between their images."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import UInt8
from torch import Tensor

Symbol = Literal["plus", "minus", "equals", "nothing"]


def symbol(which: Symbol, like: UInt8[Tensor, "c h w"]) -> UInt8[Tensor, "1 c h w"]:
    """A tile of a sheet that says how its neighbours are combined."""
    tile = torch.full_like(like, 128)
    h, w = like.shape[1:]
    bar, thick = slice(w // 4, w - w // 4), max(1, h // 14)

    def across(middle: int) -> None:
        tile[:, max(0, middle - thick) : middle + thick, bar] = 255

    if which in ("plus", "minus"):
        across(h // 2)
    if which == "plus":
        tile[:, h // 4 : h - h // 4, max(0, w // 2 - thick) : w // 2 + thick] = 255
    if which == "equals":
        across(h // 2 - h // 8)
        across(h // 2 + h // 8)
    return tile[None]


def laid_out(rows: Sequence[UInt8[Tensor, "k c h w"]]) -> tuple[UInt8[Tensor, "n c h w"], int]:
    """The rows of a sheet, filled up to the longest, and how many columns there are."""
    columns = max(map(len, rows))
    blank = symbol("nothing", rows[0][0])
    return torch.cat([torch.cat([row, *[blank] * (columns - len(row))]) for row in rows]), columns
