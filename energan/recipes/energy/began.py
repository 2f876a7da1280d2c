"""BEGAN on digits (arXiv:1703.10717)."""

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, LearningRate, experiment, padded_digits
from energan.utils.checks import fraction, not_negative, positive
from energan.utils.errors import UserError


def began_mnist(
    *,
    data: Data = "mnist",
    gamma: float = 0.9,
    rate: float = 1e-2,
    z: int = 64,
    width: int = 16,
    lr: LearningRate = 5e-4,
    beta1: float = 0.5,
    start: float = -1.0,
    training: GeneratorTraining = GeneratorTraining(steps=5000, batch=16, save_every=500),
) -> Experiment:
    """BEGAN: an auto-encoder's discriminator kept in balance with the generator (arXiv:1703.10717), at 32 x 32.

    A step is one turn of D, G and k together. The paper is of faces: --gamma 0.5 --rate 1e-3 --lr 1e-4 --beta1 0.9
    --start 0. On digits, whose ground is black, k stays 0 with these and D never sees a sample (docs/results/gans.md).

    Args:
        gamma: Diversity, the ratio of samples' to images' losses that the balance k holds; the paper: 0.3 to 0.7.
        rate: Step size of the balance k.
        z: Dimensions of the noise, U(-1, 1), and of D's code.
        width: Feature maps of the networks (128 in the paper, for faces); less is faster.
        beta1: Adam's first moment.
        start: Level of all pixels that G and D's decoder begin with, -1 (black) to 1; 0 is the authors'.
    """
    from energan.engine.optimizers import Adam
    from energan.games.energy.began import began
    from energan.networks.conv.began import Autoencoder, Generator

    positive(z=z, width=width, lr=lr, gamma=gamma)
    fraction(beta1=beta1)
    if not -1 <= start <= 1:
        raise UserError(f"`start` must be from -1 (black) to 1 (white), got {start:g}")
    not_negative(rate=rate)
    with training.seeded():
        G = Generator(z, channels=1, size=32, width=width, start=start)
        D = Autoencoder(channels=1, size=32, width=width, code=z, start=start)
    game = began(G, D, z, gamma=gamma, rate=rate, optimizer_G=Adam(lr, beta1), optimizer_D=Adam(lr, beta1))
    return experiment(game, "began", data, padded_digits, training)
