"""Recipes: each builds with its defaults, documents each flag, and refuses numbers that cannot be trained with."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL, arguments

from energan.errors import UserError
from energan.recipes import RECIPES
from energan.recipes.common import at_least, decayed, not_negative, positive, share, usable_seed

SHAPES = {"ebgan-pt-64": (3, 64, 64), "dcgan-64": (3, 64, 64)}  # the others: (1, 32, 32)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_builds_with_its_defaults(recipe: str) -> None:
    given = {"data": "nothing is loaded yet"} if recipe.endswith("64") else {}
    run = RECIPES[recipe](**given)
    assert run.source == given.get("data", "mnist")
    assert set(run.game.players) == {"G", "D"} and run.steps >= 1000 and run.every <= run.steps
    assert run.precision in ("bf16", "fp32") and run.device in ("cpu", "cuda") and not run.compile


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_loads_images_in_the_shape_its_nets_take(recipe: str, tmp_path: Path) -> None:
    run = RECIPES[recipe](**arguments(recipe, tmp_path / "run"))
    assert run.training_set().images.shape[1:] == SHAPES.get(recipe, (1, 32, 32))
    named = SMALL[recipe]["data"] == "digits"
    assert len(run.test_set().images) == (256 if named else 12)  # a folder has no test images of its own


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_flag_has_a_default_and_a_sentence(recipe: str) -> None:
    make = RECIPES[recipe]
    told = dict(re.findall(r"^ {8}(\w+): (.+)$", inspect.getdoc(make).replace("\n    ", "\n        "), re.M))
    parameters = inspect.signature(make).parameters
    assert list(told) == list(parameters)
    assert all(text[0].isupper() or text.split()[0] in (*parameters, "m", "l2", "cpu,", "bf16", "mnist,", "3", "0")
               for text in told.values())  # fmt: skip
    for name, parameter in parameters.items():
        assert name == "data" or parameter.default is not parameter.empty


EBGANS = ("ebgan-pt-mnist", "ebgan-mnist", "ebgan-pt-64")
CONVOLUTIONAL = ("ebgan-pt-mnist", "ebgan-pt-64", "dcgan-64")
CONNECTED = ("ebgan-mnist", "gan-mnist")
BAD: list[tuple[str, dict[str, Any], str]] = [
    *((recipe, {"margin": value}, "--margin must be above 0") for recipe in EBGANS
      for value in (0.0, -1.0, float("nan"), float("inf"))),
    *((recipe, {flag: 0}, f"--{flag} must be above 0") for recipe in RECIPES for flag in ("steps", "every", "z", "lr")),
    *((recipe, {"batch": n}, "--batch must be 2 or more") for recipe in RECIPES for n in (-1, 0, 1)),
    *((recipe, {"seed": n}, "--seed must be from 0 to") for recipe in RECIPES for n in (-1, 2**63)),
    *((recipe, {"average": v}, "--average must be 0 or above and below 1") for recipe in RECIPES for v in (-0.1, 1.0)),
    *((recipe, {"device": "tpu"}, "--device tpu: not a device") for recipe in RECIPES),
    *((recipe, {"beta1": 1.0}, "--beta1 must be") for recipe in CONVOLUTIONAL),
    *((recipe, {"decay": v}, "--decay ") for recipe in CONVOLUTIONAL for v in (-0.1, 1.1, float("nan"))),
    *((recipe, {"pt": -0.1}, "--pt must be 0") for recipe in EBGANS),
    *((recipe, {"width": 0}, "--width must be") for recipe in CONVOLUTIONAL),
    *((recipe, {"layers_d": 1}, "--layers-d must be 2 or more, got 1") for recipe in CONNECTED),
    *((recipe, {"layers_g": 0}, "--layers-g must be above 0") for recipe in CONNECTED),
    *((recipe, {"dropout_d": 1.0}, "--dropout-d must be") for recipe in CONNECTED),
    *((recipe, {"smoothing": 1.0}, "--smoothing must be") for recipe in ("gan-mnist", "dcgan-64")),
]  # fmt: skip


@pytest.mark.parametrize(("recipe", "changes", "expected"), BAD, ids=[f"{r} {c}" for r, c, _ in BAD])
def test_numbers_that_cannot_be_trained_with_are_refused(
    recipe: str, changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    small = {**SMALL[recipe], "data": "never loaded", **changes}
    with pytest.raises(UserError) as refused:
        RECIPES[recipe](**small)
    assert str(refused.value).startswith(expected)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (positive, (1, 1e-9), (0, -1, float("nan"), float("inf"))),
        (not_negative, (0, 2), (-1e-9, float("nan"), float("inf"))),
        (share, (0, 0.999), (1, -0.1, float("nan"))),
    ],
)
def test_the_bounds_of_each_check(check: Callable[..., None], good: tuple[float, ...], bad: tuple[float, ...]) -> None:
    for value in good:
        check(some_flag=value)
    for value in bad:
        with pytest.raises(UserError, match=r"^--some-flag must be "):
            check(some_flag=value)


def test_the_bounds_of_whole_numbers() -> None:
    at_least(2, batch=2)
    usable_seed(0)
    usable_seed(2**63 - 1)
    with pytest.raises(UserError, match="--batch must be 2 or more, got 1"):
        at_least(2, batch=1)


@pytest.mark.parametrize("decay", [0.0, 1e-20, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 7])
def test_the_learning_rate_falls_over_the_last_share_of_the_steps(decay: float, steps: int) -> None:
    schedule = decayed(steps, decay)
    rates = [schedule(t) if schedule else 1.0 for t in range(steps)]
    assert all(0 < rate <= 1 for rate in rates) and rates == sorted(rates, reverse=True) and rates[0] == 1
    assert sum(rate < 1 for rate in rates) <= steps * decay


def test_the_largest_seed_trains() -> None:
    """What is let through must not fail in torch or NumPy later."""
    import torch

    from energan.data import Batches
    from energan.play import One

    run = RECIPES["ebgan-pt-mnist"](data="digits", width=4, seed=2**63 - 1)
    data = run.training_set()
    one = One(run.game, Batches(data.images, data.labels, 4, run.seed), seed=run.seed)
    assert all(bool(torch.isfinite(v)) for v in one.step().values())


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"--device cuda: torch .* sees no CUDA device here; use --device cpu"):
        RECIPES["ebgan-pt-mnist"](device="cuda")


def test_ebgan_mnist_is_the_paper_s_figure_4b_and_with_pt_4c() -> None:
    plain, pulled = RECIPES["ebgan-mnist"](), RECIPES["ebgan-mnist"](pt=0.1)
    assert plain.game.numbers == {"margin": 10.0} and pulled.game.numbers == {"margin": 10.0, "pt": 0.1}
    weights = [tuple(w.shape) for w in plain.game.players["G"].net.parameters() if w.ndim == 2]
    assert weights == [(800, 100), (800, 800), (800, 800), (800, 800), (1024, 800)]  # nLayerG 5, sizeG 800
    weights = [tuple(w.shape) for w in plain.game.players["D"].net.parameters() if w.ndim == 2]
    assert weights == [(1024, 1024), (1024, 1024)]  # nLayerD 2, sizeD 1024, on 32 x 32


@pytest.mark.parametrize(
    ("recipe", "norm", "d"), [("ebgan-pt-mnist", 16, 1024), ("ebgan-mnist", 10, 1024), ("ebgan-pt-64", 20, 12288)]
)
def test_a_default_margin_follows_the_energys_unit(recipe: str, norm: float, d: int) -> None:
    """Margin 20 on a mean squared error would never let the hinge go."""
    for kind, expected in (("l2", norm), ("ssq", norm**2), ("mse", norm**2 / d)):
        game = RECIPES[recipe](data="digits", energy=kind, steps=4).game
        assert game.numbers["margin"] == pytest.approx(expected)
    assert RECIPES[recipe](data="digits", energy="mse", margin=3.0, steps=4).game.numbers["margin"] == 3.0
