"""A function's arguments as flat names, where some of them are dataclasses: the flags of a recipe or a study.

    def recipe(*, data: str = "mnist", training: Training = Training(steps=8)) -> Experiment: ...

has the arguments data, steps, batch, ...: a dataclass only groups them. No name stands in two groups.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_type_hints

Function = Callable[..., Any]


def type_hints(function: Function) -> dict[str, Any]:
    """The types of a function's parameters; what it returns may be a name that only type checkers know."""
    names = {name for name in function.__annotations__ if name != "return"}
    unknown = {str(function.__annotations__.get("return")): object}
    hints = get_type_hints(function, localns=unknown, include_extras=True)
    return {name: hint for name, hint in hints.items() if name in names}


def parameters(function: Function) -> dict[str, Any]:
    """Each flat argument's default, in order; inspect.Parameter.empty where it has none."""
    flat: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        flat |= flattened({name: parameter.default})
    return flat


def flat_types(function: Function) -> dict[str, Any]:
    """Each flat argument's type, in order."""
    hints, flat = type_hints(function), dict[str, Any]()
    for name, parameter in inspect.signature(function).parameters.items():
        group = parameter.default
        grouped = is_dataclass(group) and not isinstance(group, type)
        flat |= get_type_hints(type(group), include_extras=True) if grouped else {name: hints[name]}
    return flat


def flattened(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, each dataclass among them replaced by its fields."""
    flat: dict[str, Any] = {}
    for name, value in arguments.items():
        grouped = is_dataclass(value) and not isinstance(value, type)
        flat |= {field.name: getattr(value, field.name) for field in fields(value)} if grouped else {name: value}
    return flat


def call(function: Function, /, **flat: Any) -> Any:
    """What the function returns for flat arguments. TypeError for a name that is none of its arguments."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        group = parameter.default
        if is_dataclass(group) and not isinstance(group, type):
            own = {field.name: flat.pop(field.name) for field in fields(group) if field.name in flat}
            arguments[name] = replace(group, **own)
        elif name in flat:
            arguments[name] = flat.pop(name)
    if flat:
        raise TypeError(f"{function.__name__} has no argument {', '.join(flat)}")
    return function(**arguments)


def recorder(function: Function, **defaults: Any) -> Callable[..., dict[str, Any]]:
    """A function with the same parameters and help, for tyro, which returns the arguments that it is called with.

    defaults: of some flat arguments, in place of the function's own.
    """

    def record(**arguments: Any) -> dict[str, Any]:
        return arguments

    def default(name: str, group: Any) -> Any:
        if is_dataclass(group) and not isinstance(group, type):
            return replace(group, **{f.name: defaults[f.name] for f in fields(group) if f.name in defaults})
        return defaults.get(name, group)

    signature = inspect.signature(function)
    changed = [p.replace(default=default(name, p.default)) for name, p in signature.parameters.items()]
    record.__signature__ = signature.replace(parameters=changed)  # type: ignore[attr-defined]
    record.__annotations__, record.__doc__ = type_hints(function), function.__doc__
    return record


def description(function: Function) -> str:
    """A docstring without its list of arguments, which stand beside the flags."""
    return inspect.cleandoc(function.__doc__ or "").partition("\nArgs:\n")[0].strip()
