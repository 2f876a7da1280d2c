"""DANN: a classifier whose features do not say which domain an image is of, so that it may serve the other one too.
"Unsupervised domain adaptation by backpropagation", Ganin & Lempitsky 2015, arXiv:1409.7495;
"Domain-adversarial training of neural networks", Ganin et al. 2016, arXiv:1505.07818.

    p = t / T,   lambda = w (2 / (1 + exp(-10 p)) - 1)
    E, C   - E log p(y | x)               - lambda L_d of E alone         p(y | x) = softmax of C(E(x))
    D      L_d = - E log D(E(x)) - E log (1 - D(E(u)))                    D: the probability of being of the source

x (n, ...) images of the source domain, y (n, K) their labels, one-hot; u (n, ...) images of the target domain, whose
labels nobody knows; all in [-1, 1]. E returns features (n, d), C logits (n, K), D a logit (n,). All move at once. The
paper's gradient reversal layer is this game's max: E ascends what D descends, lambda as fast.

With w = 0 this is the classifier of the source alone, and D only watches.

Not to be confused with ADDA (adda.py), which has an encoder for each domain, and lets E fool D instead of hindering it;
nor with PixelDA (pixelda.py), which adapts images.
NOTE: L_d is the sum of both domains' means, as the paper sums over all examples beside the labelled ones; public ports
often take the mean over both domains, which is half. D learns at its full rate, whatever lambda: so the paper.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.optimizers import SGD, Optimizer, inverse_decay
from energan.engine.precision import wide
from energan.losses.adversarial import discriminator
from energan.utils.specification import recorded

STEEPNESS = 10.0

MEANINGS = {
    "CE": "cross-entropy of the source’s labels, in nats",
    "L_d": "what D minimises: its surprise at which domain images are of; 1.39 where it cannot tell",
    "lambda": "how fast E goes against D, beside how fast it learns labels",
    "weight": "lambda at the end; 0: E takes no notice of D",
    "T": "the step at which lambda has all but reached its end",
    "E": "the features: images of both domains to what should say nothing of the domain",
    "C": "the classifier of features",
    "D": "the discriminator of domains, by features",
}


def slower(features: Tensor, rate: Tensor) -> Tensor:
    """The features; their gradient times `rate`.

    >>> x = torch.ones(1, requires_grad=True)
    >>> slower(3 * x, torch.tensor(0.5)).backward()
    >>> x.grad.item()
    1.5
    """
    return features.detach() + rate * (features - features.detach())


def strength(b: Batch) -> Tensor:
    """lambda."""
    return b.weight * (2 / (1 + torch.exp(-STEEPNESS * b.t / b.T)) - 1)


def label_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    ce = cross_entropy(wide(p.C(p.E(b.x))), b.y)
    return ce, {"CE": ce}


def domain_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    source, target = (p.D(slower(wide(p.E(images)), strength(b))) for images in (b.x, b.u))
    loss = discriminator(source, target)
    return loss, {"L_d": loss, "lambda": strength(b)}


@recorded
def dann(
    E: nn.Module,
    C: nn.Module,
    D: nn.Module,
    *,
    span: int,
    weight: float = 1.0,
    optimizer_E: Optimizer | None = None,
    optimizer_C: Optimizer | None = None,
    optimizer_D: Optimizer | None = None,
) -> Game:
    """DANN, whose lambda rises within `span` steps. The default optimizers are the authors'."""
    sgd = SGD(1e-2, momentum=0.9, schedule=inverse_decay(span))
    return Game(
        players={
            "E": Player(E, optimizer_E or sgd),
            "C": Player(C, optimizer_C or sgd),
            "D": Player(D, optimizer_D or sgd),
        },
        turns={"all": (Move(label_loss, min=("E", "C")), Move(domain_loss, min=("D",), max=("E",)))},
        hyperparameters={"weight": weight, "T": float(span)},
        logits=lambda p, b: p.C(p.E(b.x)),
        meanings=MEANINGS,
    )
