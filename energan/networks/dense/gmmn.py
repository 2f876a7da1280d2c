"""The fully connected networks of GMMN (arXiv:1502.02761, section 4) and of GMMN + AE, the sizes of the authors' code.

    generator        z - 64 - 256 - 256 - 1024 - 784, tanh      ReLU in between
    code generator   z - 64 - 256 - 256 - 1024 - code, sigmoid  ReLU in between
    encoder          784 - 1024 - code                          sigmoids; dropout of pixels and of hidden units
    decoder          code - 1024 - 784 logits                   sigmoids in between

The auto-encoder's weights are uniform of variance 2 / (inputs + outputs) (Glorot & Bengio 2010), times 16, as suits the
flat sigmoid; biases 0. The paper starts it by training it layer by layer.
"""

from functools import partial
from math import prod

from jaxtyping import Float
from torch import Tensor, nn

from energan.networks.dense.perceptron import Perceptron, with_tanh
from energan.networks.layers import Dropout
from energan.networks.layers.bounded import Sigmoid, sigmoid
from energan.networks.layers.initialisation import fill
from energan.utils.specification import recorded

HIDDEN = (64, 256, 256, 1024)
OF_SIGMOIDS = partial(nn.init.xavier_uniform_, gain=4.0)


def generator(z: int) -> nn.Sequential:
    """Noise (n, z) to digits (n, 1, 28, 28) in [-1, 1]."""
    return with_tanh(Perceptron((z, *HIDDEN, 784), shape=(1, 28, 28)))


@recorded
def code_generator(z: int, code: int) -> nn.Sequential:
    """Noise (n, z) to codes (n, code) in [0, 1]."""
    return nn.Sequential(Perceptron((z, *HIDDEN, code)), Sigmoid())


@recorded
class Encoder(nn.Module):
    """x (n, *shape) in [-1, 1] -> codes (n, code) in [0, 1].

    dropout: shares of pixels and of hidden units that are black, or 0, where `forward` is told to drop some.
    """

    def __init__(
        self,
        code: int,
        shape: tuple[int, ...] = (1, 28, 28),
        *,
        units: int = 1024,
        dropout: tuple[float, float] = (0.2, 0.5),
    ) -> None:
        super().__init__()
        self.hidden, self.code = nn.Linear(prod(shape), units), nn.Linear(units, code)
        self.drop = nn.ModuleList(map(Dropout, dropout))
        fill(self, OF_SIGMOIDS)

    def forward(self, x: Tensor, dropped: bool = False) -> Float[Tensor, "n code"]:
        """Codes; `dropped`: with dropout while it trains. Without, they are what the generator is to match."""
        h = (x.flatten(1) + 1) / 2
        h = sigmoid(self.hidden(self.drop[0](h) if dropped else h))
        return sigmoid(self.code(self.drop[1](h) if dropped else h))


@recorded
def decoder(code: int, shape: tuple[int, ...] = (1, 28, 28), *, units: int = 1024) -> nn.Module:
    """Codes (n, code) to logits of the pixels (n, *shape)."""
    return fill(Perceptron((code, units, prod(shape)), shape=shape, activation="sigmoid"), OF_SIGMOIDS)
