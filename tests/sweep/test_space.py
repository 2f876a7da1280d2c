"""The settings of a sweep: their texts, their order, and what is drawn."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from energan.recipes.catalog import RECIPES
from energan.sweep.plan.space import Choices, Grid, Range, Sample, Sobol, axes, points
from energan.sweep.plan.values import value_of
from energan.utils.arguments import flat_types, parameters
from energan.utils.errors import UserError

TYPES: dict[str, Any] = {
    "lr": float,
    "z": int,
    "margin": float | None,
    "energy": Literal["l2", "mse"],
    "classes": bool,
    "data": str,
    "hidden": tuple[int, ...],
    "batch": int | Literal["auto"],
}


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("lr=1e-3,1e-4", Choices((1e-3, 1e-4))),
        ("--lr=1e-3", Choices((1e-3,))),
        ("z=8,16", Choices((8, 16))),
        ("margin=5:20", Range(5.0, 20.0, False, False)),
        ("margin=5:20:log", Range(5.0, 20.0, True, False)),
        ("margin=None,5", Choices((None, 5.0))),
        ("z=4:64:log", Range(4, 64, True, True)),
        ("z=1:3:3", Choices((1, 2, 3))),
        ("lr=1e-4:1e-2:log:3", Choices((1e-4, 1e-3, 1e-2))),
        ("energy=mse,l2", Choices(("mse", "l2"))),
        ("classes=true,False", Choices((True, False))),
        ("hidden=64 32,8", Choices(((64, 32), (8,)))),
        ("batch=8:16", Range(8, 16, False, True)),
        ("data=1:2", Choices(("1:2",))),  # a text, in which a colon is a colon
    ],
)
def test_a_text_becomes_an_axis(text: str, axis: object) -> None:
    (found,) = axes([text], TYPES).values()
    assert found == axis and repr(found) == repr(axis)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (["lr"], "has no ="),
        (["lr="], "has no values"),
        (["lr=1,x"], "'x' is no value of lr, which takes a number"),
        (["lr=nan"], "'nan' is no value of lr"),
        (["z=1.5"], "'1.5' is no value of z, which takes a whole number"),
        (["z=1,1"], "one value twice"),
        (["lr=0.1,1e-1"], "one value twice"),
        (["energy=l1"], "which takes l2, mse"),
        (["lr=2:1"], "is empty"),
        (["lr=1:1"], "is empty"),
        (["lr=0:1:log"], "a logarithm needs numbers above 0"),
        (["lr=0:1:1"], "2 values or more"),
        (["lt=1"], "has no flag 'lt': did you mean lr?"),
        (["lr=1", "lr=2"], "names lr twice"),
        (["seed=1,2"], "give seeds instead"),
        (["energy=1:2"], "'1' is no value of energy"),
    ],
)
def test_a_text_that_is_none_is_told(over: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        axes(over, TYPES)
    assert said in str(caught.value)


def test_a_grid_has_each_setting_once_and_the_last_axis_changes_first() -> None:
    grid = Grid(axes(["lr=1,2", "z=3,4,5"], TYPES))
    settings = [grid.setting(i) for i in range(len(grid))]
    assert settings[:4] == [{"lr": 1, "z": 3}, {"lr": 1, "z": 4}, {"lr": 1, "z": 5}, {"lr": 2, "z": 3}]
    assert len({json.dumps(each) for each in settings}) == 6
    with pytest.raises(UserError, match="give sample or sobol"):
        Grid(axes(["lr=1:2"], TYPES))


@pytest.mark.parametrize("kind", [Sample, Sobol])
def test_what_is_drawn_lies_in_its_range_and_continues(kind: Any) -> None:
    over = axes(["lr=1e-4:1e-2:log", "z=2:9", "energy=l2,mse"], TYPES)
    few, many, other = kind(over, 64, 0), kind(over, 256, 0), kind(over, 64, 1)
    drawn = [many.setting(i) for i in range(256)]
    assert [few.setting(i) for i in reversed(range(64))] == drawn[:64][::-1]  # of i alone, in any order
    assert [other.setting(i) for i in range(64)] != drawn[:64]
    assert all(1e-4 <= s["lr"] <= 1e-2 and type(s["z"]) is int for s in drawn)
    assert {s["z"] for s in drawn} == set(range(2, 10)) and {s["energy"] for s in drawn} == {"l2", "mse"}
    assert 90 < sum(s["lr"] < 1e-3 for s in drawn) < 166  # half of them: it is the logarithm that is even


def test_sobol_points_fill_each_eighth_alike() -> None:
    space = Sobol(axes(["lr=0:8"], TYPES), 64, 0)
    eighths = [int(space.setting(i)["lr"]) for i in range(64)]
    assert [eighths.count(i) for i in range(8)] == [8] * 8


def test_choices_alone_are_drawn_once_each() -> None:
    over = axes(["lr=1,2,3", "z=1:7:7"], TYPES)
    space = Sample(over, 21, 0)
    drawn = [json.dumps(space.setting(i)) for i in range(21)]
    assert len(set(drawn)) == 21
    assert drawn != [json.dumps(Grid(over).setting(i)) for i in range(21)]
    assert [json.dumps(Sample(over, 5, 0).setting(i)) for i in range(5)] == drawn[:5]
    with pytest.raises(UserError, match="more than the 21 settings"):
        Sample(over, 22, 0)


def test_a_list_of_settings_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.json"
    path.write_text('[{"lr": 1, "hidden": [3, 4]}, {"margin": null, "classes": true}]')
    space = points(str(path), TYPES)
    assert [space.setting(i) for i in range(len(space))] == [
        {"lr": 1.0, "hidden": (3, 4)},
        {"margin": None, "classes": True},
    ]
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_settings.py").write_text("def some():\n    yield from ({'lr': 10.0**-i} for i in range(3))\n")
    assert points("own_settings:some", TYPES).setting(2) == {"lr": 0.01}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "is no JSON"),
        ("3", "has no list of settings"),
        ("[]", "has no settings"),
        ("[3]", "number 0 is no object"),
        ('{"lr": 1}', "is no object"),
        ('[{"lr": "a"}]', "'a' is no value of lr"),
        ('[{"lr": true}]', "'true' is no value of lr"),
        ('[{"z": 1.5}]', "'1.5' is no value of z"),
        ('[{"z": {"a": 1}}]', "is no value of z"),
        ('[{"q": 1}]', "has no flag 'q'"),
        ('[{"seed": 1}]', "give seeds instead"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_a_list_of_a_stranger_is_told(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        points(str(path), TYPES)
    assert said in str(caught.value)
    with pytest.raises(UserError, match="cannot read"):
        points(str(tmp_path / "none.json"), TYPES)


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_defaults_of_all_recipes_are_values_of_their_types(name: str) -> None:
    """So each flag of each recipe can be swept."""
    types = flat_types(RECIPES[name])
    for flag, default in parameters(RECIPES[name]).items():
        if isinstance(default, str | int | float | bool | tuple | None) and default != ():
            text = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
            assert value_of(flag, types[flag], text) == default, flag
