"""What a page may use: images below the folders that the studio was begun with, runs that can do a thing."""

from functools import lru_cache
from pathlib import Path

from energan import capabilities
from energan.data import NAMED
from energan.runs.reader import read
from energan.studio.runs import Runs, stamp
from energan.studio.studio import Studio
from energan.utils.errors import UserError, printable
from energan.utils.files import user_path


def named_images(studio: Studio, text: str) -> str:
    """What `data.load` takes, of what was typed: a built-in set, or a path below a folder that pages may read.

    Raises:
        UserError: It is neither, or there is nothing.
    """
    text = text.strip()
    if text in NAMED:
        return text
    roots = (*studio.data, studio.runs.folder)
    if not text:
        raise UserError("no images: drop some, or name a folder or a built-in set such as digits")
    try:
        ways = [user_path(text), *(root / text for root in roots)]
        for path in (way.resolve() for way in ways):
            if any(path.is_relative_to(root) for root in roots) and path.exists():
                return str(path)
    except (OSError, ValueError, RuntimeError):  # a name that no file can have
        pass
    words = ", ".join(map(str, roots))
    raise UserError(
        f"there are no images {printable(text)[:200]!r} in {words}; --data of `energan studio` names others"
    )


def serving(runs: Runs, command: str) -> list[str]:
    """The runs that can do what a command needs; those that are damaged are not among them."""
    return [name for name in runs.names() if _serves(runs.folder / name, stamp(runs.folder / name), command)]


@lru_cache(maxsize=4096)
def _serves(path: Path, stamp: tuple[int, ...], command: str) -> bool:
    try:
        return any(command in each.serves for each in capabilities.of_run(read(path)))
    except UserError:
        return False
