"""How a condition c (n, d) enters a network: a class one-hot, attributes, a sentence's code.

    G([z, e(c)])                    `Joined`: beside the noise
    D([x, planes of e(c)])          `Planes`: as more channels of the image

e is linear, without bias: an embedding of classes; or the identity, where no width is given. Each module takes c as its
last argument, which `Players.given` appends: the game's equations stay as they are.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.utils.specification import recorded


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
