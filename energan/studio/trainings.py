"""Trainings as processes of their own: `energan train …` in the background. The run's folder is the truth.

What was asked for is kept in RUNS/.studio/trainings/NAME.json, so that another server, after this one was killed, still
knows what waits, and what it may stop; what a process says is in NAME.log beside it. As many train at once as the
machine takes; the others wait for their turn.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import final

from energan.studio.notes import Notes, Training
from energan.studio.runs import LABELS, below, running
from energan.utils.errors import UserError
from energan.utils.files import exclusive, unwritable

NAME = re.compile(r"[\w][\w .()+-]{0,99}")  # of a run that is begun here
ERROR = "energan: "  # which the sentence of an error begins with
TOLD = 4000  # last bytes of what a training said
CLOCK = 1.5  # seconds by which the start of a process may be read differently
LONGEST = 200  # bytes of a name
ENDS = 10.0  # seconds that a process takes to end after it has saved, at most


@final
class Trainings:
    """The trainings that were asked for in a folder of runs.

    Args:
        runs: The folder of runs.
        at_once: How many train at a time.
        threads: Threads of each.
    """

    def __init__(self, runs: Path, at_once: int, threads: int) -> None:
        self.runs, self.at_once, self.threads = runs, at_once, threads
        self.notes = Notes(runs)
        self.lock = threading.Lock()
        self.children: set[subprocess.Popen[bytes]] = set()  # to be buried when they have ended
        self.troubles: dict[str, str] = {}  # why a training that waits could not begin, by its name

    def ask(self, name: str, command: Sequence[str]) -> Training:
        """A training of that name, which begins at once or waits for its turn.

        command: the words after `energan`, without --out.

        Raises:
            UserError: The name is no name for a folder, or one that is taken.
        """
        if not NAME.fullmatch(name) or name.strip() != name:
            raise UserError(f"{name!r} is no name for a run: letters, digits, spaces and _ . ( ) + - are")
        if len(name.encode()) > LONGEST:
            raise UserError(f"{name!r} is too long a name for a run")
        if name.casefold() == LABELS:
            raise UserError(f"{name} is the folder of the tables of labels: choose another name")
        with self.lock:
            taken = below(self.runs, name)
            self._check_idle(name)
            try:
                if taken.exists() and (not taken.is_dir() or any(taken.iterdir())):
                    raise UserError(f"there is a run {name} already: choose another name")
            except OSError as error:
                raise unwritable(taken, error) from error
            training = Training(name, tuple(command), 0, 0.0, time.time())
            self.notes.write(training)
        self.tend()
        return self.notes.find(name) or training

    def ask_new(self, name: str, command: Sequence[str]) -> str:
        """As `ask`, by a name like this one that is free. Returns it."""
        taken = {training.name for training in self.all()}
        free = (n for i in range(1, 10**6) if (n := name if i == 1 else f"{name}-{i}") not in taken)
        return self.ask(next(n for n in free if not (self.runs / n).exists()), command).name

    def resume(self, name: str, steps: int = 0) -> Training:
        """Goes on with a run that was stopped, or trains it for longer."""
        words = ["resume", str(below(self.runs, name)), *(["--steps", str(steps)] if steps else [])]
        return self.ask_again(name, words)

    def ask_again(self, name: str, command: Sequence[str]) -> Training:
        """As `ask`, of a run that is there, wherever below the folder of runs it is."""
        until = time.monotonic() + ENDS
        while self._alive(self.notes.find(name)) and not running(below(self.runs, name)) and time.monotonic() < until:
            time.sleep(0.1)  # it has saved, and ends at this moment
        with self.lock:
            self._check_idle(name)
            training = Training(name, tuple(command), 0, 0.0, time.time())
            self.notes.write(training)
        self.tend()
        return self.notes.find(name) or training

    def stop(self, name: str) -> None:
        """Asks a training to save and end, as Ctrl-C does; one that waits is forgotten. UserError if it is not ours."""
        with self.lock:
            training = self.notes.find(name)
            if training is None:
                raise UserError(f"{name} was not begun here: stop it where it was, by Ctrl-C")
            if training.waits:
                self.notes.remove(name)
                self.troubles.pop(name, None)
                return
            if self._alive(training):
                with suppress(ProcessLookupError):
                    os.kill(training.pid, signal.SIGTERM)

    def tend(self) -> None:
        """Begins what waits, as far as the machine takes it. To be called now and then."""
        with self.lock, suppress(UserError), exclusive(self.notes.folder, "another server tends it"):
            every = self.all()
            free = self.at_once - sum(self._alive(t) for t in every)
            for training in sorted((t for t in every if t.waits), key=lambda t: t.asked):
                if free <= 0:
                    break
                self.troubles.pop(training.name, None)
                try:
                    self._begin(training)
                    free -= 1
                except UserError as error:
                    self.troubles[training.name] = str(error)
                except OSError as error:  # its log cannot be written, or no process be begun
                    why = (error.strerror or str(error)).lower()
                    self.troubles[training.name] = f"{training.name} cannot begin: {why}"

    def all(self) -> list[Training]:
        """All that were asked for, those that have ended too. Notes of others are left out."""
        return self.notes.all()

    def active(self) -> dict[str, Training]:
        """Those that train or wait, by name."""
        return {t.name: t for t in self.all() if t.waits or self._alive(t)}

    def failed(self) -> dict[str, str]:
        """What those said that ended by an error before there was a run, by name."""
        ended = (t for t in self.all() if not t.waits and not self._alive(t))
        lacking = (t.name for t in ended if not (self.runs / t.name / "run.json").exists())
        last = {name: (self.said(name).strip().splitlines() or [""])[-1] for name in lacking}
        return {name: line.removeprefix(ERROR) for name, line in last.items() if line.startswith(ERROR)}

    def said(self, name: str) -> str:
        """The last that a training's process said, its errors too, or why there is none yet.

        UserError for what is no name of a run.
        """
        path = self.notes.path(name, ".log")
        if name in self.troubles:
            return self.troubles[name]
        try:
            with path.open("rb") as log:
                log.seek(max(0, path.stat().st_size - TOLD))
                return log.read(TOLD).decode("utf-8", "replace")
        except OSError:
            return ""

    # ------------------------------------------------------------------------------------------------ its own

    def _begin(self, training: Training) -> None:
        out = [] if training.command[0] == "resume" else ["--out", str(below(self.runs, training.name))]
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads), "PYTHONUNBUFFERED": "1"}
        log = self.notes.path(training.name, ".log")
        self.notes.write(training)  # or a disk that is full would have it begun again and again
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "energan", *training.command, *out],
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env=environment,
                start_new_session=True,  # which outlives the server, and hears no Ctrl-C meant for it
            )  # fmt: skip
        self.children.add(process)
        try:
            self.notes.write(training._replace(pid=process.pid, began=_began(process.pid)))
        except UserError:
            process.terminate()  # else nobody could stop it
            raise

    def _check_idle(self, name: str) -> None:
        """UserError for a training that waits or trains: another of its name would take its place."""
        found = self.notes.find(name)
        if found is not None and (found.waits or self._alive(found)):
            raise UserError(f"{name} trains already, or waits for its turn")

    def _alive(self, training: Training | None) -> bool:
        if training is None or training.waits:
            return False
        for child in [*self.children]:
            if child.poll() is not None:  # which buries it
                self.children.discard(child)
        return training.began > 0 and abs(_began(training.pid) - training.began) < CLOCK


def _began(pid: int) -> float:
    """When the process of that number began, in seconds after the machine's start; 0.0 where there is none.

    The time of day would change with a clock that is set.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time() - psutil.boot_time()
    except psutil.Error:
        return 0.0
