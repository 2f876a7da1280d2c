"""Recipes by name, called with flat arguments, as the command line, `resume` and run.json have them."""

import sys
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from energan.experiment import Experiment
from energan.recipes.catalog import RECIPES
from energan.utils.arguments import call
from energan.utils.errors import UserError
from energan.utils.imports import import_attribute

# arguments of recipes that may name a file or folder
FILES = ("data", "labels_csv", "test", "encoder", "target", "features_weights")

SHAPE = "write my.module:recipe, a function that is annotated to return an Experiment"


def find_recipe(name: str) -> Callable[..., Experiment]:
    """A recipe by its name in RECIPES, or anyone's: my.module:recipe, looked for in the current folder too.

    UserError for anything else. What does not say that it returns an Experiment is not called: run.json, which may be
    another's, names the recipe.
    """
    if name in RECIPES:
        return RECIPES[name]
    if ":" not in name:
        raise UserError(f"the recipe {name!r} is not one that this Energan has")
    try:
        recipe = import_attribute(name)
    except Exception as error:  # anyone's code may raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"the recipe {name} cannot be imported ({reason}); {SHAPE}") from error
    if not callable(recipe) or getattr(recipe, "__annotations__", {}).get("return") not in (Experiment, "Experiment"):
        raise UserError(f"{name} is not a recipe; {SHAPE}")
    for parameter in signature(recipe).parameters.values():
        if parameter.annotation is parameter.empty:
            raise UserError(f"the parameter {parameter.name} of {name} has no type")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # recipes import when they are called
    return recipe


def build(recipe: str, **arguments: Any) -> Experiment:
    """The experiment of a recipe: build("gan-mnist", steps=8, size_g=16). UserError for what cannot be trained.

    recipe: a name of RECIPES, or my.module:recipe. TypeError for arguments that are not the recipe's.
    """
    from energan.experiment import Experiment

    experiment = call(find_recipe(recipe), **arguments)
    if not isinstance(experiment, Experiment):
        raise UserError(f"the recipe {recipe} returned a {type(experiment).__name__}, not an Experiment")
    return experiment
