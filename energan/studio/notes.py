"""What was asked for in a folder of runs: RUNS/.studio/trainings/NAME.json, and beside it what the process said.

A folder of runs may be another's, and so may the notes in it. A note counts only with this user's signature, of this
place: else a server would begin what a stranger asked for, and *Stop* would end any process that it names.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, final

from energan.runs.reader import mapping, number
from energan.runs.signature import is_signature, sign
from energan.studio.runs import below
from energan.utils.errors import UserError
from energan.utils.files import read_file, unwritable, write_json

FOLDER = Path(".studio", "trainings")
LARGEST = 2**20  # bytes of a note
KIND = "training"  # of what is signed


class Training(NamedTuple):
    """A training that was asked for here.

    name: the run's; command: the words after `energan`; pid: of its process, 0 while it waits; began: when the process
    did, in seconds after the machine's start, so that another process of the same number is not taken for it.
    """

    name: str
    command: tuple[str, ...]
    pid: int
    began: float
    asked: float

    @property
    def waits(self) -> bool:
        return self.pid == 0

    @property
    def line(self) -> str:
        """The command as one would type it."""
        return shlex.join(["energan", *self.command])


@final
class Notes:
    """The notes in a folder of runs.

    Args:
        runs: The folder of runs.
    """

    def __init__(self, runs: Path) -> None:
        self.runs, self.folder = runs, runs / FOLDER
        self._unsigned: dict[str, Training] = {}  # of a user who can have no key: no other server counts them

    def all(self) -> list[Training]:
        """Those of this user in this place."""
        return [training for training, own in self._every() if own]

    def others(self) -> list[str]:
        """The names of those that wait by notes of another user, or of another place."""
        return [training.name for training, own in self._every() if training.waits and not own]

    def find(self, name: str) -> Training | None:
        """This user's note of that name. UserError for what is no name of a run."""
        training, own = self._read(self.path(name))
        return training if own else None

    def write(self, training: Training) -> None:
        """Writes a note. UserError where that fails."""
        path = self.path(training.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        note = training._asdict()
        signature = sign(self._signed(note), KIND)
        write_json(path, {**note, "signature": signature})
        if not signature:
            self._unsigned[training.name] = training

    def remove(self, name: str) -> None:
        """Removes a note. UserError where that fails."""
        path = self.path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error

    def path(self, name: str, ending: str = ".json") -> Path:
        """The file of a run's note, or of its log. UserError for what is no name of a run, or leads elsewhere."""
        below(self.runs, name)  # whose folder is the one that a reader knows
        if self.folder.resolve() != self.runs.resolve() / FOLDER:
            raise UserError(f"{self.folder} is reached by a link, which may lead anywhere: remove the link")
        return below(self.folder, name, ending)

    def _signed(self, note: Mapping[str, object]) -> list[object]:
        """What is signed: the note, and where it is, or it could be copied into another folder of runs."""
        return [str(self.runs.resolve()), {key: note.get(key) for key in Training._fields}]

    def _every(self) -> Iterator[tuple[Training, bool]]:
        for path in sorted(self.folder.rglob("*.json")) if self.folder.is_dir() else []:
            training, own = self._read(path)
            if training is not None:
                yield training, own

    def _read(self, path: Path) -> tuple[Training | None, bool]:
        """The training of a note, and whether it is this user's; None for what is no note."""
        try:
            known = mapping(json.loads(read_file(path, LARGEST)))
        except (OSError, ValueError, RecursionError):
            return None, False
        name, command = known.get("name"), known.get("command")
        if not isinstance(name, str) or str(path.relative_to(self.folder)) != f"{name}.json" or path.is_symlink():
            return None, False
        if not isinstance(command, list) or not command:
            return None, False
        pid, began, asked = (number(known.get(key)) or 0 for key in ("pid", "began", "asked"))
        training = Training(name, tuple(map(str, command)), int(pid), float(began), float(asked))
        signed = is_signature(known.get("signature"), self._signed(known), KIND)
        return training, signed or self._unsigned.get(name) == training
