"""Digits by other losses of an auto-encoder's energy: those of LeCun's tutorial (2006) in place of the hinge."""

from typing import Literal

from energan.experiment import Experiment
from energan.recipes.common import AlternatingTraining, Data, DecayingAdam, experiment, padded_digits
from energan.recipes.energy.ebgan import ConvPair, Energy, margin_in
from energan.utils.checks import positive

Loss = Literal[
    "energy", "perceptron", "pairwise-hinge", "ebgan-margin", "log", "lvq2", "mce", "square-square",
    "square-exponential", "nll", "mee",
]  # fmt: skip


def energy_losses_mnist(
    *,
    data: Data = "mnist",
    loss: Loss = "square-square",
    margin: float | None = None,
    scale: float = 1.0,
    energy: Energy = "l2",
    networks: ConvPair = ConvPair(),
    adam: DecayingAdam = DecayingAdam(lr=1e-3),
    training: AlternatingTraining = AlternatingTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """EBGAN with another loss of LeCun's tutorial (2006) for its energies; nets, margin and rate of ebgan-pt-mnist.

    Args:
        loss: The discriminator's, a row of the tutorial's table 1; ebgan-margin is EBGAN's own hinge, and energy, which
            has no margin, collapses.
        margin: m of the losses that have one, in units of the energy; by default 16 of the norm.
        scale: Of lvq2 (delta), square-exponential (gamma), nll and mee (beta, per unit of energy).
        energy: l2 (the norm), ssq (its square) or mse (its square per pixel).
    """
    from energan.games.energy.energy_losses import energy_losses

    positive(scale=scale)
    G, D = networks.build(training)
    m = margin_in(energy, margin, norm=16.0, d=32 * 32)
    opt, z = adam.optimizer(training.steps), networks.z
    game = energy_losses(G, D, z, loss=loss, margin=m, scale=scale, kind=energy, optimizer_G=opt, optimizer_D=opt)
    return experiment(game, "energy-losses", data, padded_digits, training)
