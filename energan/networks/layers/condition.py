"""How a condition c (n, d) enters a network: a class one-hot, attributes, a sentence's code.

    G([z, e(c)])                    `Joined`: beside the noise
    D([x, planes of e(c)])          `Planes`: as more channels of the image
    D(x) + <V c, phi(x)>            `Projection`: Miyato & Koyama 2018, arXiv:1802.05637, eq. 3
    (D(x), k(x))                    `Auxiliary`: Odena et al. 2016, arXiv:1610.09585: not told c, it classifies

phi(x) are the maps of D's last hidden layer, summed over places. e is linear, without bias: an embedding of classes; or
the identity, where no width is given. A module takes c as its last argument, which `Players.given` appends: the game's
equations stay as they are.
"""

from typing import Protocol, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.utils.errors import UserError
from energan.utils.specification import recorded

PLACES = 4 * 4  # of the maps of all critics here


def embedding(conditions: int, width: int) -> nn.Module:
    """e: (n, conditions) -> (n, width); the identity for width 0."""
    return nn.Linear(conditions, width, bias=False) if width else nn.Identity()


@recorded
class Standard(nn.Module):
    """c (n, conditions) -> with mean 0 and standard deviation 1, once `measure`d by rows of the training images'.

    A number that is the same in all of them becomes 0 in those. Nothing here learns.

    >>> standard = Standard(2)
    >>> standard.measure(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    >>> standard(torch.tensor([[3.0, 6.0]])).tolist()
    [[1.0, 1.0]]
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, conditions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(conditions))
        self.register_buffer("deviation", torch.ones(conditions))

    def forward(self, c: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        return (c - self.mean) / self.deviation

    @torch.no_grad()
    def measure(self, rows: Float[Tensor, "k d"]) -> None:
        deviation = rows.double().std(0, correction=0)
        self.mean.copy_(rows.double().mean(0))
        self.deviation.copy_(torch.where(deviation > 0, deviation, 1))


@recorded
class Joined(nn.Module):
    """G with c beside its noise: z (n, z), c (n, conditions) -> G([z, e(c)]); G takes z + (width or conditions).

    >>> G = Joined(nn.Linear(5 + 3, 2), conditions=3)
    >>> G(torch.zeros(4, 5), torch.eye(3)[[0, 1, 2, 0]]).shape
    torch.Size([4, 2])
    """

    def __init__(self, net: nn.Module, conditions: int, width: int = 0) -> None:
        super().__init__()
        self.net, self.embedding = net, embedding(conditions, width)

    def forward(self, z: Float[Tensor, "n z"], c: Float[Tensor, "n d"]) -> Tensor:
        return self.net(torch.cat([z, self.embedding(c).to(z.dtype)], 1))


@recorded
class Planes(nn.Module):
    """D with c as constant planes of the image: x (n, k, h, w) -> D of k + (width or conditions) channels.

    >>> D = Planes(nn.Conv2d(1 + 3, 2, 4), conditions=3)
    >>> D(torch.zeros(4, 1, 4, 4), torch.eye(3)[[0, 1, 2, 0]]).shape
    torch.Size([4, 2, 1, 1])
    """

    def __init__(self, net: nn.Module, conditions: int, width: int = 0) -> None:
        super().__init__()
        self.net, self.embedding = net, embedding(conditions, width)

    def forward(self, x: Float[Tensor, "n k h w"], c: Float[Tensor, "n d"]) -> Tensor:
        planes = self.embedding(c).to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.net(torch.cat([x, planes], 1))


class Critic(Protocol):
    """A D that reads its image in two parts: D(x) = read(maps(x)), maps (n, features, h, w)."""

    features: int

    def maps(self, x: Tensor) -> Tensor: ...

    def read(self, maps: Tensor) -> Tensor: ...


@recorded
class Projection(nn.Module):
    """D with c by a projection: x (n, k, h, w) -> read(maps) + <V c, phi(x)>, (n,); c (n, conditions).

    net: a `Critic`, of the image's channels alone. V starts as N(0, .02), as DCGAN's weights do.

    >>> from energan.networks.conv.dcgan import Discriminator
    >>> D = Projection(Discriminator(channels=1, size=8, width=2), conditions=3)
    >>> D(torch.zeros(4, 1, 8, 8), torch.eye(3)[[0, 1, 2, 0]]).shape
    torch.Size([4])
    """

    def __init__(self, net: nn.Module, conditions: int) -> None:
        super().__init__()
        self.net, self.V = net, nn.Linear(conditions, critic(net).features, bias=False)
        nn.init.normal_(self.V.weight, std=0.02)

    def forward(self, x: Float[Tensor, "n k h w"], c: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        D = critic(self.net)
        maps = D.maps(x)
        return D.read(maps) + (maps.sum((2, 3)) * self.V(c)).sum(1)


@recorded
class Auxiliary(nn.Module):
    """D with a classifier beside its verdict: x (n, k, h, w) -> (read(maps) (n,), class logits (n, classes)).

    Both are linear in the maps of D's last hidden layer. net: a `Critic`, whose maps have 4 x 4 places.

    >>> from energan.networks.conv.dcgan import Discriminator
    >>> D = Auxiliary(Discriminator(channels=1, size=8, width=2), classes=3)
    >>> [tuple(y.shape) for y in D(torch.zeros(4, 1, 8, 8))]
    [(4,), (4, 3)]
    """

    def __init__(self, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.net = net
        self.classes = nn.Linear(PLACES * critic(net).features, classes)
        nn.init.normal_(self.classes.weight, std=0.02)

    def forward(self, x: Float[Tensor, "n k h w"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n classes"]]:
        D = critic(self.net)
        maps = D.maps(x)
        return D.read(maps), self.classes(maps.flatten(1))


def critic(net: nn.Module) -> Critic:
    """The net, as what it is. UserError for a net that is none."""
    if not all(hasattr(net, name) for name in ("features", "maps", "read")):
        raise UserError(f"a {type(net).__name__} gives no maps: use DCGAN's D or WGAN-GP's, or join planes")
    return cast("Critic", net)
