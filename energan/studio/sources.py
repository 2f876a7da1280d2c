"""What a page may use: images below the folders that the studio was begun with, runs that can do a thing."""

from functools import lru_cache
from pathlib import Path

from energan import capabilities
from energan.capabilities.capability import Capability
from energan.data import NAMED
from energan.studio.runs import Runs, about, stamp
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
    return [name for name in runs.names() if any(command in each.serves for each in had_by(runs, name))]


def had_by(runs: Runs, name: str) -> tuple[Capability, ...]:
    """The capabilities of one of the runs; none of one that is damaged. Kept as long as the run stays as it is."""
    path = runs.folder / name
    return _had(path, stamp(path)[:2])


@lru_cache(maxsize=4096)
def _had(path: Path, stamp: tuple[int, ...]) -> tuple[Capability, ...]:
    try:
        return tuple(capabilities.of_run(about(path)))
    except UserError:
        return ()
