"""How much memory a stranger's run may take: what is beyond it is refused before it is taken."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, final

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from energan.engine.isolation import OperationsMode
from energan.runs.memory.sizes import itemsize, numbers
from energan.utils.errors import UserError
from energan.utils.hardware import available_memory

MOST = 2**32  # bytes: a billion weights

TENSORS = 200_000  # made at most: a network of a billion small layers would never be ready


@contextmanager
def bounded_memory(what: str, rows: int = 0) -> Iterator[None]:
    """In this block, UserError instead of tensors that are together larger than 4 GiB, or half of the free memory.

    rows: 0 while networks are made. Where they are tried on one image, as many as will be given to them at once: no
    layer's output may then be larger than that memory.
    """
    with _Budget(what, min(MOST, available_memory() // 2), rows):
        yield


@final
class _Budget(OperationsMode):
    """Looks at the shape of each tensor before it is made: of a copy without memory, on torch's device "meta"."""

    def __init__(self, what: str, most: int, rows: int) -> None:
        super().__init__()
        self.what, self.most, self.rows, self.bytes, self.tensors = what, most, rows, 0, 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        makes = not any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves((args, kwargs)))
        if makes or self.rows:
            size = _bytes(func, args, kwargs)
            self.bytes, self.tensors = self.bytes + size * makes, self.tensors + makes
            self.refuse(max(self.bytes, size * max(1, self.rows)))
        return func(*args, **kwargs)

    def refuse(self, size: int) -> None:
        if self.tensors > TENSORS:
            raise UserError(f"{self.what} would have more than {TENSORS:,} tensors, which no run has")
        if size > self.most:
            sizes = f"{size / 2**30:,.1f} GiB, more than the {self.most / 2**30:.1f} GiB that a run may take here"
            raise UserError(f"{self.what} would take {sizes}")


def _bytes(func: Any, args: Any, kwargs: Mapping[str, Any]) -> int:
    """Of all tensors that the function would give; 0 for views, and where that cannot be known without calling it."""
    if all(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns):
        return 0  # a view takes none: a linear layer's own weight, transposed, is no output of it for each row
    with suppress(Exception):  # of a call that torch may take in another way: the copy below says it
        if (known := numbers(func, args, kwargs)) is not None:
            return known * itemsize(func, args, kwargs)
    try:
        args, kwargs = tree_map_only(torch.Tensor, lambda x: x.detach().to("meta"), (args, dict(kwargs)))
        given = func(*args, **{**kwargs, "device": torch.device("meta")} if "device" in kwargs else kwargs)
    except Exception:  # what depends on values, and what torch refuses anyway when it is called
        return 0
    return sum(x.numel() * x.element_size() for x in tree_leaves(given) if isinstance(x, torch.Tensor))
