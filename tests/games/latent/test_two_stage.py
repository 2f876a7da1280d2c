"""Two stages: small games and their steps by hand, what each stage moves, what is drawn."""

from functools import partial

import torch
from small_games import MLP, Small, Z, rates, scaled, source, turn_batch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from energan.engine import Trainer
from energan.engine.game import Game, Players
from energan.engine.rng import seeded
from energan.games.latent.two_stage import blurred, refined, two_stage
from energan.networks.dense.perceptron import Perceptron, with_tanh
from energan.networks.latent.posterior import Posterior
from energan.networks.latent.refiner import Refiner
from energan.networks.latent.vae_gan import Discriminator


def build(seed: int, i: int, clear_from: int = 0, likelihood: str = "bernoulli") -> Game:
    with seeded(seed):
        E = Posterior(Perceptron((16, 8, 2 * Z), activation="tanh"))
        G = Perceptron((Z, 8, 16), shape=MLP, activation="tanh")
        R = with_tanh(Perceptron((16, 8, 16), shape=MLP, activation="tanh"))
        D = Discriminator(nn.Sequential(nn.Flatten(), nn.Linear(16, 6)), nn.Sequential(nn.Tanh(), nn.Linear(6, 1)))
        g, d = rates(i)
        adams = {"optimizer_E": g, "optimizer_G": g, "optimizer_R": g, "optimizer_D": d}
        return scaled(two_stage(E, G, R, D, Z, clear_from=clear_from, likelihood=likelihood, **adams), i)


SMALL = {
    "two-stage": Small(build, MLP),
    "two-stage blurred, then clear": Small(partial(build, clear_from=1, likelihood="gaussian"), MLP),
}


def by_hand(E, G, R, D, x, z, eps, kl, feature, pixel, gaussian=False, **_):
    def image(code):
        return 2 * torch.sigmoid(G(code)) - 1

    def blur():
        mean, log_variance = E(x)
        sigma = (log_variance / 2).exp()
        code = mean + sigma * eps
        if gaussian:
            likely = Normal(image(code), 0.25).log_prob(x)
        else:
            white = torch.sigmoid(G(code))
            likely = (1 + x) / 2 * white.log() + (1 - x) / 2 * (1 - white).log()
        apart = kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0))
        return -likely.flatten(1).sum(1).mean() + kl * apart.sum(1).mean()

    def clear():
        return R(image(E(x)[0]).detach()), R(image(z).detach())

    def of_D():
        fakes = torch.sigmoid(torch.cat([D(fake.detach())[0] for fake in clear()]))
        return -torch.sigmoid(D(x)[0]).log().mean() - (1 - fakes).log().mean()

    def of_R():
        again, drawn = clear()
        fakes = torch.sigmoid(torch.cat([D(again)[0], D(drawn)[0]]))
        features, pixels = ((D(again)[1] - D(x)[1]) ** 2).mean(), ((again - x) ** 2).mean()
        return -fakes.log().mean() + feature * features + pixel * pixels

    return {"blur": {"E": blur, "G": blur}, "D": of_D, "R": of_R}


BY_HAND = {"two-stage": by_hand, "two-stage blurred, then clear": partial(by_hand, gaussian=True)}


def moved(one: Trainer) -> set[str]:
    before = {who: [w.clone() for w in net.parameters()] for who, net in one.nets.items()}
    one.step()
    changed = {who: zip(before[who], net.parameters(), strict=True) for who, net in one.nets.items()}
    return {who for who, pairs in changed.items() if any(not torch.equal(*pair) for pair in pairs)}


def test_the_vae_learns_first_and_then_the_refiner():
    one = Trainer(build(0, 0, clear_from=2), source(SMALL["two-stage"]))
    assert [moved(one) for _ in range(4)] == [{"E", "G"}, {"E", "G"}, {"R", "D"}, {"R", "D"}]


def test_what_is_drawn_is_the_blurred_image_refined():
    game = build(0, 0)
    p, b = Players({k: player.net.double() for k, player in game.players.items()}), turn_batch(SMALL["two-stage"], game)
    blur: Tensor = blurred(p, b)
    torch.testing.assert_close(blur, 2 * torch.sigmoid(p.G(b.z)) - 1)
    assert torch.equal(game.sample(p, b), p.R(blur)) and game.sample is refined


def test_the_refiner_starts_near_the_identity():
    with seeded(0):
        R = Refiner(channels=1, width=4)
    x = torch.tensor([-1.0, 0.0, 1.0]).repeat(4, 1, 8, 3)[..., :8]
    assert float((R(x) - x).detach().abs().max()) < 0.1
