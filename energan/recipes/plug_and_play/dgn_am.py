"""DGN-AM and plug & play generative networks on digits.

The authors trained on ImageNet for a million steps, with weights of the losses for 227 x 227 pixels and CaffeNet's
features; defaults here are for 28 x 28 and minutes on two cores: --image-loss and --feature-loss are larger by about as
much as pixels and features are fewer. Chains are the official codes': after 200 steps they drew digits that another
classifier knew, where the thesis' (the equation unchanged) drew images that only the encoder took for digits.
"""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, resized, run
from energan.recipes.flag_docs import documented
from energan.recipes.plug_and_play.common import classifier, finished, parts
from energan.recipes.semi_supervised.labelled_data import network

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def dgn_am_mnist(
    *,
    data: str = "mnist",
    encoder: str = "",
    module: str = "",
    code: str = "h",
    features: str = "conv3",
    classes: int = 10,
    steps: int = 1000,
    batch: int = 32,
    seed: int = 0,
    save_every: int = 100,
    image_loss: float = 4e-4,
    feature_loss: float = 0.36,
    adversarial: float = 100.0,
    paired: bool = False,
    width: int = 8,
    lr: float = 2e-3,
    chain_steps: int = 200,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """DGN-AM: digits that excite a unit of a classifier, by a generator that inverts it (arXiv:1605.09304)."""
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES
    from energan.networks.conv.ppgn import Bounds
    from energan.recipes.plug_and_play.encoder import initialiser, known_classes

    made_of = parts(
        classifier(encoder, module, classes), (1, 28, 28), code=code, features=features, paired=paired, width=width,
        seed=seed, lr=lr, image_loss=image_loss, feature_loss=feature_loss, adversarial=adversarial,
    )  # fmt: skip
    adam = Adam(lr)
    bounds = Bounds(made_of.h)
    game = GAMES["dgn-am"](
        *made_of.nets, made_of.h, wiring=made_of.wiring, weights=made_of.weights, bounds=bounds, optimizer_G=adam,
        optimizer_D=adam.with_settings(weight_decay=4e-4),
    )  # fmt: skip
    made = run(
        game, "dgn-am", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every, ema=ema,
        network=network(data, 28, 1), precision=precision, device=device, compile=compile,
    )  # fmt: skip
    load = initialiser(made_of.E.module, encoder, module, data, classes)
    return finished(made, made_of.E, chain_steps, code, load, bounds, classes=known_classes(encoder, module))
