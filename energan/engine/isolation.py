"""Torch's settings as Energan's numbers assume them, whatever the caller has set around it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from energan.utils.errors import UserError


@contextmanager
def isolated(*, gradients: bool = True) -> Iterator[None]:
    """Inside the block, this thread computes with gradients or without, and with no setting of the caller's.

    Inference mode, autocast, `set_grad_enabled` and a default device are the thread's own, and are set aside.

    Args:
        gradients: Whether autograd records what is computed.

    Raises:
        UserError: Torch's default dtype is not float32. It is the whole process', so it is not ours to change.

    >>> with torch.inference_mode(), isolated():
    ...     torch.ones(1, requires_grad=True).exp().requires_grad
    True
    """
    if (dtype := torch.get_default_dtype()) != torch.float32:
        raise UserError(
            f"torch's default dtype is {str(dtype).removeprefix('torch.')}, with which numbers would be others: "
            "call torch.set_default_dtype(torch.float32) first"
        )
    with ExitStack() as around:
        around.enter_context(torch.inference_mode(False))
        around.enter_context(torch.set_grad_enabled(gradients))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                around.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            around.enter_context(torch.device("cpu"))
        yield


class OperationsMode(TorchDispatchMode):
    """A block whose operations go through `__torch_dispatch__`; nothing in it is compiled.

    Torch would import its compiler to keep it out of that method: a second of every command's start.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
