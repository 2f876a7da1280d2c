"""What a network's layers say on the way to its output: the encoder's side of plug and play, for any classifier."""

import threading
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple, final

from torch import Tensor, nn

from energan.utils.errors import UserError
from energan.utils.specification import recorded

NOTHING: Mapping[str, Tensor] = {}


class Features(NamedTuple):
    """What one forward pass gave: of the layers by their names, in the order they were asked for, and at the end."""

    layers: dict[str, Tensor]
    output: Any


@final
class _Record(threading.local):
    """The features of this thread's pass that is under way; None outside, so that other calls keep nothing alive."""

    def __init__(self) -> None:
        self.read: dict[str, Tensor] | None = None
        self.added = NOTHING

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return _Record, ()  # a copy of the extractor has no pass under way


@recorded
class FeatureExtractor(nn.Module):
    """`module` of one input -> Read: its output and those of the named layers (as in `module.named_modules()`).

    A pass may be given what is to be added to some of these layers' outputs, such as noise: E(x, {"conv3": n}). It is
    read with them, and the next layers see it.

    Pretrained and frozen modules stay as they are: weights, mode and output are the module's own. Gradients flow
    through every layer read, to the input and from it to the output. A layer is read as it gave its output, even where
    the next one writes into it (in-place ReLUs); one that runs several times, as it did last. The hooks on the module
    do nothing outside passes of this extractor, and `release` takes them away.

    UserError for a name that there is not or that is given twice, and, in a pass, for a layer that did not run, whose
    output is no tensor, or that is to be added to but not read.
    """

    def __init__(self, module: nn.Module, layers: Iterable[str]) -> None:
        super().__init__()
        self.module, self.layers, self._record = module, tuple(layers), _Record()
        there = dict(module.named_modules())
        for name in self.layers:
            if not name or name not in there:
                near = get_close_matches(name, filter(None, there), n=5, cutoff=0) or ["no layers at all"]
                raise UserError(f"{type(module).__name__} has no layer {name!r}; it has {', '.join(near)}")
            if self.layers.count(name) > 1:
                raise UserError(f"layer {name!r} is named twice")
        # made once: torch.compile can trace hooks that are there, not the making of them
        self._hooks = [there[n].register_forward_hook(partial(_keep, self._record, n)) for n in self.layers]

    def forward(self, x: Any, added: Mapping[str, Tensor] = NOTHING) -> Features:
        for name in added:
            if name not in self.layers:
                raise UserError(f"nothing can be added to layer {name!r}, which is not read")
        read: dict[str, Tensor] = {}
        self._record.read, self._record.added = read, added
        try:
            output = self.module(x)
        finally:
            self._record.read, self._record.added = None, NOTHING
        for name in self.layers:
            if name not in read:
                raise UserError(
                    f"layer {name!r} of {type(self.module).__name__} did not run, so there is nothing to read"
                )
        return Features({name: read[name] for name in self.layers}, output)

    def release(self) -> nn.Module:
        """The module without the hooks. The extractor is of no more use."""
        for hook in self._hooks:
            hook.remove()
        return self.module


def _keep(record: _Record, name: str, layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> Tensor | None:
    if record.read is None:
        return None
    if not isinstance(output, Tensor):
        raise UserError(f"layer {name!r} gives a {type(output).__name__}; only layers that give a tensor can be read")
    if name in record.added:
        output = output + record.added[name].to(output.dtype)
    record.read[name] = output
    return output.clone()  # is what the next layer may write into
