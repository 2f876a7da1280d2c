"""LSUN as it is published: a folder <scene>_train_lmdb or <scene>_val_lmdb with an LMDB of WebP (once JPEG) files.

Yu et al. 2015, arXiv:1506.03365.  Needs the package lmdb (extra `lmdb`).
"""

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from energan.data.decoding.failures import as_user_error
from energan.data.decoding.listing import Files, Item, fingerprint, stamp
from energan.data.formats.folders import printable
from energan.data.splits import TEST, TRAIN, VALIDATION
from energan.utils.errors import UserError

DATA = "data.mdb"

ENDINGS = {TRAIN: "_train_lmdb", VALIDATION: "_val_lmdb"}  # LSUN's own test images have no scene


def lsun_files(folder: Path, split: str) -> Files:
    """The images in an LMDB, in the order of their keys: those of one scene, so without labels.

    `folder` is that of either split; the other stands beside it. Raises UserError if that is not there, if the file is
    none of LMDB's or shorter than it says, and without the package lmdb.
    """
    folder = _of_split(folder.resolve(), split)
    where = f"the LMDB {printable(folder)}"
    if find_spec("lmdb") is None:
        raise UserError(f"{where} needs the package lmdb: pip install 'energan[lmdb]'")
    with as_user_error(where):
        database = _open(folder)
        size, entries = database.stat()["psize"], database.stat()["entries"]
        needed, length = (database.info()["last_pgno"] + 1) * size, (folder / DATA).stat().st_size
    if length < needed:  # reading beyond the end would end the process
        raise UserError(f"{where} is cut off: it has {length} bytes of {needed}; copy it again")
    if not entries:
        raise UserError(f"{where} holds no images")

    def items() -> Iterator[Item]:
        with as_user_error(where), database.begin() as reading:
            for key in reading.cursor().iternext(values=False):
                yield Item(printable(key.decode("latin1")), partial(_value, database, key), None)

    scene, marks = folder.name, stamp(folder, *fingerprint(folder / DATA))
    for ending in ENDINGS.values():
        scene = scene.removesuffix(ending)
    return Files(printable(scene), where, marks, (), entries, items, (), printable(folder.name))


def lsun_splits(folder: Path) -> tuple[str, ...]:
    """The splits that the folder and those beside it are; () where its name does not say which it is."""
    folder = folder.resolve()
    scene = next((folder.name.removesuffix(end) for end in ENDINGS.values() if folder.name.endswith(end)), None)
    beside = {split: folder.with_name(f"{scene}{ending}") for split, ending in ENDINGS.items()}
    return () if scene is None else tuple(split for split, path in beside.items() if (path / DATA).is_file())


_databases: dict[Path, tuple[tuple[int, ...], Any]] = {}  # LMDB opens a file once in a process


def _open(folder: Path) -> Any:
    marks = fingerprint(folder / DATA)
    before, database = _databases.get(folder, ((), None))
    if before != marks:
        if database is not None:
            database.close()
        database = import_module("lmdb").open(str(folder), readonly=True, lock=False, readahead=False)
        _databases[folder] = marks, database
    return database


def _of_split(folder: Path, split: str) -> Path:
    ours = next((name for name, ending in ENDINGS.items() if folder.name.endswith(ending)), TRAIN)
    wanted = VALIDATION if split == TEST else split
    if ours == wanted:
        return folder
    beside = folder.with_name(folder.name.removesuffix(ENDINGS[ours]) + ENDINGS.get(wanted, f"_{split}_lmdb"))
    if not (beside / DATA).is_file():
        raise UserError(
            f"the LMDB {printable(folder)} has no split {split!r}: there is no {printable(beside.name)} beside it"
        )
    return beside


def _value(database: Any, key: bytes) -> bytes:
    """An image file. ValueError if the database is damaged there."""
    lmdb = import_module("lmdb")
    try:
        with database.begin() as reading:
            return reading.get(key)
    except lmdb.Error as error:
        raise ValueError(str(error)) from error
