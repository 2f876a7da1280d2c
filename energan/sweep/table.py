"""The rows of a sweep, checked, and as a table."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from energan.sweep.plan.trials import Result
from energan.utils.files import write

STATES = {
    "finished": "trained to its end, and measured",
    "stopped": "it was not among the best where it was looked at, and was not trained on",
    "diverged": "its training diverged: that is a result, and its row says how",
    "refused": "its settings cannot be trained",
    "failed": "an error, or a killed process, ended it",
}

TOGETHER = 512  # rows that are in memory when a table is written
LARGEST_STEP = 2**53
LARGEST_VALUE = 1e150  # of a metric: beyond it, squares are not finite
COLUMNS = ("trial", "identity", "seed", "state", "message", "step", "seconds")  # beside settings and metrics


def as_row(text: bytes) -> Result | None:
    """The row that a line is; None where it is none."""
    try:
        row = json.loads(text)
        whole = [row["trial"], row["seed"], row["step"]]
        sound = (
            all(type(number) is int and 0 <= number < 2**63 for number in whole)
            and all(isinstance(row[name], str) for name in ("identity", "state", "message"))
            and row["state"] in STATES
            and type(row["seconds"]) in (int, float)
            and 0 <= row["seconds"] < LARGEST_VALUE
            and isinstance(row["setting"], dict)
            and isinstance(row["metrics"], dict)
            and all(
                value is None or (type(value) in (int, float) and abs(value) < LARGEST_VALUE)
                for value in row["metrics"].values()
            )
            and all(
                type(step) is int
                and 0 <= step < LARGEST_STEP
                and (cost is None or (type(cost) in (int, float) and abs(cost) < LARGEST_VALUE))
                for step, cost in row.get("looks", [])
            )
        )
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    return row if sound else None


def write_parquet(path: Path, rows: Callable[[], Iterator[Result]]) -> Path:
    """Writes the rows as a table: a column for each setting and metric, beside COLUMNS. Returns the path.

    `rows` is called twice; some hundred rows are in memory at a time. A setting of numbers alone, and a metric, is a
    column of numbers, any other setting one of texts. A metric is called as in evaluation.json; one that has the name
    of another column is called "metric NAME".
    """
    import pyarrow
    from pyarrow import parquet

    settings: dict[str, str] = {}
    metrics: dict[str, None] = {}
    for row in rows():
        metrics |= dict.fromkeys(row["metrics"])
        for name, value in row["setting"].items():
            settings[name] = max(settings.get(name, ""), _kind(value), key=KINDS.index)
    kinds = {"": pyarrow.string(), "whole": pyarrow.int64(), "number": pyarrow.float64(), "text": pyarrow.string()}
    common = {name: pyarrow.string() for name in COLUMNS} | dict.fromkeys(("trial", "seed", "step"), pyarrow.int64())
    common["seconds"] = pyarrow.float64()
    of_settings = {name: name if name not in COLUMNS else f"setting {name}" for name in settings}
    of_metrics = {name: f"metric {name}" if name in COLUMNS or name in settings else name for name in metrics}
    schema = pyarrow.schema(
        [*common.items()]
        + [(column, kinds[settings[name]]) for name, column in of_settings.items()]
        + [(column, pyarrow.float64()) for column in of_metrics.values()]
    )

    def flat(row: Result) -> dict[str, Any]:
        values = {column: row["setting"].get(name) for name, column in of_settings.items()}
        told = {
            c: v if v is None or settings[n] != "text" else _text(v)
            for (n, c), v in zip(of_settings.items(), values.values(), strict=True)
        }
        measured = {column: row["metrics"].get(name) for name, column in of_metrics.items()}
        return {name: row[name] for name in COLUMNS} | told | measured

    def fill(temporary: Path) -> None:
        with parquet.ParquetWriter(temporary, schema) as writer:
            some: list[dict[str, Any]] = []
            for row in rows():
                some.append(flat(row))
                if len(some) == TOGETHER:
                    writer.write_table(pyarrow.Table.from_pylist(some, schema))
                    some = []
            writer.write_table(pyarrow.Table.from_pylist(some, schema))

    return write(path, fill)


KINDS = ("", "whole", "number", "text")  # what a column of several of them is: the last


def _kind(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is int and abs(value) < LARGEST_STEP:
        return "whole"
    return "number" if type(value) is float else "text"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
