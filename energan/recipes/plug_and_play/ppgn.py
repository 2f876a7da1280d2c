"""The PPGN family's denoisers on digits: of pixels, of codes, and joint ones (arXiv:1612.00005)."""

from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, LearningRate, Training, experiment, resized
from energan.recipes.plug_and_play.common import TRAINING, Inversion, InvertedDigits, Parts, with_chains
from energan.recipes.semi_supervised.labelled_data import network
from energan.utils.checks import not_negative, positive

if TYPE_CHECKING:
    from energan.engine.game import Game


def ppgn_x_mnist(
    *,
    data: Data = "mnist",
    sigma_x: float = 0.5,
    size_r: int = 512,
    lr: LearningRate = 1e-3,
    classifier: InvertedDigits = InvertedDigits(),
    training: Training = Training(steps=2000, batch=64, save_every=200),
) -> Experiment:
    """PPGN-x: images found by a classifier and a denoising auto-encoder of pixels, without a generator.

    A step is one turn of the denoiser.

    Args:
        sigma_x: Deviation of the noise on images (ours; the paper's is unconfirmed).
        size_r: Units of the denoiser's first and last hidden layer; half as many lie between.
    """
    from energan.engine.noise import normal
    from energan.engine.optimizers import Adam
    from energan.games.plug_and_play.ppgn import ppgn_x
    from energan.networks.dense.perceptron import Perceptron
    from energan.networks.pretrained import extract_features

    positive(lr=lr, sigma_x=sigma_x, size_r=size_r)
    E, _ = extract_features(classifier.digits(), (), (1, 28, 28))
    with training.seeded():
        R = Perceptron((784, size_r, max(1, size_r // 2), size_r, 784), shape=(1, 28, 28))
    game = ppgn_x(E, R, normal(1, 28, 28), sigma_x=sigma_x, optimizer_R=Adam(lr))
    run = experiment(game, "ppgn-x", data, resized(28, 1), training, network(data))
    return with_chains(run, E, classifier, "", classifier.initialiser(E, run))


def ppgn_h_mnist(
    *,
    data: Data = "mnist",
    sigma_h: float = 0.3,
    size_r: int = 256,
    classifier: InvertedDigits = InvertedDigits(),
    inversion: Inversion = Inversion(),
    training: GeneratorTraining = TRAINING,
) -> Experiment:
    """PPGN-h: DGN-AM's generator, and a denoising auto-encoder of codes as their prior.

    Args:
        sigma_h: Deviation of the noise on codes (ours; the paper's is unconfirmed); the thesis' are of 3.4.
        size_r: Units of the denoiser's first and last hidden layer; half as many lie between.
    """
    from energan.games.plug_and_play.ppgn import ppgn_h
    from energan.networks.conv.ppgn import denoiser

    positive(sigma_h=sigma_h, size_r=size_r)
    p = inversion.parts(classifier.digits(), (1, 28, 28), training)
    with training.seeded():
        R = denoiser((p.h, size_r, max(1, size_r // 2), size_r, p.h))
    game = ppgn_h(
        *p.nets, R, p.h, wiring=p.wiring, weights=p.weights, sigma_h=sigma_h, optimizer_G=p.adam, optimizer_D=p.adam_D
    )
    return _run(game, "ppgn-h", p, data, classifier, training)


def joint_ppgn_h_mnist(
    *,
    data: Data = "mnist",
    code_loss: float = 0.36,
    sigma_x: float = 0.1,
    sigma_h1: float = 0.1,
    sigma_h: float = 0.3,
    classifier: InvertedDigits = InvertedDigits(),
    inversion: Inversion = Inversion(),
    training: GeneratorTraining = TRAINING,
) -> Experiment:
    """Joint PPGN-h: three denoisers in one another, of images, features and codes (arXiv:1612.00005).

    Args:
        code_loss: Weight of the code's loss, half the squared difference.
        sigma_x: Deviation of the noise on images (this and the next two are ours; the paper's are unconfirmed).
        sigma_h1: Deviation of the noise on the features, within the encoder.
        sigma_h: Deviation of the noise on codes; the thesis' are of 3.4 themselves.
    """
    from energan.engine.noise import normal
    from energan.games.plug_and_play.ppgn import joint_ppgn_h

    not_negative(code_loss=code_loss, sigma_x=sigma_x, sigma_h1=sigma_h1, sigma_h=sigma_h)
    p = inversion.parts(classifier.digits(), (1, 28, 28), training)
    game = joint_ppgn_h(
        *p.nets,
        p.h,
        normal(1, 28, 28),
        normal(*p.shapes[inversion.features]),
        wiring=p.wiring,
        weights=p.weights,
        code=code_loss,
        sigma_x=sigma_x,
        sigma_h1=sigma_h1,
        sigma_h=sigma_h,
        optimizer_G=p.adam,
        optimizer_D=p.adam_D,
    )
    return _run(game, "joint-ppgn-h", p, data, classifier, training)


def noiseless_ppgn_h_mnist(
    *,
    data: Data = "mnist",
    classifier: InvertedDigits = InvertedDigits(),
    inversion: Inversion = Inversion(),
    training: GeneratorTraining = TRAINING,
) -> Experiment:
    """Noiseless joint PPGN-h: codes whose prior is E(G(h)), generator trained as DGN-AM's (arXiv:1612.00005)."""
    p = inversion.parts(classifier.digits(), (1, 28, 28), training)
    return _run(noiseless(p), "noiseless-joint-ppgn-h", p, data, classifier, training)


def noiseless(p: Parts) -> "Game":
    """Noiseless joint PPGN-h of some networks."""
    from energan.games.plug_and_play.ppgn import noiseless_joint_ppgn_h

    return noiseless_joint_ppgn_h(
        *p.nets, p.h, wiring=p.wiring, weights=p.weights, optimizer_G=p.adam, optimizer_D=p.adam_D
    )


def _run(
    game: "Game", system: str, p: Parts, data: str, classifier: InvertedDigits, training: GeneratorTraining
) -> Experiment:
    run = experiment(game, system, data, resized(28, 1), training, network(data))
    return with_chains(run, p.E, classifier, p.wiring.code, classifier.initialiser(p.E, run))
