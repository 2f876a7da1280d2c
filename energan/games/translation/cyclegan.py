"""CycleGAN.  "Unpaired image-to-image translation using cycle-consistent adversarial networks", Zhu, Park, Isola &
Efros 2017, arXiv:1703.10593, and its code, junyanz/CycleGAN.

    L_G   = E (D_Y(G(x)) - 1)^2 + E (D_X(F(y)) - 1)^2                                 section 4: least squares
          + c ( E |F(G(x)) - x|_1 + E |G(F(y)) - y|_1 )                               eq. 2; c = 10
          + i ( E |G(y) - y|_1 + E |F(x) - x|_1 )                                     section 5.2; i = 0 or 5
    L_D_Y = 1/2 ( E (D_Y(y) - 1)^2 + E D_Y(y')^2 ),  y' from the last 50 images G(x) of the training; so L_D_X

x (n, c, h, w), y (n, c, h, w) in [-1, 1], of two domains and no pairs. G and F descend L_G, the discriminators of
squares L_D_X + L_D_Y: one turn of the generators, then one of the discriminators, each on a fresh batch. The code's are
of one batch, and its discriminators see images of before the generators' step.

The last images are weights of the players pool_X and pool_Y: their step, of SGD with rate 1 down half the square of the
difference, puts what is to be kept in the place of what was.

Not to be confused with DualGAN, which has Wasserstein critics, nor with DiscoGAN, which has no patches.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Player, Players, Translation
from energan.engine.noise import uniform
from energan.engine.optimizers import SGD, Adam, Optimizer
from energan.engine.precision import wide
from energan.losses.adversarial import least_squares_discriminator, least_squares_generator
from energan.networks.translation.pool import Pool, queried
from energan.utils.errors import UserError
from energan.utils.specification import recorded

MEANINGS = {
    "cycle": "weight of how well a picture comes back from the other domain",
    "identity": "weight of how well a generator leaves alone what is of its target domain",
    "L_GAN": "what the generators minimise of both verdicts; 0.5 where both discriminators say 1/2",
    "L_cycle": "mean distance of pictures and what comes back of them, pixels from −1 to 1, of both ways together",
    "L_identity": "mean distance of pictures and what a generator makes of its own target domain, both ways together",
    "D_X(x)": "mean verdict on real pictures of X: 1 is real, 0 is made",
    "D_Y(y)": "mean verdict on real pictures of Y: 1 is real, 0 is made",
    "D_X(F(y))": "mean verdict on pictures that F made, new and old ones",
    "D_Y(G(x))": "mean verdict on pictures that G made, new and old ones",
    "G": "the generator from X to Y",
    "F": "the generator from Y to X",
    "D_X": "the discriminator of squares of X",
    "D_Y": "the discriminator of squares of Y",
    "pool_X": "the last pictures of F, for D_X",
    "pool_Y": "the last pictures of G, for D_Y",
}


def l1(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean()


def generators_loss(p: Players, b: Batch, identity: bool) -> tuple[Tensor, Logs]:
    to_y, to_x = p.G(b.x), p.F(b.y)
    gan = 2 * (least_squares_generator(p.D_Y(to_y).flatten()) + least_squares_generator(p.D_X(to_x).flatten()))
    cycle = l1(p.F(to_y), b.x) + l1(p.G(to_x), b.y)
    loss, logs = gan + b.cycle * cycle, {"L_GAN": gan, "L_cycle": cycle}
    if not identity:
        return loss, logs
    same = l1(p.G(b.y), b.y) + l1(p.F(b.x), b.x)
    return loss + b.identity * same, {**logs, "L_identity": same}


def discriminators_loss(p: Players, b: Batch, batch: int) -> tuple[Tensor, Logs]:
    if len(b.x) != batch:
        raise UserError(
            f"CycleGAN's pools take all {batch} images of a step, and {len(b.x)} came: use 1 of `microbatches`, and "
            "one process"
        )
    before = b.t * batch
    loss_X, kept_X, logs_X = of_one(p.D_X, p.pool_X(), b.x, p.F(b.y).detach(), b.u_X, before)
    loss_Y, kept_Y, logs_Y = of_one(p.D_Y, p.pool_Y(), b.y, p.G(b.x).detach(), b.u_Y, before)
    logs = {"D_X(x)": logs_X[0], "D_X(F(y))": logs_X[1], "D_Y(y)": logs_Y[0], "D_Y(G(x))": logs_Y[1]}
    return loss_X + loss_Y + kept_X + kept_Y, logs


def of_one(
    D: Callable[[Tensor], Tensor], pool: Tensor, real: Tensor, fake: Tensor, u: Tensor, before: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """L_D; half the square by which the pool changes; D's mean verdicts on real and on made pictures."""
    query = queried(pool.detach(), fake.to(pool.dtype), u, before)
    on_real, on_fake = (wide(D(images).flatten()) for images in (real, query.shown))
    kept = (pool - query.kept).square().sum() / 2
    return least_squares_discriminator(on_real, on_fake), kept, (on_real.mean(), on_fake.mean())


@recorded
def cyclegan(
    G: nn.Module,
    F: nn.Module,
    D_X: nn.Module,
    D_Y: nn.Module,
    pool_X: Pool,
    pool_Y: Pool,
    *,
    batch: int = 1,
    cycle: float = 10.0,
    identity: float = 0.0,
    multiple: int = 1,
    optimizer_generators: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_discriminators: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """CycleGAN. batch: images of either domain a step, as the pools count them. multiple: of sides G and F take."""
    return Game(
        players={
            "G": Player(G, optimizer_generators),
            "F": Player(F, optimizer_generators),
            "D_X": Player(D_X, optimizer_discriminators),
            "D_Y": Player(D_Y, optimizer_discriminators),
            "pool_X": Player(pool_X, SGD(1.0)),
            "pool_Y": Player(pool_Y, SGD(1.0)),
        },
        turns={
            "G": (Move(partial(generators_loss, identity=identity > 0), min=("G", "F")),),
            "D": (Move(partial(discriminators_loss, batch=batch), min=("D_X", "D_Y", "pool_X", "pool_Y")),),
        },
        noise={"u_X": uniform(2, low=0.0), "u_Y": uniform(2, low=0.0)},
        hyperparameters={"cycle": cycle, **({"identity": identity} if identity else {})},
        translate={
            "xy": Translation(lambda p, b: p.G(b.x), multiple),
            "yx": Translation(lambda p, b: p.F(b.x), multiple),
        },
        meanings=MEANINGS,
    )
