"""What commands say, and how they end."""

import json
from collections.abc import Callable
from typing import Any

STOPPED = 130  # the exit code after Ctrl-C or SIGTERM: saved, and to be resumed


def say(text: str) -> None:
    print(text, flush=True)


def as_text(value: object) -> str:
    return json.dumps(value, indent=2)


def first_line(f: Callable[..., Any]) -> str:
    return (f.__doc__ or "").strip().splitlines()[0]
