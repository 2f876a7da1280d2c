"""Adversarial auto-encoders: small games, their steps by hand, posteriors, label-aware priors, the recipe."""

import pytest
import torch
from close import assert_close_to_scale
from small_games import MLP, Small, float64, rates, turn_batch
from torch import Tensor

from energan.engine.game import Batch, Game
from energan.engine.noise import gaussian_mixture, swiss_roll
from energan.engine.optimizers import Adam, Alternating
from energan.engine.rng import seeded
from energan.games.latent.aae import aae, image
from energan.networks.latent.aae import Critic, Decoder, Encoder
from energan.networks.latent.posterior import Posterior
from energan.recipes.build import build as build_recipe
from energan.utils.errors import UserError

K, Z, EPS, HIDDEN = 3, 2, 4, (8,)


def louder(net):
    """Weights of N(0, .01) would leave gradients so small that Adam's eps decides."""
    for w in net.parameters():
        w.data.add_(0.3 * torch.randn(w.shape))
    return net


def builder(posterior: str = "deterministic", labels: bool = False, likelihood: str = "bernoulli"):
    def build(seed: int, i: int) -> Game:
        eps = {"deterministic": 0, "gaussian": Z, "universal": EPS}[posterior]
        with seeded(seed):
            E = Encoder(
                2 * Z if posterior == "gaussian" else Z, MLP, eps=EPS if posterior == "universal" else 0, hidden=HIDDEN
            )
            G, D = Decoder(Z, MLP, hidden=HIDDEN), Critic(Z + (K + 1) * labels, hidden=HIDDEN)
            E, G, D = louder(E), louder(G), louder(D)
        g, d = rates(i)
        mixture = (gaussian_mixture(K), gaussian_mixture(K, every=True)) if labels else (Z, None)
        return aae(
            Posterior(E) if posterior == "gaussian" else E, G, D, mixture[0], posterior=posterior, eps=eps,
            z_y=mixture[1], likelihood=likelihood,
            optimizer_E=g, optimizer_G=g, optimizer_D=d, optimizer_R=d,
        )  # fmt: skip

    return build


SMALL = {
    "aae": Small(builder(), MLP),
    "aae gaussian, squares": Small(builder("gaussian", likelihood="gaussian"), MLP),
    "aae universal, labels": Small(builder("universal", labels=True), MLP, labels=K),
}


def cross_entropy(x: Tensor, logits: Tensor) -> Tensor:
    t, p = ((x + 1) / 2).flatten(1), torch.sigmoid(logits).flatten(1)
    return -(t * p.log() + (1 - t) * (1 - p).log()).sum(1).mean()


def by_hand(E, G, D, x, z, eps=None, z_y=None, y=None, *, squares: bool = False, **_):
    def code():
        if squares:
            said = E(x)
            return said.mean + (said.log_variance / 2).exp() * eps
        return E(x) if eps is None else E(x, eps)

    def redraw():
        logits = G(code())
        return ((2 * torch.sigmoid(logits) - 1 - x) ** 2).mean() if squares else cross_entropy(x, logits)

    labels = () if z_y is None else (torch.cat([y, torch.zeros(len(y), 1)], 1).to(x.dtype),)  # all rows have one
    prior = z if z_y is None else torch.stack([row[int(c.argmax())] for row, c in zip(z_y, y, strict=True)])

    def criticise():
        real, fake = torch.sigmoid(D(prior, *labels)), torch.sigmoid(D(code().detach(), *labels))
        return -real.log().mean() - (1 - fake).log().mean()

    def confuse():
        return -torch.sigmoid(D(code(), *labels)).log().mean()

    return {
        "reconstruction": {"E": redraw, "G": redraw},
        "critic": {"D": criticise},
        "regularisation": {"E": confuse},
    }


BY_HAND = {
    "aae": by_hand,
    "aae gaussian, squares": lambda **b: by_hand(**b, squares=True),
    "aae universal, labels": by_hand,
}


def test_an_image_without_a_label_is_compared_with_all_of_the_prior():
    """Rows of y that are 0: z of the mixture, told the class that is none."""
    game = builder(labels=True)(0, 0)
    p, b = float64(game), turn_batch(SMALL["aae universal, labels"], game)
    y = b.y.clone()
    y[:2] = 0
    half = Batch({**b._values, "y": y})
    picked = torch.stack([row[int(c.argmax())] for row, c in zip(b.z_y, y, strict=True)])
    picked[:2] = b.z[:2]
    seen: list[tuple[Tensor, Tensor]] = []
    D = p.D
    p._nets["D"] = lambda z, told: seen.append((z, told)) or D(z, told)
    game.turns["critic"][0].objective(p, half)
    assert_close_to_scale(seen[0][0], picked)
    assert seen[0][1][:2].tolist() == [[0, 0, 0, 1]] * 2 and torch.equal(seen[0][1][2:, :K], y[2:])
    assert torch.equal(seen[0][1], seen[1][1]) and seen[1][0].grad_fn is None


@pytest.mark.parametrize("posterior", ["deterministic", "gaussian", "universal"])
def test_what_is_read_repeats_and_draws_the_image_again(posterior: str):
    game = builder(posterior)(0, 0)
    p, b = float64(game), turn_batch(SMALL["aae"], game)
    read = game.encode["z"].read(p, Batch({"x": b.x}))
    net = game.players["E"].net
    expected = {
        "deterministic": lambda: net(b.x),
        "gaussian": lambda: net(b.x).mean,
        "universal": lambda: net(b.x, torch.zeros(5, EPS).double()),
    }[posterior]()
    assert torch.equal(read, expected) and read.shape == (5, Z)
    again = game.sample(p, Batch({"z": read}))
    assert_close_to_scale(game.energy(p, Batch({"x": b.x})), ((again - b.x) ** 2).flatten(1).mean(1))
    assert_close_to_scale(image(p.G(read)), 2 * torch.sigmoid(p.G(read)) - 1)


def test_noise_that_does_not_fit_the_posterior_is_refused():
    for posterior, eps in (("deterministic", 3), ("universal", 0)):
        with pytest.raises(UserError, match=f"a {posterior} posterior cannot have eps {eps}"):
            aae(*(torch.nn.Identity(),) * 3, Z, posterior=posterior, eps=eps)


def test_the_encoder_has_moments_of_its_own_for_each_turn():
    optimizer = builder()(0, 0).players["E"].optimizer
    assert isinstance(optimizer, Alternating) and optimizer.optimizers == rates(0)


# ---- the recipe ----


def test_the_recipe_has_the_settings_of_the_likelihood():
    run = build_recipe("aae-mnist")
    game = run.game
    z = game.noise["z"](torch.Generator().manual_seed(0), 4000)
    assert z.shape == (4000, 8) and float(z.std()) == pytest.approx(5, rel=0.02) and run.batch == 100
    assert game.players["E"].optimizer.optimizers == (Adam(2e-4), Adam(1e-4, beta1=0.5))
    shapes = [tuple(w.shape) for w in game.players["E"].net.parameters() if w.ndim == 2]
    assert shapes == [(1200, 784), (1200, 1200), (8, 1200)]
    shapes = [tuple(w.shape) for w in game.players["D"].net.parameters() if w.ndim == 2]
    assert shapes == [(1200, 8), (1200, 1200), (1, 1200)]


@pytest.mark.parametrize(("prior", "noise"), [("mixture", gaussian_mixture), ("swiss-roll", swiss_roll)])
def test_priors_by_name(prior: str, noise):
    game = build_recipe("aae-mnist", prior=prior, labels=100, posterior="universal", units=16).game
    g = torch.Generator()
    assert torch.equal(game.noise["z"](g.manual_seed(0), 6), noise(10)(g.manual_seed(0), 6))
    assert game.noise["z_y"](g, 6).shape == (6, 10, 2) and game.noise["eps"](g, 6).shape == (6, 10)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prior": "mixture", "z": 3}, "z is 2 where the prior is a mixture, got 3"),
        ({"labels": 100}, "labels choose a part of the prior"),
        ({"spread": 0}, "spread must be above 0"),
        ({"dropout": 1.0}, "dropout must be 0 or above and below 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, said: str):
    with pytest.raises(UserError) as refused:
        build_recipe("aae-mnist", **changes)
    assert str(refused.value).startswith(said)


def test_hidden_labels_are_rows_without_one():
    run = build_recipe("aae-mnist", data="digits", prior="mixture", labels=20, units=16, batch=64)
    data = run.training_set()
    b = run.batches(data)(0)
    assert int((data.labels >= 0).sum()) == 20 and b["y"].shape == (64, 10)
    assert set(b["y"].sum(1).tolist()) <= {0.0, 1.0} and float(b["y"].sum()) < 20
