"""What a sweep costs: trials an hour by each executor, what a trial costs beyond its steps, its start, its memory.

    python -m benchmarks.sweep [--trials 8] [--steps 2000] [--size 200] [--batch 128] [--compile]

Trials are GANs of digits with other learning rates. "by hand" is the same trainings in a Python loop, each measured
once by the same metrics: what a trial costs beyond that is the sweep's. "steps alone" is these without measuring. All
executors play the same trials, one after another, on the threads that there are (OMP_NUM_THREADS).
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engine import machine, table
from energan.recipes.build import build, find_recipe
from energan.sweep.driver import run
from energan.sweep.plan.space import Grid, axes
from energan.sweep.plan.trials import Plan
from energan.sweep.playing.executors import Executor, Here, Processes
from energan.sweep.playing.play import Keep
from energan.utils.arguments import flat_types, parameters

RECIPE, MANY = "gan-mnist", 10_000  # trials of the sweep whose start and memory are looked at

START = """
import resource, signal, sys, time
begun = time.perf_counter()
from energan.cli import main
from energan.sweep.playing import executors
first = []
def play_all(trials, *_):
    first.append(time.perf_counter())
    if len(first) == 100:
        signal.raise_signal(signal.SIGTERM)
    return [trial.row("finished", metrics={"MNIST-FID": 1.0}) for trial in trials]
executors.play_all = play_all
main(["sweep", "gan-mnist", "--data", "digits", "--quiet", *sys.argv[1:]])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(first[0] - begun, peak, file=sys.stderr)
"""  # 100 trials that take no time, by the command itself


def plan(given: argparse.Namespace, compiled: bool = False) -> Plan:
    """The trials."""
    settings = {
        "data": given.data,
        "size_g": given.size,
        "size_d": given.size,
        "steps": given.steps,
        "batch": given.batch,
    }
    told = parameters(find_recipe(RECIPE)) | settings | {"precision": "fp32", "compile": compiled, "optim_g": "adam"}
    rates = axes([f"lr=1e-5:1e-3:log:{given.trials}"], flat_types(find_recipe(RECIPE)))
    return Plan(RECIPE, told | {"optim_d": "adam"}, Grid(rates), (0,), given.n)


def by_hand(trials: Plan, measured: bool = True) -> None:
    """The same trainings and measurements, without a sweep."""
    from energan import metrics
    from energan.inference.snapshot import snapshot
    from energan.metrics.features.catalog import describe
    from energan.training.loop import trainer_of

    first = build(RECIPE, **trials.trial(0).arguments)
    data, n = first.training_set(), trials.samples or 1000
    real = describe(first.test_set().images[:n])
    for i in range(len(trials)):
        experiment = build(RECIPE, **trials.trial(i).arguments)
        trainer = trainer_of(experiment, data)
        for _ in range(experiment.steps):
            trainer.step()
        if not measured:
            continue
        model = snapshot(trainer, experiment.shown(data).images, experiment.batch)
        metrics.evaluate(model.sample(n, 0), real)


def executors(given: argparse.Namespace) -> dict[str, Callable[[Path], None]]:
    """What is timed, by its name."""

    def swept(make: Callable[[Keep], Executor], compiled: bool = False) -> Callable[[Path], None]:
        return lambda out: run(plan(given, compiled), make(Keep(out)), out, quiet=True) and None

    found = {
        "steps alone": lambda out: by_hand(plan(given), measured=False),
        "by hand": lambda out: by_hand(plan(given)),
        "one process": swept(Here),
        "two processes": swept(lambda keep: Processes(2, keep)),
        "as one program": swept(lambda keep: Here(keep, given.trials)),
    }
    if given.compile:
        found["one process, compiled"] = swept(Here, True)
        found["as one program, compiled"] = swept(lambda keep: Here(keep, given.trials), True)
    return found


def start(flags: Sequence[str]) -> tuple[float, float]:
    """Seconds from the command's first import to its first trial, and the peak of its memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        told = [sys.executable, "-c", START, *flags, "--out", str(Path(folder) / "sweep")]
        lines = subprocess.run(told, capture_output=True, text=True, check=True).stderr.splitlines()
    return tuple(map(float, lines[-1].split()))  # type: ignore[return-value]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", help="digits that trials are trained on")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--size", type=int, default=200, help="units of a layer")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--n", type=int, default=1000, help="samples that a trial is measured by")
    parser.add_argument("--compile", action="store_true", help="compiled ones, too")
    given = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:  # imports, images and weights are read before anything is timed
        short = plan(argparse.Namespace(**{**vars(given), "steps": 1, "trials": 2}))
        run(short, Here(Keep(Path(folder) / "sweep")), Path(folder) / "sweep", quiet=True)
    for name, play in executors(given).items():
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            play(Path(folder) / "sweep")
            seconds = (time.monotonic() - begun) / given.trials
        rows.append({"trials": name, "s a trial": seconds, "trials an hour": 3600 / seconds})
        rows[-1]["beside steps alone"] = seconds / rows[0]["s a trial"]
        print(rows[-1], file=sys.stderr, flush=True)
    print(machine(compile=given.compile))
    print(table(rows))
    ways = {
        f"{MANY:,} trials, a grid": ["--over", "lr=1e-5:1e-2:log:100", "--over", f"z=1:1000:{max(2, MANY // 100)}"],
        f"{MANY:,}, at random": ["--over", "lr=1e-5:1e-2:log", "--sample", str(MANY)],
        f"{MANY:,}, Sobol points": ["--over", "lr=1e-5:1e-2:log", "--sobol", str(MANY)],
        "100, at random": ["--over", "lr=1e-5:1e-2:log", "--sample", "100"],
    }
    columns = ("first trial after, s", "peak, MiB")
    print(table([{"sweep": name, **dict(zip(columns, start(flags), strict=True))} for name, flags in ways.items()]))


if __name__ == "__main__":
    main()
