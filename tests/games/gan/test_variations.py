"""What may be added to a critic: the small games, their steps by hand, what each addition changes."""

import pytest
import torch
from small_games import CONV, CONV_G, POINTS, Small, Z, on_points, rates
from torch import nn

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.rng import seeded, stream
from energan.games.gan.gan import gan
from energan.games.gan.lsgan import lsgan
from energan.games.gan.variations import dragan, has_batch_norm, one_sided, penalised, repeated
from energan.losses.adversarial import least_squares_discriminator, least_squares_generator
from energan.losses.gradient_penalty import unit_norm
from energan.networks.conv import dcgan
from energan.networks.layers.minibatch_discrimination import Packed
from energan.recipes.build import build
from energan.utils.errors import UserError


def added(kind: str, k: int = 1):
    """LSGAN of points with a penalty, and k turns of D."""

    def make(seed: int, i: int) -> Game:
        game = penalised(on_points(lsgan)(seed, i), kind, 3.0 * (1 + i / 4))
        return repeated(game, k) if k > 1 else game

    return make


def packed(seed: int, i: int) -> Game:
    with seeded(seed):
        G, D = CONV_G(), Packed(dcgan.Discriminator(channels=2 * 5, size=8, width=4, norm=False), 5)
        g, d = rates(i)
        return gan(G, D, Z, smoothing=0.1 * i, optimizer_G=g, optimizer_D=d)


SMALL = {
    "lsgan r1": Small(added("r1"), POINTS, bounded=False, images=False),
    "lsgan one-sided": Small(added("one-sided", 2), POINTS, bounded=False, images=False),
    "lsgan dragan": Small(added("dragan"), POINTS, bounded=False, images=False),
    "lsgan chi2": Small(on_points(lsgan, targets=(-1.0, 1.0, 0.0)), POINTS, bounded=False, images=False),
    "gan packed": Small(packed, CONV, bounded=False),
}


def chi2_by_hand(G, D, x, z, **_):
    return {
        "D": lambda: ((D(x) - 1) ** 2).mean() / 2 + ((D(G(z).detach()) + 1) ** 2).mean() / 2,
        "G": lambda: (D(G(z)) ** 2).mean() / 2,
    }


def r1_by_hand(G, D, x, z, penalty, **_):
    def d():
        at = x.clone().requires_grad_()
        (steep,) = torch.autograd.grad(D(at).sum(), at, create_graph=True)
        loss = ((D(x) - 1) ** 2).mean() / 2 + (D(G(z).detach()) ** 2).mean() / 2
        return loss + penalty / 2 * steep.square().sum(1).mean()

    return {"D": d, "G": lambda: ((D(G(z)) - 1) ** 2).mean() / 2}


BY_HAND = {"lsgan chi2": chi2_by_hand, "lsgan r1": r1_by_hand}


def steep(x: torch.Tensor) -> torch.Tensor:
    return 3 * x[:, 0] + 4 * x[:, 1]


def test_a_norm_of_one_is_free_and_below_it_one_sided() -> None:
    x = torch.zeros(3, 2)
    assert unit_norm(steep, x) == 16 == unit_norm(steep, x, one_sided=True)
    assert unit_norm(lambda x: steep(x) / 5, x) == pytest.approx(0, abs=1e-9)
    assert unit_norm(lambda x: steep(x) / 10, x) == pytest.approx(0.25)
    assert unit_norm(lambda x: steep(x) / 10, x, one_sided=True) == 0


class Square(nn.Module):
    """x -> |x|^2 / 2, whose gradient is x: it tells where it is taken."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.square().sum(1) / 2


class Ones(nn.Module):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(z), 1)


def test_one_sided_is_taken_between_an_image_and_a_sample() -> None:
    p, b = Players({"G": Ones(), "D": Square()}), Batch({"x": torch.full((1000, 1), 3.0), "z": torch.zeros(1000, 1)})
    with stream(torch.tensor(1)):  # at 1 + 2 eps, steeper than 1 by 2 eps: E (2 eps)^2 = 4/3
        assert one_sided(p, b, "D") == pytest.approx(4 / 3, rel=0.1)
        flat = Batch({"x": torch.zeros(1000, 1), "z": torch.zeros(1000, 1)})  # at 1 - eps: nowhere steeper than 1
        assert one_sided(p, flat, "D") == pytest.approx(0, abs=1e-6)


def test_dragan_is_taken_around_images() -> None:
    x = torch.tensor([[-2.0], [2.0]]).repeat(500, 1)  # a standard deviation of 2: delta is U(0, 1)
    p, b = Players({"G": Ones(), "D": Square()}), Batch({"x": x, "z": torch.zeros(1000, 1)})
    with stream(torch.tensor(1)):  # |2 + u| - 1 and |u - 2| - 1: E (1 + u)^2 = 7/3 and E (1 - u)^2 = 1/3
        assert dragan(p, b, "D") == pytest.approx((7 / 3 + 1 / 3) / 2, rel=0.1)


def test_k_turns_of_d_are_on_batches_of_their_own() -> None:
    asked: list[int] = []

    def data(k: int) -> dict[str, torch.Tensor]:
        asked.append(k)
        return {"x": torch.rand(4, 2)}

    trainer = Trainer(repeated(on_points(lsgan)(0, 0), 3), data)
    logs = trainer.step()
    assert asked == [0, 1, 2, 3]
    assert set(logs) == {"D/loss", "G/loss"}


def test_a_game_without_the_turn_is_refused() -> None:
    with pytest.raises(ValueError, match="no turn of D alone"):
        repeated(on_points(gan, simultaneous=True)(0, 0), 2)


def test_the_least_squares_targets() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, -2.0])
    assert least_squares_discriminator(real, fake, -1, 1) == (0 + 4) / 4 + (1 + 1) / 4
    assert least_squares_generator(fake, 0) == 1
    assert least_squares_discriminator(real, fake) == (0 + 4) / 4 + (0 + 4) / 4


def test_g_lowers_a_pearson_divergence_where_the_targets_are_those_of_theorem_1() -> None:
    """2 L_G + ... of the best D is chi^2 of (p + q) and 2 q: here of two coins, against the sum by hand."""
    p, q = torch.tensor([0.7, 0.3]), torch.tensor([0.4, 0.6])
    best = (p - q) / (p + q)  # of (b p + a q) / (p + q), a -1 and b 1
    of_g = ((p + q) * best.square()).sum()  # E_p + E_q of (D - c)^2, c 0: the paper's 2 C(G)
    pearson = ((2 * q - (p + q)).square() / (p + q)).sum()
    assert of_g == pytest.approx(float(pearson))


def test_a_pack_is_neighbours_and_in_use_one_image() -> None:
    D = Packed(nn.Linear(2 * 3, 1, bias=False), 2)
    x = torch.arange(12.0).view(4, 3)
    assert torch.equal(D(x), D.net(x.view(2, 6)))
    assert torch.equal(D.eval()(x), D.net(torch.cat([x, x], 1)))
    with pytest.raises(UserError, match="no multiple of packs of 2"):
        D.train()(x[:3])


@pytest.mark.parametrize("recipe", ["lsgan-mnist", "hinge-mnist", "dcgan-64"])
def test_a_recipe_s_critic(recipe: str) -> None:
    asked = {"data": "digits"} if recipe != "dcgan-64" else {"data": "emoji-noto"}
    plain = build(recipe, width=4, **asked)
    run = build(recipe, width=4, gradient_penalty="r1", penalty=2.0, critic_steps=2, **asked)
    several = build(recipe, width=4, pack=2, batch=8, **asked).game.players["D"].net
    assert not has_batch_norm(run.game.players["D"].net)
    assert has_batch_norm(plain.game.players["D"].net) == (recipe != "hinge-mnist")
    assert run.game.turns_at(0) == ("D", "D", "G")
    assert run.game.hyperparameters["penalty"] == 2
    assert plain.game.order is None
    assert any(isinstance(layer, Packed) and layer.m == 2 for layer in several.modules())


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"critic_steps": 0}, "critic_steps must be"),
        ({"penalty": -1.0, "gradient_penalty": "r1"}, "penalty must be 0 or above"),
        ({"pack": 3, "batch": 8}, "batch 8 is no multiple of pack 3"),
        ({"pack": 2, "classes": True}, "pack shows D several images at once, classes"),
        ({"pack": 2, "gradient_penalty": "r1"}, "gradient_penalty is of single images"),
        ({"targets": (1.0, 1.0, 0.0)}, "targets are a b c"),
    ],
)
def test_what_cannot_be_added_is_refused(flags: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build("lsgan-mnist", data="digits", **flags)
