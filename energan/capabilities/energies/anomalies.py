"""The report's section on what is unusual: the threshold and its rate, the oddest images, and scores of others."""

from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.html.formatting import figure
from energan.html.pictures import Picture, picture
from energan.inference.calibration import rate_of
from energan.runs.calibration import FILE
from energan.runs.reader import Json, RunFiles, mapping, number
from energan.utils.errors import UserError

WIDE = 150_000  # bytes of a sheet


class Anomalies(NamedTuple):
    """What the section shows.

    calibration, scores    calibration.json, and scores.json or {}
    usual, unusual         pictures: energies that calibrate with the threshold, and the oddest of these images
    histogram, oddest      the same of scored images
    measured               (part, [(name, value)]) of the scores, where the truth is known
    """

    calibration: Json
    rate: str
    scores: Json
    usual: Picture | None
    unusual: Picture | None
    histogram: Picture | None
    oddest: Picture | None
    measured: list[tuple[str, list[tuple[str, object]]]]


def anomalies(run: RunFiles) -> list[Section]:
    """The section "Anomalies" of a run that was calibrated; none of others."""
    calibration, scores = run.json(FILE), run.json("scores.json")
    threshold, rate = number(calibration.get("threshold")), _rate(calibration.get("false_alarms"))
    if threshold is None or rate is None:
        return []
    parts = (("images", "of images"), ("AUROC by kind", "AUROC by kind"), ("pixels", "of pixels"))
    measured = [(title, list(mapping(scores[part]).items())) for part, title in parts if mapping(scores.get(part))]
    values = Anomalies(
        calibration,
        f"{figure(100 * rate)} %",
        scores,
        picture(run.path / "calibration.png"),
        picture(run.path / "unusual.png", WIDE),
        picture(run.path / "scores.png") if scores else None,
        picture(run.path / "maps" / "most-unusual.png", WIDE) if scores else None,
        measured,
    )
    return [Section("anomalies", "Anomalies", "energies/anomalies.html", values)]


def _rate(value: object) -> float | None:
    try:
        return float(rate_of(str(value)))
    except UserError:
        return None
