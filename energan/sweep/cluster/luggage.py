"""What travels with a sweep: a user's own recipe to the nodes, and the files that trials leave back from them.

No file system is shared: both go as bytes. What comes back is written here, under names that a trial may use, and
before its row: a row in the table has its files.
"""

import json
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from energan.recipes.build import find_recipe
from energan.recipes.catalog import RECIPES
from energan.runs.signature import sign
from energan.utils import version
from energan.utils.errors import UserError
from energan.utils.files import new_folder, unwritable, write

LARGEST = 2**24  # bytes of a user's own modules, and their largest number
MOST = 2000

SHEET = re.compile(r"sheets/(\d{6,})\.png")
OF_RUN = re.compile(r"runs/(\d{6,})/(run\.json|checkpoints/[0-9a-z]{1,40}\.safetensors)")


def modules(recipe: str) -> dict[str, bytes]:
    """The Python files of a user's own recipe, by their names under the folder that it is imported from.

    They are those of its package, and what it imported from the same folder. None for a recipe of Energan's, and for
    one of an installed package, which nodes must have, too.

    Raises:
        UserError: The recipe cannot be imported, or has too many files or too large ones.
    """
    if recipe in RECIPES:
        return {}
    find_recipe(recipe)
    name = recipe.partition(":")[0]
    source = getattr(sys.modules.get(name), "__file__", None)
    if source is None or _installed(Path(source).resolve()):
        return {}
    path = Path(source).resolve()
    root = path.parents[name.count(".") + (path.name == "__init__.py")]
    package = root / name.partition(".")[0]
    paths = {path, *(package.rglob("*.py") if package.is_dir() else ())}
    for module in list(sys.modules.values()):
        other = getattr(module, "__file__", None)
        if isinstance(other, str) and other.endswith(".py"):
            paths.add(Path(other).resolve())
    taken = [path for path in sorted(paths) if path.is_relative_to(root) and not _installed(path) and path.is_file()]
    if len(taken) > MOST or sum(path.stat().st_size for path in taken) > LARGEST:
        raise UserError(f"the recipe {recipe} has more than {MOST:,} files or 16 MiB: install its package on the nodes")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in taken}


def _installed(path: Path) -> bool:
    """Whether a module is not the user's: of Python, of an installed package, or of Energan."""
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {sys.prefix, str(Path(version.__file__).parents[1])}
    return "site-packages" in path.parts or any(path.is_relative_to(Path(place).resolve()) for place in places)


def unpack(folder: Path, numbers: Sequence[int], files: Mapping[str, bytes]) -> None:
    """Writes the files of the trials of these numbers into the sweep's folder; what was there of them is replaced.

    Raises:
        UserError: A name is none that such a trial uses, or the folder cannot be written.
    """
    runs: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        found = SHEET.fullmatch(name) or OF_RUN.fullmatch(name)
        if found is None or int(found[1]) not in numbers:
            raise UserError(f"a node sent the file {name[:80]!r}, which none of its trials may write")
        if found.re is OF_RUN:
            runs.setdefault(found[1], {})[found[2]] = content
        else:
            write(folder / name, lambda path, content=content: path.write_bytes(content))  # type: ignore[misc]
    for number, parts in runs.items():
        place = folder / "runs" / number
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                shutil.rmtree(place)
        except OSError as error:
            raise unwritable(place, error) from error
        with new_folder(place) as hidden:
            (hidden / "checkpoints").mkdir()
            for part, content in parts.items():
                (hidden / part).write_bytes(_of_here(folder, content) if part == "run.json" else content)


def _of_here(folder: Path, content: bytes) -> bytes:
    """run.json as this machine would have written it: the folder is this one, and the signature this user's."""
    try:
        record = json.loads(content)
        record |= {"command": f"a trial of the sweep in {folder}", "signature": sign(record["experiment"])}
        return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"a node sent a run.json that is none ({str(error)[:100]})") from error
