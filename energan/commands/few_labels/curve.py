"""A curve of a classifier's error against the number of its labels: a run for each number, in one folder."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from energan.utils.console import say
from energan.utils.errors import UserError


def numbers(text: str) -> tuple[int, ...]:
    """ "10,20,50" -> (10, 20, 50), ascending and each once. UserError for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise UserError(f"`label_curve` {text!r} is no list of numbers of labels, such as 10,20,50")
    return tuple(sorted({int(part) for part in parts}))


Settings = Callable[[int], Mapping[str, Any]]  # number of labels -> the arguments of its run


def run_curve(
    counts: Sequence[int], out: str, recipe: str, settings: Settings, train: Callable[[int, str], int]
) -> int:
    """The exit code. Trains with each number of labels in out/labels-N, and draws out/curve.png and out/curve.csv.

    The same command goes on where it was stopped: runs that are finished stay as they are.

    Args:
        counts: The numbers of labels.
        out: The folder; "" for runs/label-curve.
        recipe: Of all runs.
        settings: Number of labels -> the arguments that its run has.
        train: (labels, folder) -> exit code of a new run.

    Raises:
        UserError: A run has no test error, or a folder is another experiment's.
    """
    from energan.commands.train import resume
    from energan.utils.tables import write_table

    folder, errors = Path(out or "runs/label-curve"), dict[int, tuple[float, int]]()
    places = {count: folder / f"labels-{count}" for count in counts}
    there = {count: place for count, place in places.items() if (place / "run.json").exists()}
    for count, place in there.items():  # before any is trained
        _check_same(place, recipe, settings(count))
    for count, place in places.items():
        if count in there and _is_finished(place):
            code = 0
        else:
            code = resume(str(place)) if count in there else train(count, str(place))
        if code:
            return code
        errors[count] = _error(place)
    columns = {
        "labels": list(errors),
        "error": [error for error, _ in errors.values()],
        "images": [images for _, images in errors.values()],
    }
    write_table(folder / "curve.csv", columns)
    _draw(folder / "curve.png", errors)
    say("\n".join(["labels  test error %", *(f"{count:6}  {error:.2f}" for count, (error, _) in errors.items())]))
    say(f"curve: {folder / 'curve.csv'}, {folder / 'curve.png'}")
    return 0


def _check_same(place: Path, recipe: str, arguments: Mapping[str, Any]) -> None:
    """UserError where the run is of another recipe or other arguments; it may have been trained on another device."""
    from energan.commands.config import changes
    from energan.runs.folder import RunFolder

    record = RunFolder(place).record
    here = json.loads(json.dumps({"recipe": recipe, **arguments}))  # as run.json has them
    there = dict.fromkeys(here) | {"recipe": record["recipe"], **record["arguments"]}
    if others := changes(there, dict.fromkeys(there) | here | {"device": there["device"]}):
        told = ", ".join(others)
        raise UserError(f"{place} is a run of other settings, and here they are {told}: choose another `out`")


def _is_finished(place: Path) -> bool:
    """Whether the run is trained and measured."""
    from energan.runs.folder import RunFolder

    state = RunFolder(place).record["status"]["state"]
    return state == "finished" and (place / "evaluation.json").exists()


def _error(place: Path) -> tuple[float, int]:
    """The run's test error in %, and of how many images."""
    from energan.runs.reader import mapping, number, read

    measured = mapping(read(place).json("evaluation.json").get("classification"))
    error, images = number(measured.get("error")), number(measured.get("images"))
    if error is None or images is None:
        raise UserError(f"{place} has no test error, for want of labelled test images: name some with `test`")
    return error, round(images)


def _draw(path: Path, errors: dict[int, tuple[float, int]]) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    from energan.capabilities.classification.section import wilson
    from energan.utils.files import write

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    ranges = [wilson(round(error * images / 100), images) for error, images in errors.values()]
    low, high = ([interval[end] for interval in ranges] for end in (0, 1))
    axes.fill_between(list(errors), low, high, alpha=0.2, label="95 %, by which images are tested")
    axes.plot(list(errors), [error for error, _ in errors.values()], marker="o", label="test error")
    axes.set(xscale="log", xlabel="labels", ylabel="test error, %")
    axes.set_ylim(bottom=0)
    axes.set_xticks(list(errors))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False)
    write(path, lambda p: figure.savefig(p, format="png", dpi=120))
