"""The runs below a folder, as they are on disk at this moment. Nothing is kept but what has not changed since."""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple, final

from energan.html.pictures import sheets
from energan.runs.reader import Json, RunFiles, mapping, number, sequence
from energan.runs.record import read_run_json
from energan.studio.logs import Logs, newest
from energan.utils.errors import UserError

LABELS = "labels"  # the folder below the runs in which tables of labels are: no run is called so

DEEP = 3  # folders below the folder of runs in which a run is looked for
MOST = 2000  # runs that are listed


# what a run's system does, by the readout of its game (capabilities/*), in words; said without importing torch
DOES = {
    "logits": "tells classes",
    "sample": "draws",
    "codes": "draws by chains",
    "translate": "translates",
    "energy": "scores",
}


class Row(NamedTuple):
    """A run in a list.

    name: its path below the folder of runs; state: running, waiting, finished, stopped, …; does: what its system does.
    """

    name: str
    recipe: str
    data: str
    state: str
    step: int
    steps: int
    metrics: dict[str, float]
    changed: float
    does: str = ""


def below(folder: Path, name: str, ending: str = "") -> Path:
    """The path in the folder that belongs to a run's name, with an ending. Nothing else makes a path of a name.

    UserError for a name that is no plain path below the folder ("a", "a/b"), or that leads out of it by a link.
    """
    plain, root = PurePosixPath(name), folder.resolve()
    path = folder / f"{name}{ending}"
    try:
        own = str(plain) == name and not plain.is_absolute() and plain.parts and ".." not in plain.parts
        inside = own and path.resolve().is_relative_to(root)
        path.exists()  # OSError and ValueError: a name that no file can have
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise UserError(f"there is no run {name!r} in {root}")
    return path


@final
class Runs:
    """The runs below a folder. A run is named by its path below it; no other path is ever read.

    Args:
        folder: The folder of runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._logs = Logs()

    def path(self, name: str) -> Path:
        """The folder of a run. UserError for one that is not below the folder of runs, or not there."""
        path = below(self.folder, name)
        if not (path / "run.json").is_file():
            raise UserError(f"there is no run {name!r} in {self.folder}")
        return path

    def names(self) -> list[str]:
        """The runs' names, sorted; at most 2,000."""
        found = sorted(str(path.relative_to(self.folder)) for path in self._below(self.folder, DEEP))
        return found[:MOST]

    def _below(self, folder: Path, deep: int) -> Iterator[Path]:
        try:
            entries = [e for e in os.scandir(folder) if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
        except OSError:
            return
        for entry in entries:
            path = Path(entry.path)
            if (path / "run.json").is_file():
                yield path
            elif deep > 1:
                yield from self._below(path, deep - 1)

    def rows(self) -> list[Row]:
        """All runs, the last changed first. One that cannot be read has the state "damaged"."""
        return sorted((_row_of(name, self.folder / name) for name in self.names()), key=lambda row: -row.changed)

    def row(self, name: str) -> Row:
        """A run's row. UserError for a name that is not below the folder of runs."""
        return _row_of(name, below(self.folder, name))

    def read(self, name: str) -> RunFiles:
        """What the run's folder holds, of a long log a part. UserError where there is none, or it is damaged."""
        path = self.path(name)
        return replace(about(path), **self._logs.read(path / "log.jsonl")._asdict())

    def about(self, name: str) -> RunFiles:
        """As `read`, without the log."""
        return about(self.path(name))

    def sheets(self, name: str) -> list[tuple[int, Path]]:
        """(step, path) of the run's sheets of samples."""
        folder = self.path(name) / "samples"
        if folder.is_symlink():  # which may lead to anybody's
            return []
        return [(sheet.step, sheet.path) for sheet in sheets(folder) if not sheet.path.is_symlink()]


def running(path: Path) -> bool:
    """Whether a process trains in the folder: it has the folder's lock (utils/files.exclusive)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def stamp(path: Path) -> tuple[int, ...]:
    """What changes whenever a run's files do."""
    seen: list[int] = []
    for name in ("run.json", "log.jsonl", "evaluation.json"):
        try:
            found = (path / name).lstat()
            seen += [found.st_mtime_ns, found.st_size]
        except OSError:
            seen += [0, 0]
    return tuple(seen)


def _row_of(name: str, path: Path) -> Row:
    return _row(name, path, stamp(path), running(path))


def about(path: Path) -> RunFiles:
    """What a run's folder holds, but for its log. UserError where it is damaged."""
    return RunFiles(path.resolve(), read_run_json(path), [])


@lru_cache(maxsize=2 * MOST)
def _row(name: str, path: Path, stamp: tuple[int, ...], trains: bool) -> Row:
    changed = max(stamp[::2]) / 1e9
    try:
        run = about(path)
    except UserError as error:
        return Row(name, str(error), "", "damaged", 0, 0, {}, changed)
    config, status = run.config, mapping(run.config.get("status"))
    state = str(status.get("state", "unknown"))
    if state == "running" and not trains:
        state = "stopped"  # its process was killed
    logged, measured = newest(path / "log.jsonl")
    return Row(
        name=name,
        recipe=str(config.get("recipe")),
        data=str(mapping(config.get("data")).get("name", "")),
        state="running" if trains else state,
        step=max(int(number(status.get("step")) or 0), logged),
        steps=int(number(config.get("steps")) or 0),
        does=", ".join(word for readout, word in DOES.items() if readout in sequence(run.game.get("readouts"))),
        metrics=_metrics(mapping(run.json("evaluation.json").get("metrics")) or measured),
        changed=changed,
    )


def _metrics(measured: Json) -> dict[str, float]:
    return {name: value for name, given in measured.items() if (value := number(given)) is not None}
