"""Which trials are the best, by one metric."""

from collections.abc import Iterable
from typing import Any

from energan.sweep.folder import SweepFolder
from energan.sweep.metric import Metric, known
from energan.sweep.plan.trials import Result
from energan.sweep.table import STATES
from energan.utils.errors import UserError

SHOWN = 5  # best trials that the command tells


def metric_of(name: str, rows: Iterable[Result]) -> Metric | None:
    """The metric of that name, by default the first that was measured; None where nothing was.

    UserError for a name that no trial has.
    """
    names: dict[str, None] = {}
    for row in rows:
        names |= dict.fromkeys(row["metrics"])
    if name and names and name not in names:
        raise UserError(f"`metric` {name!r} is not measured here: there are {', '.join(names)}")
    name = name or next(iter(names), "")
    return known(name) if name in names else None


def ranked(rows: Iterable[Result], metric: Metric) -> list[Result]:
    """The trials that were trained to their end and have a finite value of it, best first; of equals, the first."""
    ended = [row for row in rows if row["state"] == "finished" and row["metrics"].get(metric.name) is not None]
    return sorted(ended, key=lambda row: (metric.key(row["metrics"][metric.name]), row["trial"]))


def told(folder: SweepFolder, name: str) -> str:
    """How the trials ended, and the best of them, as text. Few rows are in memory at a time."""
    counts = ", ".join(f"{folder.counts[state]:,} {state}" for state in STATES if folder.counts[state])
    lines = [f"{folder.done:,} of {len(folder.plan):,} trials: {counts or 'none yet'}"]
    if (metric := metric_of(name, folder.rows())) is not None:
        best: list[Result] = []
        for row in folder.rows():
            best = ranked([*best, row], metric)[:SHOWN]
        order = f"{metric.way} is better" if metric.way else "least first"
        lines += [f"best by {metric.name} ({order}):"]
        lines += [f"  {row['metrics'][metric.name]:10.4g}  trial {row['trial']}: {words(row)}" for row in best]
    return "\n".join(lines)


def words(row: Result) -> str:
    """A trial's settings and seed."""
    return ", ".join(f"{name} {_value(value)}" for name, value in [*row["setting"].items(), ("seed", row["seed"])])


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
