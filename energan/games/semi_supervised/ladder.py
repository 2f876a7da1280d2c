"""The ladder network: a classifier from few labels that denoises its layers.  "Semi-supervised learning with ladder
networks", Rasmus, Valpola, Honkala, Berglund & Raiko 2015, arXiv:1507.02672.

    L(x, y, u) = CE(corrupted logits of x, y) + sum_l lambda_l C_l(u)      C_l: networks/dense/ladder.py
    L(x, y)    = CE(corrupted logits of x, y)                              the supervised baseline, no lambdas

x (n, ...) labelled, y (n, classes) one-hot, u (n, ...) unlabelled, images in [-1, 1]; n_x, n_u ~ N(0, I) are the noise
of all layers, (n, sum of their widths), of which the input's is scaled by sigma_x, the others' by sigma. D is a
networks.dense.ladder.Ladder, named as in the EBGAN whose discriminator it becomes (ebgan_ln.py), or a
networks.conv.ladder.ConvLadder (their section 4.2). In use, labels are read off the clean path.

Its Gamma-model is costs "gamma": the cost of the top layer alone; "bottom": that of the pixels alone.
Not to be confused with the ladder variational autoencoder (Sønderby et al. 2016, arXiv:1602.02282).
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.noise import normal
from energan.engine.optimizers import Adam, Optimizer
from energan.engine.precision import wide
from energan.networks.conv.ladder import ConvLadder
from energan.networks.dense.ladder import Denoised, Ladder, denoising
from energan.utils.errors import UserError
from energan.utils.specification import recorded

MEANINGS = {
    "sigma": "standard deviation of the noise on every layer above the pixels",
    "sigma_x": "standard deviation of the noise on the pixels",
    "CE": (
        "cross-entropy of the labels, in nats; with few labels it soon nears 0, and only the test error says what "
        "was learned"
    ),
    "C_{i}": "how badly the decoder restores layer {i} from its noisy version (0: the pixels), of unlabelled images",
}


# lambda_0 (pixels) upwards, of the authors' runs with 100 labels; layers beyond the last take its weight
COSTS = {"full": (1000.0, 10.0, 0.1), "bottom": (5000.0, 0.0), "gamma": (0.0, 0.5), "none": (0.0,)}


def scaled(b: Batch, n: Tensor) -> Tensor:
    """The noise of all layers as it is added: sigma_x times that of the input, sigma times that above it."""
    pixels = b.x[0].numel()
    return torch.cat([b.sigma_x * n[:, :pixels], b.sigma * n[:, pixels:]], 1)


def denoised(p: Players, b: Batch, depth: int) -> Denoised:
    """Both kinds of rows through the ladder, corrupted; the lowest `depth` costs."""
    return p.D(torch.cat([b.x, b.u]), scaled(b, torch.cat([b.n_x, b.n_u])), len(b.x), depth)


def loss(p: Players, b: Batch, lambdas: tuple[float, ...], layers: tuple[int, ...]) -> tuple[Tensor, Logs]:
    """lambdas: of the costs of these layers, the lowest first."""
    logits, costs = denoised(p, b, len(lambdas))
    ce = cross_entropy(wide(logits), b.y)
    logs = {f"C_{i}": c.mean() for i, c in zip(layers, costs, strict=True)}
    return ce + denoising(costs, lambdas), {"CE": ce, **logs}


def supervised_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    logits = p.D(b.x, scaled(b, b.n_x), len(b.x)).logits
    ce = cross_entropy(wide(logits), b.y)
    return ce, {"CE": ce}


def weights(costs: str | Sequence[float], layers: int) -> tuple[float, ...]:
    """lambda_0 to lambda_{layers - 1} by name (COSTS) or as they are. UserError for another name or number of them."""
    if not isinstance(costs, str):
        lambdas = tuple(float(c) for c in costs)
        if len(lambdas) != layers or min(lambdas) < 0:
            raise UserError(f"a ladder of {layers} layers (its pixels are one) needs as many costs >= 0, got {lambdas}")
        return lambdas
    if costs not in COSTS:
        raise UserError(f"there are no costs {costs!r}; there are {', '.join(COSTS)}")
    if costs == "gamma":
        return (0.0,) * (layers - 1) + (0.5,)
    named = COSTS[costs]
    return (named + named[-1:] * layers)[:layers]


@recorded
def ladder(
    D: Ladder | ConvLadder,
    *,
    costs: str | Sequence[float] = "full",
    sigma: float | None = None,
    sigma_x: float = 0.3,
    optimizer_D: Optimizer = Adam(2e-3),
) -> Game:
    """A ladder network. costs: "full", "bottom", "gamma", "none" (supervised), or lambda_0 (pixels) to lambda_L.

    UserError for a cost of a layer of which D gives none.

    sigma, sigma_x: standard deviations of the noise in the layers and on the input (pixels of [0, 1]). None is the
    authors' 0.3, and 0.5 in their supervised baseline; they have 0.2 with 1,000 labels and all costs.
    """
    every = weights(costs, len(D.sizes))
    if any(weight for layer, weight in enumerate(every) if layer not in D.cost_layers):
        raise UserError("this ladder has no decoder below its top: its costs are gamma or none")
    lambdas = tuple(every[layer] for layer in D.cost_layers)
    while lambdas and not lambdas[-1]:
        lambdas = lambdas[:-1]  # costs above the highest one that counts are not computed
    layers = D.cost_layers[: len(lambdas)]
    objective = partial(loss, lambdas=lambdas, layers=layers) if lambdas else supervised_loss
    if sigma is None:
        sigma = 0.3 if lambdas else 0.5
    widths = sum(D.sizes)
    return Game(
        players={"D": Player(D, optimizer_D)},
        turns={"D": (Move(objective, min=("D",)),)},
        noise={"n_x": normal(widths), "n_u": normal(widths)},
        hyperparameters={"sigma": sigma, "sigma_x": sigma_x},
        logits=lambda p, b: p.D(b.x),
        meanings={k.format(i=i): v.format(i=i) for k, v in MEANINGS.items() for i in layers or (0,)},
    )
