"""The small fully connected nets of toy data: points in, points or readings out.

init fills each weight, biases are then 0: partial(nn.init.orthogonal_, gain=1.4) in the notebook of unrolled GANs
(Metz et al. 2016, arXiv:1611.02163), gain 0.8 in its appendix, partial(nn.init.normal_, std=0.02); None is torch's own.
"""

import itertools
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

from torch import Tensor, nn

from energan.networks.layers import BatchNorm
from energan.networks.layers.bounded import Sigmoid
from energan.networks.layers.initialisation import fill
from energan.utils.errors import UserError
from energan.utils.specification import recorded

Activation = Literal["relu", "tanh", "sigmoid", "elu", "leaky"]

Init = Callable[[Tensor], Any]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": Sigmoid,
    "elu": nn.ELU,
    "leaky": lambda: nn.LeakyReLU(0.2),
}


def _activation(name: str) -> nn.Module:
    if name not in ACTIVATIONS:
        raise UserError(f"there is no activation {name!r}; there are {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


@recorded
class Perceptron(nn.Module):
    """x (n, ...) of sizes[0] numbers -> (n, sizes[-1]), linear; sizes[1:-1] are the hidden layers.

    shape  of each output; () makes a critic's readings (n,), (1, 28, 28) images
    norm   batch norm before each hidden activation
    scale  multiplies the input (D of the appendix sees x / 4)

    UserError for fewer than two sizes, a shape of another size, an unknown activation.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: Activation = "relu",
        norm: bool = False,
        shape: tuple[int, ...] | None = None,
        scale: float = 1.0,
        init: Init | None = None,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise UserError(f"a perceptron needs the sizes of its input and its output at least, got {tuple(sizes)}")
        self.shape = (sizes[-1],) if shape is None else tuple(shape)
        if prod(self.shape) != sizes[-1]:
            raise UserError(f"{sizes[-1]} outputs cannot have the shape {self.shape}")
        self.scale = scale
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(sizes[:-1]):
            layers += [nn.Linear(a, b, bias=not norm), *([BatchNorm(b)] if norm else []), _activation(activation)]
        self.net = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))
        if init:
            fill(self, init)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.scale * x.flatten(1)).view(x.shape[0], *self.shape)


@recorded
def with_tanh(net: nn.Module) -> nn.Sequential:
    """The net, and tanh behind it: images in [-1, 1]."""
    return nn.Sequential(net, nn.Tanh())


@recorded
class Autoencoder(nn.Module):
    """The D of EBGAN and BEGAN for points: x (n, ...) -> (reconstruction in the shape of x, code (n, sizes[-1])).

    sizes are Enc's, from data to code; Dec has them in reverse. Code and reconstruction are linear, and Dec sees the
    code through the activation, so codes may be orthogonal. scale multiplies Enc's input; the target stays x.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: Activation = "relu",
        scale: float = 1.0,
        init: Init | None = None,
    ) -> None:
        super().__init__()
        self.encoder = Perceptron(sizes, activation=activation, scale=scale, init=init)
        self.activation = _activation(activation)
        self.decoder = Perceptron(sizes[::-1], activation=activation, init=init)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        return self.decoder(self.activation(code)).view(x.shape), code


class Affine(nn.Module):
    """z (n, d) -> shift + scale z (n, d); shift and scale, (d,) or (), are where they start."""

    def __init__(self, shift: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.shift, self.scale = nn.Parameter(shift.clone()), nn.Parameter(scale.clone())

    def forward(self, z: Tensor) -> Tensor:
        return self.shift + self.scale * z
