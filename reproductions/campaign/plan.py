"""What would be played, what is done, and how long the rest is expected to take."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from energan.engine.graphs import Graphed
from energan.utils.console import complain, duration
from energan.utils.errors import UserError
from reproductions.campaign import records
from reproductions.campaign.entry import Conditions, Entry, Models
from reproductions.campaign.piece import Folders, machine, unfinished, wait

MEASURED = 1.0  # seconds for which steps of one kind are timed
WARM = {"cpu": 1, "cuda": 15}  # steps before, until graphs are captured
RARE = 0.02  # share of the steps; rarer kinds are not timed, but count by their number of turns
KINDS = 3  # of steps that are timed


class Cost(NamedTuple):
    """Seconds of a step of a unit and of a look, and where they are known from; look: None where it is not known."""

    step: float
    look: float | None
    source: str


def plan(entries: Sequence[Entry], folders: Folders, where: Conditions) -> str:
    """A markdown table. Steps that no earlier piece has timed on this device are timed now, a few seconds each kind."""
    lines = ["| entry | done | steps left | ms a step | from | a look, s | expected |", "|---" * 7 + "|"]
    known: dict[tuple[str, int], Cost | None] = {}
    total = 0.0
    for entry in entries:
        try:
            units = unfinished(entry, folders)
        except UserError as error:  # of one entry: the others are still planned
            complain(f"{entry.name}: {error.with_flags()}")
            lines.append(f"| {entry.name} | ? | ? | | cannot be played here | | ? |")
            continue
        left = sum(entry.steps - step for step in units.values())
        done = f"{len(entry.seeds) - sum(map(len, units))} of {len(entry.seeds)} {entry.axis}s"
        if not left:
            lines.append(f"| {entry.name} | {done} | 0 | | | | |")
            continue
        alike, unit = (entry.alike or entry.name, len(next(iter(units)))), next(iter(units))
        if alike not in known:
            others = [other for other in entries if (other.alike or other.name) == alike[0]]
            known[alike] = earlier(others, len(unit), folders, where) or _timed(entry, unit, where)
        cost = known[alike]
        if cost is None:
            lines.append(f"| {entry.name} | {done} | {left:,} | ? | cannot be played here | | ? |")
            continue
        looks = sum(step > at for at in units.values() for step in entry.due())
        seconds = left * cost.step + looks * (cost.look or 0.0)
        total += seconds
        look = "?" if cost.look is None else f"{cost.look:.1f}"
        lines.append(
            f"| {entry.name} | {done} | {left:,} | {1e3 * cost.step:.3g} | {cost.source} | {look} | "
            f"{duration(seconds)}{'' if cost.look is not None else ' and looks'} |"
        )
    name = machine(where.device)["name"]
    return "\n".join([*lines, "", f"On {name} ({where.device}), all together: {duration(total)}."])


def earlier(entries: Sequence[Entry], models: int, folders: Folders, where: Conditions) -> Cost | None:
    """What earlier pieces of these entries say, of so many models, played on such a machine as this one."""
    here = machine(where.device)
    lines = [line for entry in entries for line in records.read(folders.results, entry.name)]
    looks = [line for line in lines if (line["machine"], len(line["seeds"])) == (here, models) and line["step"]]
    if not looks:
        return None
    last = max(looks, key=lambda line: line["step"])
    return Cost(last["seconds"] / last["step"], last["costs"].get("look"), "earlier pieces")


def _timed(entry: Entry, seeds: Sequence[int], where: Conditions) -> Cost | None:
    """A cost timed now; None where the entry cannot be played, which is told."""
    complain(f"timing {entry.name} ...")
    try:
        return Cost(step_seconds(entry.build(seeds, where.device), entry.steps, where), None, "timed now")
    except UserError as error:
        complain(f"{entry.name}: {error.with_flags()}")
        return None


def step_seconds(models: Models, steps: int, where: Conditions) -> float:
    """The mean time of a step. Steps of different turns are timed apart, and count as often as they are played."""
    player, kinds, first = models.player, Counter[tuple[str, ...]](), dict[tuple[str, ...], int]()
    for t in range(0, steps, max(1, steps // 5000)):
        turns = tuple(player.game.turns_at(t))
        kinds[turns] += 1
        first.setdefault(turns, t)
    graphed = Graphed(player)
    seconds: dict[tuple[str, ...], float] = {}
    for turns, n in kinds.most_common(KINDS):
        if not seconds or n >= RARE * kinds.total():
            seconds[turns] = _time(graphed, models, first[turns], where)
    of_turn = sum(seconds[k] * kinds[k] for k in seconds) / sum(len(k) * kinds[k] for k in seconds)
    return sum(n * seconds.get(turns, of_turn * len(turns)) for turns, n in kinds.items()) / kinds.total()


def _time(graphed: Graphed, models: Models, t: int, where: Conditions) -> float:
    """The mean time of step t, played again and again."""
    for _ in range(WARM[where.device.partition(":")[0]]):
        models.player.t = t
        graphed.step()
    wait(where.device)
    began, played = time.perf_counter(), 0
    while time.perf_counter() - began < (0.0 if where.toy else MEASURED) or not played:
        models.player.t = t
        graphed.step()
        played += 1
    wait(where.device)
    return (time.perf_counter() - began) / played
