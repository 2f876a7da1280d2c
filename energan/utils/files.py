"""Atomic file writes, and safetensors without pickles."""

import errno
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from energan.utils.console import warn
from energan.utils.errors import UserError

STALE_SECONDS = 3600  # a temporary file that nobody wrote to for so long was left by a killed run


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, of the same suffix, which takes its name when the block ends.

    If the block fails, the temporary file is removed. Raises OSError if the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(".*.tmp*"):
        with suppress(OSError):  # gone already, or another user's
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=f".tmp{path.suffix}")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:  # after Ctrl-C too
        temporary.unlink(missing_ok=True)


def write(path: Path, fill: Callable[[Path], object]) -> Path:
    """The path, once `fill` has written it: `fill` gets a temporary file beside it, which then takes its name.

    UserError if that fails: the disk is full, or the folder read-only.
    """
    try:
        with replacing(path) as temporary:
            fill(temporary)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def unwritable(path: Path, error: OSError) -> UserError:
    """The error for a file or folder that cannot be written."""
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


def cache_dir() -> Path:
    """The cache folder: the environment's ENERGAN_CACHE, else the user's cache folder's `energan`."""
    return Path(os.environ.get("ENERGAN_CACHE") or platformdirs.user_cache_dir("energan", appauthor=False))


def keep(path: Path, content: bytes) -> None:
    """Write a file of the cache; a folder that cannot be written costs a warning, not the run.

    Raises UserError when the disk is full.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        refuse_full_disk(error, path.parent)
        warn(f"the cache folder {path.parent} cannot be written ({error.strerror}); going on without it")


def refuse_full_disk(error: OSError, folder: Path) -> None:
    """Raise UserError if `error` says that the disk (or the user's share of it) is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise UserError(
            f"the disk that holds the cache folder {folder} is full; free some space, "
            "or set ENERGAN_CACHE to a folder on another disk"
        ) from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a log; a killed run may have left half a line, or bytes that are no text."""
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            lines.append(line)
    return lines
