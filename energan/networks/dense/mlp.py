"""The fully connected networks of the MNIST grid search.  arXiv:1609.03126, section 4.1 and appendix C.

ReLU; batch norm after each hidden weight layer except the discriminator's input layer; weights
~ N(0, .02) in G and N(0, .002) in D, biases 0; tanh at the generator's output. Readings where the paper is silent:
.02 and .002 are standard deviations; an auto-encoder's output is linear without batch norm (nLayerD counts Enc and
Dec together and Dec is always one layer), and so is a discriminator's logit; dropout follows each hidden ReLU of D; the
pulling-away term sees the code before its ReLU.

Where batch norm follows, its bias is the layer's (a second one would have a zero gradient, of which Adam makes noise).

x (n, c, h, w).
"""

import itertools
from math import prod
from typing import Literal

from torch import Tensor, nn

from energan.networks.layers import BatchNorm, Dropout, initialise
from energan.utils.specification import recorded


def _hidden(sizes: list[int], norm_first: bool, dropout: float = 0.0) -> list[nn.Module]:
    """Linear, batch norm, ReLU, dropout from each size to the next."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        norm = i > 0 or norm_first
        layers.append(nn.Linear(a, b, bias=not norm))
        if norm:
            layers.append(BatchNorm(b))
        layers.append(nn.ReLU())
        if dropout:
            layers.append(Dropout(dropout))
    return layers


@recorded
class Generator(nn.Module):
    """z (n, z) -> (n, *shape) in [-1, 1]; `layers` weight layers of `size` units (nLayerG, sizeG)."""

    def __init__(self, z: int, shape: tuple[int, int, int], *, layers: int = 5, size: int = 800) -> None:
        super().__init__()
        self.shape = shape
        hidden = _hidden([z] + [size] * (layers - 1), norm_first=True)
        self.net = nn.Sequential(*hidden, nn.Linear(size if layers > 1 else z, prod(shape)), nn.Tanh())
        initialise(self, 0.02)

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z).view(z.shape[0], *self.shape)


@recorded
class Autoencoder(nn.Module):
    """x (n, *shape) -> (reconstruction (n, *shape), code (n, size)); `layers` counts Enc and Dec (nLayerD, sizeD).

    code: "pre" gives the last encoder layer before its ReLU (codes may be orthogonal), "post" after it and its dropout.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        layers: int = 2,
        size: int = 1024,
        dropout: float = 0.0,
        code: Literal["pre", "post"] = "pre",
    ) -> None:
        super().__init__()
        encoder = _hidden([prod(shape)] + [size] * (layers - 1), norm_first=False, dropout=dropout)
        last = max(i for i, layer in enumerate(encoder) if isinstance(layer, nn.ReLU))
        self.shape, self.code = shape, code
        self.encoder, self.activation = nn.Sequential(*encoder[:last]), nn.Sequential(*encoder[last:])
        self.decoder = nn.Linear(size, prod(shape))
        initialise(self, 0.002)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pre = self.encoder(x.flatten(1))
        post = self.activation(pre)
        return self.decoder(post).view(x.shape), pre if self.code == "pre" else post


@recorded
class Discriminator(nn.Module):
    """x (n, *shape) -> logits (n,); `layers` weight layers of `size` units."""

    def __init__(self, shape: tuple[int, int, int], *, layers: int = 2, size: int = 1024, dropout: float = 0.0) -> None:
        super().__init__()
        hidden = _hidden([prod(shape)] + [size] * (layers - 1), norm_first=False, dropout=dropout)
        self.net = nn.Sequential(*hidden, nn.Linear(size, 1))
        initialise(self, 0.002)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.flatten(1)).squeeze(1)
