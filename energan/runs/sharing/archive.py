"""A model as one .zip: written with the same bytes for the same content, and read as a stranger's."""

import hashlib
import os
import shutil
import stat
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from energan.data.decoding.failures import as_user_error
from energan.runs.copies import kept_copy
from energan.runs.sharing.parts import PARTS, check_part, is_part
from energan.utils.errors import UserError, printable
from energan.utils.files import write

LARGEST = 2**32 - 2**20  # bytes of a .zip: the most without the extension for larger ones

DIRECTORY = 2**16  # bytes of the list of its members

TAIL = 2**16 + 22  # bytes at a zip's end among which the list's place is

LOCATOR = 20  # bytes before a zip's end that say where the end of the extension for larger files is

TIME = (1980, 1, 1, 0, 0, 0)  # of all members, so that the same content has the same bytes


def write_zip(folder: Path, path: Path) -> Path:
    """The path, to which it writes the folder's parts. UserError where they are too large, or nothing can be written.

    Weights are stored as they are, for they hardly become smaller; all else is compressed.
    """
    names = [name for name in PARTS if (folder / name).is_file()]
    if (size := sum((folder / name).stat().st_size for name in names)) > LARGEST:
        raise UserError(f"the model takes {size / 2**30:.1f} GiB, and a .zip at most 4: `energan push` takes more")

    def fill(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", allowZip64=False) as archive:
            for name in names:
                entry = zipfile.ZipInfo(name, TIME)
                small = not name.endswith((".safetensors", ".png"))
                entry.compress_type = zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED
                entry.external_attr = (stat.S_IFREG | 0o644) << 16
                entry.create_system = 3
                entry.file_size = (folder / name).stat().st_size
                with archive.open(entry, "w") as out, (folder / name).open("rb") as part:
                    shutil.copyfileobj(part, out, 2**20)

    return write(path, fill)


def zip_copy(path: Path) -> Path:
    """The run folder in the cache of what a model's .zip holds. UserError for a .zip that is no model's."""
    where = f"the model {printable(path)}"
    with as_user_error(where):
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    with file:
        with as_user_error(where):
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{where} is no regular file")
            if status.st_size > LARGEST:
                raise UserError(f"{where} has {status.st_size:,} bytes: no model's .zip has more than {LARGEST:,}")
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # the file that was hashed: another may have its name by now
        return kept_copy(path.stem, digest, lambda folder: unpack(file, folder, where))


def unpack(file: BinaryIO, folder: Path, where: str) -> None:
    """Writes the parts of a model's .zip into a folder. UserError for anything that `write_zip` does not write.

    A part has one of a few names, each once, is a regular file, and takes no more than a part of its name may: so no
    member leads elsewhere, and none grows without bound.
    """
    with as_user_error(where):
        _check_directory(file, where)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check(members, where)
            for member in members:
                with archive.open(member) as part, (folder / member.filename).open("xb") as out:
                    shutil.copyfileobj(part, out, 2**20)  # no more than the size that was checked


def _check(members: list[zipfile.ZipInfo], where: str) -> None:
    names = [member.filename for member in members]
    if "run.json" not in names:
        raise UserError(f"{where} is none: it has no run.json; `energan pack RUN --out model.zip` writes one")
    for name in names:
        if not is_part(name):
            raise UserError(f"{where} holds {printable(name)[:80]!r}, which no model has: it is not unpacked")
        if names.count(name) > 1:
            raise UserError(f"{where} holds {name} twice: it is not unpacked")
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise UserError(f"{where} holds {member.filename} as a link or device: it is not unpacked")
        if member.flag_bits & 1:
            raise UserError(f"{where} is encrypted: ask for it without a password")
        check_part(member.filename, member.file_size, where)


def _check_directory(file: BinaryIO, where: str) -> None:
    """UserError where the list of members is too long to be a model's: it is read as a whole.

    The extension for larger files has a second length of the list, which would be taken in place of this one.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL - LOCATOR))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise UserError(f"{where} is no .zip, or its end is missing")
    if tail[max(0, at - LOCATOR) : at].startswith(b"PK\6\7"):
        raise UserError(f"{where} is a zip64, as no model's .zip is: it is not unpacked")
    (length,) = struct.unpack("<I", tail[at + 12 : at + 16])
    if length > DIRECTORY:
        raise UserError(f"{where} lists more files than any model has: it is not unpacked")
