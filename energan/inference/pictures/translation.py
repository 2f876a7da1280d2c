"""What a trained system makes of pictures: of any size, padded to what its nets take and cut back."""

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Num, UInt8
from torch import Tensor, nn
from torch.nn.functional import pad

from energan.data.pixels import to_bytes, to_unit
from energan.engine.game import Batch, Game, Players, Translation
from energan.inference.chunks import chunk_size, fitting
from energan.utils.errors import UserError

FIRST = "xy"  # the way that every system goes


def ways(game: Game) -> Mapping[str, Translation]:
    """What the game makes of pictures, by the letters of the domains. UserError where it makes nothing of them."""
    if not game.translate:
        raise UserError("this run's system makes nothing of pictures: train pix2pix, cyclegan or srgan (energan list)")
    return game.translate


def way_of(game: Game, way: str) -> Translation:
    """One of the `ways`. UserError for a way that the game does not go."""
    there = ways(game)
    if way not in there:
        raise UserError(f"this run's system goes the way {' and '.join(there)}, and not {way!r}")
    return there[way]


class TranslationModule(nn.Module):
    """One way of the game as a module: b.x (n, c, h, w) in [-1, 1], and its noise, -> images in [-1, 1].

    only: the names of the noise that it takes, where it is not to take all.
    """

    def __init__(
        self, game: Game, nets: dict[str, nn.Module], way: str = FIRST, only: tuple[str, ...] | None = None
    ) -> None:
        super().__init__()
        self.nets = nn.ModuleDict(nets)
        self._read = way_of(game, way).read
        self.inputs = ("x", *(game.noise if only is None else only))

    def forward(self, *values: Tensor) -> Tensor:
        return self._read(Players(dict(self.nets)), Batch(dict(zip(self.inputs, values, strict=True))))


def of_what_it_reads(
    game: Game, nets: dict[str, nn.Module], way: str, x: Tensor
) -> tuple[TranslationModule, dict[str, Tensor]]:
    """The way without noise that it does not read, as CycleGAN's pools', and its inputs for as many rows as x has."""
    generator, values = torch.Generator().manual_seed(0), {"x": x}
    only: tuple[str, ...] = ()
    for name, draw in game.noise.items():
        without = TranslationModule(game, nets, way, tuple(n for n in game.noise if n != name)).eval()
        others = [other(torch.Generator().manual_seed(0), len(x)) for n, other in game.noise.items() if n != name]
        try:
            without(x, *others)
        except AttributeError:  # the batch has no such entry: it is read
            only, values[name] = (*only, name), draw(generator, len(x))
    return TranslationModule(game, nets, way, only).eval(), values


def translated(
    game: Game,
    nets: dict[str, nn.Module],
    pixels: Num[Tensor, "n c h w"],
    way: str,
    generator: Callable[[], torch.Generator],
) -> UInt8[Tensor, "n c2 h2 w2"]:
    """What becomes of pictures of one size, on the scale 0..255; theirs times the way's scale comes out.

    Borders are reflected up to the next multiple that the nets take, and cut off again. Each picture gets the first row
    of the generator's noise, whatever pictures stand beside it.
    """
    one, module = way_of(game, way), TranslationModule(game, nets, way).eval()
    drawn = generator()
    h, w = pixels.shape[2:]
    rows = [draw(drawn, 1) for draw in game.noise.values()]
    made = []
    with fitting(pixels):
        for x in pixels.split(chunk_size(h * w)):
            noise = [row.expand(len(x), *row.shape[1:]) for row in rows]
            y = module(padded(to_unit(x.to(drawn.device)), one.multiple), *noise)
            made.append(to_bytes(y[..., : h * one.scale, : w * one.scale]).cpu())
    return torch.cat(made).contiguous()


def padded(x: Float[Tensor, "n c h w"], multiple: int) -> Float[Tensor, "n c h2 w2"]:
    """The images with more rows below and columns to the right, up to multiples: reflections of the border.

    >>> padded(torch.arange(3.0).view(1, 1, 1, 3).expand(1, 1, 3, 3), 4)[0, 0, 0].tolist()
    [0.0, 1.0, 2.0, 1.0]
    """
    while True:
        h, w = x.shape[2:]
        more = [math.ceil(side / multiple) * multiple - side for side in (h, w)]
        if not any(more):
            return x
        if min(h, w) == 1:
            return pad(x, (0, more[1], 0, more[0]), mode="replicate")
        now = [min(extra, side - 1) for extra, side in zip(more, (h, w), strict=True)]  # a reflection is no longer
        x = pad(x, (0, now[1], 0, now[0]), mode="reflect")
