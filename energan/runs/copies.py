"""The user's copies of models from elsewhere: run folders in the cache folder, named by a hash of their content.

A copy is what its name says, so nothing is written into it: commands that write into a run's folder refuse it.
"""

import re
from collections.abc import Callable
from pathlib import Path

from energan.utils.errors import UserError
from energan.utils.files import cache_dir, new_folder

HASH = 40  # characters of a hash in a copy's name


def copies() -> Path:
    """The folder of all copies."""
    return cache_dir() / "models"


def kept_copy(name: str, digest: str, fill: Callable[[Path], object]) -> Path:
    """The copy of what has this hash: the one in the cache folder, else a new one, which `fill` writes.

    Two processes that make the same copy at once do not see each other's: it takes its name when it is whole.

    Args:
        name: For people who look into the cache folder; what no file name should have is replaced.
        digest: Of the content, 40 characters or more.
        fill: Is called with an empty folder.

    Raises:
        UserError: `fill` raises it, or the cache folder cannot be written; nothing is left then.
    """
    place = copies() / f"{re.sub('[^A-Za-z0-9._-]+', '-', name)[:40].strip('.-') or 'model'}-{digest[:HASH]}"
    if _is_there(place):
        return place
    try:
        copies().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UserError(f"cannot write {copies()}: {why}; set ENERGAN_CACHE to another folder") from error
    try:
        with new_folder(place) as hidden:
            fill(hidden)
    except UserError:
        if not _is_there(place):  # else another process was quicker
            raise
    return place


def _is_there(place: Path) -> bool:
    return (place / "run.json").is_file()


def is_copy(folder: Path) -> bool:
    """Whether the folder is such a copy."""
    return folder.resolve().is_relative_to(copies().resolve())


def refuse_copy(folder: Path, what: str) -> None:
    """UserError for a copy in the cache folder. what: what would be written, such as "a calibration"."""
    if is_copy(folder):
        raise UserError(
            f"{folder} is a copy that must stay as it is, and {what} would be written into it: `energan pull` with "
            "--out makes a folder of your own of it"
        )
