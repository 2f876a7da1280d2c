"""Conditional EBGAN-PT on digits: the setting that EBGAN's paper calls promising (arXiv:1609.03126, section 5)."""

from energan.experiment import Experiment
from energan.recipes.classes import Labels
from energan.recipes.common import AlternatingTraining, Data, DecayingAdam, experiment, padded_digits
from energan.recipes.energy.ebgan import ConvPair, EnergyOptions, conditional_game


def conditional_ebgan_pt_mnist(
    *,
    data: Data = "mnist",
    mismatch: float = 1.0,
    networks: ConvPair = ConvPair(),
    energies: EnergyOptions = EnergyOptions(),
    labels: Labels = Labels(),
    adam: DecayingAdam = DecayingAdam(lr=1e-3),
    training: AlternatingTraining = AlternatingTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """EBGAN-PT asked for a digit: the energy is of an image and its class, E(x, y). Nets and margin are the demo's.

    Args:
        mismatch: Weight of real images with a wrong class, whose energy D pushes up as it does a generated image's;
            with 0, fewer samples are of the class asked for.
    """
    asked, prepare = labels.asked(data, padded_digits, training.value_range)
    G, D = networks.build(training, asked)
    optimizer, classes = adam.optimizer(training.steps), len(asked.names)
    game = conditional_game(energies, G, D, networks.z, optimizer, classes, mismatch, norm=16.0)
    return asked.shown(experiment(game, "conditional-ebgan", data, prepare, training), padded_digits)
