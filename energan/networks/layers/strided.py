"""Convolutions of 4 x 4 with stride 2 and padding 1, "4c2s", each pass the faster of two equal ways.

    Halve    x (n, a, 2 h, 2 w) -> y (n, b, h, w),  w (b, a, 4, 4)      an `nn.Conv2d(a, b, 4, 2, 1)`
    Double   x (n, a, h, w) -> y (n, b, 2 h, 2 w),  w (a, b, 4, 4)      its adjoint, `nn.ConvTranspose2d(a, b, 4, 2, 1)`

In bfloat16 on processors torch's library (oneDNN) is far from what a product of matrices reaches in two places:

    the gradient of w, where small maps have many channels: here one product, dw = dy^T [strided patches of x]
    what goes to few channels (Double's y, Halve's dx): here a 3 x 3 convolution to each of the four pixels that a place
        becomes, which are then laid side by side ("sub-pixel convolution")

The other passes, other precisions and devices, second derivatives, compiled and batched (vmap) programs are torch's.
The ways are chosen by shape alone, so that a run repeats and resumes to the last bit; docs/results/speed.md has what
was measured. They sum the same products in another order: results differ by rounding.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad, pixel_shuffle

FEW = 4  # channels: of images, with opacity
MANY = 64  # channels of the larger maps, from which on patches are the faster way
PLACES = 8 * 8  # of the smaller maps, up to which they are

_BACKWARD = torch.ops.aten.convolution_backward.default
_ROWS = ((3, 1, 4), (4, 2, 0))  # the row of w that reaches an even, an odd row of y from the place above, here, below
# 4: a row of zeros


class Halve(nn.Conv2d):
    """Conv2d(inputs, outputs, 4, 2, 1): (n, inputs, 2 h, 2 w) -> (n, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 4, 2, 1, bias=bias)

    def forward(self, x: Float[Tensor, "n a H W"]) -> Float[Tensor, "n b h w"]:
        return halve(x, self.weight, self.bias)


class Double(nn.ConvTranspose2d):
    """ConvTranspose2d(inputs, outputs, 4, 2, 1): (n, inputs, h, w) -> (n, outputs, 2 h, 2 w)."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 4, 2, 1, bias=bias)

    def forward(self, x: Float[Tensor, "n a h w"], output_size: list[int] | None = None) -> Float[Tensor, "n b H W"]:
        if not _by_us(x) or output_size is not None:
            return super().forward(x, output_size)
        found: Tensor = _Doubled.apply(*map(_rounded, (x, self.weight, self.bias)))
        return found


def halve(x: Float[Tensor, "n a H W"], w: Float[Tensor, "b a 4 4"], bias: Float[Tensor, " b"] | None) -> Tensor:
    """conv2d(x, w, bias, stride 2, padding 1), (n, b, h, w): what `Halve` computes, of any weight."""
    if not _by_us(x):
        return conv2d(x, w, bias, 2, 1)
    found: Tensor = _Halved.apply(*map(_rounded, (x, w, bias)))
    return found


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, w)
        return conv2d(x, w, bias, 2, 1)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors  # read once: under activation checkpointing that computes them again
        even = x.shape[2:] == (2 * dy.shape[2], 2 * dy.shape[3])
        dx = partial(_to_few, dy, w) if x.shape[1] <= FEW and even else None
        dw = partial(_patches_product, x, dy) if _by_patches(x, dy) else None
        return _gradients(dy, x, w, False, ctx.needs_input_grad, dx, dw)


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, w)
        return _to_few(x, w, bias) if w.shape[1] <= FEW else conv_transpose2d(x, w, bias, 2, 1)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        dw = partial(_patches_product, dy, x) if _by_patches(dy, x) else None
        return _gradients(dy, x, w, True, ctx.needs_input_grad, None, dw)


def _gradients(
    dy: Tensor,
    x: Tensor,
    w: Tensor,
    transposed: bool,
    needed: tuple[bool, bool, bool],
    dx: Callable[[], Tensor] | None,
    dw: Callable[[], Tensor] | None,
) -> tuple[Tensor | None, ...]:
    """The gradients by x, w and the bias that are needed: by the ways given, and torch's where there is none."""
    if torch.is_grad_enabled():  # a second derivative follows
        dx = dw = None
    for_x, for_w, for_bias = needed
    mask, torchs = [for_x and dx is None, for_w and dw is None, for_bias], (None, None, None)
    if any(mask):
        torchs = _BACKWARD(dy, x, w, [w.shape[transposed]], [2, 2], [1, 1], [1, 1], transposed, [0, 0], 1, mask)
    return dx() if for_x and dx else torchs[0], dw() if for_w and dw else torchs[1], torchs[2]


def _by_us(x: Tensor) -> bool:
    """Whether x is convolved in bfloat16, on a processor, in a program that is neither compiled nor batched."""
    if x.device.type != "cpu" or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu") == torch.bfloat16 and x.is_floating_point() and x.dtype != torch.float64
    return x.dtype == torch.bfloat16


def _rounded(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.to(torch.bfloat16)


def _by_patches(large: Tensor, small: Tensor) -> bool:
    return large.shape[1] >= MANY and small.shape[2] * small.shape[3] <= PLACES


def _patches_product(large: Float[Tensor, "n a H W"], small: Float[Tensor, "n b h w"]) -> Float[Tensor, "b a 4 4"]:
    """The sum over images and places of each number of `small` times the patch of `large` that it is of."""
    (n, a, _, _), (b, h, w) = large.shape, small.shape[1:]
    rows = pad(large.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))  # (n, H + 2, W + 2, a), in that order in memory
    strides = rows.stride()
    places = rows.as_strided((n, h, w, 4, 4, a), (strides[0], *(2 * s for s in strides[1:3]), *strides[1:]))
    product = small.permute(0, 2, 3, 1).reshape(-1, b).T @ places.reshape(n * h * w, 16 * a)
    return product.view(b, 4, 4, a).permute(0, 3, 1, 2)


def _to_few(
    x: Float[Tensor, "n a h w"], w: Float[Tensor, "a b 4 4"], bias: Float[Tensor, " b"] | None = None
) -> Float[Tensor, "n b H W"]:
    """conv_transpose2d(x, w, bias, 2, 1), for few b."""
    rows = torch.tensor(_ROWS)
    each = pad(w, (0, 1, 0, 1))[:, :, rows][:, :, :, :, rows]  # (a, b, 2, 3, 2, 3): even and odd rows, then columns
    kernel = each.permute(1, 2, 4, 0, 3, 5).reshape(4 * w.shape[1], w.shape[0], 3, 3)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    return pixel_shuffle(conv2d(x, kernel, None if bias is None else bias.repeat_interleave(4), 1, 1), 2)
