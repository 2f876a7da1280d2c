"""Plug and play on colour images, inverting MobileNetV2."""

from functools import partial
from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.common import GeneratorTraining, experiment, resized
from energan.recipes.plug_and_play.common import TRAINING, Inversion, Inverted, with_chains
from energan.recipes.plug_and_play.ppgn import noiseless
from energan.utils.checks import at_least
from energan.utils.specification import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from energan.data import ImageSet
    from energan.networks.conv.mobilenet_v2 import MobileNetClassifier


def noiseless_ppgn_h_64(
    *,
    data: str,
    side: int = 128,
    classifier: Inverted = Inverted(),
    inversion: Inversion = Inversion(features="features.13", image_loss=2.5e-5, feature_loss=0.01),
    training: GeneratorTraining = TRAINING,
) -> Experiment:
    """Noiseless joint PPGN-h on colour images, inverting MobileNetV2: ImageNet's classes steer it.

    Without --encoder, the classifier is MobileNetV2 with ImageNet's weights.

    Args:
        data: Your own images (folder, .zip, .npz, .parquet), in colour.
        side: Pixels that MobileNetV2 sees; ImageNet's 224 take three times as long as 128.
    """
    from energan.networks.conv.mobilenet_v2 import MobileNetClassifier
    from energan.networks.pretrained import frozen
    from energan.recipes.plug_and_play.encoder import initialiser

    at_least(32, side=side)
    own = classifier.encoder or classifier.module
    net = classifier.open(0) if own else frozen(MobileNetClassifier(side))
    p = inversion.parts(net, (3, 64, 64), training)
    run = experiment(noiseless(p), "noiseless-joint-ppgn-h", data, resized(64, 3), training, "mobilenetv2")
    if isinstance(net, MobileNetClassifier):
        load: Callable[[ImageSet], None] | None = partial(_published, net)
    else:
        load = initialiser(net, classifier.encoder, classifier.module, data, 0, value_range=run.value_range)
    return with_chains(run, p.E, classifier, inversion.code, load)


@named
def _published(net: "MobileNetClassifier", data: "ImageSet") -> None:
    """ImageNet's weights."""
    from energan.networks.conv.mobilenet_v2 import mobilenet_v2

    net.load_state_dict(mobilenet_v2().state_dict())
