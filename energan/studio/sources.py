"""What a page may use: images below the folders that the studio was begun with, runs that can do a thing."""

import os
from collections.abc import Sequence
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

    It walks through the folder, so it belongs into a thread.

    Raises:
        UserError: It is neither, or there is nothing, or a link in it leads elsewhere.
    """
    text = text.strip()
    if text in NAMED:
        return text
    roots = roots_of(studio)
    if not text:
        raise UserError("no images: drop some, or name a folder or a built-in set such as digits")
    try:
        ways = [user_path(text), *(root / text for root in roots)]
        found = next((p for p in (way.resolve() for way in ways) if _inside(p, roots) and p.exists()), None)
    except (OSError, ValueError, RuntimeError):  # a name that no file can have
        found = None
    if found is not None:
        check_links(found, roots)
        return str(found)
    words = ", ".join(map(str, roots))
    raise UserError(
        f"there are no images {printable(text)[:200]!r} in {words}; --data of `energan studio` names others"
    )


def roots_of(studio: Studio) -> tuple[Path, ...]:
    """The folders below which pages may read."""
    return (*studio.data, studio.runs.folder)


def check_links(path: Path, roots: Sequence[Path]) -> None:
    """UserError for a link in a folder, however deep, that leads to what is below none of the roots."""
    left, seen = [path], {path}
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError:  # no folder, or one that cannot be read: no image of it can be, either
            continue
        for entry in entries:
            there = Path(entry.path)
            if entry.is_symlink():
                there = there.resolve()
                if not _inside(there, roots):
                    words = f"{printable(entry.path)} is a link to {printable(str(there))}"
                    raise UserError(f"{words}, below no folder that the studio was told of: start it with --data, too")
            if there not in seen and there.is_dir():
                seen.add(there)
                left.append(there)


def _inside(path: Path, roots: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


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
