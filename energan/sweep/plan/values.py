"""The value of a flag from its text, or from JSON, as the flag's type has it."""

import json
import math
import shlex
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from energan.utils.errors import UserError


def value_of(name: str, hint: Any, given: Any) -> Any:
    """The value of the flag `name`: of a text as on the command line, or of a value of JSON.

    UserError for what its type does not take.
    """
    try:
        return _typed(hint, given)
    except (ValueError, TypeError, OverflowError):
        shown = given if isinstance(given, str) else json.dumps(given, default=str)
        raise UserError(f"{shown!r} is no value of `{name}`, which takes {_words(hint)}") from None


def _typed(hint: Any, given: Any) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _typed(inner[0], given)
    if origin in (Union, types.UnionType):
        return _first(inner, given)
    if origin is Literal:
        found = [choice for choice in inner if str(choice) == str(given)]
        if not found:
            raise ValueError
        return found[0]
    if origin is tuple:
        return _several(inner, given)
    return _single(hint, given)


def _first(hints: tuple[Any, ...], given: Any) -> Any:
    """By the first of the types that takes it."""
    for hint in hints:
        try:
            return _typed(hint, given)
        except (ValueError, TypeError):
            continue
    raise ValueError


def _several(hints: tuple[Any, ...], given: Any) -> tuple[Any, ...]:
    parts = shlex.split(given) if isinstance(given, str) else list(given)
    if hints[1:] == (...,):
        hints = hints[:1] * len(parts)
    return tuple(_typed(hint, part) for hint, part in zip(hints, parts, strict=True))


def _single(hint: Any, given: Any) -> Any:
    if hint in (None, types.NoneType):
        if given is None or given == "None":
            return None
    elif hint is bool:
        if str(given).lower() in ("true", "false"):
            return str(given).lower() == "true"
    elif isinstance(given, bool) or given is None:
        pass  # no number, and no text
    elif hint is int:
        return int(given if isinstance(given, str) else _whole(given))
    elif hint is float:
        if math.isfinite(value := float(given)):
            return value
    elif hint is str and isinstance(given, str):
        return given
    raise ValueError


def _whole(given: Any) -> int:
    if given != int(given):
        raise ValueError
    return int(given)


def _words(hint: Any) -> str:
    """A type, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _words(inner[0])
    if origin is Literal:
        return ", ".join(map(str, inner))
    if origin in (Union, types.UnionType):
        return " or ".join(map(_words, inner))
    if origin is tuple:
        return f"several values, each {_words(inner[0])}"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", types.NoneType: "None"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))
