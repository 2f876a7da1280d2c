"""A run's curves in the page have the numbers that were logged, step by step."""

from pathlib import Path

from energan.runs.reader import read
from energan.studio.charts import curves_of, options


def test_every_curve_has_what_was_logged(small_runs_folder: Path) -> None:
    run = read(small_runs_folder / "first")
    charts = curves_of(run)
    shown = {line["name"]: line["data"] for chart in charts for line in options(chart)["series"]}
    logged = [[line.step, line.values["D/E(x)"]] for line in run.logged("logs") if "D/E(x)" in line.values]
    assert logged and shown["E(x)"] == logged
    assert all(chart["title"] == options(chart)["title"]["text"] for chart in charts)


def test_a_margin_is_a_line_across_and_steep_curves_are_logarithmic(small_runs_folder: Path) -> None:
    charts = curves_of(read(small_runs_folder / "first"))
    energies = next(chart for chart in charts if chart["title"] == "Energies")
    assert options(energies)["series"][0]["markLine"]["data"][0]["yAxis"] == energies["level"]["value"]  # type: ignore[index]
    assert options(energies | {"log": True})["yAxis"]["type"] == "log"
