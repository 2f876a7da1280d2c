"""A device that is not the CPU and needs no hardware: tensors without values, which say where they are.

Torch's fake tensors know their device, dtype and shape. Operations that mix devices raise, as they would on a GPU; so
do those that need a value (`float(x)`, `if x:`), for which a GPU would have to be waited for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.trace_rules import get_torch_obj_rule_map
from torch._functorch import config
from torch._subclasses.fake_tensor import FakeTensorMode

from energan.engine.optimizers import standard

DEVICE = "meta"


def _moved(net: nn.Module, *arguments: Any, **_: Any) -> nn.Module:
    """nn.Module.to of fake tensors, which torch cannot swap in place."""
    device, dtype = None, None
    for argument in arguments:
        device, dtype = (device, argument) if isinstance(argument, torch.dtype) else (argument, dtype)
    for module in net.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    there = tensor.detach().to(device or tensor.device, dtype if tensor.is_floating_point() else None)
                    learns = tensor.requires_grad
                    tensors[name] = nn.Parameter(there, learns) if isinstance(tensor, nn.Parameter) else there
    return net


class _Generator(torch.Generator):
    """The CPU's, which says that it is of the device that is asked for: fake tensors take it there."""

    _place: torch.device

    def __new__(cls, device: str | torch.device = "cpu") -> "_Generator":
        made = super().__new__(cls, "cpu")
        made._place = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return self._place


def _unfused(step: Callable[..., None], *arguments: Any, **settings: Any) -> None:
    step(*arguments, **{**settings, "fused": False})


@contextmanager
def elsewhere() -> Iterator[None]:
    """Inside the block, "meta" is a device of the second kind: nets and tensors can be moved there, but not mixed."""
    get_torch_obj_rule_map()  # torch's compiler knows torch's functions by identity: by those that are not patched
    with pytest.MonkeyPatch.context() as patch, config.patch(fake_tensor_allow_meta=True):
        patch.setattr(nn.Module, "to", _moved)
        # torch has no generator of this kind of device
        patch.setattr(torch, "Generator", _Generator)
        # of what torch has no form without values
        patch.setattr(torch, "equal", lambda a, b: a.shape == b.shape)
        patch.setattr(torch, "is_autocast_enabled", lambda kind: False)
        patch.setattr(standard, "sgd", partial(_unfused, standard.sgd))
        with FakeTensorMode(allow_non_fake_inputs=True):
            yield


def devices(tree: Any) -> set[str]:
    """The devices of a tree's tensors that are not numbers."""
    if isinstance(tree, Tensor):
        return {tree.device.type} if tree.dim() else set()
    return set().union(*(devices(value) for value in tree.values()))
