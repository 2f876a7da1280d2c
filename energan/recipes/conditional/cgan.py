"""The conditional GAN on digits, as it was published."""

from energan.experiment import Experiment
from energan.recipes.classes import Labels
from energan.recipes.common import Data, GeneratorTraining, NoiseSize, experiment, resized
from energan.utils.checks import fraction, positive


def cgan_mnist(
    *,
    data: Data = "mnist",
    labels: Labels = Labels(),
    z: NoiseSize = 100,
    size_z: int = 200,
    size_y: int = 1000,
    size_g: int = 1200,
    size_d: int = 240,
    size_dy: int = 50,
    dropout: float = 0.5,
    masks: bool = True,
    lr: float = 0.1,
    training: GeneratorTraining = GeneratorTraining(steps=50000, batch=100, save_every=2500),
) -> Experiment:
    """The conditional GAN with its own settings (arXiv:1411.1784): maxout, dropout, digits that are asked for.

    A step is one turn of D and G together. The paper states no length; its momentum rises over 125,000 steps, and its
    learning rate reaches its end after 288,000.

    Args:
        size_z: Units of the generator's layer of the noise.
        size_y: Units of its layer of the class.
        size_g: Units of its layer of both.
        size_d: Maxout units of the discriminator's layers of the image and of both, of five and four pieces each.
        size_dy: Maxout units of its layer of the class, of five pieces.
        dropout: Dropout rate of all hidden layers.
        masks: G's dropout is on in use, too, a part of its noise; without, samples of a class hardly differ.
        lr: SGD's learning rate of G; D's is half of it, for the first GAN's authors halve its loss.
    """
    from energan.engine.optimizers import AnnealedSGD
    from energan.games.conditional.cgan import cgan
    from energan.networks.conditional import cgan as networks

    positive(z=z, size_z=size_z, size_y=size_y, size_g=size_g, size_d=size_d, size_dy=size_dy, lr=lr)
    fraction(dropout=dropout)
    images = resized(28, 1)
    asked, prepare = labels.asked(data, images, training.value_range)
    classes = len(asked.names)
    with training.seeded():
        G = networks.Generator(z, classes, sizes=(size_z, size_y, size_g), dropout=dropout, masks=masks)
        D = networks.Discriminator(classes, units=(size_d, size_dy, size_d), dropout=dropout)
    sgd = AnnealedSGD(lr, 4e-5)
    half = sgd.with_settings(lr=lr / 2, floor=sgd.floor / 2)
    game = cgan(G, D, networks.noise_of(G), classes, optimizer_G=sgd, optimizer_D=half)
    return asked.shown(experiment(game, "cgan", data, prepare, training), images)
