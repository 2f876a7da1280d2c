"""Critics that see several images at once: features that compare those of a batch, and packs of them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.engine.cross_rank import gathered
from energan.engine.precision import exact, wide
from energan.networks.layers.normalisation import WeightNorm
from energan.utils.errors import UserError
from energan.utils.specification import recorded


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


@recorded
class Packed(nn.Module):
    """D of m examples together, PacGAN.  Lin, Khetan, Fanti & Oh 2018, arXiv:1712.04086.

    x (n, k, ...) -> D of (n / m, m k, ...): where samples are alike, packs of them show it, as single ones cannot.
    Examples m i, ..., m i + m - 1 are a pack; n is a multiple of m. In use (eval mode), an example is read as a pack of
    m like it: (n,) readings.

    >>> D = Packed(nn.Linear(2 * 3, 1), 2)
    >>> D(torch.zeros(8, 3)).shape, D.eval()(torch.zeros(8, 3)).shape
    (torch.Size([4, 1]), torch.Size([8, 1]))
    """

    def __init__(self, net: nn.Module, m: int) -> None:
        super().__init__()
        self.net, self.m = net, m

    def forward(self, x: Float[Tensor, "n k *d"]) -> Tensor:
        if self.training:
            if len(x) % self.m:
                raise UserError(f"{len(x)} images are read at once, which is no multiple of packs of {self.m}")
            return self.net(x.reshape(-1, self.m * x.shape[1], *x.shape[2:]))
        return self.net(x.repeat(1, self.m, *[1] * (x.dim() - 2)))
