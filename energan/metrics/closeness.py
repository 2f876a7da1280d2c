"""How close pictures are to the ones that they should be, pixel by pixel: L1, PSNR, SSIM, on bytes.

a, b: uint8 (n, c, h, w) of one shape; picture i of a is compared with picture i of b.  All are blind to what is seen:
a blurred picture scores better than a sharp one whose edges are a pixel off (Blau & Michaeli 2018, arXiv:1711.06077).

Of pictures with an opacity (data.load), L1 is of all four channels; PSNR and SSIM are of the first three, what is seen.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from energan.utils.errors import UserError

PEAK = 255.0  # of bytes, and of luma too, as in MATLAB's psnr and ssim of bytes

MOST_DB = 100.0  # of one picture: an equal one has no finite PSNR

WINDOW, SIGMA = 11, 1.5  # pixels a side of SSIM's window, and its standard deviation

K1, K2 = 0.01, 0.03  # of SSIM: they keep its quotients finite

PIXELS = 1 << 21  # compared at once, which bounds the memory


def l1(a: UInt8[Tensor, "n c h w"], b: UInt8[Tensor, "n c h w"]) -> float:
    """The mean absolute difference of pixels, which go from 0 to 1.

    Args:
        a: n pictures.
        b: what they should be.

    Returns:
        The difference, 0 (equal) to 1.

    Raises:
        UserError: for no pictures, other shapes, or no bytes.

    Example:
        >>> l1(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), torch.full((1, 1, 2, 2), 51, dtype=torch.uint8))
        0.2
    """
    return _mean([(x - y).abs().mean((1, 2, 3)) / PEAK for x, y in _compared(a, b, 0, False, opacity=True)])


def psnr(a: UInt8[Tensor, "n c h w"], b: UInt8[Tensor, "n c h w"], *, border: int = 0, luma: bool = False) -> float:
    """The peak signal-to-noise ratio 10 log10(255^2 / MSE) of each picture, then the mean of pictures.

    Args:
        a: n pictures.
        b: what they should be.
        border: pixels left out at each side: of super-resolution, its factor.
        luma: compare `luma` of both, as super-resolution does, in place of all channels.

    Returns:
        The ratio in dB.  One picture counts for 100 dB at most, which two equal ones do.

    Raises:
        UserError: as `l1`, and for a border that leaves no pixel.

    Example:
        >>> off_by_one = torch.ones(1, 1, 8, 8, dtype=torch.uint8)
        >>> round(psnr(off_by_one, off_by_one + 1), 2)
        48.13
    """
    errors = [(x - y).square().mean((1, 2, 3)) for x, y in _compared(a, b, border, luma)]
    return _mean([(10 * (PEAK**2 / mse).log10()).clamp(max=MOST_DB) for mse in errors])


def ssim(a: UInt8[Tensor, "n c h w"], b: UInt8[Tensor, "n c h w"], *, border: int = 0, luma: bool = False) -> float:
    """The structural similarity of Wang et al. 2004 (IEEE Trans. Image Process. 13), eq. 13; the mean of pictures.

        SSIM = (2 mu_a mu_b + C1) (2 sigma_ab + C2) / ((mu_a^2 + mu_b^2 + C1) (sigma_a^2 + sigma_b^2 + C2))

    mu, sigma under a Gaussian window of 11 x 11 pixels, sigma 1.5; C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2.  As in the
    authors' code only windows inside the picture count: torchmetrics', whose mean counts mirrored pixels too, less its
    margin.  Nothing is downsampled first.  Of several channels it is the mean of theirs.

    Args:
        a: n pictures.
        b: what they should be.
        border: pixels left out at each side, before any window is laid.
        luma: compare `luma` of both in place of all channels.

    Returns:
        The similarity, at most 1, which two equal pictures have; around 0 for unrelated ones.

    Raises:
        UserError: as `l1`, and for fewer than 11 x 11 pixels within the border.

    Example:
        >>> picture = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
        >>> round(ssim(picture, picture), 6), ssim(picture, 255 - picture) < 0
        (1.0, True)
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    margin = WINDOW // 2
    means = []
    for x, y in _compared(a, b, border, luma, least=WINDOW):
        _, of_pixels = structural_similarity_index_measure(
            x, y, sigma=SIGMA, data_range=PEAK, k1=K1, k2=K2, reduction="none", return_full_image=True
        )
        means.append(of_pixels[..., margin:-margin, margin:-margin].mean((1, 2, 3)))
    return _mean(means)


def luma(rgb: UInt8[Tensor, "n c h w"]) -> Float64[Tensor, "n 1 h w"]:
    """Y of MATLAB's rgb2ycbcr (ITU-R BT.601), 16 (black) to 235 (white): 16 + (65.481 R + 128.553 G + 24.966 B) / 255.

    Args:
        rgb: (n, 3, h, w); grey ones (n, 1, h, w), which are colour pictures of equal channels; or with an opacity
            (n, 4, h, w), of which the first three are what is seen on white.

    Returns:
        Y, not rounded.  MATLAB's is, for bytes: half a level at most.

    Raises:
        UserError: for another number of channels, or no bytes.

    Example:
        >>> luma(torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)).flatten().tolist()
        [16.0, 235.0]
    """
    if rgb.ndim != 4 or rgb.dtype != torch.uint8 or rgb.shape[1] not in (1, 3, 4):
        raise UserError(f"luma is of grey or RGB bytes (n, 1, 3 or 4, h, w), not of {rgb.dtype} {tuple(rgb.shape)}")
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=torch.float64, device=rgb.device)
    rgb = rgb[:, :3]
    weights = weights if rgb.shape[1] == 3 else weights.sum()[None]
    return 16 + (rgb.double() * weights[:, None, None]).sum(1, keepdim=True) / PEAK


def _compared(
    a: UInt8[Tensor, "n c h w"],
    b: UInt8[Tensor, "n c h w"],
    border: int,
    of_luma: bool,
    least: int = 1,
    opacity: bool = False,
) -> Iterator[tuple[Float64[Tensor, "k c h w"], Float64[Tensor, "k c h w"]]]:
    """Both in float64, a few pictures at once, less the border; a fourth channel only where `opacity` is compared."""
    for x in (a, b):
        if x.dtype != torch.uint8 or x.ndim != 4 or not len(x):
            raise UserError(f"pictures to compare are bytes (n, c, h, w), one or more, not {x.dtype} {tuple(x.shape)}")
    if a.shape != b.shape:
        raise UserError(f"pictures to compare must be of one shape, not {tuple(a.shape)} and {tuple(b.shape)}")
    h, w = a.shape[2:]
    if border < 0 or min(h, w) - 2 * border < least:
        raise UserError(
            f"pictures of {h} x {w} less a border of {border} pixels are too small: this measure needs {least} x "
            f"{least} pixels or more"
        )
    if a.shape[1] == 4 and not opacity:
        a, b = a[:, :3], b[:, :3]
    inside = (..., slice(border, h - border), slice(border, w - border))
    at_once = max(1, PIXELS // a[0].numel())
    for x, y in zip(a[inside].split(at_once), b[inside].split(at_once), strict=True):
        yield (luma(x), luma(y)) if of_luma else (x.double(), y.double())


def _mean(of_pictures: list[Float64[Tensor, " k"]]) -> float:
    return float(torch.cat(of_pictures).mean())
