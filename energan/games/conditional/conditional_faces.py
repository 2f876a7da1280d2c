"""Conditional faces.  "Conditional generative adversarial nets for convolutional face generation", Gauthier 2015.

    L_D = - 1/2 E log D(x, y) - 1/2 E log(1 - D(G(z, y^), y^))      D(x, y) = sigmoid(l(x, y))
    L_G = - E log D(G(z, y^), y^)
    y^  ~ p(y), a Gaussian kernel density estimate of the training images' attributes:
          y^ = one of their rows, r ~ U(0, 1), + bandwidth s e,  e ~ N(0, I)

x (n, c, h, w) in [-1, 1]; y (n, attributes), real numbers, those of x; z (n, d). y^ is drawn, not copied from the
batch: G cannot learn a training image by its attributes. Both players move at once, as in the first GAN's code.

K is the density (networks.layers.bank.Bank), S maps attributes to mean 0 and standard deviation 1 by their training
rows; both are frozen. So a condition b.c is in the units of the table that it came from.
Not to be confused with CGAN (cgan.py): there y is a class, and G is given that of the real image beside it.
NOTE: the author does not say that attributes are standardised; LFW's are nearly. s is their standard deviation.
"""

from torch import Tensor, nn
from torch.nn.functional import softplus

from energan.engine.game import Batch, Conditions, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal, uniform
from energan.engine.optimizers import AnnealedSGD, Optimizer
from energan.losses import adversarial
from energan.utils.specification import recorded

SGD = AnnealedSGD(4e-3)

MEANINGS = {
    "loss": "what each player minimises; they pull against each other, so neither has to fall",
    "D(x)": "mean probability of being real that D gives to real images with their attributes",
    "D(G(z))": "the same for generated images with the attributes that they were drawn for",
    "K": "the density that attributes of generated images are drawn from",
    "S": "attributes to mean 0 and standard deviation 1",
}


def drawn(p: Players, b: Batch) -> Tensor:
    """y^, in the table's units."""
    return p.K(b.r, b.e)


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    y, y_hat = p.S(b.y), p.S(drawn(p, b))
    real, fake = p.D(b.x, y).float(), p.D(p.G(b.z, y_hat).detach(), y_hat).float()
    loss = (softplus(-real).mean() + softplus(fake).mean()) / 2
    sure = adversarial.probability
    return loss, {"loss": loss, "D(x)": sure(real).mean(), "D(G(z))": sure(fake).mean()}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    y_hat = p.S(drawn(p, b))
    loss = adversarial.non_saturating(p.D(p.G(b.z, y_hat), y_hat))
    return loss, {"loss": loss}


@recorded
def conditional_faces(
    G: nn.Module,
    D: nn.Module,
    K: nn.Module,
    S: nn.Module,
    z: int | Noise,
    attributes: int,
    *,
    optimizer_G: Optimizer = SGD,
    optimizer_D: Optimizer = SGD,
) -> Game:
    """Conditional faces. z: dimensions of N(0, I), or a Noise; G(z, y) returns images, D(x, y) logits (n,).

    It has no energy reading: D judges an image with attributes only.
    """
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D), "K": Player(K), "S": Player(S)},
        turns={"both": (Move(discriminator_loss, min=("D",)), Move(generator_loss, min=("G",)))},
        noise={"z": as_noise(z, normal), "r": uniform(low=0.0), "e": normal(attributes)},
        sample=lambda p, b: p.G(b.z, p.S(b.c)),
        conditions=Conditions("attributes", lambda p, b: p.D(b.x, p.S(b.c)).float(), draw=drawn),
        meanings=MEANINGS,
    )
