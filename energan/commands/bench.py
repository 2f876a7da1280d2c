"""The command `bench RECIPE`: the recipe's own arguments are its flags."""

import inspect
from collections.abc import Callable
from typing import Any

from energan.recipes.catalog import RECIPES
from energan.utils.console import as_text, say
from energan.utils.flags import Flag, with_flags

OWN = {
    "repeats": Flag(int, 10, "Steps that are timed, of each setting."),
    "alternatives": Flag(bool, True, "Try other settings too: precision, batch, threads; with --compile, without."),
    "json": Flag(bool, False, "Print JSON instead of tables."),
}

ABOUT = "    Measured on this machine, beside the least time its ceilings allow; without --data, on images of noise.\n"


def bench_command(recipe: str) -> Callable[..., int]:
    """The command `bench RECIPE`: the recipe's arguments, of which --data need not be given, and how to measure."""

    def bench(*, repeats: int, alternatives: bool, json: bool, **arguments: Any) -> int:
        from energan.bench.as_table import as_table
        from energan.bench.measure import measure

        found = measure(RECIPES[recipe], arguments, repeats=repeats, alternatives=alternatives)
        say(as_text(found) if json else as_table(found))
        return 0

    return with_flags(RECIPES[recipe], bench, OWN, about=ABOUT, changed=_optional_data)


def _optional_data(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(default="") if parameter.name == "data" else parameter
