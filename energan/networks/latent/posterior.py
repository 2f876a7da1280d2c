"""What an encoder says of a code: a Gaussian."""

from typing import NamedTuple

from torch import Tensor, nn

from energan.utils.specification import recorded


class Gaussian(NamedTuple):
    """q(z|x) = N(mean, exp(log_variance)), both (n, z)."""

    mean: Tensor
    log_variance: Tensor

    def at(self, eps: Tensor) -> Tensor:
        """z = mean + sigma eps, (n, z): a draw, for eps ~ N(0, I), of which gradients reach the encoder."""
        return self.mean + (self.log_variance / 2).exp() * eps


@recorded
class Posterior(nn.Module):
    """x -> Gaussian, read off a net x -> (n, 2 z): means, then logarithms of variances."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Gaussian:
        mean, log_variance = self.net(x).chunk(2, 1)
        return Gaussian(mean, log_variance)
