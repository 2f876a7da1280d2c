"""GMMN + AE: its small games, their steps by hand, what each stage moves and sees, the recipe."""

from functools import partial

import pytest
import torch
from close import assert_close_to_scale
from small_games import MLP, Small, Z, float64, rates, source, turn_batch

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.rng import seeded, stream
from energan.games.critic_free.gmmn_ae import generator_loss, gmmn_ae, reconstruction_loss
from energan.networks.dense.gmmn import Encoder, decoder
from energan.networks.dense.perceptron import Perceptron
from energan.recipes.build import build as build_recipe
from energan.utils.errors import UserError

CODE, WIDTHS = 3, (0.3, 1.0)


def build(seed: int, i: int, dropout: tuple[float, float] = (0.0, 0.0), portion: float = 1.0) -> Game:
    with seeded(seed):
        Enc, Dec = Encoder(CODE, MLP, units=6, dropout=dropout), decoder(CODE, MLP, units=6)
        G = torch.nn.Sequential(Perceptron((Z, 8, CODE), activation="tanh"), torch.nn.Sigmoid())
    g, ae = rates(i)
    return gmmn_ae(
        Enc, Dec, G, Z, codes_from=1, portion=portion, widths=WIDTHS, optimizer_AE=ae, optimizer_G=g
    )  # fmt: skip


SMALL = {
    "gmmn-ae": Small(build, MLP),
    "gmmn-ae dropout, two of five": Small(partial(build, dropout=(0.2, 0.5), portion=0.4), MLP),
}


def by_hand(Enc, Dec, G, x, z, **_):
    def kernel(a, b):
        return sum(torch.exp(-((p - q) ** 2).sum() / 2 / s**2) for p in a for q in b for s in WIDTHS) / len(a) ** 2

    def ae():
        t, p = ((x + 1) / 2).flatten(1), torch.sigmoid(Dec(Enc(x))).flatten(1)
        return -(t * p.log() + (1 - t) * (1 - p).log()).sum(1).mean()

    def g():
        h = Enc(x).detach()
        return (kernel(h, h) + kernel(G(z), G(z)) - 2 * kernel(h, G(z))).sqrt()

    return {"AE": {"Enc": ae, "Dec": ae}, "G": g}


BY_HAND = {"gmmn-ae": by_hand}


def test_the_auto_encoder_learns_first_and_then_the_generator():
    one = Trainer(build(0, 0), source(SMALL["gmmn-ae"]))
    moved = []
    for _ in range(3):
        before = {who: [w.clone() for w in net.parameters()] for who, net in one.nets.items()}
        one.step()
        now = {who: zip(before[who], net.parameters(), strict=True) for who, net in one.nets.items()}
        moved.append({who for who, pairs in now.items() if any(not torch.equal(*pair) for pair in pairs)})
    assert moved == [{"Enc", "Dec"}, {"G"}, {"G"}]


def drawn_twice(objective, game: Game) -> list[float]:
    players, b = float64(game), turn_batch(SMALL["gmmn-ae"], game)
    losses = []
    for key in (1, 2):
        with stream(torch.tensor(key)):
            losses.append(float(objective(players, b)[0].detach()))
    return losses


def test_dropout_is_for_the_auto_encoder_alone():
    game = build(0, 0, dropout=(0.2, 0.5))
    first, second = drawn_twice(partial(reconstruction_loss, portion=1.0), game)
    assert first != second
    first, second = drawn_twice(partial(generator_loss, widths=WIDTHS), game)
    assert first == second


@pytest.mark.parametrize(("portion", "rows"), [(1.0, 5), (0.4, 2), (0.01, 1)])
def test_the_auto_encoder_sees_a_portion_of_the_batch(portion: float, rows: int):
    game = build(0, 0)
    players, b = float64(game), turn_batch(SMALL["gmmn-ae"], game)
    some = reconstruction_loss(players, b, portion)[0]
    assert torch.equal(some, reconstruction_loss(players, b.having(x=b.x[:rows]), 1.0)[0])


def test_dropped_pixels_are_black_and_the_rest_is_scaled():
    net = Encoder(2, (1, 2, 2), units=4, dropout=(0.5, 0.0)).double()
    net.hidden.weight.data.copy_(torch.eye(4))
    seen: list[torch.Tensor] = []
    net.hidden.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.ones(50, 1, 2, 2, dtype=torch.float64)
    net(x, True)
    net(x)
    assert set(seen[0].unique().tolist()) == {0.0, 2.0} and set(seen[1].unique().tolist()) == {1.0}


def test_a_sample_is_what_the_decoder_makes_of_a_code_of_the_generator():
    game = build(0, 0)
    p, b = Players({k: player.net.double() for k, player in game.players.items()}), turn_batch(SMALL["gmmn-ae"], game)
    codes = p.G(b.z)
    assert bool(((codes >= 0) & (codes <= 1)).all())
    assert_close_to_scale(game.sample(p, b), 2 * torch.sigmoid(p.Dec(codes)) - 1)
    mean_square = ((2 * torch.sigmoid(p.Dec(p.Enc(b.x))) - 1 - b.x) ** 2).flatten(1).mean(1)
    assert_close_to_scale(game.energy(p, Batch({"x": b.x})), mean_square)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"widths": (1.0, 0.0)}, "widths must be above 0, got 0.0"),
        ({"widths": ()}, "widths needs a width at least"),
        ({"dropout": (0.2, 1.0)}, "dropout must be 0 or above and below 1"),
        ({"first": 1.5}, "first is a share of the steps"),
        ({"batch_ae": 0}, "batch_ae must be above 0"),
        ({"batch": 0}, "batch must be 2 or more"),
    ],
)
def test_settings_that_cannot_be_trained_with_are_refused(changes, expected):
    with pytest.raises(UserError) as refused:
        build_recipe("gmmn-ae-mnist", data="never loaded", **changes)
    assert str(refused.value).startswith(expected)


def test_the_nets_of_the_recipe_are_the_papers():
    game = build_recipe("gmmn-ae-mnist", data="never loaded").game
    sizes = {who: [tuple(w.shape) for w in p.net.parameters() if w.ndim == 2] for who, p in game.players.items()}
    assert sizes == {
        "Enc": [(1024, 784), (32, 1024)],
        "Dec": [(1024, 32), (784, 1024)],
        "G": [(64, 10), (256, 64), (256, 256), (1024, 256), (32, 1024)],
    }
