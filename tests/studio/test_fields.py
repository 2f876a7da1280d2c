"""A form of a recipe's flags says what the command line says."""

import inspect
from typing import Any

import pytest

from energan.recipes.build import find_recipe
from energan.recipes.catalog import RECIPES
from energan.studio.fields import checked, fields_of, words_of
from energan.utils.arguments import parameters
from energan.utils.errors import UserError


@pytest.mark.parametrize("name", RECIPES)
def test_every_flag_of_every_recipe_is_a_field_with_its_help(name: str) -> None:
    recipe = find_recipe(name)
    fields = fields_of(recipe)
    assert [field.name for field in fields] == list(parameters(recipe))
    assert all(field.help for field in fields), [field.name for field in fields if not field.help]
    needed = {n for n, default in parameters(recipe).items() if default is inspect.Parameter.empty}
    assert {field.name for field in fields if field.needed} == needed


def filled(name: str) -> dict[str, Any]:
    """A form as it is first shown."""
    return {f.name: f.default == "True" if f.kind == "switch" else f.default for f in fields_of(find_recipe(name))}


def test_a_form_that_nobody_changed_is_the_recipe_by_default() -> None:
    recipe = find_recipe("ebgan-pt-mnist")
    assert words_of(fields_of(recipe), filled("ebgan-pt-mnist")) == []
    assert checked(recipe, []) == parameters(recipe)


def test_what_is_changed_is_on_the_line_and_nothing_else() -> None:
    fields = fields_of(find_recipe("ebgan-pt-64"))
    changed = {"data": " pets ", "steps": "100", "flip": True, "augment": "colour, cutout", "energy": "ssq", "pt": ""}
    words = words_of(fields, filled("ebgan-pt-64") | changed)
    assert sorted(words) == sorted(
        ["--data", "pets", "--energy", "ssq", "--flip", "--augment", "colour", "cutout", "--steps", "100"]
    )
    arguments = checked(find_recipe("ebgan-pt-64"), words)
    assert arguments["augment"] == ("colour", "cutout") and arguments["flip"] is True and arguments["steps"] == 100


def test_a_switch_that_is_on_by_default_can_be_turned_off() -> None:
    name, field = next(
        (n, f) for n in RECIPES for f in fields_of(find_recipe(n)) if f.kind == "switch" and f.default == "True"
    )
    recipe = find_recipe(name)
    given = filled(name) | {f.name: "x" for f in fields_of(recipe) if f.needed} | {field.name: False}
    assert checked(recipe, words_of(fields_of(recipe), given))[field.name] is False


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": ""}, "data is needed"),
        ({"steps": "abc"}, "--steps: a whole number is needed, not 'abc'"),
        ({"batch": "many"}, "batch"),
        ({"lr": "1,5"}, "lr"),
    ],
)
def test_what_a_flag_does_not_take_is_told_in_a_line(change: dict[str, str], said: str) -> None:
    recipe = find_recipe("ebgan-pt-64")
    with pytest.raises(UserError, match=said) as told:
        checked(recipe, words_of(fields_of(recipe), filled("ebgan-pt-64") | {"data": "pets"} | change))
    assert "\n" not in str(told.value)


def test_words_of_a_field_are_no_flags() -> None:
    fields = fields_of(find_recipe("ebgan-pt-64"))
    with pytest.raises(UserError, match="--data"):
        words_of(fields, filled("ebgan-pt-64") | {"data": "pets", "value_range": "0.5 0.9 --data /etc"})


def test_a_value_is_never_a_flag() -> None:
    """A name that begins with two dashes is told, and starts nothing else."""
    recipe = find_recipe("ebgan-pt-64")
    with pytest.raises(UserError):
        checked(recipe, words_of(fields_of(recipe), filled("ebgan-pt-64") | {"data": "--out"}))
