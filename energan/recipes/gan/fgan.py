"""f-GAN on digits (arXiv:1606.00709)."""

import math
from typing import TYPE_CHECKING, Literal

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, DcganPair, GeneratorTraining, experiment, padded_digits, resized
from energan.utils.checks import at_least, positive
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import nn


Divergence = Literal[
    "kl", "reverse-kl", "pearson", "neyman", "squared-hellinger", "jeffrey", "jensen-shannon", "gan", "total-variation",
    "weighted-jensen-shannon", "alpha",
]  # fmt: skip


def _dense_pair(z: int, training: GeneratorTraining) -> "tuple[nn.Module, nn.Module]":
    """f-GAN's G and V on 28 x 28 images."""
    from energan.networks.dense.perceptron import Perceptron, with_tanh

    positive(z=z)
    with training.seeded():
        G = with_tanh(Perceptron((z, 1200, 1200, 784), norm=True, shape=(1, 28, 28)))
        return G, Perceptron((784, 240, 240, 1), activation="elu", shape=())


def _check(divergence: Divergence, parameter: float | None) -> None:
    """UserError for a family without its parameter, a parameter that it does not take, or of a divergence without."""
    from energan.losses.f_divergence import FAMILIES

    if divergence not in FAMILIES:
        if parameter is not None:
            raise UserError(f"`parameter` is for {' and '.join(FAMILIES)}, and `divergence` is {divergence}")
        return
    if parameter is None or not math.isfinite(parameter):
        raise UserError(f"`divergence` {divergence} is a family: give its `parameter`")
    if divergence == "alpha" and parameter in (0, 1):
        raise UserError(f"`parameter` {parameter:g} is a limit: `divergence` {'kl' if parameter else 'reverse-kl'}")
    if divergence != "alpha" and not 0 < parameter < 1:
        raise UserError(f"`parameter` of {divergence} is above 0 and below 1, got {parameter:g}")


def fgan_mnist(
    *,
    data: Data = "mnist",
    divergence: Divergence = "jensen-shannon",
    parameter: float | None = None,
    critic_steps: int = 0,
    loss: Literal["bound", "trick"] = "trick",
    nets: Literal["conv", "mlp"] = "conv",
    networks: DcganPair = DcganPair(),
    adam: AdamOptions = AdamOptions(lr=1e-3),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """f-GAN: any of nine divergences, or of two families, by its variational bound (arXiv:1606.00709).

    A step is one turn of V and G together, or several of V and one of G.

    Args:
        divergence: D_f, between the images and the samples. Those that are infinite where the two do not overlap
            (neyman, reverse-kl, kl, jeffrey) may explode at the start, and train at a lower --lr if at all.
        parameter: Of a family: pi of weighted-jensen-shannon, the share of the images, in (0, 1); alpha, not 0 or 1.
        critic_steps: Turns of V before each of G; 0 for the single-step method, in which both move at once.
        loss: What G descends: the bound itself, or -E g(V(G(z))) (the paper's trick, section 3.2).
        nets: DCGAN's (conv), or fully connected ones after the paper's (mlp).
    """
    from energan.games.gan.fgan import fgan

    at_least(0, critic_steps=critic_steps)
    _check(divergence, parameter)
    conv = nets == "conv"
    G, V = networks.build(training) if conv else _dense_pair(networks.z, training)
    opt, z = adam.optimizer(training.steps), networks.z
    game = fgan(
        G, V, z, divergence=divergence, parameter=parameter, critic_steps=critic_steps, loss=loss, optimizer_G=opt,
        optimizer_V=opt,
    )  # fmt: skip
    return experiment(game, "fgan", data, padded_digits if conv else resized(28, 1), training)
