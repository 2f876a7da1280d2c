"""Pixel-level adaptation: images of one domain made to look like another's (arXiv:1612.05424)."""

from energan.experiment import Experiment
from energan.recipes.adaptation.domains import Domains
from energan.recipes.common import Data, Training
from energan.utils.checks import fraction, not_negative, positive


def pixelda_mnist(
    *,
    data: Data = "mnist",
    alpha: float = 0.0113,
    beta: float = 0.0101,
    z: int = 10,
    width: int = 32,
    blocks: int = 2,
    width_d: int = 16,
    dropout_d: float = 0.0,
    noise_d: float = 0.2,
    lr: float = 1e-3,
    beta1: float = 0.5,
    domains: Domains = Domains(),
    training: Training = Training(steps=10000, batch=32, save_every=1000),
) -> Experiment:
    """PixelDA: learns labels on images of one domain, and on the same images made to look like the other's.

    A step is one turn of D and the classifier and one of G, on as many images of either domain. The authors' nets are
    --width 64 --blocks 6 --width-d 64 --dropout-d 0.1, and they took 250,000 steps.

    Args:
        alpha: How much G is to fool D; beside --beta, only their ratio counts.
        beta: How much G is to keep what the classifier finds the label by.
        z: Dimensions of G's noise.
        width: Feature maps of G.
        blocks: Residual blocks of G.
        width_d: Feature maps of D at full resolution; they double as resolution halves.
        dropout_d: Share of the outputs of D's layers that is dropped; the authors': 0.1, which takes longer.
        noise_d: Standard deviation of the noise on D's layers.
        lr: Adam's learning rate of all players.
        beta1: Adam's first moment.
    """
    from energan.engine.optimizers import Adam
    from energan.games.adaptation.pixelda import pixelda
    from energan.networks.translation import pixelda as nets

    domains.check()
    not_negative(alpha=alpha, beta=beta, noise_d=noise_d, blocks=blocks)
    fraction(dropout_d=dropout_d, beta1=beta1)
    positive(z=z, width=width, width_d=width_d, lr=lr)
    shape = {"channels": domains.channels, "size": domains.size}
    with training.seeded():
        T = nets.classifier(domains.classes, **shape)
        G = nets.Generator(z, width=width, blocks=blocks, **shape)
        D = nets.Discriminator(width=width_d, dropout=dropout_d, noise=noise_d, **shape)
    adam = Adam(lr, beta1)
    game = pixelda(G, D, T, z, alpha=alpha, beta=beta, optimizer_G=adam, optimizer_D=adam, optimizer_T=adam)
    return domains.experiment(game, "pixelda", data, training)
