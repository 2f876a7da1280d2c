"""How many numbers an operation of torch gives, worked out from the shapes that it takes.

Torch can say it by its device "meta", but imports its compiler for that, which takes longer than to load a run.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from math import ceil, prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

Arguments = Mapping[str, Any]  # by their names in the operation's schema


def numbers(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | None:
    """How many numbers all tensors that the operation gives have together, at most; None where it is not known here.

    What is counted too high, such as a sum over some dimensions, is at most as many numbers as it takes.
    """
    name = func._schema.name.removeprefix("aten::")
    schema = func._schema.arguments
    given = {each.name: each.default_value for each in schema if each.has_default_value()}
    given |= {each.name: value for each, value in zip(schema, args, strict=False)} | dict(kwargs)
    tensors = [leaf for leaf in tree_leaves((args, dict(kwargs))) if isinstance(leaf, Tensor)]
    if not any(isinstance(returned.type, torch.TensorType | torch.ListType) for returned in func._schema.returns):
        return 0
    if name in RULES:
        return RULES[name](given)
    if "size" in given and name not in ENLARGING:
        return prod(given["size"])
    if torch.Tag.pointwise in func.tags or name in AS_MANY:
        return _together(tensors) if tensors else None
    if name in AT_MOST:
        return max(x.numel() for x in tensors)
    return None


def itemsize(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """The most bytes that a number of what the operation gives may have."""
    if (dtype := kwargs.get("dtype")) is not None:
        return int(dtype.itemsize)
    taken = [x.element_size() for x in tree_leaves((args, dict(kwargs))) if isinstance(x, Tensor)]
    whole = func._schema.name.removeprefix("aten::") in WHOLE
    return max([*taken, torch.int64.itemsize if whole else torch.get_default_dtype().itemsize])


def _together(tensors: Sequence[Tensor]) -> int:
    """Of tensors that are broadcast to one shape; torch's own function for it imports its compiler, too."""
    return prod(max(sides) for sides in zip_longest(*(reversed(x.shape) for x in tensors), fillvalue=1))


def _product(a: Arguments) -> int:
    """Of two matrices, or as many pairs of them."""
    first, second = [x for x in a.values() if isinstance(x, Tensor)][-2:]
    return first.shape[:-1].numel() * second.shape[-1]


def _joined(a: Arguments) -> int:
    return sum(x.numel() for x in a["tensors"])


def _convolved(a: Arguments) -> int:
    """Of torch.nn.Conv and ConvTranspose, by the formulas of their documentation."""
    x, weight = a["input"], a["weight"]
    kernel = weight.shape[2:]
    if not a["transposed"]:
        return x.shape[0] * weight.shape[0] * prod(_windows(x, kernel, a))
    stride, padding, dilation, extra = (a[name] for name in ("stride", "padding", "dilation", "output_padding"))
    sides = (
        (side - 1) * _at(stride, i) - 2 * _at(padding, i) + _at(dilation, i) * (kernel[i] - 1) + 1 + _at(extra, i)
        for i, side in enumerate(x.shape[2:])
    )
    return x.shape[0] * weight.shape[1] * a["groups"] * prod(max(0, side) for side in sides)


def _pooled(a: Arguments) -> int:
    x, kernel = a["self"], a["kernel_size"]
    return x.shape[:-2].numel() * prod(_windows(x, kernel, {**a, "stride": a["stride"] or kernel}))


def _windows(x: Tensor, kernel: Sequence[int], a: Arguments) -> list[int]:
    """How many places a kernel has along each side of images."""
    dimensions, found = x.ndim - 2 if len(a["stride"]) < 2 else len(a["stride"]), []
    for i, side in enumerate(x.shape[-dimensions:]):
        reach = _at(a.get("dilation", (1,)), i) * (_at(kernel, i) - 1) + 1
        free, stride = side + 2 * _at(a["padding"], i) - reach, _at(a["stride"], i)
        found.append(max(0, (free + (stride - 1) * bool(a.get("ceil_mode"))) // stride + 1))
    return found


def _at(values: Sequence[int], i: int) -> int:
    """Of dimension i; one number is that of all."""
    return values[i % len(values)]


def _chosen(a: Arguments) -> int:
    """Of x[i, j, ...]: the indices' shape in place of the dimensions that they choose from."""
    x, indices = a["self"], a["indices"]
    if any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in indices):
        return int(x.numel())
    kept = prod(side for side, i in zip(x.shape, [*indices, *[None] * x.ndim], strict=False) if i is None)
    return kept * _together([i for i in indices if i is not None])


def _resized(a: Arguments) -> int:
    """Of images that are enlarged or made smaller, to a size or by factors."""
    x = a.get("input", a.get("self"))
    assert isinstance(x, Tensor)
    if (size := a.get("output_size")) is None:
        factors = a.get("scale_factors") or (a["scales_h"], a["scales_w"])
        size = [int(side * factor) for side, factor in zip(x.shape[2:], factors, strict=True)]
    return x.shape[:2].numel() * prod(size)


RULES: dict[str, Callable[[Arguments], int]] = {
    "addmm": _product,
    "arange": lambda a: ceil((a["end"] - a.get("start", 0)) / a.get("step", 1)),
    "avg_pool2d": _pooled,
    "bmm": _product,
    "mm": _product,
    "cat": _joined,
    "convolution": _convolved,
    "dot": lambda a: 1,
    "eye": lambda a: a["n"] * a.get("m", a["n"]),
    "index": _chosen,
    "max_pool2d_with_indices": lambda a: 2 * _pooled(a),
    "mv": lambda a: a["self"].shape[0],
    "native_batch_norm": lambda a: a["input"].numel() + 2 * a["input"].shape[1],
    "stack": _joined,
    "upsample_bilinear2d": _resized,
    "upsample_nearest2d": _resized,
}
AS_MANY = (
    "_softmax", "_log_softmax", "_to_copy", "binary_cross_entropy_with_logits", "clone", "contiguous", "new_tensor",
    "ones_like", "zeros_like", "empty_like", "full_like", "rand_like", "randn_like",
)  # fmt: skip
AT_MOST = ("amax", "amin", "linalg_vector_norm", "logsumexp", "max", "mean", "min", "sum", "var")
WHOLE = ("arange", "argmax", "argmin", "max_pool2d_with_indices", "randint", "randperm")  # that give int64
ENLARGING = ("expand", "repeat", "resize_")  # whose `size` is none of what they give
