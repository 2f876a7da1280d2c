"""Whether a value that a description gives is of the type that a function's annotation asks for."""

import inspect
import sys
import types
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

LARGEST = 2**63  # what torch takes for a whole number


def unfitting(make: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """The first of the arguments that is of another type than its annotation says; "" if there is none.

    Annotations that cannot be told apart from values at run time are taken to be met.
    """
    for name, parameter in inspect.signature(make).parameters.items():
        if name not in arguments or parameter.annotation is parameter.empty:
            continue
        hint, value = _evaluated(make, parameter.annotation), arguments[name]
        match parameter.kind:
            case parameter.VAR_POSITIONAL:
                fitting = isinstance(value, tuple) and all(fits(v, hint) for v in value)
            case parameter.VAR_KEYWORD:
                fitting = isinstance(value, dict) and all(fits(v, hint) for v in value.values())
            case _:
                fitting = fits(value, hint)
        if not fitting:
            return name
    return ""


def fits(value: Any, hint: Any) -> bool:  # noqa: PLR0911  # a table
    """Whether the value is of the type. A whole number is a float too, and true and false are no numbers.

    >>> fits(3, float), fits(True, int), fits((1, 2), tuple[int, ...]), fits("x", int | None)
    (True, False, True, False)
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return fits(value, inner[0])
    if origin is Literal:
        return any(value is each or (type(value) is type(each) and value == each) for each in inner)
    if origin in (Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if hint is None:
        return value is None
    if hint in (int, float):
        number = isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
        return number and not (isinstance(value, int) and abs(value) >= LARGEST)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        of = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return len(of) == len(value) and all(map(fits, value, of))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(fits(v, inner[1]) for v in value.values())
    if isinstance(origin, type) and issubclass(origin, Collection):
        return isinstance(value, Collection) and not isinstance(value, str) and all(fits(v, inner[0]) for v in value)
    try:
        return isinstance(value, origin or hint)
    except TypeError:  # Any, a type variable, a protocol
        return True


def _evaluated(make: Callable[..., Any], annotation: Any) -> Any:
    """The annotation; of one that is text, what it names, or Any where only type checkers know that."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, vars(sys.modules[make.__module__]))  # Energan's own text, never a description's
    except NameError:
        return Any
