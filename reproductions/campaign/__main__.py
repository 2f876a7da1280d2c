"""Long reproductions, most valuable first, each in pieces that stop in time and go on to the same bits.

    python -m reproductions.campaign --plan                         # what is done, and how long the rest takes
    python -m reproductions.campaign --minutes 9                    # plays for nine minutes; again: goes on
    python -m reproductions.campaign --only table2-ln-100,figure9   # an entry, or all that begin so: table2
    python -m reproductions.campaign --merge FOLDER FOLDER          # brings results of other machines or pieces home
    python -m reproductions.campaign --table                        # tables beside the published numbers

OUT/state has what the next piece goes on from, and may be large; OUT/results is small: JSON lines, and a PNG of samples
for each unit, or one of curves for each entry. Ctrl-C, SIGTERM and SIGHUP save and stop. --toy plays all of it in a
minute or two.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from energan.runs.folder import RunFolder
from energan.utils.console import STOPPED, complain, duration, lasting_streams, say
from energan.utils.errors import UserError
from energan.utils.hardware import deterministic, pick_device
from energan.utils.signals import interruptible
from reproductions.campaign import records, tables
from reproductions.campaign.catalog import catalog
from reproductions.campaign.entry import Conditions, Entry
from reproductions.campaign.piece import Folders, unfinished
from reproductions.campaign.plan import earlier, plan
from reproductions.campaign.play import play_all
from reproductions.grid.entries import SYSTEMS
from reproductions.grid.table1 import configuration

MOST = 1000  # seeds of a range


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 2 for what cannot be done, 130 after a signal."""
    parser = argparse.ArgumentParser(
        prog="python -m reproductions.campaign", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--plan", action="store_true", help="print what would be played, and how long it may take")
    parser.add_argument("--table", action="store_true", help="print the tables of what there is")
    parser.add_argument("--merge", type=Path, nargs="+", metavar="FOLDER", help="bring the results of these into OUT")
    parser.add_argument("--prepare", action="store_true", help="fetch data, feature networks and the encoder, and stop")
    parser.add_argument("--only", default="", help="entries by name, or by how their names begin, with commas between")
    parser.add_argument("--seeds", default="", help="these seeds (margins, configurations) alone: 0-4,7")
    parser.add_argument("--minutes", type=float, help="stop in time before so many, counted from the process' start")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 or auto")
    parser.add_argument("--tf32", action="store_true", help="NVIDIA's shorter float32 in products: faster, less exact")
    parser.add_argument("--deterministic", action="store_true", help="a GPU repeats its bits too, and is slower")
    parser.add_argument("--toy", action="store_true", help="a few steps of small nets on 8 x 8 digits, as the tests do")
    parser.add_argument("--out", type=Path, default=Path("runs/campaign"))
    flags = parser.parse_args(arguments)
    with lasting_streams() as streams:  # a reader that has enough, or a terminal that is gone, ends no training
        try:
            with interruptible():
                code = _done(flags)
        except UserError as error:
            complain(error.with_flags())
            code = 2
        except KeyboardInterrupt:
            complain("interrupted")
            code = STOPPED
        for stream in streams:
            stream.flush()
        if (lost := next((stream.lost for stream in streams if stream.lost), None)) and not code:
            complain(f"what was to be printed is lost: {(lost.strerror or str(lost)).lower()}")
            code = 2
    return code


def _done(flags: argparse.Namespace) -> int:
    """Does what the flags ask for; the exit code."""
    folders = Folders.of(flags.out)
    if flags.minutes is not None and not flags.minutes > 0:
        raise UserError(f"`minutes` must be above 0, got {flags.minutes:g}")
    where = Conditions(flags.toy, pick_device(flags.device), flags.tf32)
    torch.set_float32_matmul_precision("high" if flags.tf32 else "highest")
    if flags.merge:
        # who plays there writes the same files
        with RunFolder(flags.out).locked() if flags.out.exists() else nullcontext():
            say("\n".join(records.merge(folders.results, flags.merge)))
            for entry in catalog(where):
                tables.draw_curve(folders.results, entry)
        return 0
    entries = chosen(catalog(where), flags.only, flags.seeds)
    if flags.prepare:
        return prepare(entries)
    if flags.plan:
        say(plan(entries, folders, where))
    if flags.table and flags.toy:
        say("Toys: these numbers show that all of it runs, and nothing else.\n")
    if flags.table:
        say(tables.tables(folders.results, entries))
    if flags.plan or flags.table:
        return 0
    with deterministic(flags.deterministic):
        code = play_all(entries, folders, where, flags.minutes)
    say(left(entries, folders, where))
    return code


def chosen(entries: Sequence[Entry], only: str, seeds: str) -> list[Entry]:
    """The entries that `only` names, with these seeds alone. UserError for a name or a seed that there is not."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in names:
        if not any(_named(entry, name) for entry in entries):
            raise UserError(f"`only`: there is no {name!r}; there are {', '.join(entry.name for entry in entries)}")
    found = [entry for entry in entries if not names or any(_named(entry, name) for name in names)]
    numbers = _numbers(seeds) if seeds else ()
    for entry in found:
        if numbers and entry.axis == "margin" and not set(entry.seeds).issuperset(numbers):
            raise UserError(f"`seeds`: {entry.name} has the {entry.axis}s {', '.join(map(str, entry.seeds))}")
        for number in numbers if entry.name in SYSTEMS else ():
            configuration(SYSTEMS[entry.name][2], number)
    return [entry._replace(seeds=numbers) for entry in found] if numbers else found


def _named(entry: Entry, name: str) -> bool:
    return entry.name == name or entry.name.startswith(f"{name}-")


def _numbers(text: str) -> tuple[int, ...]:
    """ "0-2,7" -> (0, 1, 2, 7). UserError for anything else."""
    found: dict[int, None] = {}
    for part in (part.strip() for part in text.split(",")):
        match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last:
            raise UserError(f"`seeds` are whole numbers and ranges with commas between, such as 0-4,7, not {text!r}")
        if last - first >= MOST:
            raise UserError(f"`seeds` {part} are {last - first + 1:,}: name at most {MOST:,}")
        found |= dict.fromkeys(range(first, last + 1))
    return tuple(found)


def left(entries: Sequence[Entry], folders: Folders, where: Conditions) -> str:
    """A line for each entry that is not finished; with its time, where a piece has shown how long a step takes."""
    lines = []
    for entry in entries:
        try:
            steps = [entry.steps - reached for reached in unfinished(entry, folders).values()]
        except UserError:  # told when it was to be played
            lines.append(f"  {entry.name}: once it can be played")
            continue
        if steps:
            cost = earlier([entry], len(entry.units()[0]), folders, where)
            expected = f", about {duration(sum(steps) * cost.step)}" if cost else ""
            lines.append(f"  {entry.name}: {sum(steps):,} steps{expected}")
    return "\n".join(["left, and played by the same command:", *lines]) if lines else "all is finished"


def prepare(entries: Sequence[Entry]) -> int:
    """Loads what the entries need, so that it is in the cache folder; the exit code."""
    code = 0
    for need, load in {name: f for entry in entries for name, f in entry.needs.items()}.items():
        try:
            load()
            say(f"ready: {need}")
        except UserError as error:
            complain(f"{need}: {error.with_flags()}")
            code = 2
    return code


if __name__ == "__main__":
    sys.exit(main())
