"""A command whose flags are a function's own arguments, and some of its own."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple


class Flag(NamedTuple):
    kind: Any  # its type
    default: Any
    sentence: str


def with_flags(
    make: Callable[..., Any],
    call: Callable[..., int],
    own: Mapping[str, Flag],
    *,
    about: str = "",
    changed: Callable[[inspect.Parameter], inspect.Parameter] = lambda parameter: parameter,
) -> Callable[..., int]:
    """`call`, with the flags of `make` and then `own`.

    about    a paragraph after the first of make's docstring
    changed  what becomes of make's parameters: another type, a default
    """

    @wraps(make)
    def command(**arguments: Any) -> int:
        return call(**arguments)

    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.signature(make)
    parameters = [
        *map(changed, signature.parameters.values()),
        *(inspect.Parameter(name, keyword, default=flag.default, annotation=flag.kind) for name, flag in own.items()),
    ]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=int
    )
    command.__annotations__ = {**{p.name: p.annotation for p in parameters}, "return": int}
    first, args, flags = (make.__doc__ or "").rstrip().partition("\n    Args:\n")
    told = "".join(f"\n        {name}: {flag.sentence}" for name, flag in own.items())
    command.__doc__ = f"{first}\n{about}{args}{flags}{told}\n    "
    del command.__wrapped__
    return command
