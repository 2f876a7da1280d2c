"""ACGAN.  "Conditional image synthesis with auxiliary classifier GANs", Odena, Olah & Shlens 2016, arXiv:1610.09585.

    L_S = E log P(S = real | x) + E log P(S = fake | G(z, y))    eq. 2: the source;  P(S = real | x) = sigmoid(l(x))
    L_C = E log P(C = y | x)    + E log P(C = y | G(z, y))       eq. 3: the class;   P(C | x) = softmax(k(x))

D descends - L_S - weight L_C, and G descends L_S - weight L_C, whose L_S has the paper's sign and whose first terms do
not depend on G; "non-saturating", with which it is trained here: - log P(S = real | G(z, y)) in place of L_S.

x (n, c, h, w) in [-1, 1]; y (n, classes), the class of x, one-hot; z (n, d); the net D returns (l (n,), k (n, classes))
in one pass and is not told y. One turn of D, then one of G, each on a fresh batch.

Not to be confused with a conditional D (conditional.py), which is told y and has no classifier; nor with the K + 1
classes of semi-supervised GANs (semi_supervised/improved_gan.py).
NOTE: a classifier's weight above 1 favours images that are surely of their class over varied ones (Gong et al. 2019,
arXiv:1907.02690, show why).
"""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Conditions, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal, one_hot
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses.adversarial import discriminator, non_saturating, probability
from energan.utils.specification import recorded

MEANINGS = {
    "weight": "weight of the class in the losses of both players",
    "loss": "what each player minimises; they pull against each other, so neither has to fall",
    "D(x)": "mean probability of being real that D gives to real images; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for generated images",
    "class error": "share of real images whose class D reads wrongly",
    "class error of samples": "share of generated images in which D does not read the class that was asked for",
}


def wrong(k: Tensor, y: Tensor) -> Tensor:
    return (k.argmax(1) != y.argmax(1)).float().mean()


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    (real, k_real), (fake, k_fake) = p.D(b.x), p.D(p.G(b.z, b.y).detach())
    classes = cross_entropy(wide(k_real), b.y) + cross_entropy(wide(k_fake), b.y)
    loss = discriminator(real, fake) + b.weight * classes
    sure = {"D(x)": probability(real).mean(), "D(G(z))": probability(fake).mean()}
    return loss, {"loss": loss, **sure, "class error": wrong(k_real, b.y)}


def generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    fake, k = p.D(p.G(b.z, b.y))
    loss = non_saturating(fake) + b.weight * cross_entropy(wide(k), b.y)
    return loss, {"loss": loss, "class error of samples": wrong(k, b.y)}


@recorded
def acgan(
    G: nn.Module,
    D: nn.Module,
    z: int | Noise,
    classes: int,
    *,
    weight: float = 1.0,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """ACGAN. G takes (z, y); D returns (logits, class logits). Its energy reading is -l(x)."""
    return Game(
        players={"G": Player(G, optimizer_G), "D": Player(D, optimizer_D)},
        turns={"D": (Move(discriminator_loss, min=("D",)),), "G": (Move(generator_loss, min=("G",)),)},
        noise={"z": as_noise(z, normal), "c": one_hot(classes)},
        hyperparameters={"weight": weight},
        sample=lambda p, b: p.G(b.z, b.c),
        energy=lambda p, b: -wide(p.D(b.x)[0]),
        conditions=Conditions("classes", lambda p, b: (wide(p.D(b.x)[1]).log_softmax(1) * b.c).sum(1)),
        meanings=MEANINGS,
    )
