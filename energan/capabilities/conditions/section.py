"""The report of a system that is asked: its kind's sections, and its sheets over time."""

from energan.capabilities.capability import Section, Sheets
from energan.capabilities.conditions.kinds import kind_of_run
from energan.capabilities.drawing.section import over_time
from energan.runs.reader import RunFiles

ASKED = Sheets(
    plural="Samples",
    last="Drawn as asked",
    what=": a row for each thing asked for, a column for each noise,",
    frame="Generated images at the chosen step, a row for each thing asked for",
    over_time="A row for each thing asked for, a column for each noise; both are the same at every step, so each place "
    "in the sheet shows one image taking shape.",
)


def sections(run: RunFiles) -> list[Section]:
    """The kind's own sections, and "Over time"."""
    kind = kind_of_run(run)
    return [*(kind.sections(run) if kind.sections else []), over_time(run, ASKED)]
