"""Steps by hand without a critic: distances of two batches."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from benchmarks.objectives import sizes
from benchmarks.objectives.hand import BETA1, EPSILON, ITERATIONS, LR, SIZE, WIDTHS, Hand, descend, together
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.critic_free.gmmn_ae import gmmn_ae
from energan.networks.dense import gmmn as nets


def squared(x: Tensor, y: Tensor) -> Tensor:
    """||x_i - y_j||^2; by float64, as the engine's, for close points cancel."""
    a, b = x.double(), y.double()
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).relu().float()


def rows(x: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    return x.flatten(1), fake.float().flatten(1)


def mmd(x: Tensor, fake: Tensor) -> Tensor:
    def kernel(a: Tensor, b: Tensor) -> Tensor:
        distances = squared(a, b)
        return sum((distances / (-2 * w**2)).exp() for w in WIDTHS).mean()  # type: ignore[union-attr]

    x, y = rows(x, fake)
    return (relu(kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)) + 1e-12).sqrt()


def by_code(h: Hand) -> None:
    """GMMN + AE: the auto-encoder at the first step, then G."""
    encoder, decoder, G = h.nets.values()
    x, z = h.batch()
    if h.draws == 1:
        with h.autocast:
            logits = decoder(encoder(x, True)).float()
            loss = binary_cross_entropy_with_logits(logits, (x + 1) / 2, reduction="none").flatten(1).sum(1).mean()
        together(h, loss, "Enc", "Dec")
        return
    with h.autocast:
        with torch.no_grad():
            codes = encoder(x).float()
        loss = mmd(codes, G(z))
    descend(h.of["G"], loss)


def game_by_code() -> Game:
    """The auto-encoder for a step, then G."""
    with seeded(0):
        encoder, decoder = nets.Encoder(sizes.Z, SIZE, dropout=(0.0, 0.0)), nets.decoder(sizes.Z, SIZE)
        G = nets.code_generator(sizes.Z, sizes.Z)
    rate = Adam(LR, BETA1)
    return gmmn_ae(encoder, decoder, G, sizes.Z, codes_from=1, widths=WIDTHS, optimizer_AE=rate, optimizer_G=rate)


def energy_distance(x: Tensor, fake: Tensor) -> Tensor:
    x, y = rows(x, fake)
    n = len(x)
    within = (squared(x, x).sqrt().sum() + squared(y, y).sqrt().sum()) / (n * (n - 1))
    return 2 * squared(x, y).sqrt().mean() - within


def sinkhorn(x: Tensor, fake: Tensor) -> Tensor:
    x, y = rows(x, fake)
    return transport(x, y, False) - (transport(x, x, True) + transport(y, y, True)) / 2


def transport(x: Tensor, y: Tensor, same: bool) -> Tensor:
    """The entropic transport's dual, its potentials held."""
    cost = squared(x, y) / 2
    log_n = torch.tensor(len(x)).log()

    def best(c: Tensor, potential: Tensor, e: Tensor | float) -> Tensor:
        return -e * (((potential - c) / e).logsumexp(1) - log_n)

    with torch.no_grad():
        ratio = (cost.max() / EPSILON).clamp(min=1)
        f = g = torch.zeros(len(x))
        for i in range(ITERATIONS):
            e = EPSILON * ratio ** max(0.0, 1 - 2 * i / ITERATIONS)
            if same:
                f = (f + best(cost, f, e)) / 2
            else:
                g = best(cost.T, f, e)
                f = best(cost, g, e)
        if same:
            g = best(cost, f, EPSILON)
    return f.mean() + g.mean() + EPSILON * (1 - ((f[:, None] + g - cost) / EPSILON).exp().mean())
