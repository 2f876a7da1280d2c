"""Digits by GMMN + AE: moment matching of an auto-encoder's codes (arXiv:1502.02761, section 4).

The codes of two of MNIST's images lie 2.4 apart, those of an image and its nearest among 1,000 others 1.0, after 2,000
turns of the auto-encoder: what kernel widths are measured by. The authors' code has one kernel, of width 1; several
were better here (docs/results/gans.md).
"""

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, experiment, resized
from energan.utils.checks import fraction, positive, share
from energan.utils.errors import UserError


def gmmn_ae_mnist(
    *,
    data: Data = "mnist",
    widths: tuple[float, ...] = (0.5, 1.0, 2.0),
    z: int = 10,
    code: int = 32,
    units: int = 1024,
    dropout: tuple[float, float] = (0.2, 0.5),
    first: float = 0.5,
    lr: float = 3e-3,
    lr_ae: float = 3e-3,
    batch_ae: int = 100,
    training: GeneratorTraining = GeneratorTraining(steps=4000, batch=1000, save_every=400),
) -> Experiment:
    """Moment matching of codes (GMMN + AE): first an auto-encoder, then a generator of its codes, without a critic.

    A step is one turn of the auto-encoder, in the second stage one of G.

    Args:
        widths: Standard deviations of the Gaussian kernels, in units of the distance of two codes, numbers from 0 to 1.
        z: Dimensions of the noise, U(-1, 1).
        code: Numbers of a code.
        units: Of the hidden layer of encoder and decoder.
        dropout: Shares of the pixels and of the hidden units that the encoder loses while it is trained.
        first: Share of the steps in which the auto-encoder is trained; G learns in all others.
        lr: Adam's learning rate of G.
        lr_ae: Adam's learning rate of the auto-encoder.
        batch_ae: Images a turn of the auto-encoder, of the batch; all of a smaller batch.
    """
    from energan.engine.optimizers import Adam, step_at
    from energan.games.critic_free.gmmn_ae import gmmn_ae
    from energan.networks.dense.gmmn import Encoder, code_generator, decoder

    positive(z=z, code=code, units=units, lr=lr, lr_ae=lr_ae, batch_ae=batch_ae)
    share(first=first)
    if not widths:
        raise UserError("`widths` needs a width at least")
    for width in widths:
        positive(widths=width)
    for rate in dropout:
        fraction(dropout=rate)
    with training.seeded():
        Enc, Dec = Encoder(code, units=units, dropout=dropout), decoder(code, units=units)
        G = code_generator(z, code)
    batch = training.batch if isinstance(training.batch, int) else 1  # "auto" is refused below, and so is 0
    game = gmmn_ae(
        Enc, Dec, G, z, codes_from=step_at(first, training.steps), portion=min(1.0, batch_ae / max(1, batch)),
        widths=tuple(widths), optimizer_AE=Adam(lr_ae), optimizer_G=Adam(lr),
    )  # fmt: skip
    return experiment(game, "gmmn-ae", data, resized(28, 1), training)
