"""The PPGN family's denoisers on digits: of pixels, of codes, and joint ones."""

from typing import TYPE_CHECKING

from energan.recipes.common import Precision, resized, run
from energan.recipes.flag_docs import documented
from energan.recipes.plug_and_play.common import classifier, finished, parts
from energan.recipes.semi_supervised.labelled_data import network
from energan.utils.checks import not_negative, positive, usable_seed

if TYPE_CHECKING:
    from energan.experiment import Experiment


@documented
def ppgn_x_mnist(
    *,
    data: str = "mnist",
    encoder: str = "",
    module: str = "",
    classes: int = 10,
    steps: int = 2000,
    batch: int = 64,
    seed: int = 0,
    save_every: int = 200,
    sigma_x: float = 0.5,
    size_r: int = 512,
    lr: float = 1e-3,
    chain_steps: int = 200,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """PPGN-x: images found by a classifier and a denoising auto-encoder of pixels, without a generator.

    Args:
        steps: Training steps of the denoiser.
        sigma_x: Deviation of the noise on images (ours; the paper's is unconfirmed).
        size_r: Units of the denoiser's first and last hidden layer; half as many lie between.
        lr: Adam's learning rate.
    """
    from energan.engine.noise import normal
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.dense.perceptron import Perceptron
    from energan.networks.pretrained import extract_features
    from energan.recipes.plug_and_play.encoder import initialiser, known_classes

    positive(lr=lr, sigma_x=sigma_x, size_r=size_r)
    usable_seed(seed)
    E, _ = extract_features(classifier(encoder, module, classes), (), (1, 28, 28))
    with seeded(seed):
        R = Perceptron((784, size_r, max(1, size_r // 2), size_r, 784), shape=(1, 28, 28))
    game = GAMES["ppgn-x"](E, R, normal(1, 28, 28), sigma_x=sigma_x, optimizer_R=Adam(lr))
    made = run(
        game, "ppgn-x", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every, ema=0.0,
        network=network(data, 28, 1), precision=precision, device=device, compile=compile,
    )  # fmt: skip
    load = initialiser(E.module, encoder, module, data, classes)
    return finished(made, E, chain_steps, "", load, classes=known_classes(encoder, module))


@documented
def ppgn_h_mnist(
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
    sigma_h: float = 0.3,
    size_r: int = 256,
    width: int = 8,
    lr: float = 2e-3,
    chain_steps: int = 200,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """PPGN-h: DGN-AM's generator, and a denoising auto-encoder of codes as their prior.

    Args:
        sigma_h: Deviation of the noise on codes (ours; the paper's is unconfirmed); the thesis' are of 3.4.
        size_r: Units of the denoiser's first and last hidden layer; half as many lie between.
    """
    from energan.engine.optimizers import Adam
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.conv.ppgn import denoiser
    from energan.recipes.plug_and_play.encoder import initialiser, known_classes

    positive(sigma_h=sigma_h, size_r=size_r)
    made_of = parts(
        classifier(encoder, module, classes), (1, 28, 28), code=code, features=features, paired=paired, width=width,
        seed=seed, lr=lr, image_loss=image_loss, feature_loss=feature_loss, adversarial=adversarial,
    )  # fmt: skip
    adam = Adam(lr)
    with seeded(seed):
        R = denoiser((made_of.h, size_r, max(1, size_r // 2), size_r, made_of.h))
    game = GAMES["ppgn-h"](
        *made_of.nets, R, made_of.h, wiring=made_of.wiring, weights=made_of.weights, sigma_h=sigma_h,
        optimizer_G=adam, optimizer_D=adam.with_settings(weight_decay=4e-4),
    )  # fmt: skip
    made = run(
        game, "ppgn-h", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every, ema=ema,
        network=network(data, 28, 1), precision=precision, device=device, compile=compile,
    )  # fmt: skip
    load = initialiser(made_of.E.module, encoder, module, data, classes)
    return finished(made, made_of.E, chain_steps, code, load, classes=known_classes(encoder, module))


@documented
def joint_ppgn_h_mnist(
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
    code_loss: float = 0.36,
    sigma_x: float = 0.1,
    sigma_h1: float = 0.1,
    sigma_h: float = 0.3,
    width: int = 8,
    lr: float = 2e-3,
    chain_steps: int = 200,
    ema: float = 0.0,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """Joint PPGN-h: three denoisers in one another, of images, features and codes (arXiv:1612.00005).

    Args:
        code_loss: Weight of the code's loss, half the squared difference.
        sigma_x: Deviation of the noise on images (this and the next two are ours; the paper's are unconfirmed).
        sigma_h1: Deviation of the noise on the features, within the encoder.
        sigma_h: Deviation of the noise on codes; the thesis' are of 3.4 themselves.
    """
    from energan.engine.noise import normal
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES
    from energan.recipes.plug_and_play.encoder import initialiser, known_classes

    not_negative(code_loss=code_loss, sigma_x=sigma_x, sigma_h1=sigma_h1, sigma_h=sigma_h)
    made_of = parts(
        classifier(encoder, module, classes), (1, 28, 28), code=code, features=features, paired=paired, width=width,
        seed=seed, lr=lr, image_loss=image_loss, feature_loss=feature_loss, adversarial=adversarial,
    )  # fmt: skip
    adam = Adam(lr)
    game = GAMES["joint-ppgn-h"](
        *made_of.nets, made_of.h, normal(1, 28, 28), normal(*made_of.shapes[features]), wiring=made_of.wiring,
        weights=made_of.weights, code=code_loss, sigma_x=sigma_x, sigma_h1=sigma_h1, sigma_h=sigma_h,
        optimizer_G=adam, optimizer_D=adam.with_settings(weight_decay=4e-4),
    )  # fmt: skip
    made = run(
        game, "joint-ppgn-h", data, resized(28, 1), steps=steps, batch=batch, seed=seed, save_every=save_every, ema=ema,
        network=network(data, 28, 1), precision=precision, device=device, compile=compile,
    )  # fmt: skip
    load = initialiser(made_of.E.module, encoder, module, data, classes)
    return finished(made, made_of.E, chain_steps, code, load, classes=known_classes(encoder, module))


@documented
def noiseless_ppgn_h_mnist(
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
    """Noiseless joint PPGN-h: codes whose prior is E(G(h)), generator trained as DGN-AM's (arXiv:1612.00005)."""
    from energan.engine.optimizers import Adam
    from energan.games.catalog import GAMES
    from energan.recipes.plug_and_play.encoder import initialiser, known_classes

    made_of = parts(
        classifier(encoder, module, classes), (1, 28, 28), code=code, features=features, paired=paired, width=width,
        seed=seed, lr=lr, image_loss=image_loss, feature_loss=feature_loss, adversarial=adversarial,
    )  # fmt: skip
    adam = Adam(lr)
    game = GAMES["noiseless-joint-ppgn-h"](
        *made_of.nets, made_of.h, wiring=made_of.wiring, weights=made_of.weights, optimizer_G=adam,
        optimizer_D=adam.with_settings(weight_decay=4e-4),
    )  # fmt: skip
    made = run(
        game, "noiseless-joint-ppgn-h", data, resized(28, 1), steps=steps, batch=batch, seed=seed,
        save_every=save_every, ema=ema, network=network(data, 28, 1), precision=precision, device=device,
        compile=compile,
    )  # fmt: skip
    load = initialiser(made_of.E.module, encoder, module, data, classes)
    return finished(made, made_of.E, chain_steps, code, load, classes=known_classes(encoder, module))
