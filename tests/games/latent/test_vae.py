"""The VAE: small games and their steps by hand, the bound's value, what an auto-encoder is."""

import math
from functools import partial

import pytest
import torch
from small_games import MLP, Small, Z, rates, scaled, turn_batch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from energan.engine.game import Batch, Game, Players
from energan.engine.rng import seeded
from energan.games.latent.vae import image, vae
from energan.networks.dense.perceptron import Perceptron
from energan.networks.latent.posterior import Posterior


def nets() -> tuple[Posterior, nn.Module]:
    return Posterior(Perceptron((16, 8, 2 * Z), activation="tanh")), Perceptron((Z, 8, 16), shape=MLP)


def build(seed: int, i: int, likelihood: str) -> Game:
    with seeded(seed):
        g, e = rates(i)
        return scaled(vae(*nets(), Z, likelihood=likelihood, optimizer_G=g, optimizer_E=e), i)


SMALL = {
    "vae": Small(partial(build, likelihood="bernoulli"), MLP),
    "vae gaussian": Small(partial(build, likelihood="gaussian"), MLP, bounded=False),
}


def by_hand(E, G, x, eps, kl, s=None, **_):
    def both():
        mean, log_variance = E(x)
        sigma = log_variance.exp().sqrt()
        logits = G(mean + sigma * eps)
        if s is None:
            white = (x + 1) / 2
            probability = torch.sigmoid(logits)
            likelihood = white * probability.log() + (1 - white) * (1 - probability).log()
        else:
            likelihood = Normal(2 * torch.sigmoid(logits) - 1, s).log_prob(x)
        apart = kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0))
        return -likelihood.flatten(1).sum(1).mean() + kl * apart.sum(1).mean()

    return {"both": {"E": both, "G": both}}


BY_HAND = {"vae": by_hand, "vae gaussian": partial(by_hand, s=0.25)}


def played(game: Game) -> tuple[Players, Batch]:
    nets = {k: p.net.double() for k, p in game.players.items()}
    return Players(nets), turn_batch(SMALL["vae"], game)


def test_the_bound_is_below_the_likelihood():
    """p(x) by many draws of z; the bound's mean over as many of eps is below it, but not by far once q fits."""
    game = build(0, 0, "bernoulli")
    p, b = played(game)
    x = (b.x > 0).double() * 2 - 1
    with torch.no_grad():
        z = torch.randn(20000, Z, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        each = Bernoulli(logits=p.G(z)).log_prob(((x + 1) / 2)[:, None]).flatten(2).sum(2)
        exact = (each.logsumexp(1) - math.log(len(z))).mean()
        bounds = []
        for k in range(200):
            eps = torch.randn(5, Z, dtype=torch.float64, generator=torch.Generator().manual_seed(k))
            logs = game.turns["both"][0].objective(p, Batch({"x": x, "eps": eps, "kl": torch.tensor(1.0)}))[1]
            bounds.append(logs["bound"])
        bound = torch.stack(bounds).mean()
    assert exact - 5 < bound < exact


def test_images_are_the_means_of_the_likelihood():
    assert image(torch.tensor([0.0, math.log(3)])).tolist() == pytest.approx([0.0, 0.5])


def test_without_the_kl_it_is_an_auto_encoder():
    game = vae(*nets(), Z, kl=0.0)
    p, b = played(game)
    loss, logs = game.turns["both"][0].objective(p, b)
    assert loss == logs["reconstruction"] and logs["KL"] > 0


def test_its_codes_are_the_means_and_its_energy_is_of_them():
    game = build(0, 0, "bernoulli")
    p, b = played(game)
    codes = game.encode["z"].read(p, b)
    assert torch.equal(codes, p.E(b.x).mean) and codes.shape == (5, Z)
    still = Batch({"x": b.x, "eps": torch.zeros(5, Z, dtype=torch.float64), "kl": torch.tensor(1.0)})
    bound = game.turns["both"][0].objective(p, still)[1]["bound"]
    torch.testing.assert_close(game.energy(p, b).mean(), -bound)
