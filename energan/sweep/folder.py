"""The folder of a sweep.

sweep.json         the plan, the command and the machine
results.jsonl      one row a trial, appended as trials end: what is in it is never lost, and never played again
results.parquet    the same as a table, in the order of the trials, written when the command ends
sheets/000123.png  samples of a trial, and runs/000123/, its run folder, where they were asked for
"""

import json
import os
from array import array
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

from energan.sweep.plan.trials import FORMAT, Plan, Result
from energan.sweep.table import LARGEST_VALUE, STATES, as_row, write_parquet
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import LARGEST_LINE, exclusive, read_file, sweep, unwritable, write_json
from energan.utils.hardware import environment
from energan.utils.version import __version__

RECORD, ROWS, TABLE = "sweep.json", "results.jsonl", "results.parquet"
LARGEST = 2**24  # bytes of sweep.json
NONE = -1


def read_record(folder: Path) -> dict[str, Any]:
    """sweep.json. UserError for a folder that is no sweep, is damaged, or is of a newer Energan."""
    path = folder / RECORD
    try:
        record = json.loads(read_file(path, LARGEST))
    except FileNotFoundError:
        raise UserError(
            f"{folder} is no sweep: it has no {RECORD}; name the folder that `energan sweep` wrote"
        ) from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is no JSON ({str(error)[:100]})") from error
    if not isinstance(record, dict) or not isinstance(record.get("plan"), dict):
        raise UserError(f"{path} is damaged: it describes no sweep")
    if not isinstance(found := record.get("format"), int) or found > FORMAT:
        raise UserError(f"{path} is of format {found!r}, and this Energan reads up to {FORMAT}: use a newer one")
    return record


def read_rows(folder: Path) -> Iterator[tuple[int, Result]]:
    """The sound rows of results.jsonl as they were appended, each with the place where it begins.

    A killed sweep may have left half a row, and a stranger anything: what is no row is left out.
    """
    try:
        file = os.fdopen(os.open(folder / ROWS, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError:
        return
    with file:
        place = 0
        while text := file.readline(LARGEST_LINE):
            if text.endswith(b"\n") and (row := as_row(text)) is not None:
                yield place, row
            place += len(text)


@final
class SweepFolder:
    """A sweep's folder, for the process that plays it."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self._places = array("q", [NONE]) * len(plan)  # where each trial's row begins
        self.counts = dict.fromkeys(STATES, 0)

    def locked(self) -> AbstractContextManager[None]:
        """The folder for this process alone. UserError where another one plays it."""
        return exclusive(
            self.path, f"another process plays the sweep in {self.path} at this moment; choose another `out`"
        )

    def abandon(self) -> None:
        """Removes a sweep that has no row: the corrected command may take the folder."""
        if not self.done:
            (self.path / RECORD).unlink(missing_ok=True)
            (self.path / ROWS).unlink(missing_ok=True)
            with suppress(OSError):  # not empty
                self.path.rmdir()

    def open(self, command: str) -> None:
        """Begins a sweep, or goes on with the one that is there. UserError where the folder has anything else."""
        described, path = self.plan.described(), self.path / RECORD
        sweep(self.path)
        if not path.exists():
            if any(self.path.iterdir()):
                raise UserError(f"`out` {self.path} is there already and is no sweep: choose another, or delete it")
            self._write_record(described, command, datetime.now(UTC).isoformat(timespec="seconds"))
            return
        record = read_record(self.path)
        if record["plan"] != described:
            raise UserError(
                f"`out` {self.path} holds another sweep ({_difference(record['plan'], described)}): choose another"
            )
        settings = record.get("settings")
        if settings != len(self.plan.space):
            if not self.plan.space.growing or not isinstance(settings, int) or settings > len(self.plan.space):
                raise UserError(f"`out` {self.path} holds a sweep of {settings!r} settings: choose another `out`")
            self._write_record(described, command, str(record.get("created")))
        self._read()

    def _write_record(self, described: Mapping[str, Any], command: str, created: str) -> None:
        write_json(
            self.path / RECORD,
            {
                "format": FORMAT,
                "energan": __version__,
                "command": command,
                "created": created,
                "plan": described,
                "settings": len(self.plan.space),
                "trials": len(self.plan),
                "environment": environment(),
            },
        )

    def _read(self) -> None:
        """Finds which trials have a row, and drops half a row at the end."""
        strange = 0
        for place, row in read_rows(self.path):
            number = row["trial"]
            if number < len(self.plan) and self.plan.trial(number).identity == row["identity"]:
                if self._places[number] == NONE:
                    self._places[number] = place
                    self.counts[row["state"]] += 1
            else:
                strange += 1
        if strange:
            warn(f"{strange} rows of {self.path / ROWS} are of other trials than this sweep's, and are left out")
        try:
            with (self.path / ROWS).open("ab+") as file:
                if end := file.tell():
                    file.seek(max(0, end - LARGEST_LINE))
                    tail = file.read()
                    file.truncate(end - len(tail) + tail.rfind(b"\n") + 1)
        except OSError as error:
            raise unwritable(self.path / ROWS, error) from error

    def left(self) -> Iterator[int]:
        """The numbers of the trials that have no row yet, in order."""
        return (number for number in range(len(self.plan)) if self._places[number] == NONE)

    @property
    def done(self) -> int:
        """How many trials have a row."""
        return sum(self.counts.values())

    def add(self, row: Result) -> None:
        """Appends the row of a trial that ended. UserError where the disk is full."""
        text = json.dumps({**row, "metrics": finite(row["metrics"])}, default=str) + "\n"
        try:
            with (self.path / ROWS).open("ab") as file:
                place = file.tell()
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.path / ROWS, error) from error
        self._places[row["trial"]] = place
        self.counts[row["state"]] += 1

    def rows(self) -> Iterator[Result]:
        """The rows in the order of the trials; one at a time is in memory."""
        if not self.done:
            return
        with (self.path / ROWS).open("rb") as file:
            for place in self._places:
                if place != NONE:
                    file.seek(place)
                    if (row := as_row(file.readline(LARGEST_LINE))) is not None:
                        yield row

    def compact(self) -> Path:
        """Writes results.parquet, and returns its path."""
        return write_parquet(self.path / TABLE, self.rows)


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """The metrics with None for each number that is not finite, or as good as that."""
    return {name: value if abs(value) < LARGEST_VALUE else None for name, value in metrics.items()}


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is other in the plan of another sweep."""
    for name in now:
        was, told = before.get(name), now[name]
        if isinstance(was, dict) and isinstance(told, dict) and was != told:
            changed = [key for key in {**told, **was} if was.get(key) != told.get(key)]
            return ", ".join(f"{key}: {was.get(key)!r}, now {told.get(key)!r}" for key in changed[:2])[:300]
        if was != told:
            return f"{name}: {was!r}, now {told!r}"[:300]
    return "of a newer Energan"
