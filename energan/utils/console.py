"""Output of the commands, and their exit code after a stop."""

import json
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from rich.console import Console

COMMAND_LINE: ContextVar[Sequence[str]] = ContextVar("COMMAND_LINE", default=("energan",))  # as it was typed

STOPPED = 130  # the exit code after Ctrl-C or SIGTERM: saved, and to be resumed


def say(text: str) -> None:
    print(text, flush=True)


def as_text(value: object) -> str:
    return json.dumps(value, indent=2)


def first_line(f: Callable[..., Any]) -> str:
    return (f.__doc__ or "").strip().splitlines()[0]


_warned: set[str] = set()


def warn(message: str) -> None:
    """Prints a warning to stderr, one line, each text once."""
    if message in _warned:
        return
    _warned.add(message)
    console = Console(stderr=True)
    console.print(f"warning: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True)
