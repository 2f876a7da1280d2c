"""The command `bench RECIPE`: the recipe's own arguments are its flags."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from energan.console import as_text, say
from energan.recipes import RECIPES

OWN: dict[str, tuple[type, Any, str]] = {
    "repeats": (int, 10, "Steps that are timed, of each setting."),
    "alternatives": (bool, True, "Try other settings too: precision, batch, threads; with --compile, without."),
    "json": (bool, False, "Print JSON instead of tables."),
}


ABOUT = "    Measured on this machine, beside the least time its ceilings allow; without --data, on images of noise.\n"


def bench_command(recipe: str) -> Callable[..., int]:
    """The command `bench RECIPE`: the recipe's arguments, of which --data need not be given, and how to measure."""
    make = RECIPES[recipe]

    @wraps(make)
    def command(*, repeats: int, alternatives: bool, json: bool, **arguments: Any) -> int:
        from energan.benchmarking import as_table, measure

        found = measure(make, arguments, repeats=repeats, alternatives=alternatives)
        say(as_text(found) if json else as_table(found))
        return 0

    own = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default, _) in OWN.items()
    ]
    signature = inspect.signature(make)
    given = [p.replace(default="") if p.name == "data" else p for p in signature.parameters.values()]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*given, *own], return_annotation=int
    )
    command.__annotations__ = {**make.__annotations__, **{p.name: p.annotation for p in own}, "return": int}
    about, args, flags = (make.__doc__ or "").rstrip().partition("\n    Args:\n")
    told = "".join(f"\n        {name}: {sentence}" for name, (_, _, sentence) in OWN.items())
    command.__doc__ = f"{about}\n{ABOUT}{args}{flags}{told}\n    "
    del command.__wrapped__
    return command
