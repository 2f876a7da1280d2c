"""The engine on games so small that one can follow them by hand."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from energan.engine import Ensemble, Trainer, leaves
from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.noise import normal
from energan.engine.optimizers import (
    SGD,
    Adam,
    Alternating,
    HistoricalAveraging,
    PauseOnZeroGradient,
    RMSProp,
    Succeeding,
    linear_decay,
)
from energan.engine.rng import seeded
from energan.games.gan.variations import repeated
from energan.networks.dense import mlp
from energan.networks.layers import BatchNorm, Dropout
from energan.utils.errors import UserError


class Number(nn.Module):
    """A player with one weight, w; its value on x is w x."""

    def __init__(self, w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([w], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.w * x


def ones(k: int) -> Mapping[str, Tensor]:
    return {"x": torch.ones(2, 1)}


def product(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    """The bilinear game: A descends a b, B ascends it."""
    value = p.A(p.B(b.x)).mean()
    return value, {"value": value}


def quadratic(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    """(a - b)^2 + n a, with the hyperparameter n."""
    value = (p.A(b.x) - p.B(b.x)).square().mean() + b.n * p.A(b.x).mean()
    return value, {"value": value}


def duel(turns, order=None, a=2.0, b=3.0, lr=0.1, frozen=(), hyperparameters=None, noise=None, optimizer=None) -> Game:
    step = optimizer or SGD(lr)
    nets = {"A": Number(a), "B": Number(b)}
    return Game(
        players={k: Player(net, None if k in frozen else step) for k, net in nets.items()},
        turns=turns,
        order=order or (lambda t: tuple(turns)),
        noise=noise or {},
        hyperparameters=hyperparameters or {},
        sample=lambda p, batch: p.A(batch.x),
    )


def play(game: Game, steps: int = 1, source=ones, **settings) -> tuple[Trainer, list[Logs]]:
    one = Trainer(game, source, precision="fp64", **settings)
    return one, [one.step() for _ in range(steps)]


def points(one: Trainer) -> tuple[float, float]:
    return tuple(one.players.weights(k)["w"].item() for k in "AB")


# ---- turns, moves and order ----


def test_two_moves_of_a_turn_take_their_gradients_at_the_same_point():
    game = duel({"both": (Move(product, min=("A",)), Move(product, max=("B",)))})
    one, logs = play(game)
    assert points(one) == pytest.approx((2 - 0.1 * 3, 3 + 0.1 * 2))
    assert logs[0]["A/value"].item() == pytest.approx(6)


def test_two_turns_are_played_one_after_the_other():
    turns = {"a": (Move(product, min=("A",)),), "b": (Move(product, max=("B",)),)}
    one, logs = play(duel(turns))
    assert points(one) == pytest.approx((1.7, 3 + 0.1 * 1.7))
    assert logs[0]["a/value"].item() == pytest.approx(6) and logs[0]["b/value"].item() == pytest.approx(5.1)
    one, _ = play(duel(turns, order=lambda t: ("b", "a")))
    assert points(one) == pytest.approx((2 - 0.1 * 3.2, 3.2))


def test_one_move_may_be_descended_and_ascended_at_once():
    one, _ = play(duel({"both": (Move(product, min=("A",), max=("B",)),)}))
    assert points(one) == pytest.approx((1.7, 3.2))


def test_a_player_of_several_moves_follows_the_sum_of_their_slopes():
    """A descends (a - b)^2 and ascends a b in the same turn: slope 2(a - b) - b."""
    moves = (Move(quadratic, min=("A",)), Move(product, max=("A",)))
    expected = 2 - 0.1 * (2 * (2 - 3) - 3)
    for turn in (moves, moves[::-1]):
        game = duel({"t": turn}, hyperparameters={"n": 0.0})
        assert points(play(game)[0])[0] == pytest.approx(expected)
        many = Ensemble([duel({"t": turn}, hyperparameters={"n": 0.0})], [ones], seeds=[0], precision="fp64")
        many.step()
        assert many.players(0).weights("A")["w"].item() == pytest.approx(expected)


def test_order_may_depend_on_the_step():
    """Two turns of B for one of A, and A alone at step 2."""
    turns = {"a": (Move(product, min=("A",)),), "b": (Move(product, max=("B",)),)}
    one, logs = play(duel(turns, order=lambda t: ("a",) if t == 2 else ("b", "b", "a")), steps=3)
    a, b = 2.0, 3.0
    for t in range(3):
        for turn in ("a",) if t == 2 else ("b", "b", "a"):
            a, b = (a - 0.1 * b, b) if turn == "a" else (a, b + 0.1 * a)
    assert points(one) == pytest.approx((a, b))
    assert set(logs[2]) == {"a/value"} and one.t == 3


def test_frozen_players_stay_bit_identical_and_still_pass_gradients():
    game = duel({"a": (Move(product, min=("A",)),)}, frozen=("B",))
    before = game.players["B"].net.w.clone()
    one, _ = play(game, steps=5)
    assert torch.equal(one.players.weights("B")["w"], before) and "B" not in one.state()["moments"]
    assert points(one)[0] == pytest.approx(2 - 5 * 0.3)


def test_a_frozen_player_is_in_eval_mode():
    """A pretrained classifier neither drops units nor normalises by the batch."""
    net = nn.Sequential(nn.Linear(1, 1), BatchNorm(1), Dropout(0.5))
    game = duel({"a": (Move(product, min=("A",)),)})
    game = game._replace(players={**game.players, "C": Player(net), "D": Player(mlp.Generator(1, (1, 1, 1)))})
    assert not Trainer(game, ones).nets["C"].training
    assert Trainer(game, ones).nets["A"].training
    Ensemble([game], [ones], seeds=[0])
    assert not net.training


def test_the_step_and_its_schedule_are_the_engines():
    def seen(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        return p.A(b.x).mean(), {"t": b.t}

    game = duel({"a": (Move(seen, min=("A",)),)}, optimizer=SGD(0.1, schedule=linear_decay(1, 3)))
    one, logs = play(game, steps=4)
    assert [int(log["a/t"]) for log in logs] == [0, 1, 2, 3]
    assert points(one)[0] == pytest.approx(2 - 0.1 * (1 + 1 + 0.5 + 0))


def test_noise_and_data_are_new_at_every_turn_and_repeat_with_the_seed():
    def record(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        return (p.A(b.x) * b.z).mean(), {"z": b.z.sum(), "x": b.x.sum(), "key": b.key}

    def run(seed: int) -> list[float]:
        turns = {"a": (Move(record, min=("A",)),), "again": (Move(record, min=("A",)),)}
        game = duel(turns, noise={"z": normal(1)})
        one = Trainer(game, lambda k: {"x": torch.full((2, 1), float(k))}, seed=seed)
        logs = [one.step() for _ in range(2)]
        return [float(v) for log in logs for v in log.values()]

    first = run(0)
    assert first == run(0) and first != run(1)
    z, x, key = first[0::3], first[1::3], first[2::3]
    assert len(set(z)) == 4 and len(set(key)) == 4 and x == [0, 2, 4, 6]


def test_weights_without_a_gradient_are_left_alone():
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return self.used * x

    def objective(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        return p.A(b.x).mean(), {}

    game = duel({"a": (Move(objective, min=("A",)),)})
    one, _ = play(game._replace(players={"A": Player(Spare(), Adam(0.1))}))
    assert one.players.weights("A")["spare"].item() == 1
    assert one.players.weights("A")["used"].item() == pytest.approx(0.9)


# ---- averages ----


def test_averages_are_those_of_the_weights_after_each_step():
    """Of which the last counts most; the initial ones are not among them."""
    game = duel({"a": (Move(product, min=("A",)),)}, noise={"z": normal(1)})
    one = Trainer(game, ones, precision="fp64", ema={"A": 0.75})
    seen: list[float] = []
    for _ in range(4):
        one.step()
        seen.append(points(one)[0])
        counts = [0.75**i for i in reversed(range(len(seen)))]
        expected = sum(c * w for c, w in zip(counts, seen, strict=True)) / sum(counts)
        assert one.averaged()["A"]["w"].item() == pytest.approx(expected)
    assert list(one.averaged()) == ["A"]
    assert not any(v.requires_grad for _, v in leaves(one.state()))  # else it would keep every step's graph


def test_averaged_weights_can_be_played_with():
    one, _ = play(duel({"a": (Move(product, min=("A",)),)}), steps=3, ema={"A": 0.5})
    x = torch.ones(2, 1, dtype=torch.float64)
    averaged = one.players.move(**one.averaged())
    assert averaged.A(x).tolist() == (one.averaged()["A"]["w"] * x).tolist()
    assert averaged.A(x).tolist() != one.players.A(x).tolist()


# ---- players and batches ----


def test_moving_players_is_functional_and_differentiable():
    """Unrolled: B's loss after A's own step of descent depends on B through that step."""
    players = Players({"A": Number(2.0), "B": Number(3.0)})
    x = torch.ones(1, 1, dtype=torch.float64)

    def value(p: Players) -> Tensor:
        return p.A(p.B(x)).sum()

    w = players.weights("A")["w"]
    (slope,) = torch.autograd.grad(value(players), w, create_graph=True)
    moved = players.move(A={"w": w - 0.1 * slope})  # a - .1 b
    assert value(moved).item() == pytest.approx((2 - 0.3) * 3)
    (g,) = torch.autograd.grad(value(moved), players.weights("B")["w"])
    assert g.item() == pytest.approx(2 - 0.2 * 3)  # d (a - .1 b) b / db
    assert players.weights("A")["w"].item() == 2 and value(players).item() == 6
    assert moved.weights("A")["w"].item() == pytest.approx(1.7) and moved.weights("B")["w"].item() == 3
    assert list(moved) == ["A", "B"]


def test_unknown_names_say_what_there_is():
    players, batch = Players({"G": Number(1.0), "D": Number(1.0)}), Batch({"x": torch.ones(1), "z": torch.ones(1)})
    with pytest.raises(AttributeError, match=r"no player 'E'.*G, D"):
        _ = players.E
    with pytest.raises(AttributeError, match=r"no 'y'.*x, z"):
        _ = batch.y
    with pytest.raises(AttributeError, match="no player '__len__'"):
        _ = players.__len__


@pytest.mark.parametrize("move", [Move(product, min=("C",)), Move(product, max=("B",))])
def test_a_move_of_nobody_or_of_a_frozen_player_is_a_users_error(move):
    game = duel({"t": (move,)}, frozen=("B",))
    for play_it in (lambda: Trainer(game, ones), lambda: Ensemble([game], [ones], seeds=[0])):
        with pytest.raises(UserError, match="turn 't' moves"):
            play_it()


# ---- many ----

MOVES = {"a": (Move(quadratic, min=("A",)),)}


def many_of(*games: Game) -> Ensemble:
    return Ensemble(games, [ones] * len(games), seeds=range(len(games)), precision="fp64")


def generator_game(**settings) -> Game:
    """A game with one real network, for what nets may differ in."""

    def objective(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        return p.D(b.x)[0].mean(), {}

    net = mlp.Autoencoder((1, 2, 2), **{"layers": 2, "size": 4, **settings})
    turns = {"D": (Move(objective, min=("D",)),)}
    return Game({"D": Player(net, Adam())}, turns, lambda t: ("D",), {}, {}, lambda p, b: p.D(b.x)[0])


def by_default(k: int) -> dict[str, tuple[Move, ...]]:
    """Moves that differ in a default of one function alone."""

    def objective(p: Players, b: Batch, k: int = k) -> tuple[Tensor, Logs]:
        value, logs = product(p, b)
        return k * value, logs

    return {"a": (Move(objective, min=("A",)),)}


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        (generator_game(), generator_game(size=5), "architecture; player 'D'"),
        (generator_game(), generator_game(layers=3), "architecture; player 'D'"),
        (generator_game(dropout=0.2), generator_game(dropout=0.5), "architecture; player 'D'"),
        (generator_game(dropout=0.2), generator_game(), "architecture; player 'D'"),
        (generator_game(), generator_game(code="post"), "architecture; player 'D'"),
        (duel(MOVES), duel(MOVES, optimizer=RMSProp()), "optimizers' kind; player 'A'"),
        (duel(MOVES), duel({"a": (Move(product, min=("A",)),)}), "objectives; turn 'a'"),
        (duel(MOVES), duel({"a": (Move(quadratic, max=("A",)),)}), "objectives; turn 'a'"),
        (duel(MOVES), duel({"a": MOVES["a"] * 2}), "objectives; turn 'a'"),
        (duel(MOVES), duel({**MOVES, "b": MOVES["a"]}), "the same turns"),
        (duel(MOVES, hyperparameters={"n": 1}), duel(MOVES), "the same hyperparameters"),
        (duel(by_default(1)), duel(by_default(2)), "objectives; turn 'a'"),
        (generator_game(), generator_game()._replace(order=lambda t: ("D", "D")), "the same order"),
        (repeated(generator_game(), 1), repeated(generator_game(), 5), "the same order"),
        *(
            (duel(MOVES, optimizer=one), duel(MOVES, optimizer=other), "optimizers' kind; player 'A'")
            for one, other in (
                (Alternating((SGD(),)), Alternating((SGD(), SGD()))),
                (Alternating((SGD(),)), Alternating((Adam(),))),
                (Succeeding((SGD(), SGD()), after=2), Succeeding((SGD(), SGD()), after=3)),
                (PauseOnZeroGradient(SGD()), PauseOnZeroGradient(Adam())),
            )
        ),
    ],
)
def test_models_of_different_structure_are_a_users_error(first, second, what):
    with pytest.raises(UserError, match=what):
        many_of(first, second)


def test_weights_rates_and_what_is_equal_but_made_twice_are_no_structure():
    pairs = (
        (repeated(generator_game(), 2), repeated(generator_game(), 2)),
        (generator_game(), generator_game()),
        *(
            (duel(MOVES, optimizer=make(0.1)), duel(MOVES, optimizer=make(0.2)))
            for make in (
                lambda lr: Alternating((SGD(lr), SGD(lr))),
                lambda lr: Succeeding((SGD(lr), SGD(lr)), after=2),
                lambda lr: HistoricalAveraging(SGD(lr), weight=lr),
            )
        ),
    )
    for pair in pairs:
        many_of(*pair)


def test_as_many_sources_and_seeds_as_games():
    with pytest.raises(UserError, match="2 games"):
        Ensemble([duel(MOVES), duel(MOVES)], [ones], seeds=[0, 1])


def test_numbers_rates_and_schedules_may_differ_even_written_as_whole_numbers():
    settings = [
        (1, SGD(1, momentum=0, weight_decay=0)),
        (2, SGD(0.25, schedule=linear_decay(0, 2))),
        (0.5, SGD(0.5, momentum=1, weight_decay=1, schedule=linear_decay(1, 3))),
    ]
    games = [duel(MOVES, hyperparameters={"n": n}, optimizer=o) for n, o in settings]
    many = many_of(*games)
    logs = [many.step() for _ in range(3)]
    for i, (n, o) in enumerate(settings):
        one, alone = play(duel(MOVES, hyperparameters={"n": n}, optimizer=o), steps=3)
        assert many.players(i).weights("A")["w"].item() == pytest.approx(points(one)[0], abs=1e-12)
        values = [float(log["a/value"][i]) for log in logs]
        assert values == pytest.approx([float(log["a/value"]) for log in alone], abs=1e-12)


def test_two_moves_of_a_turn_are_simultaneous_in_many_too():
    turns = {"both": (Move(product, min=("A",)), Move(product, max=("B",)))}
    many = many_of(duel(turns), duel(turns, a=1.0, lr=0.2))
    many.step()
    ends = [tuple(many.players(i).weights(k)["w"].item() for k in "AB") for i in range(2)]
    assert ends == [pytest.approx((1.7, 3.2)), pytest.approx((1 - 0.6, 3 + 0.2))]


def test_frozen_players_of_many_stay_bit_identical():
    turns = {"a": (Move(product, min=("A",)),)}
    games = [duel(turns, frozen=("B",), b=b) for b in (3.0, 0.1)]
    before = [g.players["B"].net.w.clone() for g in games]
    many = many_of(*games)
    many.step()
    assert all(torch.equal(many.players(i).weights("B")["w"], w) for i, w in enumerate(before))
    assert many.players(1).weights("A")["w"].item() == pytest.approx(2 - 0.1 * 0.1)


def test_building_many_leaves_the_games_weights_alone():
    games = [duel(MOVES, hyperparameters={"n": 1.0}), duel(MOVES, a=5.0, hyperparameters={"n": 1.0})]
    many_of(*games).step()
    assert [g.players["A"].net.w.item() for g in games] == [2, 5]


# ---- state ----


def test_a_state_is_a_tree_of_tensors_that_names_everything():
    one, _ = play(duel(MOVES, hyperparameters={"n": 1.0}, optimizer=Adam()), ema={"A": 0.9})
    names = [name for name, _ in leaves(one.state())]
    assert names == [
        "weights/A/w", "weights/B/w", "moments/A/m/w", "moments/A/v/w", "moments/A/count/w", "moments/B/m/w",
        "moments/B/v/w", "moments/B/count/w", "ema/A/w", "hyperparameters/n", "generator", "t", "draws",
    ]  # fmt: skip


def test_the_hyperparameters_of_a_loaded_state_are_used():
    """A resumed run has the margin it was trained with, whatever the game was built with."""
    one, _ = play(duel(MOVES, hyperparameters={"n": 1.0}))
    other = Trainer(duel(MOVES, hyperparameters={"n": 7.0}), ones, precision="fp64")
    other.load(one.state())
    assert float(other.step()["a/value"]) == float(one.step()["a/value"])


def test_a_state_of_another_game_is_refused():
    one, _ = play(duel(MOVES, hyperparameters={"n": 1.0}))
    with pytest.raises((KeyError, RuntimeError)):
        Trainer(generator_game(), ones).load(one.state())


def test_precisions():
    assert Trainer(duel(MOVES), ones, precision="fp32").players.weights("A")["w"].dtype == torch.float32
    assert Trainer(duel(MOVES), ones, precision="bf16").players.weights("A")["w"].dtype == torch.float32
    assert Trainer(duel(MOVES), ones, precision="fp64").players.weights("A")["w"].dtype == torch.float64


def test_convolutions_are_channels_last():
    game = duel(MOVES)
    game = game._replace(players={**game.players, "C": Player(nn.Conv2d(3, 4, 3))})
    assert Trainer(game, ones).players.weights("C")["weight"].is_contiguous(memory_format=torch.channels_last)


def half_frozen() -> nn.Module:
    """A net whose first layer its user froze."""
    with seeded(0):
        net = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1)).double()
    net[0].requires_grad_(False)
    return net


def pull(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    value = p.A(b.x).square().mean()
    return value, {"value": value}


def pulled(net: nn.Module, **changes: object) -> Game:
    game = Game(
        players={"A": Player(net, SGD(0.1, momentum=0.5, weight_decay=0.1))},
        turns={"A": (Move(pull, min=("A",)),)},
        order=lambda t: ("A",),
        noise={},
        hyperparameters={},
        sample=lambda p, b: p.A(b.x),
    )
    return game._replace(**changes)


def test_what_the_user_froze_inside_a_player_stays_and_modules_come_back_as_they_were():
    net, before = half_frozen(), half_frozen().state_dict()
    one = Trainer(pulled(net), ones, precision="fp64")
    one.step(), one.step()
    many = Ensemble([pulled(half_frozen())] * 2, [ones] * 2, seeds=[0, 1], precision="fp64")
    many.step(), many.step()
    for after in (net.state_dict(), {**half_frozen().state_dict(), **many.players(1).weights("A")}):
        assert torch.equal(after["0.weight"], before["0.weight"]) and torch.equal(after["0.bias"], before["0.bias"])
        assert not torch.equal(after["1.weight"], before["1.weight"])
    assert [w.requires_grad for w in net.parameters()] == [False, False, True, True]


def test_models_may_not_differ_in_what_does_not_learn_or_in_their_noise():
    other = half_frozen()
    other[0].weight.data += 1
    with pytest.raises(UserError, match="what does not learn; player 'A'"):
        Ensemble([pulled(half_frozen()), pulled(other)], [ones] * 2, seeds=[0, 1])
    games = [pulled(half_frozen(), noise={"z": normal(n)}) for n in (1, 2)]
    with pytest.raises(UserError, match="share their noise"):
        Ensemble(games, [ones] * 2, seeds=[0, 1])


@pytest.mark.parametrize(
    ("layer", "ours"),
    [
        (nn.BatchNorm1d(1), "BatchNorm"),
        (nn.Dropout(0.5), "Dropout"),
        (nn.InstanceNorm1d(1, track_running_stats=True), "BatchNorm"),
    ],
)
def test_layers_under_which_a_step_is_no_pure_function_are_refused(layer: nn.Module, ours: str):
    game = pulled(nn.Sequential(nn.Linear(1, 1), layer))
    with pytest.raises(
        UserError, match=rf"player 'A' has a {type(layer).__name__} at '1', .*energan.networks.layers.{ours}$"
    ):
        Trainer(game, ones)
    fine = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1, track_running_stats=False), nn.Dropout(0.0))
    Trainer(pulled(fine), ones).step()


def test_a_state_with_other_leaves_is_refused():
    one = Trainer(pulled(half_frozen()), ones, precision="fp64")
    state = one.state()
    with pytest.raises(KeyError, match="m"):
        one.load({**state, "hyperparameters": {"m": torch.zeros(())}})
    for zeros in (torch.zeros(1), torch.zeros(2, dtype=torch.float64)):
        moments = {"A": {"m": dict.fromkeys(("1.weight", "1.bias"), zeros)}}
        with pytest.raises(RuntimeError, match=r"1\.\w+ is torch.float\d+ \(\d,\) instead of torch.float64"):
            one.load({**state, "moments": moments})


@pytest.mark.parametrize("optimizer", [Adam(1e-2, 0.5, schedule=linear_decay(0, 10)), SGD(1e-1, momentum=0.9)])
def test_a_step_ahead_is_the_step_that_follows_and_leaves_frozen_weights_alone(optimizer):
    """`p.stepped` of the learner's own gradient is what the engine then does; Adam's moments count too."""
    from energan.games.gan.unrolled import discriminator_loss, unrolled
    from energan.networks.dense.perceptron import Perceptron

    with seeded(0):
        G, D = Perceptron((2, 4, 2)), Perceptron((2, 4, 1), shape=(), activation="tanh")
    D.net[0].bias.requires_grad_(False)
    source = {"x": torch.randn(6, 2)}
    game = unrolled(G, D, 2, steps=2, optimizer_D=optimizer)
    one = Trainer(game, lambda k: source, precision="fp64")
    for _ in range(3):
        one.step()  # so that there are moments
    players, seen = one.players, []
    b = Batch({"x": source["x"].double(), "z": torch.randn(6, 2, dtype=torch.float64)})
    slope = torch.func.grad(lambda w: discriminator_loss(players.move(D=w), b)[0])(players.weights("D"))
    ahead = {k: w.detach().clone() for k, w in players.stepped(D=slope).weights("D").items()}
    frozen = D.net[0].bias.detach().clone()

    def same(p, _):
        seen.append(1)
        return discriminator_loss(p, b)

    other = Trainer(game._replace(turns={"both": (Move(same, min=("D",)),)}), lambda k: source, precision="fp64")
    other.load(one.state())
    other.step()
    now = other.players.weights("D")
    assert seen and all(torch.allclose(ahead[k], now[k], rtol=0, atol=1e-12) for k in now)
    assert torch.equal(now["net.0.bias"], frozen) and not torch.equal(ahead["net.2.bias"], frozen[:1])


def test_a_projection_holds_after_each_step_in_both_ways_of_playing():
    from energan.engine.game import Clip
    from energan.games.gan.wgan import wgan
    from energan.networks.dense.perceptron import Perceptron

    def game(i: int):
        with seeded(i):
            return wgan(Perceptron((2, 4, 2)), Perceptron((2, 4, 1), shape=()), 2, clip=0.02, warm_steps=0)

    data = {"x": torch.randn(6, 2)}
    one = Trainer(game(0), lambda k: data)
    many = Ensemble([game(0), game(1)], [lambda k: data] * 2, seeds=[0, 1])
    one.step(), many.step()
    for players in (one.players, many.players(0), many.players(1)):
        sizes = torch.cat([w.detach().abs().flatten() for w in players.weights("f").values()])
        assert float(sizes.max()) == pytest.approx(0.02) and bool((sizes < 0.0199).any())
        assert max(float(w.detach().abs().max()) for w in players.weights("G").values()) > 0.1
    assert Clip(0.0, 1.0)({"k": torch.tensor([-1.0, 0.5, 2.0])})["k"].tolist() == [0.0, 0.5, 1.0]
    players = game(1).players
    other = game(1)._replace(players={**players, "f": players["f"]._replace(projection=Clip(-1.0, 1.0))})
    with pytest.raises(UserError, match="projections; player 'f' differs"):
        Ensemble([game(0), other], [lambda k: data] * 2, seeds=[0, 1])


def test_a_rebound_player_takes_as_many_arguments_as_its_net():
    net = nn.Bilinear(2, 3, 1)
    players = Players({"D": net}).move(D={k: 2 * w for k, w in net.named_parameters()})
    a, b = torch.randn(4, 2), torch.randn(4, 3)
    assert torch.allclose(players.D(a, b), 2 * net(a, b))
