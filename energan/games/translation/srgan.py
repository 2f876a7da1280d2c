"""SRGAN and SRResNet: a picture, some times larger.  "Photo-realistic single image super-resolution using a generative
adversarial network", Ledig et al. 2016, arXiv:1609.04802.

    SRResNet   L_MSE = E |y - G(x)|^2                                                        eq. 4
    SRGAN      L_D   = - E log D(y) - E log(1 - D(G(x)))                                     eq. 2
               L_G   = c E |phi(y) - phi(G(x))|^2 - a E log D(G(x))                          eq. 3, 5, 6; a = 0.001

x (n, c, h, w) small pictures, y (n, c, s h, s w) the large ones that they were made from, in [-1, 1]; |.|^2 is a mean
over pixels and channels, or over all numbers of a layer phi of a frozen classifier of images. D gives a logit (n,).
The first steps are SRResNet's, as in the paper, where they come before: G is then near enough for D to be of use.

Not to be confused with pix2pix (pix2pix.py), whose D sees x beside y; here D sees large pictures alone.
NOTE: the paper's phi is VGG19's 5th block, whose weights cannot be had from a package registry. Ours is any layer of
any net; the recipe has MobileNetV2's features.6, where the mean squared difference of SRResNet's pictures to true ones
was 0.25: c = 0.006 gives it about as much weight as D's verdict. The paper's c, the same number, is of other features.
NOTE: D and G have a fresh batch each.
"""

from functools import partial

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Player, Players, Translation
from energan.engine.optimizers import Adam, Optimizer, Succeeding
from energan.engine.precision import wide
from energan.losses import adversarial
from energan.utils.specification import recorded

ADAM = Adam(1e-4, beta1=0.9)

MEANINGS = {
    "content": "weight of the difference in features in G’s loss",
    "adversarial": "weight of D’s verdict in G’s loss",
    "L_MSE": "mean squared difference of pixels, which go from −1 to 1, on training pairs",
    "L_content": "mean squared difference of features, on training pairs",
    "L_adv": "what G minimises of D’s verdict; 0.69 where D cannot tell",
    "L_D": "what D minimises; 1.39 where it cannot tell real from generated pictures",
    "D(y)": "mean probability of being real that D gives to real large pictures",
    "D(G(x))": "the same for generated ones",
    "G": "the generator: small pictures to large ones",
    "D": "the discriminator of large pictures",
    "phi": "the frozen classifier, of which a layer’s features are compared",
}


def pixel_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    mse = (b.y - wide(p.G(b.x))).square().mean()
    return mse, {"L_MSE": mse}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    real, fake = p.D(b.y), p.D(p.G(b.x).detach())
    loss = adversarial.discriminator(real, fake)
    told = {"D(y)": real, "D(G(x))": fake}
    return loss, {"L_D": loss, **{name: adversarial.probability(logits).mean() for name, logits in told.items()}}


def generator_loss(p: Players, b: Batch, layer: str) -> tuple[Tensor, Logs]:
    fake = p.G(b.x)
    true, drawn = (wide(p.phi(wide(images)).layers[layer]) for images in (b.y, fake))
    content, adv = (true - drawn).square().mean(), adversarial.non_saturating(p.D(fake))
    return b.content * content + b.adversarial * adv, {"L_content": content, "L_adv": adv}


def enlarged(p: Players, b: Batch) -> Tensor:
    return wide(p.G(b.x)).clamp(-1, 1)


@recorded
def srresnet(G: nn.Module, *, scale: int = 4, optimizer_G: Optimizer = ADAM) -> Game:
    """SRResNet, which is the mean squared error's. G: small pictures -> pictures `scale` times as large."""
    return Game(
        players={"G": Player(G, optimizer_G)},
        turns={"pixels": (Move(pixel_loss, min=("G",)),)},
        translate={"xy": Translation(enlarged, scale=scale)},
        meanings=MEANINGS,
    )


@recorded
def srgan(
    G: nn.Module,
    D: nn.Module,
    phi: nn.Module,
    *,
    layer: str,
    adversarial_from: int,
    scale: int = 4,
    content: float = 0.006,
    adversarial: float = 1e-3,
    optimizer_first: Optimizer = ADAM,
    optimizer_G: Optimizer = ADAM,
    optimizer_D: Optimizer = ADAM,
) -> Game:
    """SRGAN. phi is frozen and returns networks.layers.Features, with this layer; adversarial_from: the first step
    against D, before which G learns by optimizer_first, as SRResNet does."""
    game = srresnet(G, scale=scale)
    return game._replace(
        players={
            "G": Player(G, Succeeding((optimizer_first, optimizer_G), after=adversarial_from)),
            "D": Player(D, optimizer_D),
            "phi": Player(phi),
        },
        turns={
            **game.turns,
            "D": (Move(discriminator_loss, min=("D",)),),
            "G": (Move(partial(generator_loss, layer=layer), min=("G",)),),
        },
        order=lambda t: ("D", "G") if t >= adversarial_from else ("pixels",),
        hyperparameters={"content": content, "adversarial": adversarial},
    )
