"""What a finished run draws when it is asked: its sheet, and what its kind of conditions measures."""

from typing import Any

from energan.capabilities.capability import Measurement
from energan.capabilities.conditions.kind import Kind
from energan.capabilities.conditions.kinds import KINDS, kind_of
from energan.capabilities.conditions.sheet import COLUMNS, asked_of, sample_rows
from energan.runs.reader import Json, mapping
from energan.utils.image_files import save_sheet


def measure(run: Measurement) -> dict[str, Any]:
    """Writes asked.png, and gives "conditions": the kind, what the sheet's rows ask for, and what the kind measures."""
    game, kind = run.model.game, kind_of(run.model.game)
    assert game.conditions is not None
    asked = asked_of(kind, run.experiment, run.training)
    save_sheet(sample_rows(run.model, asked.rows, COLUMNS, run.seed), run.folder / "asked.png", COLUMNS)
    sheet = {"kind": game.conditions.kind, "rows": list(asked.names) or len(asked.rows), "columns": COLUMNS}
    measured = kind.measure(run) if kind.measure else {}
    return {**measured, "conditions": {**sheet, **measured.get("conditions", {})}}


def summary(result: Json) -> str:
    """What was measured, as far as it is known."""
    measured = mapping(result.get("conditions"))
    kind = KINDS.get(str(measured.get("kind")), Kind())
    return kind.summary(measured) if kind.summary else ""
