"""The networks of adversarial auto-encoders.  Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015, arXiv:1511.05644.

    E: x - 1000 - 1000 - code, linear      G: code - 1000 - 1000 - 784 logits      D: code - 1000 - 1000 - 1

ReLU; no batch norm, of which a critic of codes stops learning; weights ~ N(0, .01), biases 0, as public reproductions
have them. The likelihood of the paper's table 1 is of 1200 units. Dropout follows the hidden layers of E and G.
"""

import itertools
from collections.abc import Sequence
from functools import partial
from math import prod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.layers import Dropout, GaussianNoise
from energan.networks.layers.initialisation import fill
from energan.utils.specification import recorded

HIDDEN = (1000, 1000)


class Coded(NamedTuple):
    """What an encoder says of an image: a category, and the rest."""

    logits: Float[Tensor, "n k"]
    z: Float[Tensor, "n z"]


def _layers(sizes: Sequence[int], dropout: float) -> nn.Sequential:
    net = nn.Sequential()
    for a, b in itertools.pairwise(sizes[:-1]):
        net.extend([nn.Linear(a, b), nn.ReLU(), *([Dropout(dropout)] if dropout else [])])
    net.append(nn.Linear(sizes[-2], sizes[-1]))
    fill(net, partial(nn.init.normal_, std=0.01))
    return net


@recorded
class Encoder(nn.Module):
    """x (n, *shape), and noise (n, eps) where there is some -> (n, outputs), linear."""

    def __init__(
        self,
        outputs: int,
        shape: tuple[int, ...] = (1, 28, 28),
        *,
        eps: int = 0,
        hidden: Sequence[int] = HIDDEN,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.net = _layers((prod(shape) + eps, *hidden, outputs), dropout)

    def forward(self, x: Tensor, *eps: Tensor) -> Float[Tensor, "n outputs"]:
        return self.net(torch.cat([x.flatten(1), *(e.to(x.dtype) for e in eps)], 1))


@recorded
class CategoryEncoder(nn.Module):
    """x (n, *shape) -> Coded, of k categories and z numbers."""

    def __init__(
        self,
        k: int,
        z: int,
        shape: tuple[int, ...] = (1, 28, 28),
        *,
        hidden: Sequence[int] = HIDDEN,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.k, self.net = k, _layers((prod(shape), *hidden, k + z), dropout)

    def forward(self, x: Tensor) -> Coded:
        out = self.net(x.flatten(1))
        return Coded(out[:, : self.k], out[:, self.k :])


@recorded
class Decoder(nn.Module):
    """Codes side by side, (n, code) in all -> logits of the pixels (n, *shape)."""

    def __init__(
        self,
        code: int,
        shape: tuple[int, ...] = (1, 28, 28),
        *,
        hidden: Sequence[int] = HIDDEN,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.shape, self.net = shape, _layers((code, *hidden, prod(shape)), dropout)

    def forward(self, *codes: Tensor) -> Tensor:
        return self.net(torch.cat(codes, 1)).view(codes[0].shape[0], *self.shape)


@recorded
class HeadDecoder(nn.Module):
    """A category y (n, k) and z (n, z) -> the logits of the pixels, of z + the head of y: section 7 of the paper.

    heads (k, z): a place for each category, learned.
    """

    def __init__(
        self,
        k: int,
        z: int,
        shape: tuple[int, ...] = (1, 28, 28),
        *,
        hidden: Sequence[int] = HIDDEN,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.net = Decoder(z, shape, hidden=hidden, dropout=dropout)
        self.heads = nn.Parameter(torch.randn(k, z))

    def forward(self, y: Tensor, z: Tensor) -> Tensor:
        return self.net(y.to(self.heads.dtype) @ self.heads + z)


@recorded
class Critic(nn.Module):
    """Codes, and what they are told with, side by side (n, code) in all -> logits (n,) of being the prior's.

    noise: standard deviation of what is added to the input while it trains.
    """

    def __init__(self, code: int, *, hidden: Sequence[int] = HIDDEN, noise: float = 0.0) -> None:
        super().__init__()
        self.noise, self.net = GaussianNoise(noise), _layers((code, *hidden, 1), 0.0)

    def forward(self, z: Tensor, *told: Tensor) -> Float[Tensor, " n"]:
        return self.net(torch.cat([self.noise(z), *(y.to(z.dtype) for y in told)], 1)).squeeze(1)
