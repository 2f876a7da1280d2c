"""Two domains as arrays of one .npz: x and y, or input and output, ..., alone or each with its split ("x_train")."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Num
from numpy import ndarray as Array

from energan.data.decoding.failures import as_user_error
from energan.data.decoding.values import Range
from energan.data.formats.arrays import fit_all, named_shapes, read_member, said_of_opacity, shared_range, to_nchw
from energan.data.formats.folders import printable
from energan.data.image_set import ImageSet, content_hash, rows_of
from energan.data.pairs.domains import Domains, both, held_out, split_of, turned
from energan.data.pairs.folders import FIRST, SECOND, WHOLE
from energan.data.splits.words import SPLITS, canonical
from energan.utils.errors import UserError


class Named(NamedTuple):
    """The names of the two arrays of a split."""

    first: str
    second: str


def load_npz(path: Path, split: str, domains: Domains, given: Range | None) -> ImageSet:
    """The two domains of a split. UserError where the file cannot be read, or its arrays are not two domains."""
    where = printable(path)
    with as_user_error(where), zipfile.ZipFile(path) as archive:
        parts = arrays_of(list(named_shapes(archive)), where)
        chosen, out = split_of(tuple(parts), split)
        names = parts[chosen]
        x, y = (read_member(archive, name) for name in names)
    used = given or shared_range([x, y], where)
    said = {None: "", True: ", held out by number", False: ", without those held out by number"}[out]

    def domain(name: str, array: Num[Array, "..."], channels: int) -> ImageSet:
        content, words, _ = to_nchw(array, where, used, labelled=True)
        words += said_of_opacity(content, channels)
        content = fit_all(content, domains.resize, channels, where, progress=False)
        sha, called = content_hash(content.numpy()), f"array {printable(name)}"
        place = f"{printable(path.name)}, {called}{said}"
        return ImageSet(content, None, printable(name), (), f"{where}, {called}, {words}", sha, (), place=place)

    sets = [domain(names.first, x, domains.channels), domain(names.second, y, domains.outputs)]
    if out is not None:
        sets = [_part(data, out) for data in sets]
    one, other = sets
    if domains.paired and (len(one.images) != len(other.images) or one.images.shape[2:] != other.images.shape[2:]):
        shapes = " and ".join(" x ".join(map(str, data.images.shape)) for data in sets)
        raise UserError(f"{where} has {names.first} and {names.second} of {shapes}: pairs are as many, and of one size")
    data = both(one, other, paired=domains.paired)
    return turned(data._replace(value_range=used), domains.reverse)


def arrays_of(names: list[str], where: str) -> dict[str, Named]:
    """The two arrays of each split; WHOLE where there are no splits. UserError for names that say nothing.

    >>> arrays_of(["y_test", "x_train", "x_test", "y_train"], "a file")["test"]
    Named(first='x_test', second='y_test')
    """
    found: dict[tuple[str, str], str] = {}
    for name in names:
        word, split = _parted(name)
        if word in (*FIRST, *SECOND):
            found[split, word] = name
    parts: dict[str, Named] = {}
    for one, other in zip(FIRST, SECOND, strict=True):
        for split in (WHOLE, *SPLITS):
            if (split, one) in found and (split, other) in found and split not in parts:
                parts[split] = Named(found[split, one], found[split, other])
    if not parts or (WHOLE in parts and len(parts) > 1):
        raise UserError(
            f"{where} has the arrays {', '.join(map(printable, names))}: two domains are called x and y, or input and "
            "output, each with its split (x_train, y_train, x_test, y_test) or all without"
        )
    return {split: parts[split] for split in (WHOLE, *SPLITS) if split in parts}


def _parted(name: str) -> tuple[str, str]:
    """The word of a domain and the split in an array's name."""
    folded = name.lower()
    for separator in "_-.":
        for word, split in ((folded.rpartition(separator)[::2]), (folded.partition(separator)[::-2])):
            if canonical(split) in SPLITS:
                return word, canonical(split)
    return folded, WHOLE


def _part(data: ImageSet, out: bool) -> ImageSet:
    kept = held_out([str(i) for i in range(len(data.images))])
    return rows_of(data, torch.tensor([i for i in range(len(data.images)) if (i in kept) == out], dtype=torch.int64))
