"""Steps by hand of systems that adapt to another domain, with their games."""

import math

import torch
from torch.nn.functional import cross_entropy, softplus

from benchmarks.objectives.hand import BETA1, LR, Hand, descend, together
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.adaptation.adda import adda
from energan.games.adaptation.dann import dann
from energan.games.adaptation.pixelda import pixelda
from energan.networks.conv import adda as adda_nets
from energan.networks.conv import dann as nets
from energan.networks.translation import pixelda as pixelda_nets

SPAN = 20  # steps
ALPHA, BETA = 0.5, 2.0


def of_domains(h: Hand) -> None:
    """DANN: one pass over the images of both domains; a reversed gradient in the features."""
    x, y, u = h.batch()
    E, C, D = (h.nets[letter] for letter in "ECD")
    rate = 2 / (1 + math.exp(-10 * h.steps / SPAN)) - 1
    h.steps += 1
    with h.autocast:
        features = E(torch.cat([x, u]))
        kept = features.detach().float().requires_grad_(True)
        ours, theirs = D(kept).float().chunk(2)
        of_domain = softplus(-ours).mean() + softplus(theirs).mean()
        of_labels = cross_entropy(C(features[: len(x)]).float(), y)
    for optimizer in h.of.values():
        optimizer.zero_grad(set_to_none=True)
    of_domain.backward()
    assert kept.grad is not None
    torch.autograd.backward([of_labels, features], [None, -rate * kept.grad.to(features.dtype)])
    for optimizer in h.of.values():
        optimizer.step()


def game_of_dann() -> Game:
    """The paper's nets, on one channel."""
    with seeded(0):
        E, C, D = nets.encoder(channels=1), nets.classifier(), nets.domain_critic()
    return dann(E, C, D, span=SPAN, **{f"optimizer_{letter}": Adam(LR, BETA1) for letter in "ECD"})


def apart(h: Hand) -> None:
    """ADDA's second part: D, then the target's encoder."""
    S, E, D = (h.nets[letter] for letter in "SED")
    D.requires_grad_(True)
    x, _, u = h.batch()
    with h.autocast:
        with torch.no_grad():
            ours, theirs = S(x), E(u)
        loss = softplus(-D(ours).float()).mean() + softplus(D(theirs).float()).mean()
    descend(h.of["D"], loss)
    D.requires_grad_(False)
    _, _, u = h.batch()
    with h.autocast:
        loss = softplus(-D(E(u)).float()).mean()
    descend(h.of["E"], loss)


def game_of_adda() -> Game:
    """The paper's nets, on one channel, from the first step of its second part."""
    with seeded(0):
        S, E = (adda_nets.encoder(channels=1) for _ in range(2))
        C, D = adda_nets.classifier(), adda_nets.domain_critic()
    adam = Adam(LR, BETA1)
    return adda(S, E, C, D, adapt_from=0, optimizer_S=adam, optimizer_E=adam, optimizer_D=adam)


def by_pixels(h: Hand) -> None:
    """PixelDA: D and T, by one adapted batch; then G."""
    G, D, T = (h.nets[letter] for letter in "GDT")
    D.requires_grad_(True), T.requires_grad_(True)
    x, y, u, z = h.batch()
    with h.autocast:
        with torch.no_grad():
            fake = G(x, z)
        of_images = softplus(-D(u).float()).mean() + softplus(D(fake).float()).mean()
        of_labels = cross_entropy(T(x).float(), y) + cross_entropy(T(fake).float(), y)
    together(h, of_images + of_labels, "D", "T")
    D.requires_grad_(False), T.requires_grad_(False)
    x, y, _, z = h.batch()
    with h.autocast:
        fake = G(x, z)
        loss = ALPHA * softplus(-D(fake).float()).mean() + BETA * cross_entropy(T(fake).float(), y)
    descend(h.of["G"], loss)


def game_of_pixelda() -> Game:
    """Narrow nets, on one channel, without dropout and noise in D."""
    with seeded(0):
        G, T = pixelda_nets.Generator(channels=1, width=8, blocks=2), pixelda_nets.classifier(channels=1)
        D = pixelda_nets.Discriminator(channels=1, width=8, dropout=0, noise=0)
    rates = {f"optimizer_{letter}": Adam(LR, BETA1) for letter in "GDT"}
    return pixelda(G, D, T, 10, alpha=ALPHA, beta=BETA, **rates)
