"""The loop that all entries share: trains the models of a unit from where they were left, as long as time allows."""

import json
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from energan.engine import leaves, tree
from energan.engine.graphs import Graphed
from energan.utils.console import complain, duration
from energan.utils.errors import UserError
from energan.utils.files import read_weights, write_weights
from energan.utils.hardware import cpu_name
from energan.utils.image_files import save_sheet
from reproductions.campaign import records
from reproductions.campaign.budget import MARGIN, Budget
from reproductions.campaign.entry import Conditions, Entry, Models

SAVED = 60.0  # seconds between two states of a piece under way; more where one takes long to write
TOLD = 20.0  # seconds between two lines of progress
WAITED = 0.5  # seconds after which the device is waited for: until then steps may be queued, not played
FIRST = {"cpu": 90.0, "cuda": 30.0, "toy": 0.5}  # seconds that must be left to begin what was never measured


class Folders(NamedTuple):
    """state: what goes on is here, and may be large; results: small, to be brought home."""

    state: Path
    results: Path

    @classmethod
    def of(cls, out: Path) -> "Folders":
        return cls(out / "state", out / "results")


def tag(seeds: Sequence[int]) -> str:
    """The name of a unit: "3", "0-14" or "1_2_4"."""
    first, last = seeds[0], seeds[-1]
    if len(seeds) > 1 and list(seeds) == list(range(first, last + 1)):
        return f"{first}-{last}"
    return "_".join(map(str, seeds))


def machine(device: str) -> dict[str, Any]:
    """Where a look was trained and measured."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else cpu_name()
    return {"device": device, "name": name, "torch": torch.__version__, "threads": torch.get_num_threads()}


def wait(device: str) -> None:
    """Waits until the device has played what was queued."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


@final
class Piece:
    """A unit of work: the models of some seeds of an entry, and what was measured of them so far.

    What goes on is one file, state/ENTRY-SEEDS.safetensors: weights, moments, the last logs, and all looks. The results
    of this training are written anew from it, so a process that was killed leaves no look that its state has not.
    """

    def __init__(self, entry: Entry, seeds: Sequence[int], folders: Folders, where: Conditions) -> None:
        self.entry, self.seeds, self.folders, self.where = entry, list(seeds), folders, where
        self.path = state_path(entry, seeds, folders)
        self.run, self.lines, self.seconds = secrets.token_hex(4), list[records.Line](), 0.0
        self.logs: dict[str, Tensor] = {}
        self.costs: dict[str, float] = {}  # the longest that a start, a look, a save and a burst of steps took here
        self._machine = machine(where.device)
        self._state: dict[str, Tensor] = {}
        self._saved = (-1, 0)  # at which step, with how many looks
        self._read()

    def _read(self) -> None:
        """What earlier pieces left. UserError where they have other settings."""
        entry, results = self.entry, self.folders.results
        known = records.read(results, entry.name)
        records.refuse_others(known, entry.settings, entry.steps, results)
        if self.path.exists():
            tensors, metadata = read_weights(self.path)
            kept = json.loads(metadata["piece"])
            if (kept["entry"], kept["seeds"]) != (entry.name, self.seeds):
                raise UserError(
                    f"{self.path} is of {kept['entry']} {tag(kept['seeds'])}, not of {entry.name} {tag(self.seeds)}; "
                    "name it so, or delete it"
                )
            records.refuse_others([kept], entry.settings, entry.steps, self.path)
            self.run, self.lines, self.seconds = kept["run"], kept["lines"], kept["seconds"]
            self.logs = {k.removeprefix("logs/"): v for k, v in tensors.items() if k.startswith("logs/")}
            self._state = {k.removeprefix("state/"): v for k, v in tensors.items() if k.startswith("state/")}
            self._saved = (kept["step"], len(self.lines))
            known.append(kept)
        for line in known:
            if line["machine"] == self._machine:
                for what, seconds in line["costs"].items():
                    self._took(what, seconds)

    @property
    def finished(self) -> bool:
        return bool(self.lines) and self.lines[-1]["step"] >= self.entry.steps

    def play(self, budget: Budget) -> bool:
        """Whether it is finished: trains to the entry's last step, or until the budget allows no more, all saved."""
        if self.lines:
            records.put(self.folders.results, self.entry.name, self.run, self.lines)
        if self.finished:
            return True
        if not budget.allows(needed := self._beginning()):
            if (left := budget.left()) < MARGIN * needed:
                complain(
                    f"{self.entry.name}, {self.entry.axis} {tag(self.seeds)}: not begun, for it may take "
                    f"{duration(MARGIN * needed)} until something is saved, and {duration(max(0.0, left))} are left"
                )
            return False
        began = budget.clock()
        models = self.entry.build(self.seeds, self.where.device)
        if self._state:
            try:
                models.player.load(tree(self._state))
            except (KeyError, RuntimeError) as error:
                raise UserError(
                    f"{self.path} does not fit these models ({' '.join(str(error).split())[:200]}): go on with the "
                    "version of Energan that wrote it, or delete it"
                ) from error
            self._state = {}
        self._took("start", budget.clock() - began)
        ended = self._train(models, budget)
        if (models.player.t, len(self.lines)) != self._saved:
            self._save(models, budget)
        return ended

    def _beginning(self) -> float:
        """Seconds that a start, a look, a save and the first steps may take."""
        if {"start", "look", "save", "burst"} <= self.costs.keys():
            return sum(self.costs.values())
        return FIRST["toy" if self.where.toy else self.where.device.partition(":")[0]]

    def _train(self, models: Models, budget: Budget) -> bool:
        """Whether the last step was played, and looked at."""
        player, due = models.player, sorted(self.entry.due())
        graphed = Graphed(player)
        told = saved = budget.clock()
        while True:
            if player.t in due and not (self.lines and self.lines[-1]["step"] >= player.t):
                if player.t and not budget.allows(self.costs.get("look", self._beginning()) + self._known("save")):
                    return False  # the first look was allowed when the piece began
                self._look(models, graphed.captured, budget)
                if player.t == 0:
                    self._save(models, budget)  # which says how long that takes
            if player.t >= self.entry.steps:
                return True
            if not budget.allows(self.costs.get("burst", self._beginning() / 10) + self._known("save")):
                return False
            if budget.clock() - saved > max(SAVED, 30 * self._known("save")):
                self._save(models, budget)
                saved = budget.clock()
            before, t = budget.clock(), player.t
            self._steps(graphed.step, models, next(d for d in due if d > t), budget)
            self._took("burst", budget.clock() - before)
            if budget.clock() - told > TOLD:
                told = budget.clock()
                self._tell(player.t, (told - before) / (player.t - t), budget)

    def _steps(self, step: Callable[[], Any], models: Models, until: int, budget: Budget) -> None:
        """Plays steps for a while, at most until the next look, and waits for the device."""
        began = budget.clock()
        while True:
            self.logs = dict(step())
            if models.player.t >= until or budget.clock() - began > WAITED:
                break
        wait(self.where.device)
        self.seconds += budget.clock() - began

    def _known(self, what: str) -> float:
        return self.costs.get(what, 0.0)

    def _took(self, what: str, seconds: float) -> None:
        self.costs[what] = max(seconds, self._known(what))

    def _look(self, models: Models, graphs: int, budget: Budget) -> None:
        """Measures the models as they are, adds a line to the results, and draws the unit's picture anew."""
        began = budget.clock()
        look = models.look()
        line = {
            "entry": self.entry.name,
            "step": models.player.t,
            "axis": self.entry.axis,
            "seeds": self.seeds,
            "values": {k: [float(v) for v in values] for k, values in look.values.items()},
            "logs": {k: v.detach().reshape(-1).tolist() for k, v in self.logs.items()},
            "graphs": graphs,
            **self._about(),
        }
        self.lines.append(records.finite(line))
        records.put(self.folders.results, self.entry.name, self.run, self.lines)
        if look.sheet is not None:
            name = f"{tag(self.seeds)}-{self.run}.png"
            save_sheet(look.sheet, self.folders.results / self.entry.name / name, columns=look.columns)
        self._took("look", budget.clock() - began)

    def _about(self) -> dict[str, Any]:
        """What a look and a state both say."""
        return {
            "entry": self.entry.name, "steps": self.entry.steps, "settings": dict(self.entry.settings),
            "open": self.entry.open, "run": self.run, "seconds": self.seconds, "costs": dict(self.costs),
            "machine": self._machine,
        }  # fmt: skip

    def _save(self, models: Models, budget: Budget) -> None:
        """Writes all that the next piece needs."""
        began, player = budget.clock(), models.player
        about = {**self._about(), "seeds": self.seeds, "step": player.t, "lines": self.lines}
        tensors = {f"state/{k}": v for k, v in leaves(player.state())}
        tensors |= {f"logs/{k}": v.detach() for k, v in self.logs.items()}
        write_weights(self.path, tensors, {"piece": json.dumps(about)})
        self._saved = (player.t, len(self.lines))
        self._took("save", budget.clock() - began)

    def _tell(self, t: int, step_seconds: float, budget: Budget) -> None:
        left = budget.left()
        of_piece = f", {duration(left)} left of this piece" if left < float("inf") else ""
        complain(
            f"{self.entry.name}, {self.entry.axis} {tag(self.seeds)}: step {t:,} of {self.entry.steps:,}, "
            f"{1e3 * step_seconds:.3g} ms a step, {duration((self.entry.steps - t) * step_seconds)} to go{of_piece}"
        )


def unfinished(entry: Entry, folders: Folders) -> dict[tuple[int, ...], int]:
    """The units that are not finished, with the step that their states are at.

    Models that are trained together and were finished elsewhere are left out, unless their state is here already.
    """
    ended, found = records.finished(folders.results, entry), dict[tuple[int, ...], int]()
    for unit in entry.units():
        rest = tuple(seed for seed in unit if seed not in ended)
        if rest:
            whole = about(state_path(entry, unit, folders))
            found[unit if whole else rest] = (whole or about(state_path(entry, rest, folders))).get("step", 0)
    return found


def state_path(entry: Entry, seeds: Sequence[int], folders: Folders) -> Path:
    return folders.state / f"{entry.name}-{tag(seeds)}.safetensors"


def about(path: Path) -> dict[str, Any]:
    """What a state says of itself; its tensors are not read. {} where there is none."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return {}
    try:
        with safe_open(path, framework="pt") as file:
            return dict(json.loads((file.metadata() or {})["piece"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no state of a campaign ({type(error).__name__}); delete it") from error
