"""Whether a run folder, or another file, is of this user's making: a signature that only this user's key gives.

run.json says from where a run's images, labels and encoder are read, and whoever wrote it may name any file. So what is
outside of the folder is read only where the description was signed here. A folder without a signature, or with another
user's, is of use all the same; its images are named anew.
"""

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from energan.utils.console import warn
from energan.utils.files import read_file, user_folder

BYTES = 32  # of the key


def state_dir() -> Path:
    """The folder of what Energan keeps for this user: the environment's ENERGAN_STATE, else one in the user's data."""
    return user_folder("ENERGAN_STATE", platformdirs.user_data_dir)


def sign(content: Any, kind: str = "run") -> str:
    """The signature of what JSON can hold, hexadecimal; "" where there can be no key, with a warning.

    kind: what it is, so that no signature of a run's description is one of something else.
    """
    key = _key(make=True)
    return _signature(key, content, kind) if key else ""


def is_signed(record: dict[str, Any]) -> bool:
    """Whether run.json's description is one that this user signed."""
    return is_signature(record.get("signature"), record.get("experiment"))


def is_signature(given: object, content: Any, kind: str = "run") -> bool:
    """Whether what is given is this user's signature of the content."""
    key = _key(make=False)
    if not key or not isinstance(given, str) or not given.isascii():
        return False
    try:
        return hmac.compare_digest(given, _signature(key, content, kind))
    except (ValueError, RecursionError):  # nested beyond the stack, a number of 5,000 digits
        return False


def _signature(key: bytes, content: Any, kind: str) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(key, f"energan {kind}\n".encode() + text, hashlib.sha256).hexdigest()


def _key(*, make: bool) -> bytes | None:
    """The user's key, made if need be; None where there is none."""
    path = state_dir() / "key"
    with suppress(OSError):
        return _whole(read_file(path, BYTES))
    if not make:
        return None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".key-{secrets.token_hex(8)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(BYTES))
        try:
            with suppress(FileExistsError):  # of two at once, the first one's is the key
                os.link(fresh, path)
        finally:
            fresh.unlink()
        return _whole(read_file(path, BYTES))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        warn(f"runs cannot be signed ({path}: {reason}): resume and evaluate will ask for their --data")
        return None


def _whole(key: bytes) -> bytes | None:
    return key if len(key) == BYTES else None
