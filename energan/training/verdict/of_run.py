"""The verdict of a run folder, from what run.json and log.jsonl say."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from energan.runs.checkpoints import FOLDER
from energan.runs.reader import RunFiles, mapping, number
from energan.training.verdict.commands import Settings, next_command
from energan.training.verdict.rules import ENOUGH, PATIENCE, Finding, judge, looks_of


class Verdict(NamedTuple):
    """A verdict on a training: its kind (rules.KINDS), a sentence that says why, and what to type next."""

    kind: str
    sentence: str
    command: str

    @property
    def words(self) -> str:
        """The verdict in a line."""
        return f"{self.kind}: {self.sentence}; next: {self.command}"


def verdict(
    record: Mapping[str, Any], lines: Iterable[Mapping[str, object]], folder: Path, diverged: str = ""
) -> Verdict | None:
    """The verdict on a training; None where too little was measured, or its system draws nothing.

    Args:
        record: run.json.
        lines: Those of log.jsonl.
        folder: The run's folder, as the next command names it.
        diverged: What showed that it diverged, or "".
    """
    found = Finding("diverged", diverged) if diverged else judge(looks_of(lines), settled(record), _patience(record))
    return None if found is None else Verdict(*found, next_command(found.kind, _settings(record, folder)))


def not_yet(record: Mapping[str, Any], lines: Iterable[Mapping[str, object]]) -> str:
    """Why there is no verdict on a run whose samples were looked at; "" where none were."""
    looks, patience = looks_of(lines), _patience(record)
    if not looks:
        return ""
    if len(looks) < ENOUGH:
        count = f"{len(looks)} look{'s' * (len(looks) > 1)}"
        return f"none yet, of {count}: it takes {ENOUGH}, from step 50 on (--save-every)"
    last = f"the last {patience} of them from step {settled(record)} on"
    return f"none yet: samples have come no nearer, and nothing bad is said before {patience + 1} looks, {last}"


def verdict_of(run: RunFiles, folder: Path) -> Verdict | None:
    """The verdict on the run of a folder that was read."""
    status = mapping(run.config.get("status"))
    diverged = str(status.get("message")) if status.get("state") == "diverged" else ""
    return verdict(run.config, [line for _, line in run.lines], folder, diverged)


BEGINNING = 5  # the part of a run, one of so many, in which nothing bad is said of it


def settled(record: Mapping[str, Any]) -> int:
    """The step from which samples show what was learned: a fifth of the run's, and what averaged weights need.

    These are 1 / (1 - decay) steps: before, they have as much of the first steps as of the last.

    >>> settled({"steps": 3000, "ema": {"G": 0.999}}), settled({"steps": 3000})
    (1000, 600)
    """
    decays = [number(v) for v in mapping(record.get("ema")).values()]
    averaged = max((round(1 / (1 - v)) for v in decays if v is not None and 0 < v < 1), default=0)
    return max(averaged, int(number(record.get("steps")) or 0) // BEGINNING)


def _patience(record: Mapping[str, Any]) -> int:
    """Looks in which the distance must fall: fewer where training is to end after fewer."""
    return min(PATIENCE, int(number(record.get("stop_when_flat")) or PATIENCE))


def _settings(record: Mapping[str, Any], folder: Path) -> Settings:
    checkpoints = folder / FOLDER
    steps, arguments = number(record.get("steps")), mapping(record.get("arguments"))
    return Settings(
        run=str(folder),
        recipe=str(record.get("recipe")),
        arguments=arguments,
        steps=int(steps or 0),
        margin="margin" in mapping(mapping(record.get("game")).get("hyperparameters")),
        best=(checkpoints / "best.safetensors").is_file(),
        kept=any(checkpoints.glob("[0-9]*.safetensors")),
    )
