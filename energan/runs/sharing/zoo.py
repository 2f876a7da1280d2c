"""The zoo: small trained models in a data package of their own, `energan-models`. zoo:NAME is one of them.

The package is found and read as data: none of its code is run.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from energan.runs.copies import kept_copy
from energan.runs.sharing.parts import PARTS, check_part
from energan.utils.errors import UserError, printable
from energan.utils.files import read_file

PACKAGE = "energan_models"

INSTALL = "pip install energan-models"

FORMAT = 1  # of zoo.json

LARGEST = 2**20  # bytes of zoo.json


def package_folder() -> Path:
    """The folder of the installed package. UserError where there is none."""
    try:
        spec = find_spec(PACKAGE)
    except (ImportError, ValueError):  # of a module that somebody has put out of the way
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise UserError(f"the zoo's models are not installed: {INSTALL}")
    return Path(places[0])


def zoo() -> dict[str, dict[str, Any]]:
    """The models of the zoo: name -> what zoo.json says of it, of which `about` is one line.

    Raises:
        UserError: The package is not installed, is damaged, or is of a newer Energan.
    """
    path = package_folder() / "zoo.json"
    damaged = f"{path} is damaged: pip install --force-reinstall energan-models"
    try:
        found = json.loads(read_file(path, LARGEST))
    except (OSError, ValueError, RecursionError):
        raise UserError(damaged) from None
    number = found.get("format") if isinstance(found, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise UserError(damaged)
    if number > FORMAT:
        raise UserError(f"the zoo's models have format {number}, this Energan reads up to {FORMAT}: upgrade energan")
    models = found.get("models")
    if not isinstance(models, dict) or not all(map(_is_entry, models.values())):
        raise UserError(damaged)
    return models


def _is_entry(entry: object) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("about"), str)


def zoo_copy(name: str) -> Path:
    """The run folder in the cache of a model of the zoo. UserError where there is no such model, or it is damaged."""
    models = zoo()
    if name not in models:
        close = get_close_matches(name, models, n=1, cutoff=0.4)
        hint = f"did you mean zoo:{close[0]}?" if close else f"there are {', '.join(models)}"
        raise UserError(f"there is no model zoo:{printable(name)[:80]}: {hint}")
    source, digest = package_folder() / name, hashlib.sha256()
    parts = [part for part in PARTS if (source / part).is_file()]
    for part in parts:
        check_part(part, (source / part).stat().st_size, f"zoo:{name}")
        digest.update(part.encode() + b"\0" + hashlib.sha256((source / part).read_bytes()).digest())
    if "run.json" not in parts:
        raise UserError(f"zoo:{name} is damaged: it has no run.json; pip install --force-reinstall energan-models")
    return kept_copy(f"zoo-{name}", digest.hexdigest(), lambda folder: _copy(source, parts, folder))


def _copy(source: Path, parts: list[str], folder: Path) -> None:
    for part in parts:
        shutil.copyfile(source / part, folder / part)
