"""Reads run.json, the record of a run. It imports no torch."""

import json
from pathlib import Path
from typing import Any

from energan.utils.errors import UserError

FORMAT = 1  # of run folders: docs/run-folder.md


def read_run_json(folder: Path) -> dict[str, Any]:
    """run.json as it is. UserError for a folder without one, for a damaged one, and for one of a newer Energan."""
    path = folder / "run.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder} is not a run folder: it has no run.json") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is no JSON ({error})") from error
    number = record.get("format") if isinstance(record, dict) else None
    if not isinstance(number, int):
        raise UserError(f"{path} is damaged: it has no format number")
    if number > FORMAT:
        raise UserError(f"{folder} has run folder format {number}, this Energan reads up to {FORMAT}: upgrade energan")
    return record
