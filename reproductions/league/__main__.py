"""The league: every system that draws, on the same images, with the same time, measured alike.

    python -m reproductions.league --data mnist --seeds 0 1 2 --out runs/league        all systems on digits
    python -m reproductions.league --only EBGAN-PT LSGAN --jobs 2 --out runs/league    two systems, on all their images
    python -m reproductions.league --try LSGAN lr=1e-3 --out runs/league               settings, on training images
    python -m reproductions.league --collect --out runs/league                         results.jsonl and docs/league.md
    python -m reproductions.league --time                                              costs.json, on an idle machine

A training is a run folder, OUT/SYSTEM-DATA-SEED: killed anywhere, the same command goes on with it, and what is
finished is not played again. Each is played in a process of its own, `--jobs` at once; `--minutes` stops all in time.
Steps are fixed (costs.json); a machine with a GPU plays the same ones. results.jsonl has a row for each training,
whoever played it; docs/league.md is written from it, and a test checks that they agree.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from energan.utils.checks import at_least
from energan.utils.console import STOPPED, complain, say
from energan.utils.errors import UserError
from energan.utils.files import user_path, write, write_json
from energan.utils.signals import stopping
from reproductions.league.cell import Cell, play
from reproductions.league.entries import ENTRIES, SECONDS, TIMED, Cost, entry
from reproductions.league.table import COLUMNS, PAGE, PICTURES, RESULTS, TRIALS, latest, page, read

LOOK_SECONDS = 0.3  # between two looks whether a process has ended
MOST_TRIALS = 8  # of a system


def value_of(text: str) -> Any:
    """
    >>> value_of("1e-3"), value_of("true"), value_of("False"), value_of("kl")
    (0.001, True, False, 'kl')
    """
    try:
        return json.loads(text.lower() if text in ("True", "False") else text)  # "False" would be true
    except ValueError:
        return text


def cells(given: argparse.Namespace) -> Iterator[Cell]:
    """What is to be played, seed by seed: the first one of all systems comes first."""
    names = given.only or list(ENTRIES)
    for data in given.data or ():
        if not any(data in entry(name).data for name in names):
            raise UserError(f"`data` {data!r} is none of these systems' images: {', '.join(COLUMNS)}")
    for seed in given.seeds:
        for name in names:
            for data in given.data or entry(name).data:
                if data in entry(name).data:
                    yield Cell(name, data, seed)


def play_all(given: argparse.Namespace, out: Path) -> int:
    """Plays what is not finished, in processes of their own. The exit code."""
    waiting = [cell for cell in cells(given) if not (out / cell.folder / "league.json").is_file()]
    say(f"{len(waiting)} trainings to play")
    end = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    threads = max(1, len(os.sched_getaffinity(0)) // given.jobs)
    running: dict[subprocess.Popen[bytes], Cell] = {}
    failed = 0
    out.mkdir(parents=True, exist_ok=True)
    with stopping() as caught:
        while (waiting or running) and not caught and time.monotonic() < end:
            while waiting and len(running) < given.jobs:
                cell = waiting.pop(0)
                running[_begin(cell, out, given.steps, threads)] = cell
            time.sleep(LOOK_SECONDS)
            for process in [p for p in running if p.poll() is not None]:
                cell = running.pop(process)
                failed += process.returncode != 0
                how = "FAILED: see its .log" if process.returncode else "played"
                say(f"{cell.folder}: {how}; {len(waiting)} to go")
        for process in running:
            process.terminate()  # it saves
        for process in running:
            process.wait()
    return STOPPED if waiting or running else 2 if failed else 0


def _begin(cell: Cell, out: Path, steps: int, threads: int) -> "subprocess.Popen[bytes]":
    """A process that plays the cell; what it says is in OUT/CELL.log."""
    command = [sys.executable, "-m", "reproductions.league", "--cell", cell.name, cell.data, str(cell.seed)]
    with (out / f"{cell.folder}.log").open("ab") as log:
        return subprocess.Popen(
            [*command, "--steps", str(steps), "--out", str(out)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )  # fmt: skip


def collect(out: Path) -> None:
    """Adds the rows of OUT to results.jsonl and trials.jsonl, and their samples, and writes the page."""
    rows = []
    for path in sorted(out.glob("*/league.json")):
        row = json.loads(path.read_text())
        if "trial" not in row and "toy" not in row:
            row["picture"] = _picture(path.parent)
        rows.append(row)
    played = [row for row in rows if "trial" not in row and "toy" not in row]
    tried = [row for row in rows if "trial" in row]
    _write_lines(RESULTS, latest([*read(RESULTS), *played]))
    known = read(TRIALS)
    _write_lines(TRIALS, [*known, *(row for row in tried if row not in known)])
    write_page()


def _picture(folder: Path) -> str:
    """Copies a row's samples to where the page shows them; its file's name."""
    name = f"{folder.name}.png"
    PICTURES.mkdir(parents=True, exist_ok=True)
    data = folder.joinpath("league.png").read_bytes()
    write(PICTURES / name, lambda path: path.write_bytes(data))
    return name


def write_page() -> None:
    """docs/league.md, as results.jsonl has it."""
    text = page(PAGE.read_text(), read(RESULTS))
    write(PAGE, lambda path: path.write_text(text))


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    write(path, lambda p: p.write_text(text))


def count(names: list[str]) -> None:
    """Writes into costs.json what systems cost on this machine, which must be idle; each in a process of its own."""
    if len(names) > 1:
        for name in names:
            subprocess.run([sys.executable, "-m", "reproductions.league", "--time", "--only", name], check=True)
        return
    from energan.recipes.build import build
    from energan.training.loop import trainer_of
    from energan.utils.hardware import peak_memory
    from reproductions.campaign.entry import Conditions, Models
    from reproductions.campaign.plan import step_seconds

    (name,) = names
    chosen = entry(name)
    run = build(chosen.recipe, **chosen.arguments(chosen.data[0], 0, 10_000))
    data = run.training_set()
    if run.initialise:
        run.initialise(data)
    trainer = trainer_of(run.reading_as(data), data)
    seconds = step_seconds(Models(trainer, lambda: None), run.steps, Conditions(toy=False, device="cpu"))
    cost = Cost(_round(SECONDS / seconds), run.batch, round(peak_memory() / 2**20))
    counted = json.loads(TIMED.read_text()) | {name: cost._asdict()}
    write_json(TIMED, dict(sorted(counted.items())))
    say(f"{name}: {1000 * seconds:.1f} ms a step, {cost.steps:,} steps of {cost.batch} images, {cost.MiB:,} MiB")


def _round(steps: float) -> int:
    """Two digits of it.

    >>> _round(2345.6), _round(98765)
    (2300, 99000)
    """
    return int(float(f"{steps:.1e}"))


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, 2 for what cannot be done, 130 after a signal or when the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="systems; by default all")
    parser.add_argument("--data", nargs="+", help="sets of images; by default all that a system is trained on")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a training for each")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at once")
    parser.add_argument("--minutes", type=float, default=0, help="after which all stop; 0: never")
    parser.add_argument("--steps", type=int, default=0, help="instead of costs.json's: no row of the league")
    parser.add_argument("--try", nargs="+", dest="tried", metavar=("SYSTEM", "KEY=VALUE"), help="a trial of settings")
    parser.add_argument("--cell", nargs=3, metavar=("SYSTEM", "DATA", "SEED"), help="one training, in this process")
    parser.add_argument("--collect", action="store_true", help="adds OUT's rows to results.jsonl, writes the page")
    parser.add_argument("--page", action="store_true", help="writes docs/league.md from results.jsonl")
    parser.add_argument("--time", action="store_true", help="counts the steps of ten minutes on this idle machine")
    parser.add_argument("--out", default="runs/league", help="where the run folders are")
    try:
        return _done(parser.parse_args(arguments))
    except UserError as error:
        complain(error.with_flags())
        return 2


def attempt(name: str, pairs: list[str], out: Path, steps: int) -> dict[str, Any] | None:
    """The row of a trial: other settings, measured by training images. None where it was stopped."""
    from energan.recipes.build import find_recipe
    from energan.utils.arguments import parameters

    chosen = entry(name)
    known = set(parameters(find_recipe(chosen.recipe)))
    settings = dict(pair.partition("=")[::2] for pair in pairs)
    for key in settings:
        if key not in known:
            raise UserError(f"a trial of {name} is KEY=VALUE, and {chosen.recipe} has no {key!r}")
    trial = tuple((key, value_of(value)) for key, value in settings.items())
    cell, plain = (Cell(name, chosen.data[0], 0, each) for each in (trial, ()))
    others = [path for path in out.glob(f"{plain.folder}-*=*") if path.is_dir() and path.name != cell.folder]
    if len(others) >= MOST_TRIALS:
        raise UserError(f"{name} had its {MOST_TRIALS} trials")
    return play(cell, out, steps)


def _done(given: argparse.Namespace) -> int:
    at_least(1, jobs=given.jobs)
    at_least(0, steps=given.steps, minutes=given.minutes)
    out = user_path(given.out)
    if given.time:
        count(given.only or list(ENTRIES))
    elif given.page:
        write_page()
    elif given.collect:
        collect(out)
    elif given.cell:
        name, data, seed = given.cell
        if not seed.isdecimal():
            raise UserError(f"a `cell` has a whole number as its seed, got {seed!r}")
        return 0 if play(Cell(name, data, int(seed)), out, given.steps) else STOPPED
    elif given.tried:
        row = attempt(given.tried[0], given.tried[1:], out, given.steps)
        say(json.dumps(row))
        return 0 if row else STOPPED
    else:
        return play_all(given, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
