"""Adversarial discriminative domain adaptation: an encoder of its own for the target (arXiv:1702.05464)."""

from energan.experiment import Experiment
from energan.recipes.adaptation.domains import Domains
from energan.recipes.common import Data, Training
from energan.utils.checks import at_least, positive, share


def adda_mnist(
    *,
    data: Data = "mnist",
    first: float = 0.25,
    lr: float = 1e-3,
    lr_e: float = 2e-4,
    lr_d: float = 2e-4,
    units: int = 500,
    domains: Domains = Domains(),
    training: Training = Training(steps=10000, batch=128, save_every=1000),
) -> Experiment:
    """ADDA: learns the labels of one domain, then an encoder of the other that a discriminator takes for the first's.

    A step is one turn of both encoders and the classifier, and later one of D and one of the target's encoder. With
    --first 1 it is the classifier of the source alone.

    Args:
        first: Share of the steps, the first ones, in which labels are learned.
        lr: Adam's learning rate in them.
        lr_e: Adam's learning rate of the target's encoder after them; where it goes astray, 1e-5.
        lr_d: Adam's learning rate of the discriminator of domains.
        units: Units of the encoders' last layer, and of each hidden layer of D.
    """
    from energan.engine.optimizers import Adam, step_at
    from energan.games.adaptation.adda import adda
    from energan.networks.conv import adda as nets

    domains.check()
    at_least(1, units=units)
    positive(lr=lr, lr_e=lr_e, lr_d=lr_d, steps=training.steps)
    share(first=first)
    shape = {"channels": domains.channels, "size": domains.size, "units": units}
    with training.seeded():
        S = nets.encoder(**shape)
        C, D = nets.classifier(domains.classes, units=units), nets.domain_critic(units=units, hidden=units)
    with training.seeded():
        E = nets.encoder(**shape)  # the same weights
    game = adda(
        S, E, C, D, adapt_from=step_at(first, training.steps), optimizer_S=Adam(lr),
        optimizer_E=Adam(lr_e, beta1=0.5), optimizer_D=Adam(lr_d, beta1=0.5),
    )  # fmt: skip
    return domains.experiment(game, "adda", data, training)
