"""temperature.json: the temperatures that a run's classifier is calibrated by, by the step of the checkpoint."""

import json
from pathlib import Path
from typing import Any

from energan.metrics.calibration import RANGE
from energan.runs.record import LARGEST
from energan.utils.errors import UserError
from energan.utils.files import read_file, write_json

NAME = "temperature.json"


def read_temperature(folder: Path, step: int) -> dict[str, Any] | None:
    """What is known of the checkpoint of that step, with its "temperature"; None where it is not calibrated.

    UserError for a file that is damaged.
    """
    path = folder / NAME
    try:
        entry = json.loads(read_file(path, LARGEST)).get(str(step))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is damaged: delete it, and `energan evaluate` writes it anew") from error
    if entry is None:
        return None
    value = entry.get("temperature") if isinstance(entry, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or not RANGE[0] <= value <= RANGE[1]:
        low, high = RANGE
        raise UserError(f"{path} is damaged: its temperature at step {step} is {value!r}, and not {low:g} to {high:g}")
    return entry


def write_temperature(folder: Path, step: int, entry: dict[str, Any]) -> None:
    """Adds what is known of the checkpoint of that step; other steps' entries stay."""
    path = folder / NAME
    try:
        known = json.loads(read_file(path, LARGEST))
    except (OSError, ValueError, RecursionError):
        known = {}
    write_json(path, {**(known if isinstance(known, dict) else {}), str(step): entry})
