"""What probes leave in a run's folder: probes/NAME.json says what was found, probes/NAME.png shows it.

The report shows each that is there ("What it has learned"). Another probe of the same name takes its place.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from energan.runs.copies import is_copy
from energan.utils.files import write_json

FOLDER = "probes"


class Number(NamedTuple):
    """A number that a probe found. value: a number, or text where it is none; says: what it is, a line."""

    name: str
    value: float | str
    says: str = ""


class Finding(NamedTuple):
    """What a probe found.

    Attributes:
        title: A few words, such as "Neighbours".
        says: What was found, a sentence or two.
        step: The step of the checkpoint that was probed; None where that is not known.
        numbers: What was measured.
        picture: What the picture shows, a line; "" where there is none.
    """

    title: str
    says: str
    step: int | None = None
    numbers: Sequence[Number] = ()
    picture: str = ""


def folder_of(run: Path) -> Path:
    """Where findings go: the run's folder of them; of a copy in the cache, which stays as it is, ./probes."""
    return Path(FOLDER) if is_copy(run) else run / FOLDER


def picture_of(run: Path, name: str, suffix: str = ".png") -> Path:
    """Where the picture of a probe goes, unless the user says where."""
    return folder_of(run) / f"{name}{suffix}"


def write_finding(run: Path, name: str, found: Finding) -> Path:
    """Writes NAME.json among the findings. UserError where nothing can be written."""
    numbers = [number._asdict() for number in found.numbers]
    return write_json(folder_of(run) / f"{name}.json", {**found._asdict(), "numbers": numbers})
