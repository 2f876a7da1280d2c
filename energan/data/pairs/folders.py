"""Where the two domains' image files lie: two folders, two in one, or pictures side by side in each file.

a, b                                    two folders: `source` and `target`, each with splits of its own or without
d/input, d/output                       two folders in one: also a, b; x, y; source, target; with splits in each
d/train/input, d/train/output           the same in each split's folder
d/trainA, d/trainB, d/testA, d/testB    CycleGAN's folders
d/train/1.jpg                           pix2pix's: the left half is the input, the right half the output
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from energan.data.decoding.listing import Files
from energan.data.formats.folders import folder_files, folder_splits, printable
from energan.data.splits import ALL, SPLITS, canonical
from energan.data.splits.words import in_order
from energan.utils.errors import UserError
from energan.utils.files import user_path

FIRST = ("input", "inputs", "a", "x", "source", "sources")

SECOND = ("output", "outputs", "b", "y", "target", "targets")  # the one that stands where the first does

WHOLE = ""  # the split of files that are of none


class Listed(NamedTuple):
    """The files of both domains. `second` is None where each file of `first` has both, side by side."""

    first: Files
    second: Files | None


def listed(source: str | Path, target: str | Path = "") -> Mapping[str, Listed]:
    """The files by their split; WHOLE where there are no splits. UserError where two domains cannot be told apart."""
    folder = _folder(source)
    if target:
        return _in_two(folder, _folder(target))
    names = _folders(folder)
    if glued := _cyclegan(names):
        return glued
    if own := _two_of(names, folder):
        return _in_two(*own)
    if inside := _in_each_split(folder, names):
        return inside
    strange = [name for name in names if canonical(name) not in SPLITS]
    if strange:
        raise UserError(
            f"{printable(folder)} has the folders {', '.join(map(printable, names))}: two domains are folders called "
            "input and output, or the other one is named as `target`"
        )
    splits = folder_splits(folder)
    if not splits:
        return {WHOLE: Listed(folder_files(folder, ALL), None)}
    return {split: Listed(folder_files(folder, split), None) for split in splits}


def _folders(folder: Path) -> dict[str, Path]:
    """The folders in a folder by their names in small letters; hidden ones are not seen."""
    return {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] not in "._"}


def _two_of(names: Mapping[str, Path], where: Path) -> tuple[Path, Path] | None:
    """The folders of both domains; None where there are none. UserError where more than two folders are there."""
    firsts, seconds = ([name for name in names if name in known] for known in (FIRST, SECOND))
    if not firsts or not seconds:
        return None
    if len(names) > 2:
        raise UserError(
            f"{printable(where)} has the folders {', '.join(map(printable, names))}, of which two would be domains: "
            "name these, the second as `target`"
        )
    return names[firsts[0]], names[seconds[0]]


def _folder(source: str | Path) -> Path:
    folder = user_path(source)
    if not folder.is_dir():
        raise UserError(f"{printable(folder)} is no folder: pictures of two domains are a named set, or lie in folders")
    return folder


def _in_two(first: Path, second: Path) -> dict[str, Listed]:
    """The files of two folders. UserError where one has splits and the other has not, or others."""
    one, other = first.resolve(), second.resolve()
    if one == other:
        raise UserError(f"{printable(first)} is named for both domains: name the folder of each")
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(f"{printable(first)} and {printable(second)} lie in each other: its pictures would be of both")
    splits, others = folder_splits(first), folder_splits(second)
    if set(splits) != set(others):
        both = ((first, splits), (second, others))
        said = [f"{printable(path)} has {', '.join(of) or 'no splits'}" for path, of in both]
        raise UserError(f"{' and '.join(said)}: give both the same splits")
    if not splits:
        return {WHOLE: Listed(folder_files(first, ALL), folder_files(second, ALL))}
    return {split: Listed(folder_files(first, split), folder_files(second, split)) for split in splits}


def _cyclegan(names: Mapping[str, Path]) -> dict[str, Listed]:
    """trainA, trainB, testA, testB; {} for other folders."""
    found = {}
    for name, path in names.items():
        split = canonical(name[:-1]) if name.endswith("a") else ""
        if split in SPLITS and f"{name[:-1]}b" not in names:
            raise UserError(f"{printable(path)} has no folder {printable(path.name[:-1])}B beside it")
        if split in SPLITS:
            found[split] = Listed(folder_files(path, ALL), folder_files(names[f"{name[:-1]}b"], ALL))
    return {split: found[split] for split in in_order(found)}


def _in_each_split(folder: Path, names: Mapping[str, Path]) -> dict[str, Listed]:
    """train/input, train/output, ...; {} for other folders."""
    found: dict[str, Listed] = {}
    for name, path in names.items():
        split = canonical(name)
        if split in SPLITS and (own := _two_of(_folders(path), path)):
            if split in found:
                raise UserError(f"{printable(folder)} has two folders of the split {split}: leave one")
            found[split] = Listed(*(folder_files(each, ALL) for each in own))
    return {split: found[split] for split in in_order(found)}
