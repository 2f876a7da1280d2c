"""The least generator: a shifted and scaled Gaussian, when z ~ N(0, I)."""

import torch
from torch import Tensor, nn


class Affine(nn.Module):
    """z (n, d) -> shift + scale z (n, d), each (d,); they start at N(0, 1/4) and at 1."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.randn(dimensions) / 2)
        self.scale = nn.Parameter(torch.ones(dimensions))

    def forward(self, z: Tensor) -> Tensor:
        return self.shift + self.scale * z
