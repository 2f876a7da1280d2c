"""Tables of the results beside what was published, and curves."""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev

from energan.lab.figures import panels, save
from reproductions.campaign.entry import Entry
from reproductions.campaign.records import Line, Run, furthest, known, read


def spread(values: Sequence[float]) -> str:
    """ "mean ± standard deviation" of the values that are finite; how many are not is said.

    >>> spread([1.0, 2.0]), spread([1.0, math.nan]), spread([])
    ('1.5 ± 0.71', '1 (1 not finite)', '-')
    """
    good = [v for v in values if math.isfinite(v)]
    lost = f" ({len(values) - len(good)} not finite)" if len(good) < len(values) else ""
    if not good:
        return lost.strip() or "-"
    deviation = f" ± {stdev(good):.2g}" if len(good) > 1 else ""
    return f"{mean(good):.4g}{deviation}{lost}"


def tables(results: Path, entries: Sequence[Entry]) -> str:
    """A markdown table for each title, of the entries that have results; and a line of those that have none.

    UserError where results are of other settings, such as a toy's: they are no numbers to stand beside the published.
    """
    text, without = [], []
    for title, group in groupby(entries, lambda entry: entry.table):
        rows, members = [], list(group)
        for entry in members:
            runs = furthest(known(results, entry))
            without += [] if runs else [entry.name]
            rows += _rows(entry, runs)
        if rows:
            columns = [title, "models", "step", *members[0].shown, "published"]
            opened = sorted({entry.open for entry in members if entry.open})
            text += [_markdown(columns, rows), *(f"Left open: {words}." for words in opened), ""]
    if without:
        text.append(f"No results yet: {', '.join(without)}.")
    return "\n".join(text)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells) + "\n"


def _rows(entry: Entry, runs: dict[int, Run]) -> list[list[str]]:
    """A row over the seeds that got furthest; of another axis, a row each."""
    if not runs:
        return []
    if entry.axis != "seed":
        return [_row(entry, f"{entry.about}, {entry.axis} {n}", [run]) for n, run in sorted(runs.items())]
    most = max(run.last["step"] for run in runs.values())
    return [_row(entry, entry.about, [run for run in runs.values() if run.last["step"] == most])]


def _row(entry: Entry, name: str, runs: Sequence[Run]) -> list[str]:
    looks = [_chosen(entry, run) for run in runs]
    values = [spread([run.value(shown, look) for run, look in zip(runs, looks, strict=True)]) for shown in entry.shown]
    of = len(entry.seeds) if entry.axis == "seed" else 1
    reached = f"{runs[0].last['step']:,} of {runs[0].last['steps']:,}"
    at = f", the look of most {entry.best}" if entry.best else ""
    return [name, f"{len(runs)} of {of}", reached + at, *values, entry.published or "-"]


def _chosen(entry: Entry, run: Run) -> Line:
    """The look that the table shows: the last, or that of the largest `best`."""
    if not entry.best:
        return run.last
    return max(run.lines, key=lambda line: (_ordered(run.value(entry.best, line)), line["step"]))


def _ordered(value: float) -> float:
    """The value; one that is not finite comes before all others."""
    return value if math.isfinite(value) else -math.inf


def draw_curve(results: Path, entry: Entry) -> None:
    """curve.png: the first value that the entry's table shows, by step, of each model; where models draw nothing."""
    if list((results / entry.name).glob("*-*.png")):
        return
    runs = furthest(read(results, entry.name))
    name = next((shown for shown in entry.shown if any(shown in run.last["values"] for run in runs.values())), "")
    if not name:
        return
    figure, (axes,) = panels(1, 1, 4.6, 3.4)
    for seed, run in sorted(runs.items()):
        steps = [line["step"] for line in run.lines]
        axes.plot(steps, [run.value(name, line) for line in run.lines], lw=1, marker=".", label=f"{entry.axis} {seed}")
    axes.set_title(f"{entry.name}\n{entry.about}", fontsize=9)
    axes.set(xlabel="steps", ylabel=name)
    axes.legend(fontsize=6, frameon=False, ncols=1 + len(runs) // 5)
    save(figure, results / entry.name / "curve.png")
