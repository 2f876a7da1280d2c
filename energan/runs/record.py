"""Reads run.json, the record of a run, which may be anyone's. It imports no torch."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from energan.utils.errors import UserError
from energan.utils.files import LARGEST_STEP, read_file

FORMAT = 2  # of run folders: docs/run-folder.md

LARGEST = 2**24  # bytes of run.json, and of any other JSON file of a run

DEVICE = "cpu, cuda or cuda:1"

OWN = (".json", ".jsonl", ".png", ".csv", ".safetensors", ".html")  # endings of the files of a run
FOLDERS = ("checkpoints", "samples", "tensorboard")


def read_run_json(folder: Path) -> dict[str, Any]:
    """run.json as it is. UserError for a folder without one, for a damaged one, and for one of a newer Energan."""
    path = folder / "run.json"
    try:
        record = json.loads(_content(path), parse_constant=_refuse)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder} is not a run folder: it has no run.json") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is no JSON ({error})") from error
    number = record.get("format") if isinstance(record, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise UserError(f"{path} is damaged: it has no format number")
    if number > FORMAT:
        raise UserError(f"{folder} has run folder format {number}, this Energan reads up to {FORMAT}: upgrade energan")
    return record


def _content(path: Path) -> bytes:
    try:
        return read_file(path, LARGEST)
    except ValueError as error:  # a name with a character that no file can have
        raise FileNotFoundError(str(error)) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def refuse_links(folder: Path) -> None:
    """UserError where a file of the run leads out of its folder, or is a pipe or a device.

    A folder from elsewhere could otherwise have files of its reader shown, overwritten or waited for.
    """
    home = folder.resolve()
    for place in (folder, *(folder / name for name in FOLDERS)):
        try:
            entries = [e for e in place.iterdir() if e.suffix in OWN or e.name in FOLDERS or place != folder]
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise UserError(f"cannot read {place}: {(error.strerror or str(error)).lower()}") from error
        for entry in entries:
            plain = entry.is_file() or entry.is_dir() or not (entry.exists() or entry.is_symlink())
            if not plain or (entry.is_symlink() and not _leads_into(home, entry)):
                raise UserError(
                    f"{entry} is no file of the run but a link out of it, or a pipe: put a copy in its place"
                )


def _leads_into(home: Path, link: Path) -> bool:
    try:
        return link.resolve().is_relative_to(home)
    except (OSError, RuntimeError):  # links in a circle
        return False


# ------------------------------------------------------------------------------------------------ what must be where


def _whole(value: object, least: int = 0, most: int = LARGEST_STEP) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < most


def _number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= float(value) < math.inf
    except OverflowError:  # a whole number of 400 digits
        return False


def _text(value: object) -> bool:
    return isinstance(value, str)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _mapping(value: object) -> bool:
    return isinstance(value, dict)


def _shape(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and value[0] in (1, 3, 4)
        and all(_whole(side, 1, 2**16) for side in value)
    )


def _decays(value: object) -> bool:
    return isinstance(value, dict) and all(_number(decay) and decay < 1 for decay in value.values())


Check = tuple[Callable[[Any], bool], str]

COUNT: Check = (lambda value: _whole(value, 1, 2**31), "a whole number from 1")
TEXT: Check = (_text, "text")
TEXTS: Check = (_texts, "a list of texts")
MAPPING: Check = (_mapping, "an object")
FLAG: Check = (lambda value: isinstance(value, bool), "true or false")

RULES: dict[str, Check] = {  # what a run must have, to be more than looked at
    "recipe": TEXT,
    "arguments": MAPPING,
    "steps": (lambda value: _whole(value, 1), "a whole number from 1"),
    "batch": COUNT,
    "seed": (lambda value: _whole(value, 0, 2**63), "a whole number from 0"),
    "save_every": COUNT,
    "precision": (lambda value: value in ("fp32", "bf16"), "fp32 or bf16"),
    "device": TEXT,
    "compile": FLAG,
    "ema": (_decays, "an object of decays below 1"),
    "network": TEXT,
    "microbatches": COUNT,
    "sync_batch_stats": FLAG,
    "classes": TEXTS,
    "experiment": MAPPING,
    "data": MAPPING,
    "data.name": TEXT,
    "data.n": COUNT,
    "data.shape": (_shape, "channels, height and width"),
    "data.sha256": TEXT,
    "game": MAPPING,
    "game.name": TEXT,
    "status": MAPPING,
    "status.state": TEXT,
    "status.step": (_whole, "a whole number"),
    "status.seconds": (_number, "a number of seconds"),
}

OPTIONAL: dict[str, Check] = {
    "graph": (lambda value: value in ("auto", "on", "off"), "auto, on or off"),  # newer than format 2
    "deterministic": FLAG,
    "stop_when_flat": (lambda value: _whole(value, 0, 2**31), "a whole number"),
    "balanced": FLAG,
    "data.classes": TEXTS,
    "data.labels": (lambda value: isinstance(value, list) and all(map(_whole, value)), "a list of counts"),
    "data.source": TEXT,
    "signature": TEXT,
}


def checked(record: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The record, whose entries all have the types that commands rely on. UserError naming the first that has not."""
    if lacking := [key for key in RULES if "." not in key and key not in record]:
        raise UserError(f"{path} is damaged: it lacks {', '.join(lacking)}")
    for name, (holds, what) in (RULES | OPTIONAL).items():
        value: Any = record
        for key in name.split("."):
            value = value.get(key, _ABSENT)
            if value is _ABSENT:
                break
        if value is _ABSENT and name in RULES:
            raise UserError(f"{path} is damaged: it lacks {name}")
        if value is not _ABSENT and not _holds(holds, value):
            raise UserError(f"{path} is damaged: {name} is {shown(value)}, not {what}")
    return dict(record)


_ABSENT = object()


def _holds(holds: Callable[[Any], bool], value: object) -> bool:
    try:
        return holds(value)
    except TypeError:  # such as a list, looked for in a tuple
        return False


def shown(value: object) -> str:
    """A value of JSON in a few words."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of 5,000 digits, a list in a list in a list ...
        text = type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
