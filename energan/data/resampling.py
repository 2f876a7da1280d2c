"""Pictures made smaller and larger by whole factors: bicubically, as MATLAB's imresize does."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from energan.data.image_set import ImageSet
from energan.utils.checks import at_least
from energan.utils.errors import UserError

AT_ONCE = 1 << 24  # numbers resampled at a time, which bounds the memory


def bicubic(x: Float[Tensor, "n c h w"], size: tuple[int, int]) -> Float[Tensor, "n c h2 w2"]:
    """The pictures in another size, by Keys' cubic (a = -1/2), which is stretched where they become smaller.

    MATLAB's imresize but for the outermost pixels, where MATLAB mirrors the picture. Values may leave the range.
    """
    return F.interpolate(x, size=size, mode="bicubic", antialias=True)


def reduced(images: UInt8[Tensor, "n c h w"], scale: int) -> UInt8[Tensor, "n c h2 w2"]:
    """Pictures a whole number of times smaller, in bytes again: what super-resolution is to undo.

    Args:
        images: whose sides are multiples of `scale`.
        scale: how many times smaller.

    Returns:
        (n, c, h / scale, w / scale).

    Raises:
        UserError: for other sides; `cropped_to_multiple` makes them fit.

    Example:
        >>> reduced(torch.full((1, 3, 8, 8), 7, dtype=torch.uint8), 4).unique().tolist()
        [7]
    """
    at_least(1, scale=scale)
    h, w = images.shape[2:]
    if h % scale or w % scale or not h or not w:
        raise UserError(
            f"pictures of {h} x {w} cannot become {scale} times smaller: their sides are no multiples of it"
        )
    return _resampled(images, (h // scale, w // scale))


def enlarged(images: UInt8[Tensor, "n c h w"], scale: int) -> UInt8[Tensor, "n c h2 w2"]:
    """Pictures a whole number of times larger, without any network: what one is to be better than.

    Example:
        >>> enlarged(torch.full((1, 3, 2, 2), 7, dtype=torch.uint8), 2).shape
        torch.Size([1, 3, 4, 4])
    """
    at_least(1, scale=scale)
    h, w = images.shape[2:]
    return _resampled(images, (h * scale, w * scale))


def cropped_to_multiple(images: UInt8[Tensor, "n c h w"], multiple: int) -> UInt8[Tensor, "n c h2 w2"]:
    """The centre of pictures whose sides are multiples; where the margin is odd, more is cut off at the end.

    Raises:
        UserError: for pictures that are smaller than `multiple`.

    Example:
        >>> cropped_to_multiple(torch.arange(5, dtype=torch.uint8).reshape(1, 1, 1, 5).repeat(1, 1, 2, 1), 2)[0, 0, 0]
        tensor([0, 1, 2, 3], dtype=torch.uint8)
    """
    h, w = images.shape[2:]
    if min(h, w) < multiple:
        raise UserError(f"pictures of {h} x {w} are too small: {multiple} x {multiple} pixels are the least")
    top, left = h % multiple // 2, w % multiple // 2
    return images[..., top : top + h - h % multiple, left : left + w - w % multiple]


def smaller_pairs(data: ImageSet, scale: int) -> ImageSet:
    """Pairs of a small picture and the large one that it was made from.

    Args:
        data: pictures, of which the outermost pixels are cut off where their sides are no multiples.
        scale: how many times smaller the small ones are.

    Returns:
        The set whose `images` are small and whose `targets` are what they were.

    Example:
        >>> images = torch.zeros(2, 1, 9, 8, dtype=torch.uint8)
        >>> pairs = smaller_pairs(ImageSet(images, None, "blank", (), "made here", "", ()), 4)
        >>> tuple(pairs.images.shape), tuple(pairs.targets.shape)
        ((2, 1, 2, 2), (2, 1, 8, 8))
    """
    targets = cropped_to_multiple(data.images, scale)
    source = f"{data.source}, beside {scale} times smaller ones"
    return data._replace(images=reduced(targets, scale), targets=targets, paired=True, source=source)


def _resampled(images: UInt8[Tensor, "n c h w"], size: tuple[int, int]) -> UInt8[Tensor, "n c h2 w2"]:
    largest = images.shape[1] * max(images.shape[2] * images.shape[3], size[0] * size[1], 1)
    chunks = images.split(max(1, AT_ONCE // largest))
    return torch.cat([bicubic(x.float(), size).round().clamp(0, 255).to(torch.uint8) for x in chunks])
