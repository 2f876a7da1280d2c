"""FastGAN's networks, told a class as Miyato & Koyama 2018 (arXiv:1802.05637) tell theirs.

    G   after each batch norm, h -> (1 + A c) h + B c, a gain and a bias for each map: conditional batch norm
    D   scores + <V c, phi(x)>, eq. 3; phi(x) are its last maps, summed over places

The batch norms keep gains and biases of their own.
NOTE: A and B start at random, so that classes differ from the first step. V has no spectral norm; D's layers have.
NOTE: a class that is only joined to the noise was hardly obeyed (docs/results/conditional.md).
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.conv.fastgan import Discriminator, Generator
from energan.utils.specification import recorded


@recorded
class ConditionalGenerator(nn.Module):
    """z (n, z), c (n, classes) -> net's images, by conditional batch norm. A and B start as N(0, weights^2)."""

    def __init__(self, net: Generator, classes: int, *, weights: float = 0.3) -> None:
        super().__init__()
        self.net = net
        self.AB = nn.ParameterList(weights * torch.randn(classes, 2 * maps) for maps in net.normed)

    def forward(self, z: Float[Tensor, "n z"], c: Float[Tensor, "n classes"]) -> Float[Tensor, "n channels h w"]:
        def modulate(i: int, h: Tensor) -> Tensor:
            gain, bias = (c.to(h.dtype) @ self.AB[i].to(h.dtype))[:, :, None, None].chunk(2, 1)
            return (1 + gain) * h + bias

        return self.net(z, modulate)


@recorded
class Projected(nn.Module):
    """x (n, channels, h, w), c (n, classes) -> (net's scores + <V c, phi(x)> (n, 1), net's maps).

    V starts as N(0, .02), as the other weights do. over: what phi takes of the places.
    """

    def __init__(self, net: Discriminator, classes: int, *, over: Literal["mean", "sum"] = "mean") -> None:
        super().__init__()
        self.net, self.over, self.V = net, over, nn.Linear(classes, net.features[-1], bias=False)
        nn.init.normal_(self.V.weight, std=0.02)

    def forward(
        self, x: Float[Tensor, "n channels h w"], c: Float[Tensor, "n classes"]
    ) -> tuple[Float[Tensor, "n 1"], tuple[Tensor, Tensor]]:
        scores, maps = self.net(x)
        phi = maps[-1].mean((2, 3)) if self.over == "mean" else maps[-1].sum((2, 3))
        return scores + (phi * self.V(c)).sum(1, keepdim=True), maps
