"""Where a run is that a user names: a folder, a packed model (model.zip), or a model that is kept elsewhere.

What is elsewhere is copied into the user's cache folder once, and is a run folder of a stranger from then on: its
run.json runs no code and names no files (docs/security.md).
"""

from collections.abc import Callable
from pathlib import Path

from energan.utils.errors import UserError

PACKED = ".zip"


def _of_hub(name: str) -> Path:
    from energan.runs.sharing.hub import hub_copy

    return hub_copy(name)


def _of_zoo(name: str) -> Path:
    from energan.runs.sharing.zoo import zoo_copy

    return zoo_copy(name)


SOURCES: dict[str, Callable[[str], Path]] = {"hf:": _of_hub, "zoo:": _of_zoo}
"""How a name begins -> the function that gives the run folder of its rest."""


def is_elsewhere(named: str | Path) -> bool:
    """Whether the name is no path, but begins as SOURCES has it."""
    return isinstance(named, str) and named.startswith(tuple(SOURCES))


def run_folder(named: str | Path) -> Path:
    """The run folder of what a user names.

    Args:
        named: A run's folder, a model.zip that `energan pack` wrote, or a name such as hf:owner/name@revision.

    Raises:
        UserError: There is no such model, it cannot be had, or it is none.
    """
    if isinstance(named, str):
        for prefix, fetch in SOURCES.items():
            if named.startswith(prefix):
                return fetch(named.removeprefix(prefix))
    path = Path(named)
    if path.suffix.lower() == PACKED and not path.is_dir():
        from energan.runs.sharing.archive import zip_copy

        return zip_copy(path)
    return path


def refuse_elsewhere(named: str | Path, why: str) -> None:
    """UserError unless a run's folder is named. why: what is needed of it."""
    if is_elsewhere(named) or (Path(named).suffix.lower() == PACKED and not Path(named).is_dir()):
        raise UserError(f"{named} is no folder of yours, and {why}: `energan pull {named} --out DIR` makes one of it")
