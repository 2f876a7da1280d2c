"""Adversarial auto-encoders whose code is a category and numbers: of few labels, of none, in two dimensions.
"Adversarial autoencoders", Makhzani et al. 2015, arXiv:1511.05644, sections 5 to 7.

    reconstruction  E, G      - E log p(u | y^, z),  or squares;  y^ = softmax(l), (l, z) = E(u)
    critics         D_y, D_z  - log D_y(c) - log(1 - D_y(y^)),   - log D_z(z') - log(1 - D_z(z))
    regularisation  E         - log D_y(y^) - log D_z(z)
    labels          E         - log y^_y, of labelled images x

c ~ Cat(K), one-hot (n, K), and z' ~ N(0, I), (n, d), are the priors; u (n, ...) and x (n, ...) in [-1, 1]; y (n, K),
one-hot. Turns are in this order, each on a fresh batch. Without labels (section 6) the last turn is left out, u is x,
and the category is a cluster. G takes y^ and z and returns logits of the pixels.

With heads (section 7) an image is drawn from W y^ + z, as many numbers as z has: W holds a place for each category, so
that codes can be drawn on paper. The reconstruction then has sum_{i < j} [apart - |w_i - w_j|]+ more, that heads keep
their distance.

Not to be confused with the semi-supervised VAE (M2, arXiv:1406.5298), which has a bound in place of the critics.
NOTE: the paper states neither optimizers nor `apart`. E's Adam has moments of its own for each of its turns: aae.py.
NOTE: public reproductions draw labelled images again from their own label; the paper has it of the minibatch without.
"""

from collections.abc import Mapping
from functools import partial

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Code, Conditions, Game, Logs, Move, Noise, Player, Players
from energan.engine.noise import as_noise, normal, one_hot
from energan.engine.optimizers import Adam, Alternating, Optimizer
from energan.engine.precision import wide
from energan.games.latent.aae import drawn_again
from energan.games.latent.vae import Likelihood, image
from energan.losses.adversarial import discriminator, non_saturating, probability
from energan.losses.energy import energy, energy_map
from energan.networks.latent.aae import Coded
from energan.utils.specification import recorded

MEANINGS = {
    "reconstruction error": "mean squared error of the pixels, black −1 and white 1, of images drawn again",
    "D_y(c)": "mean probability of being the prior’s that D_y gives to random categories; at 0.5 it cannot tell",
    "D_y(E(x))": "the same for the categories of images",
    "D_z(z)": "mean probability of being the prior’s that D_z gives to normal numbers; at 0.5 it cannot tell",
    "D_z(E(x))": "the same for the numbers of images",
    "loss": "what E minimises where it moves against the critics: surprise that its codes are taken for the priors’",
    "CE": (
        "cross-entropy of the labels, in nats; with few labels it soon nears 0, and only the test error says what "
        "was learned"
    ),
    "apart": "distance below which heads of the categories are pushed from each other",
    "E": "the encoder: images to a category and numbers",
    "G": "the decoder: a category and numbers to images",
    "D_y": "the critic of categories",
    "D_z": "the critic of numbers",
}


def unlabelled(b: Batch, labels: bool) -> Tensor:
    """The images that are drawn again."""
    return b.u if labels else b.x


def codes(p: Players, x: Tensor) -> tuple[Tensor, Tensor]:
    """y^ and z."""
    coded: Coded = p.E(x)
    return wide(coded.logits).softmax(1), coded.z


def crowded(heads: Tensor, apart: Tensor) -> Tensor:
    """sum_{i < j} [apart - |w_i - w_j|]+."""
    squares = (heads[:, None] - heads).square().sum(2)
    return (apart - (squares + 1e-12).sqrt()).relu().triu(1).sum()


def reconstruction_loss(p: Players, b: Batch, labels: bool, likelihood: Likelihood, heads: bool) -> tuple[Tensor, Logs]:
    x = unlabelled(b, labels)
    loss, logs = drawn_again(x, p.G(*codes(p, x)), likelihood)
    return loss + crowded(wide(p.weights("G")["heads"]), b.apart) if heads else loss, logs


def category_critic_loss(p: Players, b: Batch, labels: bool, category: str) -> tuple[Tensor, Logs]:
    y, _ = codes(p, unlabelled(b, labels))
    real, fake = p.D_y(getattr(b, category)), p.D_y(y.detach())
    return discriminator(real, fake), {"D_y(c)": probability(real).mean(), "D_y(E(x))": probability(fake).mean()}


def number_critic_loss(p: Players, b: Batch, labels: bool) -> tuple[Tensor, Logs]:
    _, z = codes(p, unlabelled(b, labels))
    real, fake = p.D_z(b.z), p.D_z(z.detach())
    return discriminator(real, fake), {"D_z(z)": probability(real).mean(), "D_z(E(x))": probability(fake).mean()}


def regularisation_loss(p: Players, b: Batch, labels: bool) -> tuple[Tensor, Logs]:
    y, z = codes(p, unlabelled(b, labels))
    loss = non_saturating(p.D_y(y)) + non_saturating(p.D_z(z))
    return loss, {"loss": loss}


def label_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    ce = cross_entropy(wide(p.E(b.x).logits), b.y)
    return ce, {"CE": ce}


def _of_codes(
    nets: Mapping[str, nn.Module], z: int | Noise, k: int, labels: bool, likelihood: Likelihood, apart: float,
    optimizers: Mapping[str, Optimizer],
) -> Game:  # fmt: skip
    """The three turns that both games share, and that of labels."""
    category = "c" if labels else "c1"  # a class may be asked for; a cluster has no name
    heads = apart > 0
    redraw = partial(reconstruction_loss, labels=labels, likelihood=likelihood, heads=heads)
    criticise = partial(category_critic_loss, labels=labels, category=category)
    turns = {
        "reconstruction": (Move(redraw, min=("E", "G")),),
        "critics": (
            Move(criticise, min=("D_y",)),
            Move(partial(number_critic_loss, labels=labels), min=("D_z",)),
        ),
        "regularisation": (Move(partial(regularisation_loss, labels=labels), min=("E",)),),
        **({"labels": (Move(label_loss, min=("E",)),)} if labels else {}),
    }
    of_E = (optimizers["E"], optimizers["R"], *((optimizers["L"],) if labels else ()))
    return Game(
        players={
            "E": Player(nets["E"], Alternating(of_E)),
            "G": Player(nets["G"], optimizers["G"]),
            "D_y": Player(nets["D_y"], optimizers["D"]),
            "D_z": Player(nets["D_z"], optimizers["D"]),
        },
        turns=turns,
        noise={category: one_hot(k), "z": as_noise(z, normal)},
        hyperparameters={"apart": apart} if heads else {},
        sample=lambda p, b: image(p.G(getattr(b, category), b.z)),
        energy=lambda p, b: energy(b.x, image(p.G(*codes(p, b.x))), "mse"),
        energy_map=lambda p, b: energy_map(b.x, image(p.G(*codes(p, b.x))), "mse"),
        encode={
            category: Code(lambda p, b: codes(p, b.x)[0], "category"),
            "z": Code(lambda p, b: codes(p, b.x)[1]),
        },
        meanings=MEANINGS,
    )


@recorded
def aae_ssl(
    E: nn.Module,
    G: nn.Module,
    D_y: nn.Module,
    D_z: nn.Module,
    z: int | Noise,
    classes: int,
    *,
    likelihood: Likelihood = "bernoulli",
    apart: float = 0.0,
    optimizer_E: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_G: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_R: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_L: Optimizer = Adam(1e-4, beta1=0.5),
) -> Game:
    """The semi-supervised adversarial auto-encoder. z: dimensions of N(0, I), or a Noise; E returns Coded.

    optimizer_E, _R and _L are E's for the reconstruction, the regularisation and the labels. apart: above 0 for a G
    with heads (networks.latent.aae.HeadDecoder). A class may be asked for; the energy reading is the mean squared error
    of an image that is drawn again.
    """
    optimizers = {"E": optimizer_E, "G": optimizer_G, "D": optimizer_D, "R": optimizer_R, "L": optimizer_L}
    nets = {"E": E, "G": G, "D_y": D_y, "D_z": D_z}
    game = _of_codes(nets, z, classes, True, likelihood, apart, optimizers)
    return game._replace(
        logits=lambda p, b: p.E(b.x).logits,
        conditions=Conditions("classes", lambda p, b: (wide(p.E(b.x).logits).log_softmax(1) * b.c).sum(1)),
    )


@recorded
def aae_clusters(
    E: nn.Module,
    G: nn.Module,
    D_y: nn.Module,
    D_z: nn.Module,
    z: int | Noise,
    clusters: int,
    *,
    likelihood: Likelihood = "bernoulli",
    apart: float = 0.0,
    optimizer_E: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_G: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(1e-4, beta1=0.5),
    optimizer_R: Optimizer = Adam(1e-4, beta1=0.5),
) -> Game:
    """The adversarial auto-encoder that clusters without labels: as `aae_ssl`, without their turn."""
    optimizers = {"E": optimizer_E, "G": optimizer_G, "D": optimizer_D, "R": optimizer_R}
    return _of_codes({"E": E, "G": G, "D_y": D_y, "D_z": D_z}, z, clusters, False, likelihood, apart, optimizers)
