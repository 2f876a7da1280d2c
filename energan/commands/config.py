"""--config: the settings of an earlier run as the defaults of a command that trains; flags on the line win.

They are read before the line is parsed, so that --help shows them too.
"""

import functools
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from energan.recipes.build import FILES, find_recipe
from energan.recipes.catalog import RECIPES
from energan.runs.record import LARGEST, read_run_json, shown
from energan.runs.references import is_elsewhere, run_folder
from energan.runs.signature import is_signed
from energan.utils.arguments import flat_types, parameters
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.files import read_file, user_path
from energan.utils.specification import fits

OPTIONS: dict[str, type] = {"microbatches": int, "sync_batch_stats": bool, "stop_when_flat": int}  # beside the recipe's


class Config(NamedTuple):
    """The settings of an earlier run.

    source: what --config named; recipe: its name; arguments: the recipe's, by flat names; options: those of `train`.
    """

    source: str
    recipe: str
    arguments: dict[str, Any]
    options: dict[str, Any]

    def say_differences(self, here: Mapping[str, Any]) -> None:
        """Says which settings are those of the run, which are others, and which it has not: an older version's."""
        say_differences(self.source, self.arguments, here)
        if lacking := [f"{_flag(name)} {_told(value)}" for name, value in here.items() if name not in self.arguments]:
            say(f"settings that are not recorded there: {', '.join(lacking)} here")


def config_in(line: Sequence[str]) -> str:
    """What --config names on a command line, before it is parsed; "" where there is none."""
    return word_after("--config", line)


def word_after(flag: str, line: Sequence[str]) -> str:
    """The value of a flag on a command line, before it is parsed: the last one's, as there; "" where there is none."""
    value = ""
    for i, word in enumerate(line):
        if word == flag and i + 1 < len(line):
            value = line[i + 1]
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
    return value


def read_config(source: str, line: Sequence[str] = (), recipe: str = "") -> Config:
    """The settings of a run.

    Args:
        source: The run's folder, or its run.json, wherever that lies.
        line: The words of the command line, on which files of an unsigned run must be named.
        recipe: The recipe that it must be of; "": any of Energan's own.

    Raises:
        UserError: It is no run, one of another recipe, or has settings that the recipe does not take.
    """
    record = record_of(source)
    of, given = record.get("recipe"), record.get("arguments")
    if not isinstance(of, str) or not isinstance(given, dict):
        raise UserError(f"{source} has no recipe and arguments: `config` names a run's folder, or its run.json")
    if recipe and recipe != of:
        raise UserError(f"{source} is a run of {of}, not of {recipe}: leave out the recipe, or name a run of {recipe}")
    if not recipe and of not in RECIPES:
        raise UserError(f"{source} is a run of {of}, which is not Energan's: name that recipe on the line, too")
    arguments = typed(find_recipe(of), given, source)
    if not is_signed(record):
        _refuse_files(arguments, source, line)
    options = {k: record[k] for k, kind in OPTIONS.items() if type(record.get(k)) is kind}
    return Config(source, of, arguments, options)


def typed(recipe: Callable[..., Any], given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Arguments from JSON as the recipe takes them. UserError for names and values that it does not take."""
    known, types = parameters(recipe), flat_types(recipe)
    if unknown := [name for name in given if name not in known]:
        raise UserError(
            f"{source} has settings that its recipe does not have in this Energan: {', '.join(unknown[:5])}; "
            "name a run of this version"
        )
    arguments = {name: _as_tuples(value) for name, value in given.items()}
    for name, value in arguments.items():
        if not fits(value, types[name]):
            raise UserError(f"{source} is damaged: {name} is {shown(value)}, which is none")
    return arguments


def say_differences(source: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Says which settings are those of the run `source`, and which are others."""
    words = changes(there, here)
    say(f"settings of {source}, {'but for ' + ', '.join(words) if words else 'all of them'}")


def changes(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """The settings of a run that are others here, each in words with both values."""
    return [
        f"{_flag(name)} {_told(value)} (there {_told(there[name])})"
        for name, value in here.items()
        if name in there and there[name] != value
    ]


def configured(command: Callable[..., int], source: str, defaults: Mapping[str, Any]) -> Callable[..., int]:
    """The command, some of whose parameters have the values of a run, `source`, as defaults."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> int:
        say_differences(source, defaults, kwargs)
        return command(*args, **kwargs)

    signature = inspect.signature(command)
    changed = [p.replace(default=defaults.get(name, p.default)) for name, p in signature.parameters.items()]
    run.__signature__ = signature.replace(parameters=changed)  # type: ignore[attr-defined]
    return run


def record_of(source: str) -> dict[str, Any]:
    """What run.json has, of a run's folder or of the file itself. UserError where it is none."""
    path = run_folder(user_path(source) if not is_elsewhere(source) else source)
    if path.suffix != ".json" or path.is_dir():
        return read_run_json(path)
    try:
        record = json.loads(read_file(path, LARGEST))
    except OSError as error:
        raise UserError(f"`config` {source} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"`config` {source} is no JSON, as a run.json is ({error})") from error
    return record if isinstance(record, dict) else {}


def _refuse_files(arguments: Mapping[str, Any], source: str, line: Sequence[str]) -> None:
    """UserError where a run that this user did not make names files that the line does not name."""
    from energan.data import NAMED

    words = [word.partition("=")[0] for word in line]
    for name in (*FILES, "module", "features"):  # a module's code would be run
        value = arguments.get(name)
        if value and value not in NAMED and f"--{_flag(name)}" not in words:
            raise UserError(
                f"{source} has no signature of yours, so that {value}, which it names, is not read: say where yours is "
                f"by `{name}`"
            )


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _told(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " ".join(map(str, value)) or "none"
    return "none" if value in ("", None) else str(value)
