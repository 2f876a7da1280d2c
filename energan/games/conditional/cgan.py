"""CGAN.  "Conditional generative adversarial nets", Mirza & Osindero 2014, arXiv:1411.1784.

    min_G max_D  E log D(x|y) + E log(1 - D(G(z|y)))   eq. 2, D(x|y) = sigmoid(l(x, y))
    L_D = - log D(x|y) - log(1 - D(G(z|y)))
    L_G = - log D(G(z|y))                              "non-saturating"; or log(1 - D(G(z|y))), "minimax"

x (n, c, h, w) in [-1, 1]; y (n, classes), the class of x, one-hot; z (n, d). Both players move at once. It is
`conditional` of the GAN: a sample is drawn, and judged, for the class of the image beside it.

Also known as cGAN. Not to be confused with ACGAN, whose D also says what class it sees, nor with GAN-CLS, whose D is
also shown real images beside a wrong condition: here nothing but the pairs' look tells D that class and image differ.
NOTE: the paper says neither which loss G has, nor in what turns the players move: those of the first GAN's code, of
which theirs is an extension (simultaneous, non-saturating; it also halves L_D, as the recipe's learning rate of D).
"""

from typing import Literal

from torch import nn

from energan.engine.game import Game, Noise
from energan.engine.optimizers import AnnealedSGD, Optimizer
from energan.games.conditional.conditional import conditional
from energan.games.gan.gan import gan
from energan.utils.specification import recorded

SGD_G = AnnealedSGD(0.1, 4e-5)
SGD_D = SGD_G.with_settings(lr=SGD_G.lr / 2, floor=SGD_G.floor / 2)  # the halved loss


@recorded
def cgan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    classes: int,
    *,
    loss: Literal["minimax", "non-saturating"] = "non-saturating",
    smoothing: float = 0.0,
    optimizer_G: Optimizer = SGD_G,
    optimizer_D: Optimizer = SGD_D,
) -> Game:
    """CGAN. z: dimensions of N(0, I), or a Noise; G(z, y) returns images and D(x, y) logits (n,).

    Its energy reading is the least -l(x, y) of any class.
    """
    plain = gan(
        G, D, z, loss=loss, smoothing=smoothing, simultaneous=True, optimizer_G=optimizer_G, optimizer_D=optimizer_D
    )
    return conditional(plain, classes)
