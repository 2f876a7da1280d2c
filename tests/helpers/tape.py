"""An imitation of a CUDA graph that runs anywhere: the operations of a capture are kept, and done again by a replay.

As CUDA's, it knows tensors by their memory and nothing of the program: a number of Python's is what it was at the
capture, a tensor that is not in its old place is not seen, and nobody can look at a value. Unlike CUDA's, a capture has
to compute (the program goes on with the results), so what it changes is put back afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from energan.engine.graphs import Replay
from energan.engine.graphs.looks import waits

Call = tuple[Any, tuple[Any, ...], Mapping[str, Any], list[Tensor]]


class Tape:
    """A Recorder; `captures` counts what it captured."""

    def __init__(self) -> None:
        self.captures = 0

    def warmed(self, work: Callable[[], Tensor]) -> Tensor:
        return work()

    def capture(self, work: Callable[[], Tensor], generators: Sequence[torch.Generator]) -> Replay:
        self.captures += 1
        before = [generator.get_state() for generator in generators]
        recording = _Recording()
        try:
            with recording:
                result = work()
        finally:
            for generator, state in zip(generators, before, strict=True):
                generator.set_state(state)
            with torch.no_grad():
                for tensor, value in recording.changed:
                    tensor.copy_(value)

        def replay() -> Tensor:
            with torch.no_grad(), torch._C._AutoDispatchBelowAutograd():
                for func, args, kwargs, outputs in recording.calls:
                    _again(func, args, kwargs, outputs)
            return result

        return replay


def _again(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: list[Tensor]) -> None:
    result = func(*args, **kwargs)
    if outputs:  # else it has changed its arguments, in place
        for old, value in zip(outputs, (x for x in tree_flatten(result)[0] if isinstance(x, Tensor)), strict=True):
            old.copy_(value)


class _Recording(TorchDispatchMode):
    """calls: what was done, in order. changed: tensors that existed before, with what they held."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.changed: list[tuple[Tensor, Tensor]] = []
        self._seen: set[int] = set()  # memory that was made here, or whose content is kept

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if waits(func, args):
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}")
        options, schema = dict(kwargs or {}), func._schema
        written = [argument.alias_info is not None and argument.alias_info.is_write for argument in schema.arguments]
        given = [*args, *(options.get(argument.name) for argument in schema.arguments[len(args) :])]
        for value, is_written in zip(given, written, strict=False):
            for x in tree_flatten(value)[0] if is_written else ():
                self._keep(x)
        result = func(*args, **options)
        if any(written):
            self.calls.append((func, args, options, []))
        elif not any(out.alias_info for out in schema.returns):  # a view shows what its base holds: nothing to do
            outputs = [x for x in tree_flatten(result)[0] if isinstance(x, Tensor)]
            self._seen.update(x.untyped_storage().data_ptr() for x in outputs)
            # aliases, not the tensors themselves: those would keep autograd's history
            self.calls.append((func, args, options, [x.detach() for x in outputs]))
        return result

    def _keep(self, x: Any) -> None:
        if isinstance(x, Tensor) and (place := x.untyped_storage().data_ptr()) not in self._seen:
            self._seen.add(place)
            self.changed.append((x, x.clone()))
