"""One number, or several, that learn: k of BEGAN, sigma of f-GAN."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Scalar(nn.Module):
    """A number that learns, or several: k() is k, in the shape of its start."""

    def __init__(self, start: float | Sequence[float]) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.tensor(start))

    def forward(self) -> Tensor:
        return self.k
