"""What recipes share: how images are brought into a net's shape, and the checks of what users may set."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal

from energan.utils.checks import at_least, fraction, not_negative, positive, usable_seed
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from torch import nn

    from energan.data import ImageSet
    from energan.engine.game import Game
    from energan.engine.optimizers import Schedule
    from energan.experiment import Experiment

Precision = Literal["auto", "bf16", "fp32"]

Energy = Literal["l2", "ssq", "mse"]


def margin_in(energy: Energy, margin: float | None, *, norm: float, d: int) -> float:
    """The margin, or, where none was given, `norm` (in units of the l2 norm) converted to the energy's units."""
    from energan.losses.energy import convert_margin

    if margin is None:
        return convert_margin(norm, d, "l2", energy)
    positive(margin=margin)
    return margin


def decayed(steps: int, share: float) -> "Schedule | None":
    """A learning rate that falls linearly to 0 over the last `share` of the steps; None where it does not fall."""
    from energan.engine.optimizers import linear_decay_last

    not_negative(decay=share)
    if share > 1:
        raise UserError(f"`decay` is a share of the steps, 0 to 1, got {share}")
    return linear_decay_last(share, steps) if share and steps > 0 else None


def dcgan_pair(
    z: int, width: int, seed: int, *, channels: int = 1, norm: bool = True, width_d: int | None = None
) -> "tuple[nn.Module, nn.Module]":
    """DCGAN's G and D for 32 x 32 images, checked. norm False: D without batch norm reads each image by itself.

    That D is WGAN-GP's critic, which takes 32 x 32 as it takes 28 x 28. D is as wide as G unless `width_d` says else.
    """
    from energan.engine.rng import seeded
    from energan.networks.conv import dcgan, wgan_gp

    width_d = width if width_d is None else width_d
    positive(z=z, width=width, width_d=width_d)
    usable_seed(seed)
    with seeded(seed):
        G = dcgan.Generator(z, channels=channels, size=32, width=width)
        if norm:
            return G, dcgan.Discriminator(channels=channels, size=32, width=width_d)
        return G, wgan_gp.Critic(channels=channels, width=width_d)


@named
def padded_digits(source: str, split: str, channels: int = 1) -> "ImageSet":
    """28 x 28 images, grey by default, zero-padded to 32 x 32 as in the paper's grid search (appendix D)."""
    from energan.data import load, pad

    return pad(load(source, split, size=28, channels=channels), 32)


@named
def _resized(source: str, split: str, size: int, channels: int, centre: int, only: tuple[str, ...]) -> "ImageSet":
    from energan.data import load

    return load(source, split, size=size, channels=channels, centre=centre or None, only=only)


def resized(size: int, channels: int, centre: int = 0, only: tuple[str, ...] = ()) -> "Callable[[str, str], ImageSet]":
    """Any images at size x size; `centre` and `only` as data.load has them (0: no centre is cut out)."""
    not_negative(centre=centre)
    return partial(_resized, size=size, channels=channels, centre=centre, only=tuple(only))


def run(
    game: "Game",
    system: str,
    source: str,
    prepare: "Callable[[str, str], ImageSet]",
    *,
    steps: int,
    batch: int,
    seed: int,
    save_every: int,
    ema: float,
    network: str,
    precision: Precision,
    device: str,
    compile: bool,
) -> "Experiment":
    """The Run of a game, GAMES[system], whose generator is called G; `average` is the decay of its averaged weights."""
    from energan.experiment import Experiment
    from energan.utils.hardware import pick_device, pick_precision

    positive(steps=steps, save_every=save_every)
    at_least(2, batch=batch)  # one image has no batch statistics, and no pairs to pull away
    fraction(ema=ema)
    device = pick_device(device)
    return Experiment(
        game=game,
        system=system,
        source=source,
        prepare=prepare,
        steps=steps,
        batch=batch,
        seed=seed,
        save_every=save_every,
        network=network,
        ema={"G": ema} if ema else {},
        precision=pick_precision(precision, device),
        device=device,
        compile=compile,
    )
