"""Adversarial auto-encoders on digits: a prior of one's choice, for codes and samples (arXiv:1511.05644)."""

from typing import TYPE_CHECKING, Any, Literal

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, LearningRate, experiment, resized
from energan.recipes.semi_supervised.labelled_data import FewLabels
from energan.utils.checks import at_least, fraction, not_negative, positive, usable_seed
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.engine.game import Noise

Prior = Literal["gaussian", "mixture", "swiss-roll"]


def aae_mnist(
    *,
    data: Data = "mnist",
    posterior: Literal["deterministic", "gaussian", "universal"] = "deterministic",
    prior: Prior = "gaussian",
    spread: float = 5.0,
    z: int | None = None,
    eps: int = 10,
    labels: int = 0,
    label_seed: int = 0,
    classes: int = 10,
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
    units: int = 1200,
    dropout: float = 0.0,
    code_noise: float = 0.0,
    lr: LearningRate = 2e-4,
    lr_d: float = 1e-4,
    beta1: float = 0.5,
    training: GeneratorTraining = GeneratorTraining(steps=10000, batch=100, save_every=1000),
) -> Experiment:
    """An adversarial auto-encoder, whose codes a critic holds to a prior; by default as its likelihood was measured.

    A step is one turn of E and G, one of the critic, one of E against it. Nets and rates are those of a public
    reproduction, which took 120,000 steps.

    Args:
        posterior: What a code is of its image: a function, a Gaussian, or a function of it and of noise.
        prior: Of the codes: gaussian, mixture (of Gaussians, one a class) or swiss-roll; the last two have 2 numbers.
        spread: Standard deviation of the gaussian prior.
        z: Numbers of a code; by default 8, and 2 for the other priors.
        eps: Numbers of the noise of a universal posterior.
        labels: Labels that tell the critic which part of the prior is whose, as many of each class; 0: none.
        label_seed: Of which labels are kept, and of nothing else.
        classes: Classes of the images, and parts of the priors mixture and swiss-roll.
        likelihood: Of the pixels: bernoulli, or gaussian (squares).
        units: Of each hidden layer, two in each net.
        dropout: Rate of the hidden layers of E and G.
        code_noise: Standard deviation of the noise on what the critic sees.
        lr: Adam's learning rate of E and G.
        lr_d: Adam's learning rate of the critic, and of E against it.
        beta1: Adam's first moment where the critic or E against it moves.
    """
    from energan.engine.noise import gaussian_mixture, normal, swiss_roll
    from energan.engine.optimizers import Adam
    from energan.games.latent.aae import aae
    from energan.networks.latent import aae as networks
    from energan.networks.latent.posterior import Posterior

    at_least(2, classes=classes)
    z = (8 if prior == "gaussian" else 2) if z is None else z
    positive(z=z, eps=eps, spread=spread, units=units, lr=lr, lr_d=lr_d)
    not_negative(labels=labels, code_noise=code_noise)
    fraction(dropout=dropout, beta1=beta1)
    usable_seed(label_seed, "label_seed")
    if prior != "gaussian" and z != 2:
        raise UserError(f"`z` is 2 where the prior is a {prior}, got {z}")
    if prior == "gaussian" and labels:
        raise UserError(
            "`labels` choose a part of the prior, and a gaussian has none: use `prior` mixture or swiss-roll"
        )
    planes = {"mixture": gaussian_mixture, "swiss-roll": swiss_roll}
    parts: Noise | None = planes[prior](classes, every=True) if labels else None
    drawn: Noise = normal(z, sigma=spread) if prior == "gaussian" else planes[prior](classes)
    noise = {"deterministic": 0, "gaussian": z, "universal": eps}[posterior]
    shape: dict[str, Any] = {"hidden": (units, units), "dropout": dropout}
    with training.seeded():
        of_E = networks.Encoder(
            2 * z if posterior == "gaussian" else z, eps=eps if posterior == "universal" else 0, **shape
        )
        E = Posterior(of_E) if posterior == "gaussian" else of_E
        G = networks.Decoder(z, **shape)
        D = networks.Critic(z + (classes + 1 if labels else 0), hidden=(units, units), noise=code_noise)
    adversarial = Adam(lr_d, beta1)
    game = aae(
        E, G, D, drawn, posterior=posterior, eps=noise, z_y=parts, likelihood=likelihood,
        optimizer_E=Adam(lr), optimizer_G=Adam(lr), optimizer_D=adversarial, optimizer_R=adversarial,
    )  # fmt: skip
    few = FewLabels(labels=labels, label_seed=label_seed, classes=classes)
    prepare = few.prepare() if labels else resized(28, 1)
    return experiment(game, "aae", data, prepare, training)
