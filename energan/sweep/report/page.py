"""The report of a sweep: one HTML page, which opens from disk and asks the network for nothing."""

from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from energan.html import formatting
from energan.html.pictures import picture
from energan.runs.reader import mapping, sequence
from energan.sweep.folder import read_record, read_rows
from energan.sweep.metric import Metric, known
from energan.sweep.plan.trials import Result
from energan.sweep.report import plots
from energan.sweep.report.ranking import metric_of, ranked
from energan.sweep.table import STATES
from energan.utils.errors import printable
from energan.utils.files import write

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE = "report.html"
LISTED = 50  # trials in the table, at most
SHEETS = 6  # trials whose samples are shown, at most
STEEP = 20  # times its least that a metric's largest is: then it is drawn by its logarithm
UNFINISHED = 20  # sentences of trials without a metric


def write_page(folder: Path, metric: str = "") -> Path:
    """Writes FOLDER/report.html, and returns its path.

    Args:
        folder: The sweep's. It is read, and nothing that it names is run; what it lacks is named in its place.
        metric: The metric that trials are compared by; by default the first.

    Raises:
        UserError: The folder is no sweep, no trial has the metric, or nothing can be written.
    """
    record = read_record(folder)
    rows = {row["trial"]: row for _, row in reversed(list(read_rows(folder)))}
    found = [rows[number] for number in sorted(rows)]
    html = _render(folder, record, found, metric_of(metric, found))
    return write(folder / PAGE, partial(_write_text, html))


def _write_text(html: str, path: Path) -> int:
    return path.write_text(html, encoding="utf-8", errors="replace")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("energan.sweep.report", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"figure": formatting.figure, "plain": formatting.plain, "printable": printable}
    return environment


def _render(folder: Path, record: dict[str, Any], rows: list[Result], metric: Metric | None) -> str:
    from markupsafe import Markup

    style = files("energan").joinpath("report/templates/page.css").read_text(encoding="utf-8")
    best = ranked(rows, metric) if metric else []
    names = list(dict.fromkeys(name for row in rows for name in row["setting"]))
    plan = mapping(record["plan"])
    counts = {state: sum(row["state"] == state for row in rows) for state in STATES}
    page = _environment().get_template("sweep.html")
    return page.render(
        style=Markup(style),
        name=folder.resolve().name,
        record=record,
        plan=plan,
        arguments=mapping(plan.get("arguments")),
        seeds=sequence(plan.get("seeds")),
        names=names,
        metric=metric,
        states=[(state, counts[state], meaning) for state, meaning in STATES.items() if counts[state]],
        total=record.get("trials"),
        done=len(rows),
        best=best[:LISTED],
        measured=len(best),
        settings=_settings(best, metric, names)[:LISTED] if metric else [],
        ended=[row for row in rows if row["state"] not in ("finished", "stopped")][:UNFINISHED],
        not_finished=sum(row["state"] not in ("finished", "stopped") for row in rows),
        sheets=_sheets(folder, best),
        seconds=formatting.duration(sum(row["seconds"] for row in rows)),
        pictures=_pictures(best, metric, names) if metric and best else None,
        looks=_looks(rows, str(mapping(plan.get("halving")).get("metric") or (metric.name if metric else ""))),
    )


def _looks(rows: list[Result], name: str) -> Any:
    """The plot of what trials were stopped by; None where they were not looked at."""
    sign = -1 if known(name).way == "higher" else 1
    lines, ended = list[list[tuple[int, float]]](), list[bool]()
    for row in rows:
        seen = sorted((step, sign * cost) for step, cost in row.get("looks", []) if cost is not None)
        if seen and len(lines) < plots.LINES:
            lines.append(seen)
            ended.append(row["state"] == "finished")
    return (name, plots.looks(lines, ended, name)) if lines else None


def _settings(best: list[Result], metric: Metric, names: list[str]) -> list[dict[str, Any]]:
    """Each setting with the mean of the metric over its seeds, best first; none where each has one seed."""
    groups: dict[str, list[Result]] = {}
    for row in best:
        groups.setdefault(repr([row["setting"].get(name) for name in names]), []).append(row)
    if all(len(group) == 1 for group in groups.values()):
        return []
    told = []
    for group in groups.values():
        values = [row["metrics"][metric.name] for row in group]
        spread = stdev(values) if len(values) > 1 else None
        told.append({"setting": group[0]["setting"], "n": len(group), "mean": mean(values), "spread": spread})
    return sorted(told, key=lambda each: -each["mean"] if metric.way == "higher" else each["mean"])


def _sheets(folder: Path, best: list[Result]) -> list[tuple[Result, Any]]:
    """The sheets of the best trials that have one."""
    shown = []
    for row in best[:SHEETS]:
        if (found := picture(folder / "sheets" / f"{row['trial']:06d}.png")) is not None:
            shown.append((row, found))
    return shown


def _pictures(best: list[Result], metric: Metric, names: list[str]) -> dict[str, Any]:
    """The page's plots."""
    values = [row["metrics"][metric.name] for row in best]
    log = min(values) > 0 and max(values) > STEEP * min(values)
    columns = {name: [row["setting"].get(name) for row in best] for name in names}
    varied = {name: column for name, column in columns.items() if len({formatting.plain(v) for v in column}) > 1}
    return {
        "histogram": plots.histogram(values, metric.name),
        "effects": [(name, plots.effect(name, column, values, metric.name, log)) for name, column in varied.items()],
        "parallel": plots.parallel(list(varied), list(zip(*varied.values(), strict=True)), values, metric.name, log)
        if len(varied) > 1
        else None,
        "lines": min(len(best), plots.LINES),
        "log": log,
    }
