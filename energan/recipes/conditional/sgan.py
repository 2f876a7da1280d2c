"""Stacked GANs: an encoder's levels inverted one by one, each by a generator with noise of its own.

The authors trained for 200 epochs, 120,000 steps; defaults here are for minutes on two cores.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, Training, experiment
from energan.recipes.semi_supervised.classifier import labelled
from energan.recipes.semi_supervised.labelled_data import network
from energan.utils.checks import at_least, not_negative, positive, share
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.networks.conv.sgan import Encoder


LOOKED_AT = 1000  # images that the features' mean square is taken of


def sgan_mnist(
    *,
    data: Data = "mnist",
    encoder: str = "",
    classes: int = 10,
    joint_from: float = 0.0,
    script: Literal["auto", "independent", "joint"] = "auto",
    feature_square: float = 0.0,
    condition: float = 1.0,
    entropy: float = 10.0,
    z: int = 50,
    width: int = 16,
    adam: AdamOptions = AdamOptions(lr=5e-4),
    training: Training = Training(steps=2000, batch=100, save_every=200),
) -> Experiment:
    """SGAN: from a class to features, and from features to an image, by two stacked GANs (arXiv:1612.04357).

    A step is one turn of both discriminators and one of both generators. The authors' --lr 1e-4 is for their 120,000
    steps.

    Args:
        encoder: A folder of encoder-mnist with --net sgan; empty: one that is trained once on the same images.
        classes: Classes of the images.
        joint_from: Share of the steps before which training is independent; 0: joint from the start, 1: never joint.
        script: Which discriminators: those of the authors' script for independent or for joint training, which differ
            in activations and in weights at the start; auto: joint where training is joint from the start.
        feature_square: The encoder's features are scaled to this mean square over training images, and its logits stay
            as they are (the authors' encoder has 0.8); 0: not scaled.
        condition: Weight of the conditional losses: what was asked for, against what the encoder sees.
        entropy: Weight of the entropy losses, which keep the noise in use; 0 for none.
        z: Dimensions of each generator's noise.
        width: Feature maps at half resolution (32 in the authors' code); less is faster.
    """
    from energan.engine.optimizers import step_at
    from energan.games.conditional.sgan import sgan
    from energan.networks.conv import sgan as networks
    from energan.networks.pretrained import submodule
    from energan.recipes.plug_and_play.encoder import initialiser, open_classifier

    at_least(2, classes=classes)
    positive(z=z, width=width)
    not_negative(condition=condition, entropy=entropy, feature_square=feature_square)
    share(joint_from=joint_from)
    if script == "auto":
        script = "independent" if joint_from else "joint"
    with training.seeded():
        E = open_classifier(encoder, "", classes, net="sgan")
        G_1, G_0 = networks.FeatureGenerator(z=z, classes=classes), networks.ImageGenerator(z=z, width=width)
        D_1 = networks.feature_discriminator(z=z, script=script)
        D_0 = networks.image_discriminator(z=z, width=width, script=script)
    if not isinstance(E, networks.Encoder):
        raise UserError(f"`encoder` {encoder} is no run of encoder-mnist with `net` sgan")
    opt, start = adam.optimizer(training.steps), step_at(joint_from, training.steps)
    players = (submodule(E, "E_0"), submodule(E, "E_1"), G_1, G_0, D_1, D_0)
    game = sgan(
        *players, z, classes, condition=condition, entropy=entropy, joint_from=start, optimizer_G=opt, optimizer_D=opt
    )
    run = experiment(game, "sgan", data, partial(labelled, classes=classes), training, network(data))
    weights = initialiser(E, encoder, "", data, classes, "sgan", run.value_range)
    return run._replace(initialise=partial(_scaled, E, weights, feature_square) if feature_square else weights)


@named
def _scaled(E: "Encoder", weights: "Callable[[ImageSet], None] | None", square: float, data: "ImageSet") -> None:
    """Brings the trained weights into E, then its features to a mean square, as some of the images have it."""
    from energan.data.batches.images import random_images
    from energan.engine.rng import seeded

    if weights:
        weights(data)
    with seeded(0):
        E.scale_features(random_images(data.images, LOOKED_AT), square)
