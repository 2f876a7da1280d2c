"""ADDA: an encoder of its own for the target, which a discriminator takes for the source's.
"Adversarial discriminative domain adaptation", Tzeng, Hoffman, Saenko & Darrell 2017, arXiv:1702.05464.

    first   S, C, E   - E log p(y | x)          p(y | x) = softmax of C(S(x)), for E of C(E(x)): E becomes what S is
    then    D         - E log D(S(x)) - E log (1 - D(E(u)))        D: the probability of being of the source
            E         - E log D(E(u))                              eq. 9: labels inverted
    in use  C(E(u))

x (n, ...) images of the source domain, y (n, K) their labels, one-hot; u (n, ...) images of the target domain, whose
labels nobody knows; all in [-1, 1]. S and E return features (n, d), C logits (n, K), D a logit (n,).

The paper copies S into E when S is trained. Here E starts as S and takes its very steps, which comes to the same and
needs no copy: S and E are nets with the same weights, and their first optimizers are the same.

Not to be confused with DANN (dann.py), which has one encoder for both domains; nor with PixelDA (pixelda.py), which
adapts images.
NOTE: nothing holds E to the classes: with too high a rate it goes astray, and classes change places.
"""

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.optimizers import Adam, Optimizer, Succeeding
from energan.engine.precision import wide
from energan.losses.adversarial import discriminator, non_saturating, probability
from energan.utils.specification import recorded

MEANINGS = {
    "CE": "cross-entropy of the source’s labels, in nats",
    "CE of E": "the same for the target’s encoder, which so becomes what S is",
    "L_D": "what D minimises: its surprise at which domain images are of; 1.39 where it cannot tell",
    "D(S(x))": "mean probability of being of the source that D gives to the source’s features",
    "D(E(u))": "the same for the target’s",
    "S": "the source’s features",
    "E": "the target’s features, which are used",
    "C": "the classifier of features",
    "D": "the discriminator of domains, by features",
}


def label_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    ce = cross_entropy(wide(p.C(p.S(b.x))), b.y)
    return ce, {"CE": ce}


def twin_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    ce = cross_entropy(wide(p.C(p.E(b.x))), b.y)
    return ce, {"CE of E": ce}


def discriminator_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    source, target = p.D(p.S(b.x).detach()), p.D(p.E(b.u).detach())
    loss = discriminator(source, target)
    return loss, {"L_D": loss, "D(S(x))": probability(source).mean(), "D(E(u))": probability(target).mean()}


def encoder_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    return non_saturating(p.D(p.E(b.u))), {}


@recorded
def adda(
    S: nn.Module,
    E: nn.Module,
    C: nn.Module,
    D: nn.Module,
    *,
    adapt_from: int,
    optimizer_S: Optimizer = Adam(1e-3),
    optimizer_E: Optimizer = Adam(2e-4, beta1=0.5),
    optimizer_D: Optimizer = Adam(2e-4, beta1=0.5),
) -> Game:
    """ADDA. S and E: nets with the same weights. adapt_from: the first step against D; optimizer_S is of all before it,
    optimizer_E of E from then on."""
    return Game(
        players={
            "S": Player(S, optimizer_S),
            "E": Player(E, Succeeding((optimizer_S, optimizer_E), after=adapt_from)),
            "C": Player(C, optimizer_S),
            "D": Player(D, optimizer_D),
        },
        turns={
            "labels": (Move(label_loss, min=("S", "C")), Move(twin_loss, min=("E",))),
            "D": (Move(discriminator_loss, min=("D",)),),
            "E": (Move(encoder_loss, min=("E",)),),
        },
        order=lambda t: ("D", "E") if t >= adapt_from else ("labels",),
        logits=lambda p, b: p.C(p.E(b.x)),
        meanings=MEANINGS,
    )
