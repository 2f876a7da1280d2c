"""Writing files so that none is ever half there, and reading weights without running code."""

import errno
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from energan.errors import UserError


def write(path: Path, fill: Callable[[Path], object]) -> Path:
    """`fill` writes a temporary file beside `path`, which then takes its name.

    UserError if that fails: the disk is full, or the folder read-only.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise unwritable(path, error) from error
    temporary = Path(name)
    try:
        fill(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def unwritable(path: Path, error: OSError) -> UserError:
    """What is said when a file or folder cannot be written."""
    why = (error.strerror or str(error)).lower()
    full = error.errno in (None, errno.ENOSPC, errno.EDQUOT)  # None: a library's own kind of error
    return UserError(f"cannot write {path}: {why}; {'free some space, or ' if full else ''}write to another folder")


def write_json(path: Path, value: object) -> Path:
    return write(path, lambda p: p.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n"))


def write_weights(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> Path:
    """Safetensors; tensors of any memory layout are stored contiguously."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    flat = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}

    def fill(p: Path) -> None:
        try:
            save_file(flat, p, metadata=dict(metadata))
        except SafetensorError as error:  # its own kind of "no space left on device"
            number = re.search(r"os error (\d+)", str(error))
            raise OSError(*((int(number[1]), os.strerror(int(number[1]))) if number else (None, str(error)))) from error

    return write(path, fill)


def read_weights(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """(tensors, metadata) of a safetensors file. UserError for anything else: pickles are refused unread."""
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    # A safetensors file starts with its header's length, which may look like a pickle's first bytes, and then a brace.
    if head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80"):
        raise UserError(f"{path} is a pickled file, which could run code when opened; Energan reads only .safetensors")
    try:
        with safe_open(path, framework="pt") as f:
            return {k: f.get_tensor(k) for k in f.keys()}, f.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged or no safetensors file ({error}); delete it or name another") from error
