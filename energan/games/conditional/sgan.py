"""SGAN.  "Stacked generative adversarial networks", Huang, Li, Poursaeed, Hopcroft & Belongie 2016, arXiv:1612.04357,
sections 3.2-3.4.

An encoder that stays as it is, E_0: x -> h_1, E_1: h_1 -> y, is inverted from the top, G_1: (y, z_1) -> h^_1,
G_0: (h_1, z_0) -> x^, each level with a discriminator of its own. With h_0 = x, h_2 = y and D_i = sigmoid(l_i):

    L_Di = 1/2 E [- log D_i(h_i) - log(1 - D_i(h^_i))] + 10 L_ent
    L_Gi = - E log D_i(h^_i) + L_cond + 10 L_ent
    L_cond = - E log E_1(h^_1)_y  for i = 1,   E |E_0(x^) - h_1|^2 / units  for i = 0
    L_ent = E |Q_i(h^_i) - z_i|^2 / units

Q_i, most of which is D_i's, is descended by both: the smaller L_ent, the larger a lower bound of H(h^_i | h_{i+1});
without it G_i may ignore z_i. Independent training: G_0 gets h_1 = E_0(x). Joint: it gets h^_1 = G_1(y, z_1), and so
does L_cond. L_G0 moves G_0 alone: in the authors' MNIST code each generator has its own loss only, to which the input
of G_0 is a constant (their CIFAR code adds .01 L_G0 to G_1's).

x (n, ...) in [-1, 1]; y (n, classes) one-hot, the labels of x; z_i (n, d) ~ U(0, 1); D_i returns
networks.conv.sgan.Judged. Per step a turn of both D_i and one of both G_i, each on a fresh batch.

Not to be confused with StackGAN (arXiv:1612.03242), which refines images from text; nor with the semi-supervised GAN
(arXiv:1606.01583) and the standard GAN (gan/gan.py), both of which are abbreviated SGAN, too.
NOTE: the two turns of the authors' code see the same batch. Their Adam divides by sqrt(v + 1e-8), to which our eps of
1e-4 is nearest; the default here is the usual 1e-8.
"""

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from energan.engine.game import Batch, Conditions, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import one_hot, uniform
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.losses.adversarial import discriminator, non_saturating, probability
from energan.networks.conv.sgan import Judged
from energan.utils.specification import recorded

MEANINGS = {
    "adversarial": "weight of the discriminators' verdicts in the losses",
    "condition": "weight of the condition error in the generators' losses",
    "entropy": "weight of the noise error; at 0 a generator may ignore its noise",
    "loss": "what the player minimises; generators and discriminators pull against each other, so neither has to fall",
    "D(x)": "mean probability of being real that D gives to real images or features; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for generated ones",
    "condition error": (
        "how far generated images or features are from what was asked for, by the frozen encoder: cross-entropy "
        "of the class, or squared distance of the features"
    ),
    "noise error": (
        "mean squared error of the noise as it is read back from what was made of it; at 1/12, its variance, the "
        "generator ignores it"
    ),
}


def features(p: Players, b: Batch, joint: bool) -> Tensor:
    """h_1, the input of G_0."""
    return (p.G_1(b.y, b.z_1) if joint else p.E_0(b.x)).detach()


def judged(real: Judged, fake: Judged, z: Tensor, b: Batch) -> tuple[Tensor, Logs]:
    entropy = mse_loss(wide(fake.z), wide(z))
    loss = b.adversarial / 2 * discriminator(real.logits, fake.logits) + b.entropy * entropy
    of_real, of_fake = probability(real.logits).mean(), probability(fake.logits).mean()
    return loss, {"loss": loss, "D(x)": of_real, "D(G(z))": of_fake}


def generated(fake: Judged, conditional: Tensor, z: Tensor, b: Batch) -> tuple[Tensor, Logs]:
    entropy = mse_loss(wide(fake.z), wide(z))
    loss = b.adversarial * non_saturating(fake.logits) + b.condition * conditional + b.entropy * entropy
    return loss, {"loss": loss, "condition error": conditional, "noise error": entropy}


def feature_discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    return judged(p.D_1(p.E_0(b.x)), p.D_1(p.G_1(b.y, b.z_1).detach()), b.z_1, b)


def feature_generator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    h = p.G_1(b.y, b.z_1)
    return generated(p.D_1(h), cross_entropy(wide(p.E_1(h)), b.y), b.z_1, b)


def image_discriminator_loss(p: Players, b: Batch, joint: bool) -> tuple[Tensor, Logs]:
    return judged(p.D_0(b.x), p.D_0(p.G_0(features(p, b, joint), b.z_0).detach()), b.z_0, b)


def image_generator_loss(p: Players, b: Batch, joint: bool) -> tuple[Tensor, Logs]:
    h = features(p, b, joint)
    x = p.G_0(h, b.z_0)
    return generated(p.D_0(x), mse_loss(wide(p.E_0(x)), wide(h)), b.z_0, b)


def likelihood(p: Players, b: Batch) -> Tensor:
    """log E_1(E_0(x))_y, (n,): how sure the frozen encoder is of the class."""
    return (wide(p.E_1(p.E_0(b.x))).log_softmax(1) * b.c).sum(1)


@recorded
def sgan(
    E_0: nn.Module,
    E_1: nn.Module,
    G_1: nn.Module,
    G_0: nn.Module,
    D_1: nn.Module,
    D_0: nn.Module,
    z: int | tuple[Noise, Noise],
    classes: int,
    *,
    adversarial: float = 1.0,
    condition: float = 1.0,
    entropy: float = 10.0,
    joint_from: int = 0,
    optimizer_G: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(1e-4, beta1=0.5),
) -> Game:
    """SGAN of two levels. E_1 returns logits; z: numbers of either noise, or those of z_1 and of z_0.

    Training is independent before step `joint_from`, then joint; 0: joint from the start, as the authors' on MNIST.
    entropy 0: without L_ent.
    """
    z_1, z_0 = (uniform(z, low=0.0), uniform(z, low=0.0)) if isinstance(z, int) else z

    def turns(suffix: str, joint: bool) -> dict[str, tuple[Move, ...]]:
        D = Move(partial(image_discriminator_loss, joint=joint), min=("D_0",))
        G = Move(partial(image_generator_loss, joint=joint), min=("G_0",))
        return {
            f"D{suffix}": (Move(feature_discriminator_loss, min=("D_1",)), D),
            f"G{suffix}": (Move(feature_generator_loss, min=("G_1",)), G),
        }

    return Game(
        players={
            "E_0": Player(E_0),
            "E_1": Player(E_1),
            "G_1": Player(G_1, optimizer_G),
            "G_0": Player(G_0, optimizer_G),
            "D_1": Player(D_1, optimizer_D),
            "D_0": Player(D_0, optimizer_D),
        },
        turns=turns("", joint=True) | turns("_alone", joint=False),
        order=lambda t: ("D", "G") if t >= joint_from else ("D_alone", "G_alone"),
        noise={"c": one_hot(classes), "z_1": z_1, "z_0": z_0},
        hyperparameters={"adversarial": adversarial, "condition": condition, "entropy": entropy},
        sample=lambda p, b: p.G_0(p.G_1(b.c, b.z_1), b.z_0),
        conditions=Conditions("classes", likelihood),
        meanings=MEANINGS,
    )
