"""DCGAN on images of 64 x 64 (arXiv:1511.06434)."""

from functools import partial

from energan.experiment import Experiment
from energan.recipes.classes import CriticClasses
from energan.recipes.common import AlternatingTraining, DecayingAdam, experiment
from energan.recipes.critic_options import PLAIN, CriticOptions
from energan.recipes.image_options import Pictures, SizedViews
from energan.utils.checks import fraction, positive
from energan.utils.errors import UserError


def dcgan_64(
    data: Pictures,
    *,
    smoothing: float = 0.0,
    z: int = 100,
    width: int = 64,
    classes: CriticClasses = CriticClasses(),
    critics: CriticOptions = CriticOptions(),
    adam: DecayingAdam = DecayingAdam(lr=2e-4),
    views: SizedViews = SizedViews(),
    training: AlternatingTraining = AlternatingTraining(steps=50000, batch=128, save_every=1000, ema=0.999),
) -> Experiment:
    """DCGAN on 64 x 64 images, or others of --size (Radford et al. 2015), with 4 x 4 kernels.

    Args:
        smoothing: One-sided label smoothing: the target of real images is 1 less this.
        z: Dimensions of the noise, U(-1, 1).
        width: Feature maps at half resolution (64 or 128 in published code); less is faster.
    """
    from energan.engine.noise import uniform
    from energan.games.conditional.acgan import acgan
    from energan.games.gan.gan import gan
    from energan.networks.conv import dcgan

    positive(z=z, width=width)
    fraction(smoothing=smoothing)
    size = views.sides(64)
    asked, prepare = classes.asked(data, views.prepare(size), training.value_range, only=views.only)
    with training.seeded():
        G = asked.generator(lambda k: dcgan.Generator(z + k, channels=views.channels, size=size, width=width))
        if asked.told == "auxiliary" and critics != PLAIN:
            raise UserError("ACGAN has a D of its own: leave out `critic_steps`, `gradient_penalty` and `pack`")
        make = partial(dcgan.Discriminator, size=size, width=width, norm=critics.norm)
        D = critics.critic(asked, lambda k: make(channels=k), views.channels, training.batch)
    G, opt = views.generator(G), adam.optimizer(training.steps)
    if asked.names and asked.told == "auxiliary":
        if smoothing:
            raise UserError("`smoothing` is not ACGAN's: leave it out, or let `told` be planes or projection")
        game, system = acgan(G, D, uniform(z), len(asked.names), optimizer_G=opt, optimizer_D=opt), "acgan"
    else:
        game, system = gan(G, D, uniform(z), smoothing=smoothing, optimizer_G=opt, optimizer_D=opt), "gan"
        game = asked.game(critics.game(game))
    return views.shown(experiment(game, system, data, prepare, training, "mobilenetv2"), size, sign=True)
