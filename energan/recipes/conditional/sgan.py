"""Stacked GANs: an encoder's levels inverted one by one, each by a generator with noise of its own.

The authors trained for 200 epochs, 120,000 steps; defaults here are for minutes on two cores.
"""

from functools import partial
from typing import TYPE_CHECKING

from energan.recipes.common import Precision, run
from energan.recipes.flag_docs import documented
from energan.recipes.semi_supervised.classifier import labelled
from energan.recipes.semi_supervised.labelled_data import network
from energan.utils.checks import at_least, fraction, not_negative, positive, usable_seed
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def sgan_mnist(
    *,
    data: str = "mnist",
    encoder: str = "",
    classes: int = 10,
    steps: int = 2000,
    batch: int = 100,
    seed: int = 0,
    save_every: int = 200,
    joint_from: float = 0.0,
    condition: float = 1.0,
    entropy: float = 10.0,
    z: int = 50,
    width: int = 16,
    lr: float = 5e-4,
    beta1: float = 0.5,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """SGAN: from a class to features, and from features to an image, by two stacked GANs (arXiv:1612.04357).

    Args:
        encoder: A folder of encoder-mnist with --net sgan; empty: one that is trained once on the same images.
        steps: Training steps, each one turn of both discriminators and one of both generators.
        joint_from: Share of the steps before which training is independent; 0: joint from the start, 1: never joint.
        condition: Weight of the conditional losses: what was asked for, against what the encoder sees.
        entropy: Weight of the entropy losses, which keep the noise in use; 0 for none.
        z: Dimensions of each generator's noise.
        width: Feature maps at half resolution (32 in the authors' code); less is faster.
        lr: Adam's learning rate of all players; the authors' 1e-4 is for their 120,000 steps.
    """
    from energan.engine.optimizers import Adam, step_at
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.conv import sgan
    from energan.networks.pretrained import submodule
    from energan.recipes.plug_and_play.encoder import initialiser, open_classifier

    at_least(2, classes=classes)
    positive(z=z, width=width, lr=lr)
    not_negative(joint_from=joint_from, condition=condition, entropy=entropy)
    if joint_from > 1:
        raise UserError(f"`joint_from` is a share of the steps, 0 to 1, got {joint_from}")
    fraction(beta1=beta1)
    usable_seed(seed)
    with seeded(seed):
        E = open_classifier(encoder, "", classes, net="sgan")
        G_1, G_0 = sgan.FeatureGenerator(z=z, classes=classes), sgan.ImageGenerator(z=z, width=width)
        D_1, D_0 = sgan.feature_discriminator(z=z), sgan.image_discriminator(z=z, width=width)
    if not isinstance(E, sgan.Encoder):
        raise UserError(f"`encoder` {encoder} is no run of encoder-mnist with `net` sgan")
    adam = Adam(lr, beta1)
    game = GAMES["sgan"](
        submodule(E, "E_0"), submodule(E, "E_1"), G_1, G_0, D_1, D_0, z, classes, condition=condition, entropy=entropy,
        joint_from=step_at(joint_from, steps), optimizer_G=adam, optimizer_D=adam,
    )  # fmt: skip
    return run(
        game, "sgan", data, partial(labelled, classes=classes), steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=0.0, network=network(data, 28, 1), precision=precision, device=device,
        compile=compile,
    )._replace(initialise=initialiser(E, encoder, "", data, classes, net="sgan"))  # fmt: skip
