"""Remembers which calls made an object, and writes them as JSON."""

import dataclasses
import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, final

from energan.utils.errors import UserError

Make = TypeVar("Make", bound=Callable[..., Any])

KEY = "_recorded_call"  # where an object keeps its Call, among its attributes

NAMES: dict[str, Callable[..., Any]] = {}  # all that carries a decorator

# those of them that `build` calls: they make an object of their arguments, and do nothing else
MAKERS: set[str] = set()

_contexts: ContextVar[tuple["Call", ...]] = ContextVar("contexts", default=())  # this thread's; the last is innermost

_numbers = itertools.count()


@final
class Call:
    """A call that made an object. A copy of the object has none, nor has a pickled one: it may be changed since."""

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        self.name, self.arguments, self.number = name, dict(arguments), next(_numbers)
        self.within = next(reversed(_contexts.get()), None)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()


def name_of(make: Any) -> str:
    return f"{getattr(make, '__module__', '')}:{getattr(make, '__qualname__', '')}"


def call_of(value: Any) -> Call | None:
    """The call that made an object; None where it is not known."""
    return getattr(value, "__dict__", {}).get(KEY)


def remember(value: Any, name: str, arguments: Mapping[str, Any]) -> None:
    """Notes that `value` is what `name` gives for these arguments."""
    vars(value)[KEY] = Call(name, arguments)


def named(make: Make) -> Make:
    """The class or function itself, which descriptions may name from now on.

    They may have a class called. A function may act, as a loader of images does: `build` gives it uncalled.
    """
    NAMES[name_of(make)] = make
    if isinstance(make, type):
        MAKERS.add(name_of(make))
    return make


def recorded(make: Make) -> Make:
    """The class or function, whose objects remember the call. A subclass' do where it is recorded itself."""
    signature = inspect.signature(make)

    def note(value: Any, before: Mapping[int, Call | None], *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if id(value) in before and before[id(value)] is None:
            return  # an argument of unknown make, changed: still unknown
        # what gives back its argument, changed, was called on what that was before
        remember(value, name_of(make), {k: before[id(v)] if v is value else v for k, v in bound.arguments.items()})

    if isinstance(make, type):
        init: Callable[..., None] = make.__init__  # type: ignore[misc]

        @functools.wraps(init)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            init(self, *args, **kwargs)
            if type(self) is make:
                note(self, {}, *args, **kwargs)

        type.__setattr__(make, "__init__", __init__)
        return named(make)

    @functools.wraps(make)
    def call(*args: Any, **kwargs: Any) -> Any:
        before = {id(v): call_of(v) for v in (*args, *kwargs.values())}
        value = make(*args, **kwargs)
        note(value, before, *args, **kwargs)
        return value

    MAKERS.add(name_of(make))
    return named(call)  # type: ignore[return-value]


@contextmanager
def inside(make: Callable[..., Any], **arguments: Any) -> Iterator[None]:
    """What is made in this block is made in the context `make(**arguments)`, and will be so when it is built again."""
    token = _contexts.set((*_contexts.get(), Call(name_of(make), arguments)))
    try:
        yield
    finally:
        _contexts.reset(token)


def describe(value: Any) -> dict[str, Any]:
    """The value as JSON. UserError for a part of it that no recorded call made."""
    entries: dict[int, dict[str, Any]] = {}  # by the number of the call
    references: list[dict[str, Any]] = []

    def refer(call: Call) -> dict[str, Any]:
        if call.number not in entries:
            entry = entries[call.number] = {"call": call.name}
            entry["arguments"] = {k: write(v) for k, v in call.arguments.items()}
            if call.within:
                entry["within"] = refer(call.within)
        references.append({"object": call.number})
        return references[-1]

    def write(v: Any) -> Any:  # noqa: PLR0911  # a table
        fields = _fields(v)
        if (call := v if isinstance(v, Call) else call_of(v)) is not None:
            return refer(call)
        if v is None or type(v) in (bool, int, str):
            return v
        if isinstance(v, float):
            return v if math.isfinite(v) else {"float": repr(v)}
        if fields is not None and name_of(type(v)) in NAMES:
            return {"call": name_of(type(v)), "arguments": {k: write(getattr(v, k)) for k in fields}}
        if type(v) is tuple:
            return [*map(write, v)]
        if type(v) is list:
            return {"list": [*map(write, v)]}
        if type(v) is dict and all(type(k) is str for k in v):
            return {"dict": {k: write(a) for k, a in v.items()}}
        if isinstance(v, functools.partial) and name_of(v.func) in NAMES:
            keywords = {k: write(a) for k, a in v.keywords.items()}
            return {"partial": name_of(v.func), "positional": [*map(write, v.args)], "keywords": keywords}
        if name_of(v) in NAMES:
            return {"function": name_of(v)}
        shown = " ".join(repr(v).split())[:80]
        raise UserError(
            f"a run cannot be described that has a {type(v).__name__} ({shown}): make it by a class or a function "
            "that is decorated with energan.recorded"
        )

    written = write(value)
    place = {number: i for i, number in enumerate(sorted(entries))}
    for reference in references:
        reference["object"] = place[reference["object"]]
    return {"calls": [entries[number] for number in place], "value": written}


def _fields(value: Any) -> tuple[str, ...] | None:
    if dataclasses.is_dataclass(value):
        return tuple(field.name for field in dataclasses.fields(value))
    return getattr(value, "_fields", None)
