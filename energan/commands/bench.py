"""The command `bench RECIPE`: the recipe's own arguments are its flags."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from tyro.conf import arg

from energan.recipes.build import build, find_recipe
from energan.utils.arguments import description, flattened, recorder
from energan.utils.console import as_text, say
from energan.utils.errors import UserError

ABOUT = "Measured on this machine, beside the least time its ceilings allow; without --data, on images of noise."


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """The options of `bench`, besides the recipe's."""

    repeats: int = 10
    """Steps that are timed, of each setting."""
    alternatives: bool = True
    """Try other settings too: precision, batch, threads; with --compile, without."""
    json: bool = False
    """Print JSON instead of tables."""


def bench_command(recipe: str) -> Callable[..., int]:
    """The command `bench RECIPE`: the recipe's arguments, of which --data need not be given, and how to measure."""
    function = find_recipe(recipe)
    record = recorder(function, data="")

    def bench(
        arguments: Annotated[dict[str, Any], arg(name="", constructor=record)], options: BenchOptions = BenchOptions()
    ) -> int:
        from energan.bench.as_table import as_table
        from energan.bench.measure import measure

        flat = flattened(arguments)
        if flat.get("batch") == "auto":
            raise UserError("`batch` auto is for `energan train`; here it is a number")
        measured = measure(partial(build, recipe), flat, repeats=options.repeats, alternatives=options.alternatives)
        say(as_text(measured) if options.json else as_table(measured))
        return 0

    bench.__doc__ = f"{description(function)}\n\n{ABOUT}"
    return bench
