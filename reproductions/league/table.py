"""The league's page: for each set of images a table, the best first, a row a system, and what each draws."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reproductions.cells import spread
from reproductions.league.entries import COSTS, ENTRIES

RESULTS = Path(__file__).with_name("results.jsonl")
TRIALS = Path(__file__).with_name("trials.jsonl")
PAGE = Path(__file__).parents[2] / "docs" / "league.md"
PICTURES = PAGE.parent / "results" / "league"
BEGIN, END = "<!-- the league: written by `python -m reproductions.league --page` -->", "<!-- end -->"
COLUMNS = {
    "mnist": ("FID", "IS", "I", "precision", "recall", "coverage", "digits", "nats"),
    "fashion-mnist": ("FID", "precision", "recall", "coverage", "nats"),
    "emoji-noto": ("FID", "precision", "recall", "coverage"),
}
FEATURES = {"mnist": "MNIST-FID"}
Row = dict[str, Any]


def latest(rows: Iterable[Row]) -> list[Row]:
    """Of rows of one system, data and seed the last; of others all."""
    return list({(row["system"], row["data"], row["seed"]): row for row in rows}.values())


def table(rows: Iterable[Row], data: str) -> str:
    """Markdown: mean and deviation over seeds, the least FID first."""
    of = ranked(rows, data)
    columns = COLUMNS[data]
    distance = FEATURES.get(data, "FID-MobileNetV2")
    titles = ["system", "recipe", "seeds", "steps", distance, *columns[1:], "images/s", "MiB"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for name in of:
        own = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in ENTRIES[name].own.items())
        recipe = f"`{ENTRIES[name].recipe}{' ' if own else ''}{own}`"
        steps = f"{of[name][0]['steps']:,}"
        cells = [spread([row[column] for row in of[name] if column in row]) for column in columns]
        cells += [f"{COSTS[name].images_per_second:,.0f}", f"{COSTS[name].MiB:,}"]
        lines.append("| " + " | ".join([name, recipe, str(len(of[name])), steps, *cells]) + " |")
    return "\n".join(lines) + "\n"


def ranked(rows: Iterable[Row], data: str) -> dict[str, list[Row]]:
    """The rows of these images by system, the least FID first."""
    of: dict[str, list[Row]] = {}
    for row in latest(rows):
        if row["data"] == data:
            of.setdefault(row["system"], []).append(row)
    return dict(sorted(of.items(), key=lambda item: sum(row["FID"] for row in item[1]) / len(item[1])))


def pictures(rows: Iterable[Row], data: str) -> str:
    """Markdown: samples of each system's least seed, in the table's order."""
    lines = ["| system | samples, none chosen |", "|---|---|"]
    for name, each in ranked(rows, data).items():
        picture = min(each, key=lambda row: row["seed"])["picture"]
        lines.append(f"| {name} | ![16 samples of {name}, {data}](results/league/{picture}) |")
    return "\n".join(lines) + "\n"


def page(text: str, rows: list[Row]) -> str:
    """The page with its tables as the rows have them."""
    tables = []
    for data in COLUMNS:
        if any(row["data"] == data for row in rows):
            tables.append(f"## {data}\n\n{table(rows, data)}\n{pictures(rows, data)}")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n\n" + "\n".join(tables) + "\n" + END + rest.partition(END)[2]


def read(path: Path) -> list[Row]:
    """The rows of a file of the league, which it wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
