"""What a run's page shows, read of the disk at once: in a thread, and without the page."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from energan.html.pictures import picture
from energan.runs.reader import RunFiles
from energan.studio.notes import Training
from energan.studio.runs import Row
from energan.studio.studio import Studio
from energan.training.verdict import verdict_of
from energan.utils.errors import UserError

THUMB = 272, 136  # pixels of a corner of a sheet

LARGEST = 2_000_000  # bytes of a sheet; a larger one is shown smaller


class Absent(NamedTuple):
    """A run that has no folder: why, whether it was asked for, and what its process said."""

    why: str
    asked: Training | None
    said: str


class State(NamedTuple):
    """What is shown of a run. asked: its training, where one waits or trains; best: whether it has such weights."""

    row: Row
    found: RunFiles
    sheets: list[tuple[int, Path]]
    asked: Training | None
    said: str
    verdict: str
    best: bool

    @property
    def waits(self) -> bool:
        return self.asked is not None and self.asked.waits

    @property
    def stamp(self) -> object:
        """What changes when anything of it does."""
        return self.row, len(self.sheets), self.asked, self.said


def state_of(studio: Studio, name: str) -> State | Absent:
    """All that is read of the disk, at once, in a thread. Of what is no name of a run, nothing is."""
    asked, said = None, ""
    try:
        asked, said = studio.trainings.active().get(name), studio.trainings.said(name)
        files = studio.runs.read(name)
        verdict = verdict_of(files, files.path)
        best = (files.path / "checkpoints" / "best.safetensors").is_file()
        words = verdict.words if verdict else ""
        return State(studio.runs.row(name), files, studio.runs.sheets(name), asked, said, words, best)
    except UserError as error:
        return Absent(str(error), asked, said)


def thumbnail(studio: Studio, name: str) -> bytes:
    """A corner of the newest sheet of samples as PNG, or of the images that the run trains on; empty for none."""
    from PIL import Image

    try:
        sheets, folder = studio.runs.sheets(name), studio.runs.path(name)
    except UserError:
        return b""
    sheet = picture(sheets[-1][1] if sheets else folder / "real.png", LARGEST)
    if sheet is None:
        return b""
    file = BytesIO()
    with Image.open(BytesIO(b64decode(sheet.uri.partition(",")[2]))) as whole:
        whole.convert("RGB").crop((0, 0, min(whole.width, THUMB[0]), min(whole.height, THUMB[1]))).save(file, "PNG")
    return file.getvalue()
