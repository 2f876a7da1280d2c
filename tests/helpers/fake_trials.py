"""Trials that take milliseconds, for tests of what plays them. A worker process imports this module by its name."""

import os
import signal
import time
from pathlib import Path

from energan.sweep.plan.halving import Ask, never
from energan.sweep.plan.trials import Result, Trial
from energan.sweep.playing.play import GivenUp, Keep, Stop


def play(trial: Trial, keep: Keep, stop: Stop = lambda: False, ask: Ask = never) -> Result:
    """A row that depends on the trial alone. At lr 13 the process dies; at lr 14, the first time it is tried."""
    lr = trial.arguments["lr"]
    with (keep.folder / "played").open("a") as file:
        file.write(f"{trial.number}\n")
    if lr == 13 or (lr == 14 and _first(keep.folder / f"tried-{trial.number}")):
        os.kill(os.getpid(), signal.SIGKILL)
    for _ in range(3):
        time.sleep(0.001)
        if stop():
            raise GivenUp
    looks: list[tuple[int, float]] = []
    for step in sorted(trial.halving.looks(trial.arguments["steps"])) if trial.halving else ():
        looks.append((step, lr + 1 / step))
        if ask(trial.number, *looks[-1]):
            return trial.row("stopped", step=step, metrics={"MNIST-FID": looks[-1][1]}) | {"looks": looks}
    if lr == 15:
        return trial.row("diverged", "training diverged before step 2: D/E(x) became inf", step=2, seconds=0.1)
    row = trial.row("finished", step=3, seconds=0.1, metrics={"MNIST-FID": lr + trial.seed / 10, "IS": 2.0})
    return row | {"looks": looks} if trial.halving else row


def _first(path: Path) -> bool:
    if path.exists():
        return False
    path.touch()
    return True


def play_all(trials: list[Trial], keep: Keep, stop: Stop = lambda: False, ask: Ask = never) -> list[Result]:
    """Their rows."""
    return [play(trial, keep, stop, ask) for trial in trials]
