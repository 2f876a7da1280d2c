"""The precision in which losses are computed, whatever the networks ran in."""

import torch
from torch import Tensor


def wide(x: Tensor) -> Tensor:
    """x in float32 or wider."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
