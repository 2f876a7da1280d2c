"""Plays a plan: what is left of it, by an executor, into a folder."""

import time
from collections.abc import Iterator
from pathlib import Path

from energan.sweep.folder import SweepFolder, read_rows
from energan.sweep.plan.halving import Ask, Judge, never
from energan.sweep.plan.trials import Plan, Result
from energan.sweep.playing.executors import Executor
from energan.sweep.playing.play import Stop
from energan.utils.console import progress_bar
from energan.utils.errors import UserError
from energan.utils.files import unwritable
from energan.utils.signals import stopping


def run(
    plan: Plan, executor: Executor, out: Path, *, metric: str = "", command: str = "", quiet: bool = False
) -> SweepFolder:
    """The folder of the sweep, once all its trials have a row, or after a signal. The same call goes on.

    Args:
        plan: The trials.
        executor: What plays them.
        out: The folder; a new one, or that of this very sweep.
        metric: A metric that each measured trial must have; "" for any.
        command: What was typed, for the record.
        quiet: No progress.

    Raises:
        UserError: The folder holds something else or cannot be written; before any other has ended well a trial was
            refused, or two failed, so that all may; a measured trial has no such metric.
    """
    folder = SweepFolder(out, plan)
    if out.exists() and not out.is_dir():
        raise UserError(f"`out` {out} is there already, a file; choose another")
    with folder.locked(), stopping() as caught:
        folder.open(command)
        for row in folder.rows():
            if row["state"] == "finished":
                _check_metric(metric, row)
                break
        progress = progress_bar("trials", show=not quiet)
        with progress:
            task = progress.add_task("sweep", total=len(plan), completed=folder.done, rate="-")
            begun, before = time.monotonic(), folder.done
            rows = executor.rows(plan.trials(folder.left()), lambda: bool(caught), _judge(plan, folder))
            try:
                for row in _tried(rows, folder, lambda: bool(caught)):
                    folder.add(row)
                    _check_metric(metric, row)
                    rate = (folder.done - before) / (time.monotonic() - begun)
                    progress.update(task, completed=folder.done, rate=f"{rate:.2g}")
            except OSError as error:
                raise unwritable(out, error) from error
            finally:
                rows.close()  # type: ignore[attr-defined]
                if folder.done:
                    folder.compact()
    return folder


def _judge(plan: Plan, folder: SweepFolder) -> Ask:
    """Who says which trials are stopped early; it knows those of earlier sessions."""
    if plan.halving is None:
        return never
    judge = Judge(plan.halving)
    for _, row in read_rows(folder.path):
        judge.remember(row)
    return judge


def _tried(rows: Iterator[Result], folder: SweepFolder, stop: Stop) -> Iterator[Result]:
    """The rows, in their order. UserError where one trial is refused, or two fail, before any other has ended.

    Then a flag is wrong that all trials have, most likely. One failure alone is held back until another trial has
    ended: a process may die of what its own trial asks for, while those beside it play.
    """
    failed: list[Result] = []
    for row in rows:
        if folder.done or row["state"] not in ("refused", "failed"):
            yield from failed
            failed.clear()
            yield row
            continue
        failed.append(row)
        if row["state"] == "refused" or len(failed) > 1:
            break
    else:
        if stop():  # the others were given up: what failed is a row, as it would be beside them
            yield from failed
            return
    if failed:
        folder.abandon()
        number = -1 if failed[-1]["state"] == "refused" else 0  # a refusal says what is wrong with the flags
        which, trial = "first" if failed[number] is failed[0] else "second", failed[number]
        setting = ", ".join(f"{name} {value}" for name, value in trial["setting"].items())
        raise UserError(f"the sweep's {which} trial ({setting or 'no setting'}) cannot be trained: {trial['message']}")


def _check_metric(metric: str, row: Result) -> None:
    if metric and row["state"] == "finished" and metric not in row["metrics"]:
        names = ", ".join(row["metrics"]) or "none"
        raise UserError(f"`metric` {metric!r} is not measured here: there are {names}")
