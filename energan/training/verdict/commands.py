"""The command to type after a verdict. It knows settings by their names, and no game."""

import shlex
from collections.abc import Mapping
from typing import NamedTuple

SLOWER = 3  # times: a lower rate, where training goes wrong
MUCH_SLOWER = 10  # where it diverged


class Settings(NamedTuple):
    """What a command is made of.

    run: the run's folder; recipe, arguments, steps: as run.json has them; margin: whether the game has one; best:
    whether there is a best checkpoint, kept: whether there is any.
    """

    run: str
    recipe: str
    arguments: Mapping[str, object]
    steps: int
    margin: bool = False
    best: bool = False
    kept: bool = True


def next_command(kind: str, settings: Settings) -> str:
    """What to type after a verdict of this kind.

    >>> next_command("still improving", Settings("runs/a", "lsgan-mnist", {}, steps=3000))
    'energan resume runs/a --steps 6000'
    """
    run = shlex.quote(settings.run)
    if kind == "still improving":
        return f"energan resume {run} --steps {2 * settings.steps}"
    if kind == "collapsed" and settings.margin:
        return " ".join(["energan margin", *_images(settings.arguments)])
    if kind == "copies its data":
        if settings.arguments.get("augment") in ((), [], None) and "augment" in settings.arguments:
            return f"energan train {settings.recipe} --config {run} --augment ada"
        return f"energan sample {run} --checkpoint best" if settings.best else f"energan look {_source(settings)}"
    if kind == "diverged" and not settings.kept:
        return f"energan train {settings.recipe} --config {run}{_rate(settings.arguments, MUCH_SLOWER)}"
    slower = MUCH_SLOWER if kind == "diverged" else SLOWER
    start = f" --from {'best' if settings.best else 'newest'}"
    return f"energan restart {run}{start}{_rate(settings.arguments, slower)}"


def _rate(arguments: Mapping[str, object], slower: int) -> str:
    rate = arguments.get("lr")
    return f" --lr {rate / slower:.2g}" if isinstance(rate, int | float) and rate else ""


def _images(arguments: Mapping[str, object]) -> list[str]:
    """The flags of `margin` for the same images."""
    flags = [f"--data {shlex.quote(str(arguments.get('data', '')))}"]
    for name in ("size", "channels", "width", "centre", "patches"):
        if isinstance(value := arguments.get(name), int) and value:
            flags.append(f"--{name} {value}")
    return flags


def _source(settings: Settings) -> str:
    return shlex.quote(str(settings.arguments.get("data", "")))
