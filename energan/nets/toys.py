"""The least generator: a shifted and scaled Gaussian, when z ~ N(0, I)."""

from torch import Tensor, nn


class Affine(nn.Module):
    """z (n, d) -> shift + scale z (n, d); shift and scale, (d,) or (), are where they start."""

    def __init__(self, shift: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.shift, self.scale = nn.Parameter(shift.clone()), nn.Parameter(scale.clone())

    def forward(self, z: Tensor) -> Tensor:
        return self.shift + self.scale * z
