"""Plug and play on colour images, inverting MobileNetV2."""

from functools import partial
from typing import TYPE_CHECKING

from energan.recipes.common import Precision, resized, run
from energan.recipes.flag_docs import documented
from energan.recipes.plug_and_play.common import finished, parts
from energan.utils.checks import at_least
from energan.utils.specification import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from energan.experiment import Experiment
    from energan.networks.conv.mobilenet_v2 import MobileNetClassifier


@documented
def noiseless_ppgn_h_64(
    *,
    data: str,
    encoder: str = "",
    module: str = "",
    code: str = "h",
    features: str = "features.13",
    steps: int = 1000,
    batch: int = 32,
    seed: int = 0,
    save_every: int = 100,
    image_loss: float = 2.5e-5,
    feature_loss: float = 0.01,
    adversarial: float = 100.0,
    paired: bool = False,
    side: int = 128,
    width: int = 8,
    lr: float = 2e-3,
    chain_steps: int = 200,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """Noiseless joint PPGN-h on colour images, inverting MobileNetV2: ImageNet's classes steer it.

    Args:
        data: Your own images (folder, .zip, .npz, .parquet), in colour.
        encoder: The classifier that is inverted: a run's folder, or a .safetensors file with --module; empty:
            MobileNetV2 with ImageNet's weights.
        side: Pixels that MobileNetV2 sees; ImageNet's 224 take three times as long as 128.
    """
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES
    from energan.networks.conv.mobilenet_v2 import MobileNetClassifier
    from energan.networks.pretrained import frozen
    from energan.recipes.plug_and_play.encoder import initialiser, known_classes, open_classifier

    at_least(32, side=side)
    net = open_classifier(encoder, module, 0) if encoder or module else frozen(MobileNetClassifier(side))
    made_of = parts(
        net, (3, 64, 64), code=code, features=features, paired=paired, width=width,
        seed=seed, lr=lr, image_loss=image_loss, feature_loss=feature_loss, adversarial=adversarial,
    )  # fmt: skip
    adam = Adam(lr)
    game = GAMES["noiseless-joint-ppgn-h"](
        *made_of.nets, made_of.h, wiring=made_of.wiring, weights=made_of.weights, optimizer_G=adam,
        optimizer_D=adam.with_settings(weight_decay=4e-4),
    )  # fmt: skip
    made = run(
        game, "noiseless-joint-ppgn-h", data, resized(64, 3), steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=ema, network="mobilenetv2", precision=precision, device=device, compile=compile,
    )  # fmt: skip
    if isinstance(net, MobileNetClassifier):
        load: Callable[[Tensor], None] | None = partial(_published, net)
    else:
        load = initialiser(net, encoder, module, data, 0)
    return finished(made, made_of.E, chain_steps, code, load, classes=known_classes(encoder, module))


@named
def _published(net: "MobileNetClassifier", images: "Tensor") -> None:
    """ImageNet's weights."""
    from energan.networks.conv.mobilenet_v2 import mobilenet_v2

    net.load_state_dict(mobilenet_v2().state_dict())
