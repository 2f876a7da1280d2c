"""Pictures of pictures, learned from two domains without pairs (arXiv:1703.10593)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.common import AdamOptions, Data, Training, decayed
from energan.recipes.translation.pictures import Pictures
from energan.utils.checks import at_least, not_negative, positive
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.engine.optimizers import Adam


@dataclass(frozen=True, kw_only=True)
class Falling(AdamOptions):
    """Adam, with the paper's learning rate, which falls at the end."""

    decay: float = 0.5
    """Share of the steps, the last ones, over which the learning rate falls linearly to 0 (paper: half)."""

    def optimizer(self, steps: int) -> "Adam":
        return super().optimizer(steps).with_settings(schedule=decayed(steps, self.decay))


def cyclegan(
    *,
    data: Data = "noto-twemoji",
    width: int = 64,
    blocks: int = 6,
    patch: int = 70,
    cycle: float = 10.0,
    identity: float = 0.0,
    pool: int = 50,
    adam: Falling = Falling(lr=2e-4, beta1=0.5),
    pictures: Pictures = Pictures(),
    training: Training = Training(steps=20000, batch=1, save_every=1000),
) -> Experiment:
    """CycleGAN: two generators, from each domain to the other, that come back to where they were; no pairs.

    Where the pairs of a set are known, as those of noto-twemoji, they are hidden from training. The paper's settings
    are --size 256 --resize 286 --flip --blocks 9 and 200 passes, a picture a step.

    Args:
        width: Feature maps of the first layers of all nets (paper: 64); less is faster.
        blocks: Residual blocks of a generator (paper: 6 for 128 pixels a side, 9 for 256).
        patch: Pixels a side of the squares that discriminators judge: 1, 16, 34, 70, 142 or 286.
        cycle: Weight of how well a picture comes back.
        identity: Weight of how well a generator leaves its own target domain alone (paper: 5 for paintings; it keeps
            colours from being inverted).
        pool: How many made pictures are kept to show to each discriminator.
    """
    from energan.games.translation.cyclegan import cyclegan as game
    from energan.networks.translation.patch import check_side, patch_critic
    from energan.networks.translation.pool import Pool
    from energan.networks.translation.resnet import MULTIPLE, check_sides, resnet
    from energan.utils.hardware import fits_in_memory

    pictures.check()
    positive(width=width, steps=training.steps)
    at_least(1, pool=pool)
    not_negative(cycle=cycle, identity=identity)
    if identity and pictures.channels != pictures.outputs:
        raise UserError("a generator leaves its target domain alone only if both domains have as many channels")
    size, x, y = pictures.size, pictures.channels, pictures.outputs
    check_side(size, patch)
    check_sides(size)
    fits_in_memory("pool", pool, 3 * 4 * (x + y) * size * size)  # images, their gradients and what SGD keeps of them
    with training.seeded():
        G = resnet(channels=x, outputs=y, width=width, blocks=blocks)
        F = resnet(channels=y, outputs=x, width=width, blocks=blocks)
        D_X, D_Y = (patch_critic(channels=c, patch=patch, width=width, affine=False) for c in (x, y))
    optimizer = adam.optimizer(training.steps)
    pools = [Pool(pool, (c, size, size)) for c in (x, y)]
    batch = training.batch if isinstance(training.batch, int) else 1  # "auto" is refused below
    made = game(
        G, F, D_X, D_Y, *pools, batch=batch, cycle=cycle, identity=identity, multiple=MULTIPLE,
        optimizer_generators=optimizer, optimizer_discriminators=optimizer,
    )  # fmt: skip
    return pictures.experiment(made, "cyclegan", data, training, paired=False)
