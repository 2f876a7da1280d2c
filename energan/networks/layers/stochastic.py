"""Dropout and Gaussian noise, whose random numbers come from the counter-based stream of a turn."""

from torch import Tensor, nn

from energan.engine.rng import stream_normal, stream_uniform


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014) whose masks come from the engine's stream: they repeat and batch."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return dropped(x, stream_uniform(x), self.rate) if self.training and self.rate else x


def dropped(x: Tensor, u: Tensor, rate: float) -> Tensor:
    """x, its numbers 0 where those of u are below the rate, else scaled by 1 / (1 - rate).

    With u in [0, 1) from a network's noise, dropout is a part of what it draws, in use too.
    """
    return x * (u >= rate).to(x.dtype) / (1 - rate)


class GaussianNoise(nn.Module):
    """x + sigma n, n ~ N(0, 1) from the engine's stream: it repeats and batches. Off for use."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.sigma == 0:
            return x
        return x + self.sigma * stream_normal(x).to(x.dtype)
