"""The improved GAN's classifier from few labels (arXiv:1606.03498)."""

from functools import partial
from typing import TYPE_CHECKING, Literal

from energan.experiment import Experiment
from energan.recipes.common import Data, Training, experiment
from energan.recipes.semi_supervised.labelled_data import HIDDEN, FewLabels, usable_layers
from energan.utils.checks import fraction, not_negative, positive
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.networks.dense.improved_gan import Discriminator


def improved_gan_mnist(
    *,
    data: Data = "mnist",
    variant: Literal["feature-matching", "minibatch"] = "feature-matching",
    weight: float = 1.0,
    hidden: tuple[int, ...] = HIDDEN,
    z: int = 100,
    size_g: int = 500,
    lr: float | None = None,
    ema: float = 0.999,
    labelled: FewLabels = FewLabels(),
    training: Training = Training(steps=12000, batch=100, save_every=1000),
) -> Experiment:
    """The improved GAN's classifier: D tells the classes apart, and G's images from all of them.

    A step is one turn of D and one of G (minibatch: three); the paper has 180,000 steps. Images without labels teach
    little in the first thousands.

    Args:
        variant: What G learns by: feature-matching (the better classifier) or minibatch (the better images).
        weight: Of what is learned without labels.
        hidden: Units of the hidden layers of D.
        z: Dimensions of the noise, U(0, 1).
        size_g: Units of the two hidden layers of G.
        lr: Adam's learning rate of both players; by default the code's 0.003, and 0.0003 with --variant minibatch.
        ema: Decay of D's averaged weights, which the classifier uses; 0 for none (0.9999 in the code's far longer
            runs).
    """
    from energan.engine.optimizers import Adam
    from energan.games.semi_supervised.improved_gan import improved_gan_ssl
    from energan.networks.dense.improved_gan import Discriminator, Generator

    prepare, channels, size = labelled.prepare(), labelled.channels, labelled.size
    matching = variant == "feature-matching"
    lr = (3e-3 if matching else 3e-4) if lr is None else lr
    positive(z=z, size_g=size_g, lr=lr)
    not_negative(weight=weight)
    fraction(ema=ema)
    usable_layers(hidden)
    with training.seeded():
        G = Generator(z, (channels, size, size), hidden=(size_g, size_g))
        D = Discriminator((labelled.pixels, *hidden, labelled.classes), kernels=0 if matching else 100)
    adam = Adam(lr, beta1=0.5, eps=1e-4)
    game = improved_gan_ssl(G, D, z, variant=variant, weight=weight, optimizer_G=adam, optimizer_D=adam)
    run = experiment(game, "improved-gan-ssl", data, prepare, training, labelled.network(data))
    averages = {"D": ema} if ema else {}
    return labelled.applied(run)._replace(ema=averages, initialise=partial(_by_data, D, training.seed))


@named
def _by_data(D: "Discriminator", seed: int, data: "ImageSet") -> None:
    """Initialises D by some of the training images; its noise, and which they are, by the seed."""
    from energan.data.batches.images import random_images
    from energan.engine.rng import seeded
    from energan.networks.dense.improved_gan import FIRST, by_images

    with seeded(seed):
        by_images(D, random_images(data.images, FIRST))
