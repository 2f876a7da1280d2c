"""Annealed momentum and historical averaging: by a loop in plain numbers, in place, pure, and through the engine."""

from typing import Any

import pytest
import torch
from close import assert_close_to_scale
from torch import Tensor, nn
from torch.func import vmap

from energan.engine import Ensemble, Trainer
from energan.engine.game import Batch, Game, Move, Player, Players
from energan.engine.optimizers import SGD, Adam, AnnealedSGD, HistoricalAveraging, Optimizer, Tree, linear_decay

FAST = AnnealedSGD(0.1, anneal=0.25, floor=0.03, start=0.5, stop=0.7, over=4)  # reaches both ends within 8 steps
OPTIMIZERS: dict[str, Optimizer] = {
    "annealed": FAST,
    "annealed, as published": AnnealedSGD(),
    "annealed, scheduled": FAST.with_settings(schedule=linear_decay(2, 8)),
    "historical adam": HistoricalAveraging(Adam(0.02), 0.5),
    "historical momentum": HistoricalAveraging(SGD(0.05, momentum=0.9, schedule=linear_decay(2, 8)), 0.3),
    "historical annealed": HistoricalAveraging(FAST, 2.0),
}
every = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


def weights() -> Tree:
    g = torch.Generator().manual_seed(0)
    shapes = {"w": (3, 4), "b": (4,), "conv": (4, 2, 3, 3)}
    return {k: torch.randn(*shape, generator=g, dtype=torch.float64) for k, shape in shapes.items()}


def slope(w: Tree, t: int) -> Tree:
    """The gradient of a function that is not quadratic, different at every step."""
    return {k: (v + 0.3 * t).sin() + 0.1 * v for k, v in w.items()}


def rate(optimizer: Optimizer, t: int) -> float:
    return optimizer.schedule(t) if optimizer.schedule else 1.0


def in_place(optimizer: Optimizer, w: Tree, steps: int = 8) -> tuple[Tree, Any]:
    moments = optimizer.init(w)
    for t in range(steps):
        optimizer.step_(w, list(slope(w, t).values()), moments, rate(optimizer, t))
    return w, moments


def pure(optimizer: Optimizer, w: Tree, steps: int = 8) -> tuple[Tree, Any]:
    moments = optimizer.init(w)
    for t in range(steps):
        w, moments = optimizer.step(w, slope(w, t), moments, rate(optimizer, t))
    return w, moments


@every
def test_in_place_and_pure_agree(optimizer):
    mine, moments = in_place(optimizer, weights())
    theirs, others = pure(optimizer, weights())
    assert moments.keys() == others.keys()
    for a, b in [(mine, theirs), *((moments[k], others[k]) for k in moments)]:
        assert list(a) == list(b)
        for k in a:
            assert_close_to_scale(a[k], b[k], rtol=1e-12)
    assert all(float((mine[k] - v).abs().min()) > 1e-6 for k, v in weights().items())  # it did move


@every
def test_pure_does_not_change_its_arguments(optimizer):
    w = weights()
    g = slope(w, 0)
    moments = optimizer.init(w)
    optimizer.step(w, g, moments, 1.0)
    optimizer.step_(weights(), list(g.values()), optimizer.init(w), 1.0)
    assert all(torch.equal(w[k], v) and torch.equal(g[k], slope(weights(), 0)[k]) for k, v in weights().items())
    assert all(bool((m == 0).all()) for tree in moments.values() for m in tree.values())


@every
def test_settings_may_differ_between_models(optimizer):
    """As `many` does it: numbers become tensors, one a model, by _asdict and _replace."""
    scales = torch.tensor([0.5, 1.5], dtype=torch.float64)
    numbers = {k: v for k, v in optimizer.settings().items() if isinstance(v, float | int)}
    many = {k: torch.stack([v, 2 * v]) for k, v in weights().items()}
    settings = {k: v * scales for k, v in numbers.items() if k not in ("beta1", "beta2", "momentum")}

    def step(w, moments, settings):
        chosen = optimizer.with_settings(**settings)
        for t in range(8):
            w, moments = chosen.step(w, slope(w, t), moments, rate(optimizer, t))
        return w

    stepped = vmap(step)(many, vmap(optimizer.init)(many), settings)
    for i in range(2):
        chosen = optimizer.with_settings(**{k: float(v[i]) for k, v in settings.items()})
        alone, _ = pure(chosen, {k: v[i].clone() for k, v in many.items()})
        for k, w in alone.items():
            assert_close_to_scale(stepped[k][i], w, rtol=1e-12)


@every
def test_moments_of_many_models_do_not_share_memory(optimizer):
    many = {k: torch.stack([v, v]) for k, v in weights().items()}
    for tree in vmap(optimizer.init)(many).values():
        for m in tree.values():
            assert m.shape[0] == 2
            m.copy_(torch.ones_like(m))


def test_annealed_momentum_by_a_loop():
    w, v = 1.0, 0.0
    ours = {"w": torch.tensor([1.0], dtype=torch.float64)}
    moments = FAST.init(ours)
    rates = []
    for c in range(8):
        lr = max(0.1 / 1.25**c, 0.03)
        mu = 0.5 + 0.2 * min(c / 4, 1)
        v = mu * v - lr * (3 * w)
        w += v
        FAST.step_(ours, [3 * ours["w"]], moments, 1.0)
        assert float(ours["w"]) == pytest.approx(w, abs=1e-12)
        rates.append((lr, mu))
    assert rates[-1] == (0.03, 0.7) and rates[0] == (0.1, 0.5)


def test_the_published_rates():
    """0.1 / 1.000004^c: 0.1 e^-0.5 and momentum 0.7 after 125,000 updates; in float32 to 1e-5; at last 1e-6."""
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        lr, mu = AnnealedSGD().at(torch.tensor(125_000.0, dtype=dtype))
        assert float(lr) == pytest.approx(0.1 / 1.000004**125_000, rel=tolerance)
        assert float(mu) == pytest.approx(0.7)
        anneal = torch.tensor(4e-6, dtype=dtype)  # as `many` holds it
        assert float(AnnealedSGD(anneal=anneal).at(torch.tensor(1e6, dtype=dtype))[0]) == pytest.approx(
            0.1 / 1.000004**1_000_000, rel=tolerance
        )
    assert float(AnnealedSGD().at(torch.tensor(1e7))[0]) == pytest.approx(1e-6)
    assert float(AnnealedSGD().at(torch.tensor(62_500.0))[1]) == pytest.approx(0.6)


def test_historical_averaging_by_a_loop():
    """Gradient descent, lr 0.1, on w^2 / 2 with the pull 2 * 0.5 (w - mean)."""
    w, past = 4.0, []
    ours = {"w": torch.tensor([4.0], dtype=torch.float64)}
    optimizer = HistoricalAveraging(SGD(0.1), 0.5)
    moments = optimizer.init(ours)
    for t in range(6):
        past.append(w)
        w -= 0.1 * (w + w - sum(past) / len(past))
        optimizer.step_(ours, [ours["w"].clone()], moments, 1.0)
        assert float(ours["w"]) == pytest.approx(w, abs=1e-12)
        assert float(moments["mean"]["w"]) == pytest.approx(sum(past) / len(past), abs=1e-12)
        if t == 0:
            assert w == 3.6  # no pull yet


def test_historical_averaging_ends_what_simultaneous_play_cycles_in():
    """min_x max_y xy: plain simultaneous steps spiral outwards; with the average they come to the saddle."""

    def distance(weight: float) -> float:
        optimizer = HistoricalAveraging(SGD(0.05), weight)
        players = [{"w": torch.tensor([1.0], dtype=torch.float64)} for _ in range(2)]
        moments = [optimizer.init(p) for p in players]
        for _ in range(4000):
            x, y = (p["w"].clone() for p in players)
            optimizer.step_(players[0], [y], moments[0], 1.0)
            optimizer.step_(players[1], [-x], moments[1], 1.0)
        return float(sum(p["w"].square() for p in players).sqrt())

    assert distance(0.0) > 10
    assert distance(0.5) < 0.3


def test_historical_averaging_shows_both_sets_of_settings_and_the_inner_schedule():
    decay = linear_decay(1, 2)
    optimizer = HistoricalAveraging(Adam(0.1, schedule=decay), 0.5)
    assert optimizer.schedule is decay
    assert optimizer.settings()["lr"] == 0.1 and optimizer.settings()["weight"] == 0.5
    changed = optimizer.with_settings(weight=2.0, lr=0.3, schedule=None)
    assert changed == HistoricalAveraging(Adam(0.3), 2.0)
    assert optimizer.with_settings(beta1=0.5).weight == 0.5
    with pytest.raises((TypeError, ValueError)):
        optimizer.with_settings(nonsense=1.0)


def _loss(p: Players, b: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    loss = (p.D(b.x) - b.x.sum(1, keepdim=True).sin()).square().mean()
    return loss, {"loss": loss}


def test_an_ensemble_with_settings_of_its_own_does_as_each_alone():
    def game(i: int) -> Game:
        torch.manual_seed(i)
        net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
        optimizer = HistoricalAveraging(AnnealedSGD(0.1 * (i + 1), anneal=0.1, over=5), weight=0.1 * (i + 1))
        return Game(
            {"D": Player(net, optimizer)}, {"D": (Move(_loss, min=("D",)),)}, lambda t: ("D",), {}, {}, lambda p, b: b.x
        )

    def source(k: int) -> dict[str, Tensor]:
        return {"x": torch.randn(4, 3, generator=torch.Generator().manual_seed(k), dtype=torch.float64)}

    many = Ensemble([game(i) for i in range(3)], [source] * 3, seeds=[0, 1, 2], precision="fp64")
    alone = [Trainer(game(i), source, seed=i, precision="fp64") for i in range(3)]
    for _ in range(8):
        many.step()
        for one in alone:
            one.step()
    for i, one in enumerate(alone):
        for k, w in many.players(i).weights("D").items():
            assert_close_to_scale(w, one.state()["weights"]["D"][k], rtol=1e-9)
            assert float((w - game(i).players["D"].net.state_dict()[k]).abs().max()) > 1e-3
