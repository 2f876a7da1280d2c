"""What the decoder of a ladder makes of one layer: g(z~, u), z~ its corrupted activation, u what comes from above.

Both are (n, width), and so is g.  Rasmus et al. 2015, arXiv:1507.02672; Pezeshki et al. 2015, arXiv:1511.06430.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from energan.utils.errors import UserError

Combination = Literal["gaussian", "sigmoid", "amlp"]


class Gaussian(nn.Module):
    """g = (z~ - mu(u)) v(u) + mu(u),  mu = a1 sig(a2 u + a3) + a4 u + a5,  v = a6 sig(a7 u + a8) + a9 u + a10.

    a (10, width): of each unit. a2 = a7 = 1 and the rest 0 at the start, so that g = 0.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = _starting([0, 1, 0, 0, 0, 0, 1, 0, 0, 0], width)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = self.a.unbind()
        mu = a1 * (a2 * u + a3).sigmoid() + a4 * u + a5
        v = a6 * (a7 * u + a8).sigmoid() + a9 * u + a10
        return (z - mu) * v + mu


class Sigmoid(nn.Module):
    """g = a1 + a2 z~ + a3 u + a4 z~ u + b sig(c1 + c2 z~ + c3 u + c4 z~ u): the default of the authors' code.

    a (9, width): a1 to a4, b, c1 to c4 of each unit. a2 = b = c2 = 1 and the rest 0 at the start: z~ + sig(z~).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = _starting([0, 1, 0, 0, 1, 0, 1, 0, 0], width)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        a1, a2, a3, a4, b, c1, c2, c3, c4 = self.a.unbind()
        zu = z * u
        return a1 + a2 * z + a3 * u + a4 * zu + b * (c1 + c2 * z + c3 * u + c4 * zu).sigmoid()


class AMLP(nn.Module):
    """A perceptron of (u, z~, u z~), one number out, leaky ReLU 0.1.  Pezeshki et al. 2015, arXiv:1511.06430.

    hidden  the sizes of its hidden layers, 2 or more each: (4,) and (2, 2, 2) in the paper
    std     of the noise on its first weights, which without it copy z~ exactly (leaky(z) - leaky(-z) = 1.1 z)

    All units of a layer share the weights, as in the public code sakishinoda/tf-ssl; the paper does not say.
    """

    def __init__(self, width: int, hidden: Sequence[int] = (4,), std: float = 0.025) -> None:
        super().__init__()
        if min(hidden, default=0) < 2:
            raise UserError(f"AMLP's hidden layers have 2 units or more, not {tuple(hidden)}")
        self.net = nn.Sequential()
        copy = [0.0, 1.0, 0.0]  # how z~ is read from the layer below
        for a, b in itertools.pairwise([3, *hidden]):
            layer = nn.Linear(a, b)
            _copying(layer, [copy, [-c for c in copy]], std)
            self.net.extend([layer, nn.LeakyReLU(0.1)])
            copy = [1 / 1.1, -1 / 1.1, *[0.0] * (b - 2)]
        last = nn.Linear(hidden[-1], 1)
        _copying(last, [copy], std)
        self.net.append(last)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        return self.net(torch.stack([u, z, u * z], -1)).squeeze(-1)


COMBINATORS: dict[Combination, Callable[[int], nn.Module]] = {"gaussian": Gaussian, "sigmoid": Sigmoid, "amlp": AMLP}


def _starting(values: Sequence[float], width: int) -> nn.Parameter:
    """Each value once for every unit, (len(values), width)."""
    return nn.Parameter(torch.tensor(values, dtype=torch.get_default_dtype())[:, None].repeat(1, width))


@torch.no_grad()
def _copying(layer: nn.Linear, rows: Sequence[Sequence[float]], std: float) -> None:
    """Noise of standard deviation `std`, plus these as the first rows; no bias."""
    nn.init.normal_(layer.weight, std=std)
    layer.weight[: len(rows)] += torch.tensor(rows)
    nn.init.zeros_(layer.bias)
