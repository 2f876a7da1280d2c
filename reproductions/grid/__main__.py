"""Plays a random sample of the paper's grid search, and asks whether its claim holds.

    python -m reproductions.grid --sample 150 --steps 1000 --jobs 2 --out runs/grid
    python -m reproductions.grid --sample 300 --steps 1000 --jobs 2 --out runs/grid      goes on from there
    python -m reproductions.grid --sample 6144 --narrow 8 --steps 300 --out runs/small   all 6,656, of smaller nets
    python -m reproductions.grid --out runs/grid --longer 20000                          the best ones, as in figure 4

OUT is a sweep's folder (docs/sweep.md), with table.md, figure2.png and figure3.png of the trials that are there.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from energan.recipes.build import find_recipe
from energan.sweep.driver import run
from energan.sweep.folder import read_record, read_rows
from energan.sweep.plan.trials import Plan
from energan.sweep.playing.executors import Executor, Here, Processes
from energan.sweep.playing.play import Keep
from energan.utils.arguments import parameters
from energan.utils.checks import at_least
from energan.utils.console import STOPPED, complain, say
from energan.utils.errors import UserError
from energan.utils.files import user_path, write
from energan.utils.hardware import pick_device, pick_precision
from reproductions.cells import trained
from reproductions.grid.claim import SCORE, table
from reproductions.grid.figures import figure2, figure3
from reproductions.grid.table1 import Drawn
from reproductions.grid.trial import OPEN, RECIPE

SAMPLES = 2000  # that a trial is measured by


def plan(given: argparse.Namespace) -> Plan:
    """The trials that the command asks for."""
    precision = pick_precision("auto", pick_device(given.device))  # another machine goes on in the same
    told = {"data": given.data, "steps": given.steps, "batch": given.batch, "z": given.z, "device": given.device}
    told["precision"] = precision
    drawn = Drawn(given.sample, given.draw_seed, given.narrow)
    return Plan(RECIPE, parameters(find_recipe(RECIPE)) | told, drawn, (0,), given.n)


def play(given: argparse.Namespace) -> bool:
    """Plays what is left of the sample. Whether all of it is there."""
    out = user_path(given.out)
    keep = Keep(out.resolve(), sheets=True)
    executor: Executor = Here(keep) if given.jobs == 1 else Processes(given.jobs, keep)
    command = shlex.join(["python", "-m", "reproductions.grid", *sys.argv[1:]])
    folder = run(plan(given), executor, out, metric=SCORE, command=command)
    return folder.done == len(folder.plan)


def tell(out: Path) -> None:
    """Writes the table and the figures of the trials that are there."""
    told = read_record(out)["plan"]
    rows = sorted((row for _, row in read_rows(out)), key=lambda row: row["trial"])
    ended = {state: sum(row["state"] == state for row in rows) for state in ("finished", "diverged", "failed")}
    steps, batch = told["arguments"]["steps"], told["arguments"]["batch"]
    how = (
        f"{len(rows)} models of {steps:,} steps of {batch} images, sizes divided by {told['space']['narrow']}: "
        f"{ended['finished']} finished, {ended['diverged']} diverged (I taken as 0), {ended['failed']} failed. "
        f"{OPEN[0].upper()}{OPEN[1:]}.\n\n"
        "Pairs are EBGANs / GANs; the GANs of the last 12 rows stand beside all EBGANs.\n\n"
    )
    text = how[0].upper() + how[1:] + table(rows)
    write(out / "table.md", lambda path: path.write_text(text, encoding="utf-8"))
    figure2(rows, out / "figure2.png")
    figure3(rows, out / "figure3.png")
    say(text)


def longer(out: Path, steps: int) -> bool:
    """Trains the sample's best GAN, its best EBGAN, and that with a pulling-away term of .1. Whether all were."""
    best: dict[str, dict[str, Any]] = {}
    for _, row in read_rows(out):
        score = row["metrics"].get(SCORE) or 0.0
        system = row["setting"]["system"]
        if row["state"] == "finished" and score > best.get(system, {"score": 0.0})["score"]:
            best[system] = {"score": score, **row["setting"]}
    told = read_record(out)["plan"]["arguments"] | {"steps": steps}
    cells = {name: {k: v for k, v in setting.items() if k != "score"} for name, setting in best.items()}
    if "ebgan" in cells:
        cells["ebgan-pt"] = {**cells["ebgan"], "pt": 0.1}
    return all(
        trained(out / "longer" / name, RECIPE, {**told, **setting, "seed": 0}, f"the grid's best {name}")
        for name, setting in cells.items()
    )


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, 2 for what cannot be done, 130 after a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=0, help="models of each system; without it, those that are there")
    parser.add_argument("--steps", type=int, default=1000, help="of each model")
    parser.add_argument("--batch", type=int, default=128, help="images a step")
    parser.add_argument("--z", type=int, default=100, help="dimensions of the noise")
    parser.add_argument("--narrow", type=int, default=1, help="what the nets' sizes are divided by")
    parser.add_argument("--data", default="mnist", help="mnist and its like")
    parser.add_argument("--n", type=int, default=SAMPLES, help="samples that a model is measured by")
    parser.add_argument("--draw-seed", type=int, default=0, help="of the sample's order")
    parser.add_argument("--jobs", type=int, default=1, help="processes that play models at once")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--longer", type=int, default=0, help="steps that the best models are trained for, too")
    parser.add_argument("--out", required=True, help="the sweep's folder")
    try:
        return 0 if _done(parser.parse_args(arguments)) else STOPPED
    except UserError as error:
        complain(error.with_flags())
        return 2


def _done(given: argparse.Namespace) -> bool:
    """Does what the flags ask for. Whether it was not stopped before."""
    at_least(1, jobs=given.jobs, n=given.n)
    out = user_path(given.out)
    done = play(given) if given.sample else True
    tell(out)
    return longer(out, given.longer) if done and given.longer else done


if __name__ == "__main__":
    sys.exit(main())
