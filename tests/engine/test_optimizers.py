"""Each optimizer three ways: in place and fused, as a pure function, and torch's own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from close import assert_close_to_scale
from torch import Tensor
from torch.func import vmap

from energan.engine.optimizers import (
    SGD,
    Adam,
    Alternating,
    Optimizer,
    PauseOnZeroGradient,
    RMSProp,
    Tree,
    linear_decay,
    wrappers,
)  # fmt: skip
from energan.utils.errors import UserError

Reference = Callable[[list[Tensor]], torch.optim.Optimizer]
DECAY = linear_decay(2, 8)

PAIRS: dict[str, tuple[Optimizer, Reference]] = {
    "adam": (Adam(0.01), lambda w: torch.optim.Adam(w, lr=0.01)),
    "adam of DCGAN": (Adam(0.02, beta1=0.5), lambda w: torch.optim.Adam(w, lr=0.02, betas=(0.5, 0.999))),
    "adam with all settings": (
        Adam(0.01, beta1=0.7, beta2=0.9, eps=1e-3, weight_decay=0.1, schedule=DECAY),
        lambda w: torch.optim.Adam(w, lr=0.01, betas=(0.7, 0.9), eps=1e-3, weight_decay=0.1),
    ),
    "sgd": (SGD(0.05), lambda w: torch.optim.SGD(w, lr=0.05)),
    "sgd with all settings": (
        SGD(0.05, momentum=0.9, weight_decay=0.1, schedule=DECAY),
        lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9, weight_decay=0.1),
    ),
    "rmsprop": (RMSProp(), lambda w: torch.optim.RMSprop(w, lr=5e-5)),
    "rmsprop with all settings": (
        RMSProp(0.01, alpha=0.9, eps=1e-3, schedule=DECAY),
        lambda w: torch.optim.RMSprop(w, lr=0.01, alpha=0.9, eps=1e-3),
    ),
    "resting adam": (
        PauseOnZeroGradient(Adam(0.01, weight_decay=0.1, schedule=DECAY)),
        lambda w: torch.optim.Adam(w, lr=0.01, weight_decay=0.1),
    ),
}
pairs = pytest.mark.parametrize(("optimizer", "reference"), PAIRS.values(), ids=PAIRS)


def weights() -> Tree:
    g = torch.Generator().manual_seed(0)
    shapes = {"w": (3, 4), "b": (4,), "conv": (4, 2, 3, 3)}
    return {k: torch.randn(*shape, generator=g, dtype=torch.float64) for k, shape in shapes.items()}


def slope(w: Tree, t: int) -> Tree:
    """The gradient of a function that is not quadratic, different at every step."""
    return {k: (v + 0.3 * t).sin() + 0.1 * v for k, v in w.items()}


def rate(optimizer: Optimizer, t: int) -> float:
    return optimizer.schedule(t) if optimizer.schedule else 1.0


def by_torch(optimizer: Optimizer, reference: Reference, steps: int) -> Tree:
    w = {k: v.requires_grad_() for k, v in weights().items()}
    theirs = reference(list(w.values()))
    schedule = torch.optim.lr_scheduler.LambdaLR(theirs, lambda t: rate(optimizer, t))
    for t in range(steps):
        for k, g in slope({k: v.detach() for k, v in w.items()}, t).items():
            w[k].grad = g
        theirs.step()
        schedule.step()
    return {k: v.detach() for k, v in w.items()}


def in_place(optimizer: Optimizer, w: Tree, steps: int) -> tuple[Tree, Any]:
    moments = optimizer.init(w)
    for t in range(steps):
        optimizer.step_(w, list(slope(w, t).values()), moments, rate(optimizer, t))
    return w, moments


def pure(optimizer: Optimizer, w: Tree, steps: int) -> tuple[Tree, Any]:
    moments = optimizer.init(w)
    for t in range(steps):
        w, moments = optimizer.step(w, slope(w, t), moments, rate(optimizer, t))
    return w, moments


@pairs
def test_in_place_pure_and_torch_agree(optimizer, reference):
    expected = by_torch(optimizer, reference, 7)
    fused, moments = in_place(optimizer, weights(), 7)
    functional, other = pure(optimizer, weights(), 7)
    for k, w in expected.items():
        assert_close_to_scale(fused[k], w, rtol=1e-12)
        assert_close_to_scale(functional[k], w, rtol=1e-12)
        assert float((w - weights()[k]).abs().min()) > 1e-6  # it did move
    assert moments.keys() == other.keys()
    if optimizer != SGD(0.05):  # without momentum its buffer is not used
        for name, tree in moments.items():
            for k, m in tree.items():
                assert_close_to_scale(other[name][k], m, rtol=1e-12)


@pairs
def test_pure_does_not_change_its_arguments(optimizer, reference):
    w = weights()
    moments = optimizer.init(w)
    optimizer.step(w, slope(w, 0), moments, 1.0)
    assert all(torch.equal(w[k], v) for k, v in weights().items())
    assert all(bool((m == 0).all()) for tree in moments.values() for m in tree.values())


@pairs
def test_channels_last_weights_stay_so_and_step_the_same(optimizer, reference):
    ordinary, _ = in_place(optimizer, weights(), 3)
    w = weights()
    w["conv"] = w["conv"].to(memory_format=torch.channels_last)
    w, moments = in_place(optimizer, w, 3)
    assert w["conv"].is_contiguous(memory_format=torch.channels_last)
    assert not w["conv"].is_contiguous()
    assert_close_to_scale(w["conv"], ordinary["conv"], rtol=1e-12)
    kept = [tree["conv"] for tree in moments.values() if tree["conv"].ndim == 4]
    assert kept and all(m.is_contiguous(memory_format=torch.channels_last) for m in kept)


@pairs
def test_settings_may_differ_between_models(optimizer, reference):
    """Under vmap, with a learning rate per model: each does what it would do alone."""
    many = {k: torch.stack([v, v * 2]) for k, v in weights().items()}
    lr = torch.tensor([0.01, 0.03], dtype=torch.float64)

    def step(w, moments, lr):
        return optimizer.with_settings(lr=lr).step(w, slope(w, 0), moments, 1.0)

    stepped, _ = vmap(step)(many, vmap(optimizer.init)(many), lr)
    for i in range(2):
        alone, _ = pure(optimizer.with_settings(lr=float(lr[i])), {k: v[i] for k, v in many.items()}, 1)
        for k, w in alone.items():
            if optimizer.schedule is None or DECAY(0) == 1.0:
                assert_close_to_scale(stepped[k][i], w, rtol=1e-12)


def test_moments_of_many_models_do_not_share_memory():
    """A restored state is copied into them."""
    many = {k: torch.stack([v, v]) for k, v in weights().items()}
    for optimizer in (Adam(), SGD(), RMSProp()):
        for tree in vmap(optimizer.init)(many).values():
            for m in tree.values():
                assert m.shape[0] == 2
                m.copy_(torch.ones_like(m))


@pytest.mark.parametrize("looks", [True, False], ids=["looks", "as on a GPU"])
def test_a_step_without_gradients_is_none_for_who_may_rest(looks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by decay nor by what the moments hold; one gradient that is not 0 is enough to go on."""
    monkeypatch.setattr(wrappers, "cheap_to_look", lambda weights: looks)
    optimizer = PauseOnZeroGradient(Adam(0.1, weight_decay=0.1))
    w, moments = in_place(optimizer, weights(), 3)
    before = {k: v.clone() for k, v in w.items()}, {n: {k: m.clone() for k, m in t.items()} for n, t in moments.items()}
    none = {k: torch.zeros_like(v) for k, v in w.items()}
    optimizer.step_(w, list(none.values()), moments, 1.0)
    for after in ((w, moments), optimizer.step(w, none, moments, 1.0)):
        for tree, old in ((after[0], before[0]), *((after[1][name], before[1][name]) for name in moments)):
            assert all(torch.equal(tree[k], v) for k, v in old.items())
    none["b"][2] = 1e-30
    assert not torch.equal(optimizer.step(w, none, moments, 1.0)[0]["w"], w["w"])
    optimizer.step_(w, list(none.values()), moments, 1.0)
    assert not torch.equal(w["w"], before[0]["w"])


def test_of_many_models_one_may_rest_while_another_learns():
    optimizer = PauseOnZeroGradient(Adam(0.1))
    many = {k: torch.stack([v, v]) for k, v in weights().items()}
    moments = vmap(optimizer.init)(many)
    on = torch.tensor([1.0, 0.0], dtype=torch.float64)

    def step(w, moments, on):
        return optimizer.step(w, {k: on * g for k, g in slope(w, 0).items()}, moments, 1.0)

    after, moved = vmap(step)(many, moments, on)
    for tree, old in ((after, many), *((moved[name], moments[name]) for name in moments)):
        for k, v in old.items():
            assert torch.equal(tree[k][1], v[1]) and not torch.equal(tree[k][0], v[0])


def test_adam_first_step_by_hand():
    """m = .1 g, v = .001 g^2; unbiased both are g and g^2: the step is lr g / (|g| + eps), whatever the size of g."""
    w = {"w": torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64)}
    optimizer = Adam(0.1)
    optimizer.step_(w, [torch.tensor([2.0, -1e-3, 0.0], dtype=torch.float64)], optimizer.init(w), 1.0)
    assert w["w"].tolist() == pytest.approx([0.9, 1.1, 1.0], abs=1e-6)


def test_linear_decay_by_hand():
    decay = linear_decay(80, 120)
    assert [decay(t) for t in (0, 80, 90, 100, 120, 130)] == pytest.approx([1, 1, 0.75, 0.5, 0, 0])


@pytest.mark.parametrize("looks", [True, False], ids=["looks", "as on a GPU"])
def test_optimizers_alternate_and_neither_knows_of_the_other(looks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against two of torch's on the same weights; the pure step against the one in place."""
    monkeypatch.setattr(wrappers, "cheap_to_look", lambda weights: looks)
    optimizer = Alternating((Adam(0.01, beta1=0.5), SGD(0.05, momentum=0.9)))
    w = {k: v.requires_grad_() for k, v in weights().items()}
    theirs = (
        torch.optim.Adam(list(w.values()), lr=0.01, betas=(0.5, 0.999)),
        torch.optim.SGD(list(w.values()), lr=0.05, momentum=0.9),
    )
    for t in range(7):
        for k, g in slope({k: v.detach() for k, v in w.items()}, t).items():
            w[k].grad = g
        theirs[t % 2].step()
    for after, moments in (in_place(optimizer, weights(), 7), pure(optimizer, weights(), 7)):
        for k, v in w.items():
            assert_close_to_scale(after[k], v.detach(), rtol=1e-12)
        assert float(moments["count_0"]["w"]) == 4 and float(moments["updates"]["b"]) == 7


def test_settings_of_alternating_optimizers_are_one_flat_set():
    optimizer = Alternating((Adam(0.1), SGD(0.2, momentum=0.9)))
    settings = optimizer.settings()
    assert (settings["lr_0"], settings["lr_1"], settings["momentum_1"]) == (0.1, 0.2, 0.9)
    both = optimizer.with_settings(lr_1=0.3, beta1_0=0.5, schedule=DECAY)
    assert both.optimizers == (Adam(0.1, beta1=0.5, schedule=DECAY), SGD(0.3, momentum=0.9, schedule=DECAY))
    assert both.schedule is DECAY and optimizer.with_settings(lr=1.0).settings()["lr_0"] == 1.0
    for bad in ((), (Adam(), Adam(schedule=DECAY))):
        with pytest.raises(UserError, match="several optimizers of a player"):
            Alternating(bad)


def test_many_models_alternate_each_at_its_rates():
    optimizer, lr = Alternating((SGD(0.1), Adam(0.1))), torch.tensor([0.01, 0.03], dtype=torch.float64)
    many = {k: torch.stack([v, v]) for k, v in weights().items()}

    def steps(w, lr):
        return pure(optimizer.with_settings(lr_0=lr, lr_1=2 * lr), w, 3)[0]

    stepped = vmap(steps)(many, lr)
    for i in range(2):
        alone, _ = pure(Alternating((SGD(float(lr[i])), Adam(2 * float(lr[i])))), weights(), 3)
        for k, v in alone.items():
            assert_close_to_scale(stepped[k][i], v, rtol=1e-12)
