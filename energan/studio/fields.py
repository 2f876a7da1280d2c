"""A recipe's flags as fields of a form, and what was filled in as the words of its command line."""

import inspect
import io
import re
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from energan.utils.arguments import flattened, recorder, type_hints
from energan.utils.errors import UserError


class Field(NamedTuple):
    """A flag in a form.

    name: as the recipe has it; group: what it belongs to, in words; kind: "switch", "choice" or "text"; default: as it
    is typed, "" for none; choices: of a choice; help: a sentence; many: whether several words are typed.
    """

    name: str
    group: str
    kind: str
    default: str
    choices: tuple[str, ...]
    help: str
    many: bool
    needed: bool

    @property
    def flag(self) -> str:
        return "--" + self.name.strip("_").replace("_", "-")


def fields_of(recipe: Callable[..., Any]) -> list[Field]:
    """The recipe's flags in the order of its command line; those of a dataclass belong to its group."""
    hints, helps = type_hints(recipe), _helps(recipe)
    found = []
    for name, parameter in inspect.signature(recipe).parameters.items():
        group = parameter.default
        if is_dataclass(group) and not isinstance(group, type):
            own = get_type_hints(type(group), include_extras=True)
            title, said = name.replace("_", " "), _helps(type(group))
            found += [_field(n, title, own[n], value, said.get(n, "")) for n, value in flattened({"": group}).items()]
        else:
            found.append(_field(name, "", hints[name], parameter.default, helps.get(name, "")))
    return found


def words_of(fields: list[Field], filled: Mapping[str, str | bool]) -> list[str]:
    """The words of the command line that what was filled in makes; what is as by default is left out.

    UserError where a flag without a default has no value.
    """
    words: list[str] = []
    for field in fields:
        value = filled.get(field.name)
        if field.needed and not str(value or "").strip():
            raise UserError(f"{field.name.replace('_', ' ')} is needed: {field.help}")
        if value is None:
            continue
        if field.kind == "switch":
            if bool(value) != (field.default == "True"):
                words.append(field.flag if value else f"--no-{field.flag[2:]}")
        elif (text := str(value).strip()) != field.default:
            if text == "":
                continue
            several = text.replace(",", " ").split() if field.many else [text]
            if flag := next((word for word in several if word.startswith("--")), ""):
                raise UserError(f"{field.name.replace('_', ' ')} has the word {flag}, which is no value")
            words += [field.flag, *several]
    return words


def checked(recipe: Callable[..., Any], words: list[str]) -> dict[str, Any]:
    """The recipe's flat arguments that the words make. UserError, in a line, for words that its flags do not take."""
    import tyro

    said = io.StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(said):
            return flattened(tyro.cli(recorder(recipe), args=words, config=(tyro.conf.OmitArgPrefixes,)))
    except SystemExit as error:
        told = " ".join(" ".join(line.strip(" │╭╮╰╯─-|+") for line in said.getvalue().splitlines()).split())
        told = re.split("Argument helptext|For full helptext", told.partition("Error parsing ")[2] or told)[0].strip()
        told = re.sub(r"invalid literal for int\(\) with base 10: ", "a whole number is needed, not ", told)
        told = re.sub(r"could not convert string to float: ", "a number is needed, not ", told)
        raise UserError(told or "a field has a value that it cannot have") from error


def _field(name: str, group: str, hint: Any, default: Any, help: str) -> Field:
    inner, notes = (get_args(hint)[0], get_args(hint)[1:]) if hasattr(hint, "__metadata__") else (hint, ())
    help = next((note.help for note in notes if getattr(note, "help", None)), help)
    kinds = [kind for kind in _members(inner) if kind is not NoneType]
    choices = tuple(str(c) for kind in kinds if get_origin(kind) is Literal for c in get_args(kind))
    only_choices = bool(choices) and all(get_origin(kind) is Literal for kind in kinds)
    kind = "switch" if kinds == [bool] else "choice" if only_choices else "text"
    many, needed = any(get_origin(k) is tuple for k in kinds), default is inspect.Parameter.empty
    return Field(name, group, kind, typed(default), choices, " ".join(help.split()), many, needed)


def _members(kind: Any) -> list[Any]:
    return [m for part in get_args(kind) for m in _members(part)] if get_origin(kind) in (Union, UnionType) else [kind]


def typed(default: Any) -> str:
    """A default as one would type it."""
    if default is inspect.Parameter.empty or default is None:
        return ""
    if isinstance(default, tuple):
        return " ".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def _helps(documented: Any) -> dict[str, str]:
    """What a docstring's list of arguments says of each, or of a dataclass the texts below its fields."""
    import docstring_parser

    sources = reversed(documented.__mro__[:-1]) if isinstance(documented, type) else [documented]
    parsed = [docstring_parser.parse_from_object(source) for source in sources]
    return {param.arg_name: param.description or "" for each in parsed for param in each.params}
