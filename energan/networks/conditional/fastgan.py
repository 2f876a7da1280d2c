"""FastGAN's D, told a class by a projection: Miyato & Koyama 2018, arXiv:1802.05637, eq. 3, of its last maps.

NOTE: the maps are averaged over places, where theirs are summed, so that the first steps of V move the scores by less
than the hinge's margin. The two were not compared at equal settings (docs/results/conditional.md).
"""

from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.conv.fastgan import Discriminator
from energan.utils.specification import recorded


@recorded
class Projected(nn.Module):
    """x (n, channels, h, w), c (n, classes) -> (net's scores + <V c, phi(x)> (n, 1), net's maps).

    phi: the means over places of the last maps. V starts as N(0, .02), as the other weights do.
    """

    def __init__(self, net: Discriminator, classes: int) -> None:
        super().__init__()
        self.net, self.V = net, nn.Linear(classes, net.features[-1], bias=False)
        nn.init.normal_(self.V.weight, std=0.02)

    def forward(
        self, x: Float[Tensor, "n channels h w"], c: Float[Tensor, "n classes"]
    ) -> tuple[Float[Tensor, "n 1"], tuple[Tensor, Tensor]]:
        scores, maps = self.net(x)
        return scores + (maps[-1].mean((2, 3)) * self.V(c)).sum(1, keepdim=True), maps
