"""What the command `compare` prints and writes of several runs."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from energan.utils.console import as_text, complain, say

if TYPE_CHECKING:
    from energan.report.compare.runs import Compared

CELL = 28  # characters of a value at most; the page and --json have all of it

ARROWS = {"": "", "lower": " ↓", "higher": " ↑"}  # what is better


def compare_runs(paths: Sequence[str], out: str, json: bool) -> int:
    """Reads the runs, prints, and writes the page. UserError for runs that cannot be compared."""
    from energan.report.compare.runs import compared_runs, write_runs

    compared = compared_runs([Path(path) for path in paths])
    say(as_text(_as_json(compared)) if json else _tables(compared))
    if out or not json:
        complain(f"page: {write_runs(compared, Path(out or 'compare.html'))}")
    return 0


def _as_json(compared: "Compared") -> dict[str, object]:
    """Each run's state; by name and run what differs in the settings, the metrics, and how they were measured."""
    names = compared.names
    tables = {"settings": compared.settings, "metrics": compared.metrics, "measured": compared.measured}
    return {
        "runs": compared.about,
        **{title: {row.name: dict(zip(names, row.raw, strict=True)) for row in rows} for title, rows in tables.items()},
        "comparable": compared.comparable,
        "best": {row.name: names[row.best] for row in compared.metrics if row.best >= 0},
    }


def _tables(compared: "Compared") -> str:
    """The runs side by side; those that are too many for the terminal's width below each other."""
    about = [
        (name, [str(run[name] if run[name] is not None else "–") for run in compared.about])
        for name in ("recipe", "state", "step", "seconds")
    ]
    settings = [(row.name, list(row.values)) for row in compared.settings]
    metrics = [
        (f"{row.name}{ARROWS[row.better]}", [f"{v} *" if i == row.best else v for i, v in enumerate(row.values)])
        for row in compared.metrics
    ]
    measured = [(row.name, list(row.values)) for row in compared.measured]
    parts = {
        "": about,
        "what differs in the settings": settings,
        "metrics": metrics,
        "how they were measured": measured,
    }
    lines = []
    for title, rows in parts.items():
        if rows:
            lines += [title] if title else []
            lines += [*_table(compared.names, rows), ""]
    if not settings:
        lines += ["all settings in run.json are the same", ""]
    if not metrics:
        lines.append("no run has been measured: `energan evaluate RUN` does that")
    elif not compared.comparable:
        lines.append("measured with different networks, numbers of samples or images: none is called the best")
    elif any(row.best >= 0 for row in compared.metrics):
        lines.append("* the best of its row")
    return "\n".join(lines).rstrip()


def _table(names: Sequence[str], rows: Sequence[tuple[str, list[str]]]) -> list[str]:
    first = max(len(_short(name)) for name, _ in rows)
    columns = [[_short(name), *(_short(values[i]) for _, values in rows)] for i, name in enumerate(names)]
    widths = [max(len(cell) for cell in column) for column in columns]
    room, at, lines = shutil.get_terminal_size().columns, 0, list[str]()
    while at < len(columns):
        end = at + 1
        while end < len(columns) and first + sum(w + 2 for w in widths[at : end + 1]) <= room:
            end += 1
        for i, label in enumerate(["", *(name for name, _ in rows)]):
            cells = (f"{column[i]:>{w}}" for column, w in zip(columns[at:end], widths[at:end], strict=True))
            lines.append("  ".join([f"{_short(label):{first}}", *cells]))
        at = end
    return lines


def _short(text: str) -> str:
    return text if len(text) <= CELL else f"{text[: CELL - 3]}..."
