"""A run as it is given away: a folder of the parts of a model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from energan.runs.calibration import calibration_of, checkpoint_identity, write_calibration
from energan.runs.checkpoints import SHARED, Checkpoint, read_checkpoint, write_slim
from energan.runs.folder import RunFolder
from energan.runs.record import LARGEST, shown
from energan.runs.sharing.card import Card, card
from energan.runs.sharing.parts import PARTS, check_part
from energan.runs.sharing.private import Cleaned
from energan.runs.temperature import read_temperature, write_temperature
from energan.utils.errors import UserError
from energan.utils.files import read_file, write, write_json

OF_IMAGES = ("uncertain", "label_next", "suspected", "suspected_said", "neighbours")  # keys of evaluation.json

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Written:
    """What was written. left_out: what of the run was not, each in a few words; step: of the weights."""

    step: int
    left_out: list[str] = field(default_factory=list)


def write_model(
    run: RunFolder, folder: Path, place: str, *, checkpoint: str = "", resumable: bool = False, licence: str = ""
) -> Written:
    """Writes the parts of a model into an empty folder.

    The same run gives the same bytes.

    Args:
        run: The run.
        folder: Is empty.
        place: What the model is loaded by, such as hf:owner/name or model.zip: the card's example says it.
        checkpoint: "best", a step, or a path; "" for the newest.
        resumable: Whether all that training goes on from is written, too.
        licence: Of the model, as the hub names licences, such as mit; "" where nobody says.

    Raises:
        UserError: The run is none, has no checkpoint, or a part of it is damaged.
    """
    record, path = run.record, run.checkpoint(checkpoint)
    saved = read_checkpoint(path)
    if resumable and saved.slim:
        raise UserError(f"{path} has no state of its optimizers: it cannot be packed with `resumable`")
    weights = folder / SHARED
    if resumable:
        write(weights, lambda temporary: temporary.write_bytes(path.read_bytes()))
    else:
        write_slim(path, weights)
    written, clean = Written(saved.step), Cleaned(record)
    _write_calibration(run, path, folder, clean)
    if (known := read_temperature(run.path, saved.step)) is not None:
        write_temperature(folder, saved.step, clean.value(known))
    measured = _evaluation(run, saved, written, clean)
    if measured:
        write_json(folder / "evaluation.json", measured)
    drawn = run.path / "samples" / f"{saved.step:06d}.png"
    _copy_picture(run.path / "samples.png" if path.name == SHARED else drawn, folder / "samples.png")
    if measured:
        _copy_picture(run.path / "asked.png", folder / "asked.png")
    write_json(folder / "run.json", clean.record)
    config = described(clean.record, saved, resumable)
    write_json(folder / "config.json", config)
    pictures = [name for name in ("samples.png", "asked.png") if (folder / name).is_file()]
    calibrated = (folder / "calibration.json").is_file()
    text = card(Card(clean.record, config, measured, pictures, place, licence, calibrated))
    write(folder / "README.md", lambda temporary: temporary.write_text(text, encoding="utf-8"))
    _say_left_out(clean, written, resumable)
    for name in PARTS:
        if (folder / name).is_file():
            check_part(name, (folder / name).stat().st_size, str(run.path))
    return written


def described(record: Mapping[str, Any], saved: Checkpoint, resumable: bool) -> dict[str, Any]:
    """The content of config.json."""
    game = record["game"]
    players = game.get("players")
    sizes = {name: player.get("parameters") for name, player in players.items()} if isinstance(players, dict) else {}
    return {
        "library_name": "energan",
        "energan_version": record.get("energan", ""),
        "format": record["format"],
        "system": game["name"],
        "recipe": record["recipe"],
        "shape": record["data"]["shape"],
        "classes": record["classes"],
        "parameters": sizes,
        "hyperparameters": game.get("hyperparameters", {}),
        "readouts": game.get("readouts", []),
        "conditions": game.get("conditions"),
        "step": saved.step,
        "averaged": sorted(name for name, weights in saved.state["ema"].items() if weights),
        "resumable": resumable,
    }


def _write_calibration(run: RunFolder, path: Path, folder: Path, clean: Cleaned) -> None:
    """calibration.json, if it is of this checkpoint: of other weights, energies would be others."""
    if (usual := calibration_of(run.path, path)) is not None:
        step, digest = checkpoint_identity(folder / SHARED)
        write_calibration(folder, usual._replace(images=clean.value(usual.images), step=step, digest=digest))


def _evaluation(run: RunFolder, saved: Checkpoint, written: Written, clean: Cleaned) -> dict[str, Any]:
    """What was measured of this checkpoint, without names of files; {} where nothing was."""
    path = run.path / "evaluation.json"
    try:
        found = json.loads(read_file(path, LARGEST))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: `energan evaluate` writes it anew") from error
    if not isinstance(found, dict) or found.get("step") != saved.step:
        step = shown(found.get("step")) if isinstance(found, dict) else "none"
        written.left_out.append(f"evaluation.json, which is of step {step}")
        return {}
    return {key: clean.value(_without_images(value)) for key, value in found.items()}


def _without_images(value: Any) -> Any:
    """A value of evaluation.json without its lists of single images, which have their files' names."""
    if not isinstance(value, dict):
        return value
    return {key: _without_images(inner) for key, inner in value.items() if key not in OF_IMAGES}


def _copy_picture(source: Path, target: Path) -> None:
    try:
        content = read_file(source, PARTS[target.name])
    except OSError:  # a run that draws nothing has none
        return
    if content.startswith(PNG):
        write(target, lambda temporary: temporary.write_bytes(content))


def _say_left_out(clean: Cleaned, written: Written, resumable: bool) -> None:
    if clean.places:
        written.left_out.append(f"places on this machine ({clean.places})")
    if clean.files:
        written.left_out.append(f"the names of {clean.files} files that could not be read")
    if not resumable:
        written.left_out.append("the optimizers' state")
