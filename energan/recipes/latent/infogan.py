"""InfoGAN on digits: a category and two numbers that it learns to show, without labels (arXiv:1606.03657)."""

from typing import Any, Literal

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, GeneratorTraining, experiment, resized
from energan.utils.checks import at_least, not_negative, positive


def infogan_mnist(
    *,
    data: Data = "mnist",
    categories: int = 10,
    numbers: int = 2,
    information: float = 1.0,
    information_c2: float | None = None,
    deviation: Literal["fixed", "learned"] = "fixed",
    apart: bool = False,
    z: int = 62,
    width: int = 64,
    units: int = 1024,
    slope: float = 0.1,
    lr_d: float = 2e-4,
    adam: AdamOptions = AdamOptions(lr=1e-3),
    training: GeneratorTraining = GeneratorTraining(steps=5000, batch=128, save_every=500),
) -> Experiment:
    """InfoGAN on MNIST with the authors' settings: what is drawn, and how, by codes that nobody labelled.

    A step is one turn of D and Q, and one of G; 5,000 steps are the authors'.

    Args:
        categories: Of the code c1.
        numbers: How many the code c2 has, each of -1 to 1.
        information: Lambda, the weight of what G tells of c1; 0: a GAN, whose Q learns to read what there is.
        information_c2: The same of c2; by default --information.
        deviation: The standard deviation of c2 in Q: fixed, 1 as in the authors' code, or learned, as in the paper.
        apart: Train Q on layers of its own (the paper's are shared with D).
        z: Dimensions of the remaining noise, U(-1, 1).
        width: Feature maps at half resolution; less is faster.
        units: Units of the fully connected layers.
        slope: Of LeakyReLU: the paper's 0.1; 0.01 in the authors' code.
        lr_d: Adam's learning rate of D and Q.
    """
    from energan.games.latent.infogan import infogan
    from energan.networks.conv.infogan import Alone, Discriminator, Generator, Recogniser

    at_least(2, categories=categories)
    positive(z=z, width=width, units=units, lr_d=lr_d)
    not_negative(numbers=numbers, information=information, information_c2=information_c2 or 0.0, slope=slope)
    codes = {"categories": categories, "numbers": numbers}
    shape: dict[str, Any] = {"width": width, "units": units, "slope": slope}
    read: dict[str, Any] = {**codes, "sigma": deviation == "learned", **shape}
    with training.seeded():
        G = Generator(z + categories + numbers, width=width, units=units)
        Q = Recogniser(**read) if apart else None
        D = Alone(**shape) if apart else Discriminator(**read)
    optimizer = adam.optimizer(training.steps)
    game = infogan(
        G,
        D,
        z,
        Q=Q,
        **codes,
        information=information,
        information_c2=information_c2,
        optimizer_G=optimizer,
        optimizer_D=optimizer.with_settings(lr=lr_d),
    )
    return experiment(game, "infogan", data, resized(28, 1), training)
