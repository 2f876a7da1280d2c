"""What the caller has set of torch around a training changes none of its numbers, or is refused."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import torch
from torch import nn

from energan.engine import Trainer
from energan.engine.game import Game, Move, Player
from energan.engine.isolation import isolated
from energan.engine.optimizers import SGD
from energan.engine.precision import autocast
from energan.engine.rng import seeded
from energan.utils.errors import UserError


def trained(precision: str = "fp32") -> torch.Tensor:
    """The weights after two steps."""

    def loss(p, b):
        value = (p.D(b.x) - b.x).square().mean()
        return value, {"loss": value}

    with seeded(0):
        net = nn.Linear(3, 3)
    game = Game({"D": Player(net, SGD(0.1))}, {"D": (Move(loss, min=("D",)),)})

    def source(k: int) -> dict[str, torch.Tensor]:
        return {"x": torch.linspace(-1, 1, 12, device="cpu").view(4, 3)}

    one = Trainer(game, source, seed=0, precision=precision)
    for _ in range(2):
        one.step()
    return net.weight.detach()


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "around",
    [
        torch.no_grad(),
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16),
        torch.device("meta"),
        torch.set_grad_enabled(True),
    ],
    ids=["no_grad", "inference_mode", "autocast", "default device", "gradients"],
)
def test_what_is_set_around_a_training_changes_nothing(around: AbstractContextManager[None]) -> None:
    with torch.set_grad_enabled(True):
        expected = trained()
    with around:
        assert torch.equal(trained(), expected)


def test_a_callers_autocast_does_not_keep_the_weights_of_an_earlier_step() -> None:
    expected = trained("bf16")
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(trained("bf16"), expected)


def test_weights_that_a_caller_rounded_are_rounded_anew() -> None:
    layer, x = torch.nn.Linear(2, 1), torch.ones(1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        layer(x)
        with torch.no_grad():
            layer.weight.add_(1)
        with autocast("bf16", torch.device("cpu")):
            again = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(again, layer(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_another_default_dtype_is_refused(dtype: torch.dtype) -> None:
    with default_dtype(dtype), pytest.raises(UserError, match=r"^torch's default dtype is .*set_default_dtype"):
        trained()


def test_isolated_gives_back_what_was_set() -> None:
    with torch.inference_mode():
        with isolated():
            assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        assert torch.is_inference_mode_enabled()
    with isolated(gradients=False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
