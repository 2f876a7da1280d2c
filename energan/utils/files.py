"""Atomic file writes, bounded reads, and safetensors without pickles, whose content is checked."""

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from energan.utils.console import warn
from energan.utils.errors import UserError

STALE_SECONDS = 3600  # where there are no locks, a temporary file that nobody wrote to for so long was left behind

TEMPORARY = re.compile(r"\..*-[0-9a-z_]{8}\.tmp(\..*)?", re.DOTALL)  # the names of ours

HIDDEN = re.compile(r"[0-9a-f]{8}\.tmp")  # how the name of a hidden folder ends

WEIGHTS_FORMAT = "2"  # of files of weights: 2 has a digest of the content; 1, and files of others, need not have one

DIGEST = "sha256"  # its name in the metadata

LARGEST_LINE = 2**20  # bytes of one line of a log
LARGEST_STEP = 2**53  # beyond it, a number of JSON is no step


@contextmanager
def replacing(path: Path, durable: bool = False) -> Iterator[Path]:
    """A temporary path beside `path`, of the same suffix, which takes its name when the block ends.

    durable: not before its content is on the disk, so that after a power failure the name is not that of an empty file.
    If the block fails, the temporary file is removed. Raises OSError if the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    temporary, lock = _locked_beside(path)
    try:
        yield temporary
        if durable:
            os.fsync(lock)
        temporary.replace(path)
    finally:  # after Ctrl-C too
        temporary.unlink(missing_ok=True)
        os.close(lock)


def _locked_beside(path: Path) -> tuple[Path, int]:
    """A new, empty, hidden file beside `path`, and the lock on it, which shows that somebody writes it."""
    while True:
        temporary = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}.tmp{path.suffix}")
        try:
            lock = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            continue
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink:
            return temporary, lock
        os.close(lock)  # somebody swept it before it was locked


_swept: set[Path] = set()


def sweep(folder: Path) -> None:
    """Removes the temporary files that killed processes left in the folder; once in a process.

    A file that is being written is locked by its writer, and a lock ends with its process.
    """
    if folder in _swept:
        return
    _swept.add(folder)
    try:
        ours = [left for left in folder.iterdir() if TEMPORARY.fullmatch(left.name)]
    except OSError:  # it may be written to, but not listed
        return
    for left in ours:
        with suppress(OSError):  # gone already, another user's, no file
            handle = os.open(left, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
            except BlockingIOError:
                pass
            except OSError:
                if time.time() - os.fstat(handle).st_mtime > STALE_SECONDS:
                    left.unlink()
            finally:
                os.close(handle)


def write(path: Path, fill: Callable[[Path], object], durable: bool = False) -> Path:
    """The path, once `fill` has written it: `fill` gets a temporary file beside it, which then takes its name.

    durable: as of `replacing`. UserError if that fails: the disk is full, or the folder read-only.
    """
    try:
        with replacing(path, durable) as temporary:
            fill(temporary)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def check_free(folder: Path, parameter: str = "out") -> None:
    """UserError unless a new folder can take this name: nothing of an older one must be taken for a part of it."""
    try:
        taken = os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise unwritable(folder, error) from error
    if taken:
        what = "not empty" if folder.is_dir() else "no folder"
        raise UserError(f"`{parameter}` {folder} is there already and {what}: choose another, or delete it")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder, which takes the name of `folder` with all that is in it when the block ends, and only then.

    UserError if `folder` holds something already, or cannot be written.
    """
    check_free(folder)
    start = f".{folder.name[:40]}-"
    _sweep_folders(folder.parent, start)
    hidden = folder.with_name(f"{start}{secrets.token_hex(4)}.tmp")
    handle = None
    try:
        hidden.mkdir(parents=True)
        handle = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield hidden
        hidden.replace(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _sweep_folders(parent: Path, start: str) -> None:
    """Removes the hidden folders so called that killed processes left; one that is being filled is locked."""
    try:
        ours = [p for p in parent.iterdir() if p.name.startswith(start) and HIDDEN.fullmatch(p.name[len(start) :])]
    except OSError:  # it is not there yet, or cannot be listed
        return
    for left in ours:
        with suppress(OSError):  # gone already, another's, no folder, no locks
            handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(handle)


@contextmanager
def exclusive(folder: Path, message: str) -> Iterator[None]:
    """The folder, made if need be, for this process alone. UserError with the message where another one has it.

    A lock ends with its process. On a file system without locks, nobody is kept out.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        with suppress(OSError):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(message) from None
        yield
    finally:
        os.close(handle)  # and the lock is gone


def user_path(text: str | Path) -> Path:
    """The path, with ~ and ~name as home folders; as it is where there is no such home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def unwritable(path: Path, error: OSError) -> UserError:
    """The error for a file or folder that cannot be written."""
    why = (error.strerror or str(error)).lower()
    full = error.errno in (None, errno.ENOSPC, errno.EDQUOT)  # None: a library's own kind of error
    return UserError(f"cannot write {path}: {why}; {'free some space, or ' if full else ''}write to another folder")


def write_json(path: Path, value: object, durable: bool = False) -> Path:
    return write(path, lambda p: p.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n"), durable)


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a file. OSError for one of more than `most` bytes, and for a folder, a pipe or a device.

    None of them is waited for, as opening a pipe would.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
        return file.read(most)


def digest_of(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> str:
    """sha256 over the metadata (but for the digest itself) and every tensor's name, type, shape and bytes."""
    import torch

    digest = hashlib.sha256(json.dumps({k: v for k, v in sorted(metadata.items()) if k != DIGEST}).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_weights(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> Path:
    """Safetensors; tensors of any memory layout are stored contiguously.

    The metadata get the format's number and a digest of the content, which `read_weights` checks.
    """
    from safetensors.torch import save

    flat = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    about = {"format": WEIGHTS_FORMAT, **metadata}
    about[DIGEST] = digest_of(flat, about)
    content = save(flat, about)
    head = _sorted_head(content)

    def fill(p: Path) -> None:
        # not by the library's save_file, which puts a file of its own, unlocked and called otherwise, in place of ours
        with p.open("wb") as file:
            file.write(head)
            file.write(memoryview(content)[len(head) :])

    return write(path, fill, durable=True)


def _sorted_head(content: bytes) -> bytes:
    """The head of a safetensors file, its metadata, which are in any order, sorted: equal content has equal bytes."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    # it is as long, unless a name is escaped in another way
    return content[:8] + text.ljust(length) if len(text) <= length else content[: 8 + length]


def read_weights(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """(tensors, metadata) of a safetensors file, whose content is what was written.

    Files of other programs, and those of format 1, have no digest: their content is taken as it is.

    Raises:
        UserError: Anything else. Pickles are refused unread.
    """
    from safetensors import SafetensorError, safe_open

    try:
        head = _head(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    # A safetensors file starts with its header's length, which may look like a pickle's first bytes, and then a brace.
    if head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80"):
        raise UserError(f"{path} is a pickled file, which could run code when opened; Energan reads only .safetensors")
    try:
        with safe_open(path, framework="pt") as f:
            tensors, about = {k: f.get_tensor(k) for k in f.keys()}, f.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError, AttributeError) as error:  # of types torch lacks, too
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is damaged or no safetensors file ({reason}); delete it or name another") from error
    needed = "format" in about and about["format"] != "1" and DIGEST not in about
    if needed or (DIGEST in about and about[DIGEST] != digest_of(tensors, about)):
        raise UserError(f"{path} is damaged: its content is not what was written; delete it or name another")
    return tensors, about


def _head(path: Path) -> bytes:
    """The first 9 bytes of a regular file; OSError for anything else."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return file.read(9)


def cache_dir() -> Path:
    """The cache folder: the environment's ENERGAN_CACHE, else the user's cache folder's `energan`."""
    return user_folder("ENERGAN_CACHE", platformdirs.user_cache_dir)


def user_folder(variable: str, find: Callable[..., str]) -> Path:
    """The folder that an environment variable names, else the user's own, as platformdirs' function `find` has it.

    A user without a home, as in a container that runs under any number, has one for each number under the temporary
    folder. UserError where that is somebody else's.
    """
    if named := os.environ.get(variable):
        return Path(named)
    try:
        return Path(find("energan", appauthor=False))
    except (RuntimeError, KeyError):  # no HOME, and no user of this number
        folder = Path(tempfile.gettempdir()) / f"energan-{os.getuid()}"
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir() or folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise UserError(f"this user has no home folder, and {folder} cannot be used: set {variable}") from None
        return folder


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
