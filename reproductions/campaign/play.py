"""Plays entries, one unit after another; and what the reproductions that are commands of their own share."""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from energan.runs.folder import RunFolder
from energan.utils.checks import at_least
from energan.utils.console import STOPPED, complain, lasting_streams, say
from energan.utils.errors import UserError
from energan.utils.hardware import pick_device
from energan.utils.signals import stopping
from reproductions.campaign import tables
from reproductions.campaign.budget import Budget
from reproductions.campaign.entry import Conditions, Entry
from reproductions.campaign.piece import Folders, Piece, unfinished

IMPORTED = 120.0  # seconds that a process takes at most before it plays; an older one is not new


def play_all(entries: Sequence[Entry], folders: Folders, where: Conditions, minutes: float | None) -> int:
    """Plays what is not finished, as long as time allows. Returns the exit code.

    minutes: of the whole process, from its start; None: to the end. An entry that cannot be played, for its data are
    missing, is told and left out; the code is then 2. After a signal all is saved, and the code is STOPPED.
    """
    now, refused = time.time(), False
    began = min(now, max(psutil.Process().create_time(), now - IMPORTED))
    with RunFolder(folders.state.parent).locked(), stopping() as caught:
        budget, touched = Budget(minutes, caught, began), list[Entry]()
        for entry in entries:
            try:
                going_on = _play(entry, folders, where, budget, touched)
            except UserError as error:
                complain(f"{entry.name}: {error.with_flags()}")
                refused, going_on = True, True
            if not going_on:
                break
        for entry in touched:
            tables.draw_curve(folders.results, entry)
        if caught:
            return STOPPED
    return 2 if refused else 0


def _play(entry: Entry, folders: Folders, where: Conditions, budget: Budget, touched: list[Entry]) -> bool:
    """Whether there is time for more; plays the units that are not finished."""
    for seeds in unfinished(entry, folders):
        piece = Piece(entry, seeds, folders, where)
        before = len(piece.lines)
        ended = piece.play(budget)
        gc.collect()  # a device's memory is for the next unit
        if len(piece.lines) > before and entry not in touched:
            touched.append(entry)
        if not ended:
            return False
    return True


def play_alone(doc: str, entries: Callable[..., list[Entry]], out: str, **numbers: int) -> None:
    """The command of a reproduction: its flags (`numbers` with their defaults), all its entries, their table."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in numbers.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path(out))
    flags = vars(parser.parse_args())
    folders = Folders.of(flags["out"])
    with lasting_streams():
        try:
            at_least(1, **{name: flags[name] for name in numbers})
            where = Conditions(False, pick_device(flags["device"]))
            chosen = entries(where, **{name: flags[name] for name in numbers})
            code = play_all(chosen, folders, where, None)
            say(tables.tables(folders.results, chosen))
        except UserError as error:
            complain(error.with_flags())
            code = 2
    sys.exit(code)
