"""Any folder of images at 64 x 64: EBGAN(-PT) with the nets and margins of the paper's CelebA and LSUN runs.

The paper states neither optimizers, batch nor length for these; Adam 2e-4 with beta1 .5 is DCGAN's. Ours are the
averaged weights and the learning rate that falls over the last half; --ema 0 --decay 0 does without. The paper
compares EBGAN-PT with EBGAN, all else equal: --pt 0.
"""

from math import prod, sqrt

from energan.experiment import Experiment
from energan.recipes.common import AlternatingTraining, Calibration, DecayingAdam, experiment, with_calibration
from energan.recipes.energy.ebgan import ConvPair, EnergyClasses, EnergyOptions
from energan.recipes.image_options import Pictures, SizedViews


def ebgan_pt_64(
    data: Pictures,
    *,
    networks: ConvPair = ConvPair(width=64),
    energies: EnergyOptions = EnergyOptions(),
    classes: EnergyClasses = EnergyClasses(),
    calibration: Calibration = 0.0,
    adam: DecayingAdam = DecayingAdam(lr=2e-4),
    views: SizedViews = SizedViews(),
    training: AlternatingTraining = AlternatingTraining(steps=50000, batch=128, save_every=1000, ema=0.999),
) -> Experiment:
    """EBGAN-PT on 64 x 64 images, or others of --size: the networks of appendix C, a DCGAN generator, CelebA's margin.

    The default margin is 20 of the norm, the paper's for CelebA (80 for LSUN), and of other sizes in proportion to
    the norm; `energan margin` proposes one. The paper has the default --width.
    """
    from energan.data.decoding.fitting import sides

    size = views.sides(64)
    pixels = prod(sides(size))
    asked, prepare = classes.asked(data, views.prepare(size), training.value_range, only=views.only)
    G, D = networks.build(training, asked, channels=views.channels, size=size)
    optimizer, d = adam.optimizer(training.steps), views.channels * pixels
    G, norm = views.generator(G), 20.0 * sqrt(pixels / 64**2)
    game, system = classes.game(asked, energies, G, D, networks.z, optimizer, norm=norm, d=d)
    made = views.shown(experiment(game, system, data, prepare, training, "mobilenetv2"), size)
    return with_calibration(made, calibration)
