"""DGN-AM: a generator that inverts a classifier, and codes that excite its units.  "Synthesizing the preferred inputs
for neurons in neural networks via deep generator networks", Nguyen et al. 2016, arXiv:1605.09304; G as DeePSiM trains
it: "Generating images with perceptual similarity metrics based on deep networks", Dosovitskiy & Brox 2016,
arXiv:1602.02644.

    h = E_h(x),  x^ = G(h)                                      E frozen; E_1 its features, the comparator's layer
    L_G = w_x 1/2 ||x^ - x||^2 + w_1 1/2 ||E_1(x^) - E_1(x)||^2 - w_a log D(x^)
    L_D = - w_a (log D(x) + log(1 - D(x^)))
    r   = L_D / (- w_a log D(x^))       D rests from r < .1 until r > .5, G from r > 10 until r < .1

x (n, ...) in [-1, 1]; h (n, d) comes with the data, for E is frozen; squares are summed over a sample, all is averaged
over samples; D gives the logit of being real, of images or, `paired`, of images with the codes that G had. The authors'
images are of 0 to 255 less their mean, 127.5 times larger: their w_x = 2e-6 is 2e-6 127.5^2 here. E_1 keeps its unit.

The rule is that of KamitaniLab/End2EndDeepImageReconstruction. It is a player, `gate`, of two weights in {0, 1} that
the losses of D and G are multiplied by; a step of rate 1 lands on their new values. Whoever rests keeps weights
and moments.

Not to be confused with activation maximisation in pixels, or with DeepDream: the search is over codes, G draws.
NOTE: one turn: D, G and gate move at once on one batch; the authors' G meets the D that has just learned.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Game, LatentSpace, Logs, Move, Noise, Player, Players, SamplerSettings
from energan.engine.noise import as_noise, normal
from energan.engine.optimizers import SGD, Adam, Optimizer, PauseOnZeroGradient
from energan.losses import adversarial
from energan.losses.inversion import half_square, pause_rule
from energan.networks.conv.ppgn import GREY
from energan.networks.layers import Scalar
from energan.utils.errors import UserError
from energan.utils.specification import named, recorded

MEANINGS = {
    "image": "weight of half the squared difference between an image and its reconstruction, pixels from −1 to 1",
    "feature": (
        "weight of half the squared difference between the features of the two, in the encoder's comparator layer"
    ),
    "adversarial": "weight of the discriminator's verdict in G's loss, and of D's whole loss",
    "pause_D": "D rests once its loss is less than this many times G's adversarial loss",
    "resume_D": "D learns again once its loss is more than this many times that loss",
    "pause_G": "G rests once D's loss is more than this many times that loss",
    "D(x)": "mean probability of being real that D gives to real images; at 0.5 it cannot tell them apart",
    "D(G(z))": "the same for generated images",
    "D learns": "1 while D learns, 0 while it rests, because G cannot follow",
    "G learns": "1 while G learns, 0 while it rests, because D cannot follow",
    "L_img": "part of G's loss: how far its images are from those whose codes it has",
    "L_h1": "part of G's loss: how far the features of its images are from those of the real ones",
    "L_GAN": "part of G's loss: how surely D tells its images to be generated",
    "E": "the encoder: images to codes",
    "G": "the generator: codes to images",
    "D": "the discriminator of images",
    "gate": "who learns and who rests: D, G",
    "bounds": "the lowest and the highest code of each unit",
}


@named
class DeePSiM(NamedTuple):
    """The losses' weights, w_x in the authors' unit, and the ratios at which D and G rest."""

    image: float = 2e-6
    feature: float = 0.01
    adversarial: float = 100.0
    pause_D: float = 0.1
    resume_D: float = 0.5
    pause_G: float = 10.0


@named
class Wiring(NamedTuple):
    """Layers of E for the code and the features; whether D sees codes; where G gets its codes, if not from the data."""

    code: str
    features: str
    paired: bool = False
    corrupted: "Callable[[Players, Batch, Wiring], Tensor] | None" = None

    def judged(self, p: Players, x: Tensor, h: Tensor) -> Tensor:
        return p.D(x, h) if self.paired else p.D(x)


def discriminator_loss(p: Players, b: Batch, wiring: Wiring) -> tuple[Tensor, Logs]:
    h = wiring.corrupted(p, b, wiring) if wiring.corrupted else b.h
    real, fake = wiring.judged(p, b.x, h), wiring.judged(p, p.G(h).detach(), h)
    loss_D, loss_G = adversarial.discriminator(real, fake), adversarial.non_saturating(fake)
    on = p.gate()
    then = pause_rule(on, loss_D / loss_G, b.pause_D, b.resume_D, b.pause_G)
    # two players in one objective: the gate's gradient is on - then, D's that of its loss
    loss = on[0].detach() * b.adversarial * loss_D + (on * (on - then).detach()).sum()
    sure = adversarial.probability
    return loss, {"D(x)": sure(real).mean(), "D(G(z))": sure(fake).mean(), "D learns": on[0], "G learns": on[1]}


def generator_loss(p: Players, b: Batch, wiring: Wiring) -> tuple[Tensor, Logs]:
    real = p.E(b.x).layers
    h = wiring.corrupted(p, b, wiring) if wiring.corrupted else b.h
    fake = p.G(h)
    read = p.E(fake).layers
    terms = {
        "L_img": b.image * half_square(fake, b.x),
        "L_h1": b.feature * half_square(read[wiring.features], real[wiring.features]),
        "L_GAN": b.adversarial * adversarial.non_saturating(wiring.judged(p, fake, h)),
    }
    if wiring.corrupted:
        terms["L_h"] = b.code * half_square(read[wiring.code], real[wiring.code])
    return p.gate()[1].detach() * torch.stack(list(terms.values())).sum(), terms


WIRING, WEIGHTS, ADAM_G, ADAM_D = Wiring("h", "conv3"), DeePSiM(), Adam(2e-4), Adam(2e-4, weight_decay=4e-4)

CHAIN = SamplerSettings(
    eps1=0, eps2=1, eps3=0, rate=8, last_rate=1e-10, normalise=True, gradient="activation", decay=0.99
)


@recorded
def dgn_am(
    E: nn.Module, G: nn.Module, D: nn.Module, h: int | Noise, *, wiring: Wiring = WIRING, weights: DeePSiM = WEIGHTS,
    bounds: nn.Module | None = None, optimizer_G: Optimizer = ADAM_G, optimizer_D: Optimizer = ADAM_D,
) -> Game:  # fmt: skip
    """DGN-AM. E is frozen and returns networks.layers.Features of logits, with the layers of `wiring`.

    h: dimensions of the code, or the start codes' Noise. bounds: () -> the lowest and highest codes, (2, *h), as of
    networks.conv.ppgn.Bounds; without it codes are not clipped. Weight decay is D's alone: the authors exempt every
    layer of G.
    """
    of_D, of_G = (partial(loss, wiring=wiring) for loss in (discriminator_loss, generator_loss))
    return Game(
        players={
            "E": Player(E),
            "G": Player(G, PauseOnZeroGradient(optimizer_G)),
            "D": Player(D, PauseOnZeroGradient(optimizer_D)),
            "gate": Player(Scalar((1.0, 1.0)), SGD(1.0)),
            **({"bounds": Player(bounds)} if bounds else {}),
        },
        turns={"all": (Move(of_D, min=("D", "gate")), Move(of_G, min=("G",)))},
        hyperparameters={**weights._asdict(), "image": weights.image * GREY**2},
        codes=LatentSpace(
            encode=lambda p, b: p.E(b.x).layers[wiring.code],
            decode=lambda p, b: p.G(b.h),
            prior=None,
            logits=lambda p, b: p.E(b.x).output,
            start=as_noise(h, normal),
            chain=CHAIN,
            bounds=(lambda p, b: p.bounds()) if bounds else None,
        ),
        meanings={k: v for k, v in MEANINGS.items() if k != "bounds" or bounds},
    )


@recorded
def with_chain_steps(game: Game, steps: int) -> Game:
    """The game, its chains of so many steps. UserError for a game that does not draw by chains."""
    if game.codes is None:
        raise UserError("this system does not draw by chains")
    return game._replace(codes=game.codes._replace(chain=game.codes.chain._replace(steps=steps)))
