"""Domain-adversarial training: a classifier for images of which nobody knows the labels (arXiv:1409.7495)."""

from energan.experiment import Experiment
from energan.recipes.adaptation.domains import Domains
from energan.recipes.common import Data, Training
from energan.utils.checks import fraction, not_negative, positive


def dann_mnist(
    *,
    data: Data = "mnist",
    weight: float = 1.0,
    horizon: int = 0,
    lr: float = 0.01,
    momentum: float = 0.9,
    domains: Domains = Domains(),
    training: Training = Training(steps=20000, batch=64, save_every=2000),
) -> Experiment:
    """DANN: learns the labels of one domain, and features that do not say of which domain an image is.

    A step is one turn of all players on as many images of either domain. --weight 0 is the classifier of the source
    alone; it and a run on the target's own labels (--data mnist-m --target mnist) are what an adapted one is between.

    Args:
        weight: How much the features go against the discriminator of domains at the end; 0: not at all.
        horizon: Steps over which the weight is reached and the learning rate falls; 0: all.
        lr: SGD's learning rate at the start; it falls as the authors' does.
        momentum: SGD's momentum.
    """
    from energan.engine.optimizers import SGD, inverse_decay, step_at
    from energan.games.adaptation.dann import dann
    from energan.networks.conv import dann as nets

    domains.check()
    positive(lr=lr, steps=training.steps)
    not_negative(weight=weight, horizon=horizon)
    fraction(momentum=momentum)
    with training.seeded():
        E = nets.encoder(channels=domains.channels, size=domains.size)
        C, D = nets.classifier(domains.classes, size=domains.size), nets.domain_critic(size=domains.size)
    span = horizon or step_at(1.0, training.steps)
    sgd = SGD(lr, momentum, schedule=inverse_decay(span))
    game = dann(E, C, D, span=span, weight=weight, optimizer_E=sgd, optimizer_C=sgd, optimizer_D=sgd)
    return domains.experiment(game, "dann", data, training)
