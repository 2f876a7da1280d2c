"""InfoGAN: small games, their steps by hand, what G is told, what is read, the recipe."""

from math import log, pi

import pytest
import torch
from close import assert_close_to_scale
from small_games import MLP, Small, Z, rates, scaled, turn_batch
from torch import Tensor, nn

from energan.engine.game import Batch, Game, Players
from energan.engine.rng import seeded
from energan.games.latent.infogan import infogan
from energan.networks.conv.infogan import Alone, Discriminator, Generator, Recognised, Recogniser
from energan.networks.dense import mlp
from energan.recipes.build import build as build_recipe

K = 3  # categories


class Q(nn.Module):
    """x -> (logit, what is said of the codes); alone: the second only."""

    def __init__(self, numbers: int, sigma: bool, alone: bool = False) -> None:
        super().__init__()
        self.trunk, self.last = nn.Linear(16, 8), nn.Linear(8, (0 if alone else 1) + K + numbers * (1 + sigma))
        self.sizes, self.alone = [K, numbers, numbers * sigma], alone

    def forward(self, x: Tensor) -> Recognised | tuple[Tensor, Recognised]:
        out = self.last(self.trunk(x.flatten(1)).tanh())
        logits, mean, log_sigma = out[:, 0 if self.alone else 1 :].split(self.sizes, 1)
        said = Recognised(logits, mean, log_sigma if self.sizes[2] else None)
        return said if self.alone else (out[:, 0], said)


def builder(numbers: int = 2, sigma: bool = False, apart: bool = False, **settings: object):
    def build(seed: int, i: int) -> Game:
        with seeded(seed):
            G = mlp.Generator(Z + K + numbers, MLP, layers=3, size=8)
            D = mlp.Discriminator(MLP, layers=3, size=8) if apart else Q(numbers, sigma)
            other = Q(numbers, sigma, alone=True) if apart else None
        g, d = rates(i)
        return scaled(
            infogan(G, D, Z, Q=other, categories=K, numbers=numbers, optimizer_G=g, optimizer_D=d, **settings), i
        )

    return build


SMALL = {
    "infogan": Small(builder(information=0.8, information_c2=0.3), MLP, bounded=False),
    "infogan sigma learned, Q apart": Small(builder(sigma=True, apart=True), MLP, bounded=False),
    "infogan plain, no numbers": Small(builder(numbers=0, information=0.0), MLP, bounded=False),
}


def by_hand(G, D, x, z, c1, information, recognition, c2=None, information_c2=0, recognition_c2=0, Q=None, **_):
    def ask(of):
        return (D(of), Q(of)) if Q is not None else D(of)

    def fake():
        return G(torch.cat([z, c1] if c2 is None else [z, c1, c2], 1))

    def known(q):
        of_c1 = (c1 * (q.logits.exp() / q.logits.exp().sum(1, keepdim=True)).log()).sum(1).mean() + log(K)
        if c2 is None:
            return of_c1, 0.0
        sigma = torch.ones_like(q.mean) if q.log_sigma is None else q.log_sigma.exp()
        density = (-((c2 - q.mean) ** 2) / (2 * sigma**2)).exp() / (sigma * (2 * pi) ** 0.5)
        return of_c1, (density.log() + log(2)).sum(1).mean()

    def d():
        real, (unreal, q) = ask(x)[0], ask(fake().detach())
        one, two = known(q)
        cross = torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(unreal)).log().mean()
        return -cross - recognition * one - recognition_c2 * two

    def g():
        unreal, q = ask(fake())
        one, two = known(q)
        return -torch.sigmoid(unreal).log().mean() - information * one - information_c2 * two

    return {"D": {"D": d} | ({"Q": d} if Q is not None else {}), "G": {"G": g}}


BY_HAND = dict.fromkeys(SMALL, by_hand)


def slopes(game: Game, turn: str, of: str) -> list[Tensor | None]:
    """The gradients, in the weights of `of`, of the turn's objective."""
    nets = {k: p.net.double().train() for k, p in game.players.items()}
    loss, _ = game.turns[turn][0].objective(Players(nets), turn_batch(SMALL["infogan"], game))
    return list(torch.autograd.grad(loss, list(nets[of].parameters()), allow_unused=True))


def test_without_information_g_learns_as_a_plain_gans_and_q_still_learns():
    """Whatever Q says, G's gradient is the same, and Q's own layer has one by D's turn."""
    plain = builder(information=0.0)(0, 0)
    assert plain.hyperparameters == {
        "information": 0.0, "recognition": 1.0, "information_c2": 0.0, "recognition_c2": 1.0,
    }  # fmt: skip
    before = slopes(plain, "G", "G")
    last = plain.players["D"].net.last
    with torch.no_grad():
        last.weight[1:] *= 10  # all but the logit's row
    after = slopes(plain, "G", "G")
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert float(slopes(plain, "D", "D")[-1][1:].abs().min()) > 0
    told = builder()(0, 0)
    assert not torch.equal(slopes(told, "G", "G")[0], before[0])


def test_what_is_logged_is_what_q_reads():
    game = builder(information=0.8)(0, 0)
    nets = {k: p.net.double().train() for k, p in game.players.items()}
    b = turn_batch(SMALL["infogan"], game)
    _, logs = game.turns["D"][0].objective(Players(nets), b)
    q = nets["D"](nets["G"](torch.cat([b.z, b.c1, b.c2], 1)))[1]
    assert float(logs["H(c1)"]) == pytest.approx(log(3)) and float(logs["L_I"].detach()) <= log(3)
    assert_close_to_scale(logs["L_I"], (q.logits.log_softmax(1) * b.c1).sum(1).mean() + log(3))
    assert_close_to_scale(logs["c2 error"], ((q.mean - b.c2) ** 2).mean())


@pytest.mark.parametrize("apart", [False, True])
def test_codes_are_read_as_wide_as_their_noise(apart: bool):
    game = builder(apart=apart)(0, 0)
    players = Players({k: p.net.eval() for k, p in game.players.items()})
    b = Batch({"x": turn_batch(SMALL["infogan"], game, torch.float32).x})
    read = {name: code.read(players, b) for name, code in game.encode.items()}
    assert {name: code.kind for name, code in game.encode.items()} == {"c1": "category", "c2": "numbers"}
    assert read["c1"].shape == (5, 3) and read["c2"].shape == (5, 2)
    torch.testing.assert_close(read["c1"].sum(1), torch.ones(5))
    assert not read["c2"].isnan().any() and set(builder(numbers=0)(0, 0).encode) == {"c1"}


def test_the_networks_are_the_papers():
    with seeded(0):
        G, D, Q, alone = Generator(), Discriminator(), Recogniser(), Alone()
    shapes = [tuple(w.shape) for w in G.parameters() if w.ndim > 1]
    assert shapes == [(1024, 74), (6272, 1024), (128, 64, 4, 4), (64, 1, 4, 4)]
    shapes = [tuple(w.shape) for w in D.parameters() if w.ndim > 1]
    assert shapes == [(64, 1, 4, 4), (128, 64, 4, 4), (1024, 6272), (1, 1024), (128, 1024), (12, 128)]
    x = G(torch.rand(3, 74) * 2 - 1).detach()
    assert x.shape == (3, 1, 28, 28) and float(x.abs().max()) <= 1
    logits, said = D(x)
    assert logits.shape == alone(x).shape == (3,) and said.log_sigma is None
    assert said.logits.shape == Q(x).logits.shape == (3, 10) and said.mean.shape == (3, 2)
    assert Recogniser(sigma=True, width=2, units=16)(x).log_sigma.shape == (3, 2)


def test_the_recipe_has_the_authors_settings():
    run = build_recipe("infogan-mnist")
    game, g, d = run.game, run.game.players["G"].optimizer, run.game.players["D"].optimizer
    assert (g.lr, g.beta1, d.lr, d.beta1) == (1e-3, 0.5, 2e-4, 0.5) and (run.steps, run.batch) == (5000, 128)
    assert game.hyperparameters == dict.fromkeys(
        ("information", "recognition", "information_c2", "recognition_c2"), 1.0
    )
    drawn = {name: noise(torch.Generator().manual_seed(0), 500) for name, noise in game.noise.items()}
    assert {name: v.shape[1] for name, v in drawn.items()} == {"z": 62, "c1": 10, "c2": 2}
    assert all(-1 <= float(drawn[k].min()) < -0.9 and 0.9 < float(drawn[k].max()) < 1 for k in ("z", "c2"))
    assert set(build_recipe("infogan-mnist", apart=True, width=2, units=16).game.players) == {"G", "D", "Q"}
