"""A study: a folder of trials of many models at once, each saved, so that a stopped study resumes.

study.json                 the arguments, and the machine
trials/NAME.safetensors    a trial under way (its whole state) or done (its measurements)
table.md, results.json     the results, for people and for programs
*.png, *.gif               to look at
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from energan.utils.console import progress_bar
from energan.utils.errors import UserError
from energan.utils.files import read_weights, write, write_json, write_weights
from energan.utils.hardware import environment
from energan.utils.signals import stopping

if TYPE_CHECKING:
    from torch import Tensor

    from energan.engine import Ensemble, Trainer

SAVED = 60.0  # seconds between two states of a trial under way

Observations = dict[str, "Tensor"]  # name -> (looks, ...)


class Stopped(Exception):
    """The user stopped the study; all is saved."""


@final
class Study:
    """A folder of trials. Use `study(...)`."""

    def __init__(self, folder: Path, caught: list[str], quiet: bool) -> None:
        self.folder, self._caught = folder, caught
        self.progress = progress_bar("steps", show=not quiet)

    def done(self, name: str) -> bool:
        """Whether a trial of this name has been played to its end."""
        path = self.folder / "trials" / f"{name}.safetensors"
        return path.exists() and not any(k.startswith("state/") for k in read_weights(path)[0])

    def trial(
        self,
        name: str,
        build: "Callable[[], Ensemble | Trainer]",
        watch: "Callable[..., Mapping[str, Tensor]]",
        *,
        steps: int,
        looks: int = 20,
        logs: Sequence[str] = (),
    ) -> Observations:
        """Trains the models of `build` for `steps` steps. Returns what `watch` measured before the first step and at
        `looks` evenly spaced later ones, stacked, with "step" (looks + 1,) and "seconds" of training alone; and what
        the step before each look logged by the names of `logs`, (looks + 1, models): NaN where none of its turns does.

        A trial that is done is read, not played again. Raises Stopped after Ctrl-C or SIGTERM, all saved.
        """
        import torch

        from energan.engine import Ensemble, tree
        from energan.engine.graphs import Graphed

        path = self.folder / "trials" / f"{name}.safetensors"
        before, metadata = read_weights(path) if path.exists() else ({}, {})
        observed = {k.removeprefix("seen/"): v for k, v in before.items() if k.startswith("seen/")}
        state = {k.removeprefix("state/"): v for k, v in before.items() if k.startswith("state/")}
        if observed and not state:
            return observed
        many = build()
        if state:
            many.load(tree(state))
        graphed = Graphed(many)
        at = {round(i * steps / looks) for i in range(looks + 1)}
        seconds = float(metadata.get("seconds", 0.0))
        task = self.progress.add_task(name, total=steps, completed=many.t, rate="-")
        saved = started = time.monotonic()
        first = many.t

        def look(logged: "Mapping[str, Tensor]") -> Observations:
            now = {**watch(many), "step": torch.tensor(many.t), "seconds": torch.tensor(seconds)}
            missing = torch.full((len(many) if isinstance(many, Ensemble) else 1,), math.nan)
            now |= {name: logged.get(name, missing).detach().reshape(-1).double().cpu() for name in logs}
            return {k: torch.cat([observed[k], v[None]]) if k in observed else v[None] for k, v in now.items()}

        if not observed:
            observed = look({})
        while many.t < steps:
            before_step = time.monotonic()
            logged = graphed.step()
            if many.t in at and many.device.type == "cuda":
                torch.cuda.synchronize(many.device)  # until now the steps may have been queued, not played
            seconds += time.monotonic() - before_step
            if many.t in at:
                observed = look(logged)
            if many.t % 20 == 0 or many.t == steps:
                rate = (many.t - first) / (time.monotonic() - started)
                self.progress.update(task, completed=many.t, rate=f"{rate:.1f}")
            if self._caught or time.monotonic() - saved > SAVED:
                self._save(path, observed, seconds, many)
                saved = time.monotonic()
            if self._caught:
                raise Stopped
        self._save(path, observed, seconds, None)
        self.progress.remove_task(task)
        return observed

    def _save(self, path: Path, observed: Observations, seconds: float, many: "Ensemble | Trainer | None") -> None:
        from energan.engine import leaves

        state = {f"state/{k}": v for k, v in leaves(many.state())} if many else {}
        write_weights(path, {**{f"seen/{k}": v for k, v in observed.items()}, **state}, {"seconds": str(seconds)})

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], notes: str = "") -> str:
        """Adds a table to table.md, and returns its text."""
        escaped = [[cell.replace("|", "\\|") for cell in cells] for cells in (columns, ["---"] * len(columns), *rows)]
        lines = ["| " + " | ".join(cells) + " |" for cells in escaped]
        text = "\n".join([f"## {title}", "", *lines, "", *([notes, ""] if notes else [])])
        path = self.folder / "table.md"
        before = path.read_text() if path.exists() else ""
        write(path, lambda p: p.write_text(f"{before}{text}\n"))
        return text

    def results(self, values: Mapping[str, Any]) -> None:
        """Writes results.json; a number that is not finite becomes null."""
        write_json(self.folder / "results.json", _finite(values))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def study(name: str, arguments: Mapping[str, Any], out: str, quiet: bool) -> Iterator[Study]:
    """Opens a study in the folder `out` (lab/NAME by default); one of the same arguments is resumed.

    Raises UserError if the folder holds something else.
    """
    folder = Path(out) if out else Path("lab") / name
    path = folder / "study.json"
    asked = json.loads(json.dumps({"study": name, "arguments": dict(arguments)}))
    if path.exists():
        try:
            record = json.loads(path.read_text())
        except ValueError as error:
            raise UserError(f"{path} is damaged: it is no JSON ({error}); choose another `out`") from error
        if {k: record.get(k) for k in asked} != asked:
            raise UserError(f"{folder} holds a study with other settings; choose another `out`, or delete it")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already and is no study; choose another `out`")
    else:
        write_json(path, {**asked, "environment": environment()})
    (folder / "table.md").unlink(missing_ok=True)  # it is written anew from the trials
    with stopping() as caught:
        opened = Study(folder, caught, quiet)
        with opened.progress:
            yield opened
