"""Makes again what a description names, by Energan's own functions and those of modules that are trusted."""

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, final

from energan.utils.errors import UserError
from energan.utils.imports import import_attribute
from energan.utils.specification.hints import unfitting
from energan.utils.specification.record import MAKERS, NAMES, remember

NAME = re.compile(r"[^\W\d_]\w*(\.[^\W\d_]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")  # module:name; no __main__, which acts

_trusted: ContextVar[tuple[str, ...]] = ContextVar("trusted", default=())


@contextmanager
def trusting(*modules: str) -> Iterator[None]:
    """In this block, descriptions may also name what lies in these modules and packages."""
    token = _trusted.set((*_trusted.get(), *filter(None, modules)))
    try:
        yield
    finally:
        _trusted.reset(token)


def build(description: Any, **replaced: Any) -> Any:
    """What `describe` wrote, made again; an argument with the name of one of `replaced` gets that value instead.

    UserError for what is no description, and for names that are neither ours nor trusted: nothing of them is imported.
    """
    try:
        return _Builder(description["calls"], replaced).build(description["value"])
    except UserError:
        raise
    except Exception as error:  # a stranger's file may have anything in any place, and numbers of any size
        reason = "" if isinstance(error, RecursionError) else " ".join(str(error).split())[:200]
        raise UserError(f"the run's description is damaged: {type(error).__name__} {reason}".rstrip()) from error


@final
class _Builder:
    def __init__(self, calls: list[dict[str, Any]], replaced: Mapping[str, Any]) -> None:
        self.calls, self.replaced = calls, replaced
        self.objects: list[Any] = []
        self.open: list[tuple[int, ExitStack]] = []

    def build(self, value: Any) -> Any:
        contexts = {entry["within"]["object"] for entry in self.calls if "within" in entry}
        try:
            for i, entry in enumerate(self.calls):
                if i not in contexts:
                    self.enter(i)
                self.objects.append(None if i in contexts else self.call(entry))
            return self.read(value)
        finally:
            self.leave([])

    def enter(self, i: int) -> None:
        """Opens the contexts of call i and closes those that it is not in."""
        chain: list[int] = []
        while "within" in self.calls[i]:
            outer = self.calls[i]["within"]["object"]
            if not 0 <= outer < i:
                raise KeyError(f"call {i} cannot be within call {outer}")
            chain.insert(0, i := outer)
        self.leave(chain)
        for i in chain[len(self.open) :]:
            context = self.call(self.calls[i], context=True)
            if not isinstance(context, AbstractContextManager):
                raise TypeError(f"{self.calls[i]['call']} is no context")
            self.open.append((i, ExitStack()))
            self.open[-1][1].enter_context(context)

    def leave(self, chain: list[int]) -> None:
        while self.open and [i for i, _ in self.open] != chain[: len(self.open)]:
            self.open.pop()[1].close()

    def call(self, entry: dict[str, Any], *, context: bool = False) -> Any:
        make, arguments = resolve(entry["call"]), {k: self.read(v) for k, v in entry["arguments"].items()}
        if entry["call"] in NAMES and entry["call"] not in MAKERS and not (context and _opens(make)):
            raise TypeError(f"{entry['call']} makes no part of a run")
        arguments |= {k: v for k, v in self.replaced.items() if k in arguments}
        signature = inspect.signature(make)
        if unknown := [k for k in arguments if k not in signature.parameters]:
            raise TypeError(f"{entry['call']} takes no {unknown[0]}")
        if unfit := unfitting(make, arguments):
            raise TypeError(f"{entry['call']} cannot have {unfit} {arguments[unfit]!r:.80}")
        ordered = {k: arguments[k] for k in signature.parameters if k in arguments}
        bound = inspect.BoundArguments(signature, ordered)
        value = make(*bound.args, **bound.kwargs)
        if entry["call"] not in NAMES:  # trusted code that does not record itself
            remember(value, entry["call"], arguments)
        return value

    def read(self, v: Any) -> Any:  # noqa: PLR0911  # a table
        match v:
            case None | bool() | int() | float() | str():
                return v
            case list():
                return tuple(map(self.read, v))
            case {"object": int(i)} if 0 <= i < len(self.objects):
                return self.objects[i]
            case {"float": "inf" | "-inf" | "nan" as number}:
                return float(number)
            case {"list": list(items)}:
                return [*map(self.read, items)]
            case {"dict": dict(items)}:
                return {k: self.read(a) for k, a in items.items()}
            case {"function": str(name)}:
                return resolve(name)
            case {"partial": str(name), "positional": list(args), "keywords": dict(keywords)}:
                make, values = resolve(name), {k: self.read(a) for k, a in keywords.items()}
                if unfit := unfitting(make, values):
                    raise TypeError(f"{name} cannot have {unfit} {values[unfit]!r:.80}")
                return functools.partial(make, *map(self.read, args), **values)
            case {"call": str(), "arguments": dict()}:
                return self.call(v)
        raise KeyError(f"{str(v)[:80]} is nothing that a description has")


def _opens(make: Callable[..., Any]) -> bool:
    """Whether a call gives a context and runs nothing yet, as of what `contextmanager` made."""
    return inspect.isgeneratorfunction(inspect.unwrap(make))


def resolve(name: str) -> Callable[..., Any]:
    """The class or function called `module:name`. UserError unless it is ours and decorated, or trusted."""
    module = name.partition(":")[0]
    if not NAME.fullmatch(name):
        raise UserError(f"the run's description is damaged: {name[:80]!r} is no name such as package.module:Class")
    if any(f"{module}.".startswith(f"{trusted}.") for trusted in _trusted.get()):
        try:
            return import_attribute(name)
        except Exception as error:  # anyone's code may raise anything
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"this run needs {name}, which cannot be imported ({reason})") from error
    if not module.startswith("energan."):
        raise UserError(
            f"this run needs {name}, which is not Energan's code; if you trust it, say so: "
            f'--trust {module}, or energan.load(..., trust=("{module}",))'
        )
    with suppress(ImportError):  # there is none, or an optional package of it is not installed
        importlib.import_module(module)
    if name not in NAMES:
        raise UserError(f"the run's description names {name}, which this Energan does not make runs of")
    return NAMES[name]


def foreign_modules(description: Any) -> set[str]:
    """The modules outside of Energan that a description names: what somebody must trust to build it."""
    if isinstance(description, list):
        return set().union(*map(foreign_modules, description))
    if not isinstance(description, dict):
        return set()
    names = [description[key] for key in ("call", "function", "partial") if isinstance(description.get(key), str)]
    modules = {name.partition(":")[0] for name in names}
    return {m for m in modules if not m.startswith("energan.")}.union(*map(foreign_modules, description.values()))
