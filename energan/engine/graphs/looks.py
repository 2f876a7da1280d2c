"""What a graph cannot do: operations that look at values, or that copy from the host."""

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_WAITS = {  # operations whose result the host waits for, or that make tensors of a size that depends on values
    "aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero", "aten::masked_select",
    "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::bincount", "aten::repeat_interleave",
    "aten::allclose",
}  # fmt: skip

_COPIES = {"aten::_to_copy", "aten::copy_"}


@final
class Looks(TorchDispatchMode):
    """Finds the first operation that looks at values on the device: in a graph, nobody is there to look."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.seen, self._device = "", device

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.seen and (
            (waits(func, args) and any(_is_on(x, self._device) for x in args)) or _crosses(func, args, result)
        ):
            self.seen = f"{func._schema.name.removeprefix('aten::')} at {_place()}"
        return result


def waits(func: Any, args: tuple[Any, ...]) -> bool:
    name = func._schema.name
    if name in ("aten::index", "aten::index_put", "aten::index_put_"):  # by a mask: as many rows as it has
        return any(x is not None and x.dtype == torch.bool for x in args[1])
    return name in _WAITS


def _crosses(func: Any, args: tuple[Any, ...], result: Any) -> bool:
    """Whether it copies between the host and a device: a graph would copy what was there at its capture."""
    name = func._schema.name
    if name == "aten::lift_fresh":  # torch.tensor(..., device=...), whose copy is not seen
        return bool(result.device.type != "cpu")
    return name in _COPIES and len({x.device.type for x in (*args, result) if isinstance(x, Tensor)}) > 1


def _is_on(x: Any, device: torch.device) -> bool:
    return isinstance(x, Tensor) and x.device.type == device.type


def _place() -> str:
    """Returns the line that called torch, as in "losses/energy.py:12"."""
    ours = [
        frame
        for frame in traceback.extract_stack()
        if "torch" not in Path(frame.filename).parts and frame.filename != __file__
    ]
    return f"{'/'.join(Path(ours[-1].filename).parts[-2:])}:{ours[-1].lineno}" if ours else "a place unknown"
