"""The improved GAN's classifier from few labels."""

from functools import partial
from typing import TYPE_CHECKING, Literal

from energan.networks.dense.ladder import HIDDEN
from energan.recipes.common import Precision, run
from energan.recipes.flag_docs import documented
from energan.recipes.semi_supervised.labelled_data import few_labels, network
from energan.utils.checks import fraction, not_negative, positive, usable_seed
from energan.utils.specification import named

if TYPE_CHECKING:
    from torch import Tensor

    from energan.experiment import Experiment
    from energan.networks.dense.improved_gan import Discriminator


@documented
def improved_gan_mnist(
    *,
    data: str = "mnist",
    labels: int = 100,
    label_seed: int = 0,
    labels_csv: str = "",
    test: str = "",
    classes: int = 10,
    size: int = 28,
    channels: int = 1,
    steps: int = 3000,
    batch: int = 100,
    seed: int = 0,
    save_every: int = 250,
    variant: Literal["feature-matching", "minibatch"] = "feature-matching",
    weight: float = 1.0,
    hidden: tuple[int, ...] = HIDDEN,
    z: int = 100,
    size_g: int = 500,
    lr: float | None = None,
    ema: float = 0.99,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """The improved GAN's classifier: D tells the classes apart, and G's images from all of them.

    Args:
        steps: Training steps, each one turn of D and one of G (minibatch: three); the paper has 180,000.
        variant: What G learns by: feature-matching (the better classifier) or minibatch (the better images).
        weight: Of what is learned without labels.
        hidden: Units of the hidden layers of D.
        z: Dimensions of the noise, U(0, 1).
        size_g: Units of the two hidden layers of G.
        lr: Adam's learning rate of both players; by default the code's 0.003, and 0.0003 with --variant minibatch.
        average: Decay of D's averaged weights, which the classifier uses; 0 for none (0.9999 in the code's far longer
            runs).
    """
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.dense import improved_gan

    prepare = few_labels(labels, label_seed, classes, labels_csv, size, channels)
    matching = variant == "feature-matching"
    lr = (3e-3 if matching else 3e-4) if lr is None else lr
    positive(z=z, size_g=size_g, lr=lr)
    not_negative(weight=weight)
    fraction(ema=ema)
    usable_seed(seed)
    for width in hidden:
        positive(hidden=width)
    with seeded(seed):
        G = improved_gan.Generator(z, (channels, size, size), hidden=(size_g, size_g))
        D = improved_gan.Discriminator((size * size * channels, *hidden, classes), kernels=0 if matching else 100)
    adam = Adam(lr, beta1=0.5, eps=1e-4)
    game = GAMES["improved-gan-ssl"](G, D, z, variant=variant, weight=weight, optimizer_G=adam, optimizer_D=adam)
    return run(
        game, "improved-gan-ssl", data, prepare, steps=steps, batch=batch, seed=seed, save_every=save_every, ema=0.0,
        network=network(data, size, channels), precision=precision, device=device, compile=compile,
    )._replace(test=test, ema={"D": ema} if ema else {}, initialise=partial(_by_data, D, seed))  # fmt: skip


@named
def _by_data(D: "Discriminator", seed: int, images: "Tensor") -> None:
    """Initialises D by some of the training images; its noise, and which they are, by the seed."""
    from energan.data.batches import random_images
    from energan.engine.rng import seeded
    from energan.networks.dense.improved_gan import FIRST, by_images

    with seeded(seed):
        by_images(D, random_images(images, FIRST))
