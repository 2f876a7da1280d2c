"""labels.csv: which file has which label. Each label is on disk before the next image is shown."""

import csv
import hashlib
import json
import re
import threading
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import final

from energan.data.classes import plain_label
from energan.data.image_set import NONE
from energan.data.labels import label_rows
from energan.studio.runs import LABELS
from energan.utils.errors import UserError, printable
from energan.utils.files import exclusive, read_file, write, write_json

NAME = "labels.csv"

ORDER = "classes.json"  # the classes in the order of their keys

LARGEST = 2**27  # bytes of a table that is read

LONGEST = 100  # characters of a class's name

_turns = threading.Lock()  # of this server's threads; other processes are kept out by a lock on the folder


def class_name(text: str) -> str:
    """The name of a class, as it was typed. UserError for none, and for what stands for no label.

    >>> class_name(" cat ")
    'cat'
    """
    name = printable(text.strip())
    if not name or len(name) > LONGEST:
        raise UserError(f"a class has a name of 1 to {LONGEST} characters")
    plain = plain_label(name)
    if plain == NONE:
        raise UserError(f"{name!r} stands for no label in tables: choose another name")
    return str(plain)


def table_of(runs: Path, source: str) -> "Table":
    """The table of the images of a source, in the folder of runs: RUNS/labels/NAME-xxxxxx/labels.csv."""
    plain = re.sub(r"[^\w.-]+", "-", Path(source).name).strip("-.")[:60] or "images"
    return Table(runs / LABELS / f"{plain}-{hashlib.sha256(source.encode('utf-8', 'replace')).hexdigest()[:6]}")


@final
class Table:
    """A table of labels in a folder of its own, beside the copies that trainings were given.

    Several pages and processes may give labels at once: each label is added to what the file says at that moment.

    Args:
        folder: It is made with the first label.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME

    def read(self) -> dict[str, str]:
        """The label of each file, in the order in which they were given. UserError for a table that is none."""
        where = f"the labels file {self.path}"
        try:
            if self.path.is_symlink():
                raise UserError(f"{where} is a link, which is not read")
            rows = label_rows(read_file(self.path, LARGEST), where)
            return {file.removeprefix("./") if file.startswith("./ ") else file: name for _, file, name in rows if name}
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeError, csv.Error) as error:
            raise UserError(f"{where} cannot be read: {error}") from error

    def begin(self, known: Mapping[str, str]) -> dict[str, str]:
        """The labels, and those that were known before, for files of which the table says nothing."""
        with _turns:
            return {**known, **self.read()}

    def give(
        self, file: str, name: str, known: Mapping[str, str], held: str | None = None
    ) -> tuple[dict[str, str], str]:
        """Gives the file a label, "" to take it away. Returns all labels, and that which the file had before.

        known: labels of before, which the table gets, too, for files of which it says nothing; held: the label that
        the file must have, else nothing is changed.
        """
        with _turns, exclusive(self.folder, f"another program writes {self.path}: try again"):
            labels = {**known, **self.read()}
            before = labels.get(file, "")
            if held is not None and before != held:
                return labels, before
            labels.pop(file, None)
            if name:
                labels[file] = name
            self._write(self.path, labels)
            return labels, before

    def classes(self, known: Sequence[str]) -> list[str]:
        """The classes in the order in which they were made, then those of `known` that are new, in its order."""
        return list(dict.fromkeys([*self._order(), *known]))

    def keep(self, classes: Sequence[str]) -> None:
        """Keeps the order of classes, so that each has its key when the table is opened again."""
        with _turns, exclusive(self.folder, f"another program writes {self.path}: try again"):
            order = self._order()
            if (every := list(dict.fromkeys([*order, *classes]))) != order:
                write_json(self.folder / ORDER, every)

    def _order(self) -> list[str]:
        try:
            found = json.loads(read_file(self.folder / ORDER, LARGEST))
        except (OSError, ValueError, RecursionError):
            return []
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    def copy(self, number: int, known: Mapping[str, str]) -> Path:
        """A copy for a training, round-NUMBER.csv, with the labels of `begin`: what it was trained with stays so."""
        with _turns:
            path = self.folder / f"round-{number}.csv"
            self._write(path, {**known, **self.read()})
            return path

    def _write(self, path: Path, labels: Mapping[str, str]) -> None:
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("file", "label"))
        writer.writerows((f"./{file}" if file[:1].isspace() else file, name) for file, name in labels.items())
        write(path, lambda p: p.write_text(text.getvalue(), "utf-8"))
