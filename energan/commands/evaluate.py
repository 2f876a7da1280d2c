"""The commands `evaluate` and `report`."""

import sys
from functools import partial
from pathlib import Path

from energan.utils.console import say


def evaluate(
    run: str,
    /,
    *,
    n: int | None = None,
    seed: int = 0,
    checkpoint: str = "",
    data: str = "",
    test: str = "",
    labels_csv: str = "",
    target: str = "",
    device: str = "auto",
    json: bool = False,
) -> int:
    """Measure a run's samples against real images; every number names its feature network.

    Args:
        run: The run's folder.
        n: How many samples, and real images at most; by default as many as the feature network is quick enough for.
        seed: Of the noise.
        checkpoint: "best", a step, or a path; the newest by default.
        data: Where the training images are now; by default where they were.
        test: Where a classifier's labelled test images are now.
        labels_csv: Where the images' labels are now.
        target: Where the pictures of the other domain are now.
        device: cpu, cuda, cuda:1, or auto.
        json: Print JSON instead of a table.
    """
    from energan import evaluation
    from energan.runs.sources import Sources
    from energan.utils.checks import usable_seed

    usable_seed(seed)
    announce = partial(print, file=sys.stderr) if json else say  # what is printed as JSON is nothing else
    named = Sources(data, test, labels_csv, target)
    result = evaluation.evaluate(
        Path(run), n=n, seed=seed, checkpoint=checkpoint or None, named=named, device=device, announce=announce
    )
    say(evaluation.as_json(result) if json else evaluation.as_table(result))
    return 0


def report(run: str, /) -> int:
    """Write a run's report again: one HTML page that opens from disk.

    Args:
        run: The run's folder.
    """
    from energan.report import write_report

    say(f"report: {write_report(Path(run))}")
    return 0
