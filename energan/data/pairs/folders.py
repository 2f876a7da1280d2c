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
    names = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    for one, other in zip(FIRST, SECOND, strict=True):
        if one in names and other in names:
            return _in_two(names[one], names[other])
    if glued := _cyclegan(names):
        return glued
    if inside := _in_each_split(folder, names):
        return inside
    splits = folder_splits(folder)
    if not splits:
        return {WHOLE: Listed(folder_files(folder, ALL), None)}
    return {split: Listed(folder_files(folder, split), None) for split in splits}


def _folder(source: str | Path) -> Path:
    folder = user_path(source)
    if not folder.is_dir():
        raise UserError(f"{printable(folder)} is no folder: pictures of two domains are a named set, or lie in folders")
    return folder


def _in_two(first: Path, second: Path) -> dict[str, Listed]:
    """The files of two folders. UserError where one has splits and the other has not, or others."""
    if first.resolve() == second.resolve():
        raise UserError(f"{printable(first)} is named for both domains: name the folder of each")
    splits, others = folder_splits(first), folder_splits(second)
    if set(splits) != set(others):
        both = ((first, splits), (second, others))
        said = [f"{printable(path)} has {', '.join(of) or 'no splits'}" for path, of in both]
        raise UserError(f"{' and '.join(said)}: give both domains the same splits")
    if not splits:
        return {WHOLE: Listed(folder_files(first, ALL), folder_files(second, ALL))}
    return {split: Listed(folder_files(first, split), folder_files(second, split)) for split in splits}


def _cyclegan(names: Mapping[str, Path]) -> dict[str, Listed]:
    """trainA, trainB, testA, testB; {} for other folders."""
    found = {}
    for name, path in names.items():
        split = canonical(name[:-1]) if name.endswith("a") else ""
        if split in SPLITS and f"{name[:-1]}b" in names:
            found[split] = Listed(folder_files(path, ALL), folder_files(names[f"{name[:-1]}b"], ALL))
    return {split: found[split] for split in in_order(found)}


def _in_each_split(folder: Path, names: Mapping[str, Path]) -> dict[str, Listed]:
    """train/input, train/output, ...; {} for other folders."""
    found: dict[str, Listed] = {}
    for name, path in names.items():
        split = canonical(name)
        inner = {each.name.lower(): each for each in path.iterdir() if each.is_dir()} if split in SPLITS else {}
        for one, other in zip(FIRST, SECOND, strict=True):
            if one in inner and other in inner:
                if split in found:
                    raise UserError(f"{printable(folder)} has two folders of the split {split}: leave one")
                found[split] = Listed(folder_files(inner[one], ALL), folder_files(inner[other], ALL))
    return {split: found[split] for split in in_order(found)}
