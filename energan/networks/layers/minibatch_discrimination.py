"""Minibatch discrimination: features that compare the images of a batch (arXiv:1606.03498, section 3.2)."""

import torch
from torch import Tensor, nn

from energan.engine.cross_rank import gathered
from energan.engine.precision import exact, wide
from energan.networks.layers.normalisation import WeightNorm


class MinibatchDiscrimination(nn.Module):
    """How near the others of its batch each sample is.  Salimans et al. 2016, arXiv:1606.03498, section 3.2.

        M_i = T f_i,  o_b(i) = sum_{j != i} exp(-||M_ib - M_jb||_1) + bias_b         (n, f) -> (n, f + kernels)

    o is joined to the features f. As in the authors' code T is weight-normalised and the bias starts at -1, unless
    `initialise_by_data` sets both. For use (`eval()`) each sample counts as alone, so o is the bias: a score must
    not depend on what else is scored.
    """

    def __init__(self, features: int, kernels: int = 100, dimensions: int = 5) -> None:
        super().__init__()
        self.kernels, self.dimensions = kernels, dimensions
        self.tensor = WeightNorm(features, kernels * dimensions, bias=False)
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))

    def forward(self, f: Tensor) -> Tensor:
        near = wide(self.bias).expand(f.shape[0], -1)
        if self.training:
            with exact(f.device):
                m = self.tensor(wide(f)).view(f.shape[0], self.kernels, self.dimensions)
            distances = (m[:, None] - gathered(m)).abs().sum(3)  # (n, n, kernels), or (n, all ranks' n, kernels)
            near = near + (-distances).exp().sum(1) - 1  # less itself, at distance 0
        return torch.cat([f, near.to(f.dtype)], 1)
