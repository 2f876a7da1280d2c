"""pix2pix.  "Image-to-image translation with conditional adversarial networks", Isola, Zhu, Zhou & Efros 2016,
arXiv:1611.07004, and its code, phillipi/pix2pix.

    L_D = 1/2 ( - E log D(x, y) - E log(1 - D(x, G(x, z))) )                          eq. 1; 1/2: section 3.3
    L_G = a ( - E log D(x, G(x, z)) ) + l E |y - G(x, z)|_1                           eq. 4; a = 1, l = 100

x (n, c, h, w) and y (n, c2, h, w), a pair, in [-1, 1]. D gives a logit for each square of both, one above the other in
the channels; all squares count alike, and all pixels and channels of |.|_1. z drops numbers in G.

One turn of D, then one of G, each on a fresh batch; the code's are of one batch. Without `conditional` D sees y alone;
a = 0 is the ablation's L1, which has no D, and l = 0 its cGAN (or GAN).

Not to be confused with the conditional GAN (cgan.py), whose condition is a class and whose G sees noise first.
"""

from functools import partial

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Noise, Player, Players, Translation
from energan.engine.optimizers import Adam, Optimizer
from energan.losses import adversarial
from energan.utils.errors import UserError
from energan.utils.specification import recorded

MEANINGS = {
    "adversarial": "weight of the GAN’s loss in G’s",
    "l1": "weight of the distance to the true picture in G’s loss",
    "loss": "what D minimises; 0.69 where it cannot tell real from generated pictures",
    "L1": "mean distance of a generated from the true picture, pixels from 0 to 1 as the metric’s; of training pairs",
    "L_GAN": "what G minimises of D’s verdict; 0.69 where D cannot tell",
    "D(x, y)": "mean probability of being real that D gives to squares of real pictures; 0.5: it cannot tell",
    "D(x, G(x))": "the same for squares of generated pictures",
    "G": "the generator: pictures to pictures",
    "D": "the discriminator of squares, of a picture beside its input",
}


def drawn(p: Players, b: Batch, noisy: bool) -> Tensor:
    return p.G(b.x, b.z) if noisy else p.G(b.x)


def judged(p: Players, x: Tensor, y: Tensor, conditional: bool) -> Tensor:
    return p.D(torch.cat([x, y], 1) if conditional else y)


def discriminator_loss(p: Players, b: Batch, noisy: bool, conditional: bool) -> tuple[Tensor, Logs]:
    fake = drawn(p, b, noisy).detach()
    on_real, on_fake = judged(p, b.x, b.y, conditional), judged(p, b.x, fake, conditional)
    loss = adversarial.discriminator(on_real.flatten(), on_fake.flatten()) / 2
    told = {"D(x, y)": on_real, "D(x, G(x))": on_fake}
    return loss, {"loss": loss, **{k: adversarial.probability(v.flatten()).mean() for k, v in told.items()}}


def generator_loss(p: Players, b: Batch, noisy: bool, conditional: bool, has_D: bool) -> tuple[Tensor, Logs]:
    fake = drawn(p, b, noisy)
    l1 = (b.y - fake).abs().mean()
    if not has_D:
        return b.l1 * l1, {"L1": l1 / 2}
    gan = adversarial.non_saturating(judged(p, b.x, fake, conditional).flatten())
    return b.adversarial * gan + b.l1 * l1, {"L1": l1 / 2, "L_GAN": gan}


@recorded
def pix2pix(
    G: nn.Module,
    D: nn.Module | None,
    z: Noise | None,
    *,
    adversarial: float = 1.0,
    l1: float = 100.0,
    conditional: bool = True,
    multiple: int = 1,
    optimizer_G: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """pix2pix. G(x, z) without z: G(x). D may be None where `adversarial` is 0. multiple: of sides that G takes."""
    noisy, has_D = z is not None, adversarial > 0
    if has_D and D is None:
        raise UserError("the GAN’s loss needs a D")
    of_G = partial(generator_loss, noisy=noisy, conditional=conditional, has_D=has_D)
    of_D = partial(discriminator_loss, noisy=noisy, conditional=conditional)
    judge = {"D": Player(D, optimizer_D)} if has_D and D is not None else {}
    return Game(
        players={"G": Player(G, optimizer_G), **judge},
        turns={**{name: (Move(of_D, min=(name,)),) for name in judge}, "G": (Move(of_G, min=("G",)),)},
        noise={} if z is None else {"z": z},
        hyperparameters={"l1": l1, **({"adversarial": adversarial} if has_D else {})},
        translate={"xy": Translation(partial(drawn, noisy=noisy), multiple)},
        meanings=MEANINGS,
    )
