"""The runs that were trained with a table's labels, round after round, and the command of the next."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, get_args

from energan.recipes.semi_supervised.classifiers import SYSTEMS, System
from energan.runs.reader import mapping, number, sequence
from energan.studio.pages.label.table import Table
from energan.studio.runs import Runs, about, stamp
from energan.studio.trainings import Trainings
from energan.utils.errors import UserError

CHOICES: tuple[str, ...] = get_args(System)


class Round(NamedTuple):
    """A run, by what it was trained with.

    error   in % of the held-out images; None where it is not known
    images  that the error was measured on
    told    what the run is doing, or how it ended
    """

    run: str
    labels: int
    error: float | None
    images: int
    told: str


def trains_again(runs: Runs, run: str) -> bool:
    """Whether `energan classify` made the run, so that it can be trained again with its settings."""
    return runs.about(run).config.get("recipe") in {own.recipe for own in SYSTEMS.values()}


def rounds(runs: Runs, table: Table, first: str = "") -> list[Round]:
    """The rounds of a table, by the number of labels. first: a run before the table was begun, "" for none."""
    paths = ((name, runs.folder / name) for name in runs.names())
    names = [name for name, path in paths if name == first or _table(path, stamp(path)[:2]) == table.folder]
    found = [_round(runs, name) for name in names]
    return sorted((each for each in found if each is not None), key=lambda each: (each.labels, each.run))


@lru_cache(maxsize=4096)
def _table(path: Path, stamp: tuple[int, ...]) -> Path | None:
    """The folder of the table that a run was trained with."""
    try:
        given = mapping(about(path).config.get("arguments")).get("labels_csv")
    except UserError:
        return None
    return Path(given).parent if isinstance(given, str) and given else None


def _round(runs: Runs, name: str) -> Round | None:
    try:
        run, row = runs.about(name), runs.row(name)
    except UserError:
        return None
    measured = mapping(run.json("evaluation.json").get("classification"))
    labels = sum(int(number(each) or 0) for each in sequence(mapping(run.config.get("data")).get("labels")))
    told = f"{row.state}, step {row.step:,} of {row.steps:,}"
    return Round(name, labels, number(measured.get("error")), int(number(measured.get("images")) or 0), told)


def failed(trainings: Trainings, table: Table) -> list[Round]:
    """The rounds of a table whose training ended before there was a run, with its sentence."""
    own = f"{table.folder.name}-round-"
    found = {name: said for name, said in trainings.failed().items() if name.startswith(own)}
    return [Round(name, 0, None, 0, f"failed: {said}") for name, said in found.items()]


def next_number(runs: Runs, table: Table) -> int:
    """The number of the next round: one that no copy and no run has."""
    n = 1
    while (table.folder / f"round-{n}.csv").exists() or (runs.folder / run_name(table, n)).exists():
        n += 1
    return n


def run_name(table: Table, n: int) -> str:
    return f"{table.folder.name}-round-{n}"


def command(
    runs: Runs, source: str, labels: Path, *, run: str = "", system: str = "", features: bool = False,
    steps: int = 0, test: str = "",
) -> list[str]:  # fmt: skip
    """The words after `energan` that train a classifier.

    run: a run whose settings are taken; without one, the system, and what it sees; steps, test: in their place.
    """
    words = ["classify", "--data", source, "--labels", str(labels)]
    if run:
        words += ["--config", str(runs.path(run))]
    elif system not in CHOICES:
        raise UserError(f"there is no system {system!r}: choose one of {', '.join(CHOICES)}")
    else:
        words += ["--system", system, *(["--features", "mobilenetv2"] if features else [])]
    words += ["--steps", str(steps)] if steps else []
    return words + (["--test", test] if test else [])
