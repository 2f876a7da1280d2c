"""The judge of worded MNIST: from an image's pixels alone, which words are true of it.

    ink        the largest of the channels, 0..1
    colour     the nearest of the eight to the sum of the inked pixels; of both, the largest channel is 255
    thickness  2 sum(ink) / sum |grad ink|: a stroke's area over half its outline, in pixels
    slant      cov(x, y) / var(y) of the ink: how far a line of it moves to the right a pixel down
    position   the nearest of the five places to the ink's centroid
    digit      by the MNIST classifier that is shipped, once the ink is upright, in the middle, 20 pixels long

No network is asked but for the digit. The limits between words lie in the middle of what training images of both
measure. Its accuracy on real images is `agreement` of those: docs/data.md has the table.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from energan.data.named.captioned.worded_mnist import COLOURS, PLACES, SIDE
from energan.data.named.captioned.wording import FACTS, VALUES, Facts
from energan.metrics.features.catalog import describe
from energan.utils.errors import UserError

FAINT = 0.08  # ink below it is none: a generator's background is never quite black

THIN, THICK = 1.65, 2.65  # pixels: where thin ends and thick begins

UPRIGHT = 0.2  # the slope up to which ink is upright

LONG = 20  # pixels of MNIST's digits


class Measured(NamedTuple):
    """What n images measure."""

    colour: Float[Tensor, "n 3"]  # mean of the ink's, as bright as can be: its largest channel is 255
    thickness: Float[Tensor, " n"]  # pixels
    slope: Float[Tensor, " n"]
    centroid: Float[Tensor, "n 2"]  # x, y from the middle, in pixels


def measured(images: UInt8[Tensor, "n 3 32 32"]) -> Measured:
    """Colour, thickness, slope and place of the ink. An image without ink measures 0 in all."""
    ink = _ink(images)
    total = ink.sum((1, 2)).clamp(min=1e-6)
    colour = _bright((images * (ink > 0)[:, None]).double().sum((2, 3)))
    outline = F.pad(ink, (1, 1, 1, 1))
    across, down = outline[:, 1:, 1:] - outline[:, 1:, :-1], outline[:, 1:, 1:] - outline[:, :-1, 1:]
    length = (across.square() + down.square()).sqrt().sum((1, 2)).clamp(min=1e-6)
    x, y = (_places(c, ink) for c in (2, 1))
    centroid = torch.stack([(c * ink).sum((1, 2)) / total for c in (x, y)], 1)
    u, v = x - centroid[:, 0, None, None], y - centroid[:, 1, None, None]
    slope = (u * v * ink).sum((1, 2)) / (v * v * ink).sum((1, 2)).clamp(min=1e-6)
    return Measured(colour, 2 * ink.sum((1, 2)) / length, slope, centroid)


def judge(images: UInt8[Tensor, "n 3 32 32"]) -> list[Facts]:
    """What is true of each image, every fact by its word.

    Args:
        images: bytes on black, as worded MNIST's; a generator's, scaled to bytes.

    Returns:
        The facts of each, none of them "".

    Raises:
        UserError: for anything but uint8 images (n, 3, 32, 32).
    """
    found = measured(_checked(images))
    colour = _nearest(found.colour, _bright(torch.tensor(list(COLOURS.values()), dtype=torch.float64)))
    position = _nearest(found.centroid, torch.tensor(list(PLACES.values())))
    thickness = (found.thickness > THIN).long() + (found.thickness > THICK).long()
    slant = (found.slope < UPRIGHT).long() + (found.slope < -UPRIGHT).long()
    digit = describe(normalised(images, found.slope), "mnist", str(images.device)).logits
    assert digit is not None  # the classes are the digits
    columns = (colour, thickness, slant, position, digit.argmax(1))
    words = [[VALUES[fact][i] for i in column.tolist()] for fact, column in zip(FACTS, columns, strict=True)]
    return [Facts(*row) for row in zip(*words, strict=True)]


def agreement(images: UInt8[Tensor, "n 3 32 32"], asked: Sequence[Facts]) -> dict[str, float]:
    """How many of the words that were asked for are true of the images.

    Args:
        images: uint8 (n, 3, 32, 32).
        asked: what each image should show (`facts` of its sentence); "" asks for nothing.

    Returns:
        The share of images that obey, by fact, of those that were asked for it: 0..1; NaN where none was. "all": the
        share of images that obey every word.

    Raises:
        UserError: for images of another kind, and unless there are as many `asked`.

    Example:
        >>> from energan.data import load
        >>> from energan.data.named.captioned.wording import facts
        >>> real = load("worded-mnist", "test")
        >>> shares = agreement(real.images[:100], [facts(said[0]) for said in real.captions[:100]])
        >>> shares["colour"], shares["position"] > 0.9
        (1.0, True)
    """
    if len(asked) != len(images):
        raise UserError(f"{len(images)} images were asked for by as many sentences, not {len(asked)}")
    seen = judge(images)
    shares: dict[str, float] = {}
    for fact in FACTS:
        pairs = [(getattr(a, fact), getattr(s, fact)) for a, s in zip(asked, seen, strict=True) if getattr(a, fact)]
        shares[fact] = sum(a == s for a, s in pairs) / len(pairs) if pairs else float("nan")
    obeyed = [all(a in ("", s) for a, s in zip(*pair, strict=True)) for pair in zip(asked, seen, strict=True)]
    shares["all"] = sum(obeyed) / len(obeyed)
    return shares


def normalised(images: UInt8[Tensor, "n 3 32 32"], slope: Float[Tensor, " n"]) -> UInt8[Tensor, "n 1 32 32"]:
    """The ink as MNIST's digits are: grey, upright, its longer side 20 pixels, its centroid in the middle."""
    ink = _ink(images)
    total = ink.sum((1, 2)).clamp(min=1e-6)
    x, y = (_places(c, ink) for c in (2, 1))
    middle = torch.stack([(c * ink).sum((1, 2)) / total for c in (x, y)], 1)
    v = y - middle[:, 1, None, None]
    u = x - middle[:, 0, None, None] - slope[:, None, None] * v
    dark = ink > 0.5 * ink.amax((1, 2), keepdim=True)
    spans = [torch.where(dark, c, -99.0).amax((1, 2)) - torch.where(dark, c, 99.0).amin((1, 2)) + 1 for c in (u, v)]
    scale = torch.maximum(*spans).clamp(4, SIDE) / LONG  # pixels here for one there
    theta = torch.zeros(len(ink), 2, 3, dtype=ink.dtype, device=ink.device)
    theta[:, 0, 0], theta[:, 0, 1], theta[:, 1, 1] = scale, scale * slope, scale
    theta[:, :, 2] = middle / (SIDE / 2)
    grid = F.affine_grid(theta, [len(ink), 1, SIDE, SIDE], align_corners=False)
    grey = F.grid_sample(ink[:, None], grid, align_corners=False)
    return (255 * grey / grey.amax((2, 3), keepdim=True).clamp(min=1e-6)).round().to(torch.uint8)


def _ink(images: UInt8[Tensor, "n 3 32 32"]) -> Float[Tensor, "n 32 32"]:
    """The largest channel, by the largest of the image, without what is faint."""
    strongest = images.amax(1).double()
    ink = strongest / strongest.amax((1, 2), keepdim=True).clamp(min=1)
    return torch.where(ink < FAINT, 0.0, ink)


def _places(axis: int, ink: Tensor) -> Float[Tensor, "1 a b"]:
    """The pixels' places along an axis (1: y, 2: x), from the middle."""
    shape = [1, 1, 1]
    shape[axis] = SIDE
    return (torch.arange(SIDE, dtype=ink.dtype, device=ink.device) - (SIDE - 1) / 2).view(shape)


def _bright(colours: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return 255 * colours / colours.amax(1, keepdim=True).clamp(min=1e-6)


def _nearest(found: Float[Tensor, "n d"], prototypes: Tensor) -> Tensor:
    return torch.cdist(found, prototypes.to(found)).argmin(1)


def _checked(images: Tensor) -> UInt8[Tensor, "n 3 32 32"]:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] != (3, SIDE, SIDE):
        raise UserError(
            f"worded MNIST is uint8 images of shape (n, 3, {SIDE}, {SIDE}), not {images.dtype} {tuple(images.shape)}"
        )
    return images
