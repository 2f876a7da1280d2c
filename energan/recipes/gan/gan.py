"""GAN on digits: the baseline of figure 4 of arXiv:1609.03126, and the maxout nets of arXiv:1406.2661."""

from typing import Literal

from energan.experiment import Experiment
from energan.recipes.common import AlternatingTraining, Data, GeneratorTraining, experiment, padded_digits, resized
from energan.utils.checks import at_least, fraction, positive
from energan.utils.errors import UserError

Optimizers = Literal["sgd", "adam"]


def gan_mnist(
    *,
    data: Data = "mnist",
    loss: Literal["minimax", "non-saturating"] = "non-saturating",
    smoothing: float = 0.0,
    z: int = 100,
    layers_g: int = 5,
    size_g: int = 1600,
    layers_d: int = 2,
    size_d: int = 1024,
    dropout_d: float = 0.0,
    optim_g: Optimizers = "sgd",
    optim_d: Optimizers = "sgd",
    lr: float = 1e-2,
    training: AlternatingTraining = AlternatingTraining(steps=20000, batch=128, save_every=1000),
) -> Experiment:
    """The paper's best fully connected GAN on MNIST, figure 4 (a): the baseline of its grid search.

    The paper states neither how many steps, nor the batch.

    Args:
        loss: The generator's: -log D(G(z)) (non-saturating) or log(1 - D(G(z))) (minimax).
        smoothing: One-sided label smoothing: the target of real images is 1 less this.
        z: Dimensions of the noise (not stated in the paper).
        layers_g: Weight layers of the generator, nLayerG.
        size_g: Units of its hidden layers, sizeG.
        layers_d: Weight layers of the discriminator, nLayerD.
        size_d: Units of its hidden layers, sizeD.
        dropout_d: Dropout rate of its hidden layers.
        optim_g: The generator's optimizer (SGD without momentum: the paper states none).
        optim_d: The discriminator's optimizer.
        lr: Learning rate of both players.
    """
    from energan.engine.optimizers import SGD, Adam, Optimizer
    from energan.games.gan.gan import gan
    from energan.networks.dense import mlp

    positive(z=z, layers_g=layers_g, size_g=size_g, size_d=size_d, lr=lr)
    at_least(2, layers_d=layers_d)
    fraction(smoothing=smoothing, dropout_d=dropout_d)
    image = (1, 32, 32)
    with training.seeded():
        G = mlp.Generator(z, image, layers=layers_g, size=size_g)
        D = mlp.Discriminator(image, layers=layers_d, size=size_d, dropout=dropout_d)
    optimizers: dict[str, Optimizer] = {"sgd": SGD(lr), "adam": Adam(lr)}
    game = gan(
        G, D, z, loss=loss, smoothing=smoothing, optimizer_G=optimizers[optim_g], optimizer_D=optimizers[optim_d]
    )
    return experiment(game, "gan", data, padded_digits, training)


def maxout_gan_mnist(
    *,
    data: Data = "mnist",
    mean: float = 0.13,
    z: int = 100,
    size_g: int = 1200,
    size_d: int = 240,
    lr: float = 0.1,
    training: GeneratorTraining = GeneratorTraining(steps=10000, batch=100, save_every=500),
) -> Experiment:
    """The first GAN with its own settings (arXiv:1406.2661): maxout, dropout, both players moving at once.

    A step is one turn of D and G together; momentum rises over 125,000 steps, as the authors'.

    Args:
        mean: Where the generator's pixels start, 0 (black) to 1; each at its own mean in the authors' code, which
            needs the data before the nets.
        z: Dimensions of the noise, U(-sqrt 3, sqrt 3).
        size_g: Units of the generator's two hidden layers.
        size_d: Maxout units of the discriminator's two hidden layers, of five pieces each.
        lr: SGD's learning rate of G; D's is half of it, for the authors halve its loss.
    """
    from energan.engine.noise import uniform
    from energan.engine.optimizers import AnnealedSGD
    from energan.games.gan.gan import gan
    from energan.networks.dense import maxout

    positive(z=z, size_g=size_g, size_d=size_d, lr=lr)
    if not 0 <= mean <= 1:
        raise UserError(f"`mean` is a brightness, 0 to 1, got {mean}")
    with training.seeded():
        G = maxout.Generator(z, size=size_g, mean=2.0 * mean - 1)
        D = maxout.Discriminator(units=size_d)
    sgd = AnnealedSGD(lr)
    half = sgd.with_settings(lr=lr / 2, floor=sgd.floor / 2)
    noise = uniform(z, low=-(3**0.5), high=3**0.5)
    game = gan(G, D, noise, simultaneous=True, optimizer_G=sgd, optimizer_D=half)
    return experiment(game, "gan", data, resized(28, 1), training)
