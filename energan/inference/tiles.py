"""Large pictures through a net in tiles that overlap so far that no seam is left: what a whole picture would become."""

import copy
from typing import NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from energan.engine.game import Batch, Game, Players
from energan.inference.model import Model
from energan.inference.pictures.translation import FIRST, way_of
from energan.utils.checks import at_least, not_negative
from energan.utils.console import counted
from energan.utils.errors import UserError

FIRST_SIDE, LAST_SIDE = 65, 513  # pixels of the pictures on which `reach` is looked for


class Tile(NamedTuple):
    """A part of a picture along one side: [start, stop) of what is kept, [low, high) of what the net sees."""

    start: int
    stop: int
    low: int
    high: int


def reach(game: Game, nets: dict[str, torch.nn.Module], channels: int, way: str = FIRST) -> int:
    """How far from a pixel of what comes out pixels of what goes in still have a say, in the latter's pixels.

    One pixel of a picture is no number; wherever it counts, the outcome is none. So nothing is overlooked, and the same
    holds of other pictures. It is looked for on the CPU, whose convolutions mix no distant pixels.

    Args:
        game: with `translate`.
        nets: in eval mode; they stay as they are.
        channels: of what goes in.
        way: from which domain to which.

    Raises:
        UserError: Every pixel counts everywhere, however large the picture: a norm over the whole of it.

    Example:
        >>> from energan.games.translation.srgan import srresnet
        >>> G = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 5, padding=2), torch.nn.Upsample(scale_factor=2))
        >>> reach(srresnet(G, scale=2), {"G": G}, channels=1)
        2
    """
    one = way_of(game, way)
    players = Players({name: copy.deepcopy(net).cpu().float().eval() for name, net in nets.items()})
    side = FIRST_SIDE
    while side <= LAST_SIDE:
        side = -(-side // one.multiple) * one.multiple
        x = torch.zeros(1, channels, side, side)
        middle = side // 2
        x[..., middle, middle] = torch.nan
        noise = {name: draw(torch.Generator().manual_seed(0), 1) for name, draw in game.noise.items()}
        with torch.no_grad():
            touched = one.read(players, Batch({"x": x, **noise})).isnan()[0].any(0)
        places = torch.nonzero(touched)  # (k, 2)
        first, last = int(places.min()) // one.scale, int(places.max()) // one.scale
        if first > 0 and last < side - 1:
            return max(middle - first, last - middle)
        side = 2 * side - 1
    raise UserError("this run's net sees each picture as a whole, so it cannot be used in tiles: give `tile` 0")


def tiles(length: int, side: int, overlap: int, multiple: int = 1) -> list[Tile]:
    """The parts of a length: each but the last keeps `side`, and sees `overlap` more, as far as there is more.

    >>> tiles(7, 4, 2)
    [Tile(start=0, stop=4, low=0, high=6), Tile(start=4, stop=7, low=2, high=7)]
    """
    parts = []
    for start in range(0, length, side):
        stop = min(length, start + side)
        low = max(0, start - overlap) // multiple * multiple
        high = min(length, -(-(stop + overlap) // multiple) * multiple)
        parts.append(Tile(start, stop, low, high))
    return parts


def translated_in_tiles(
    model: Model, picture: UInt8[Tensor, "c h w"], side: int = 128, *, overlap: int | None = None, quiet: bool = True
) -> UInt8[Tensor, "c2 h2 w2"]:
    """What `Model.translate` makes of a picture, in tiles, whose memory does not grow with it.

    Args:
        model: of a system that translates.
        picture: bytes, of any size.
        side: pixels a side of a tile; 0: the whole picture at once.
        overlap: pixels around it that the net sees, too; None: its `reach`, so that the outcome is that of the whole
            picture to rounding.
        quiet: no bar on stderr.

    Returns:
        The picture, of the system's scale.

    Raises:
        UserError: as `Model.translate` and `reach`.
    """
    one = way_of(model.game, FIRST)
    not_negative(tile=side)
    if not side:
        return model.translate(picture[None])[0]
    at_least(8, tile=side)
    side = -(-side // one.multiple) * one.multiple
    c, h, w = picture.shape
    if max(h, w) <= side:
        return model.translate(picture[None])[0]
    far = reach(model.game, model.nets, c) if overlap is None else overlap
    made: Tensor | None = None
    s = one.scale
    rows, columns = (tiles(length, side, far, one.multiple) for length in (h, w))
    parts = [(row, column) for row in rows for column in columns]
    for row, column in counted(parts, len(parts), "tiles", show=not quiet):
        seen = model.translate(picture[None, :, row.low : row.high, column.low : column.high])[0]
        if made is None:
            made = torch.empty(len(seen), h * s, w * s, dtype=torch.uint8)
        top, left = (row.start - row.low) * s, (column.start - column.low) * s
        kept = seen[:, top : top + (row.stop - row.start) * s, left : left + (column.stop - column.start) * s]
        made[:, row.start * s : row.stop * s, column.start * s : column.stop * s] = kept
    assert made is not None
    return made
