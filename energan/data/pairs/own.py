"""The user's own pictures of two domains: matched by name, decoded, and brought to one size."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from energan.data.decoding.decode import EXTENSIONS, Fit
from energan.data.decoding.fitting import SEEN_AND_OPACITY, refit
from energan.data.decoding.listing import Files, Item
from energan.data.decoding.values import Range
from energan.data.image_set import ImageSet, content_hash
from energan.data.pairs.domains import Domains, both, held_out, split_of, turned
from energan.data.pairs.folders import Listed
from energan.data.pairs.pixels import Picture, decoded, halves, range_of, said_of_range, stacked
from energan.data.splits.words import normal
from energan.utils.console import warn
from energan.utils.errors import UserError

UNREADABLE_SHARE, UNREADABLE_MOST = 0.1, 3  # more failures than both are an error

NAMES = 3  # files that a sentence names


class Read(NamedTuple):
    """Pictures that could be read, their names, and "name: reason" of the others."""

    pictures: list[Picture]
    names: list[str]
    shapes: list[tuple[int, int]]  # height and width before they were resized
    failed: list[str]


def load_own(parts: Mapping[str, Listed], split: str, domains: Domains, given: Range | None) -> ImageSet:
    """The set of a split, of the files that `folders.listed` found; the rest as `load_domains`."""
    chosen, out = split_of(tuple(parts), split)
    first, second = parts[chosen]
    ones, others = [*first.items()], None if second is None else [*second.items()]
    if others is not None and domains.paired:
        assert second is not None
        ones, others = _matched(first, ones, second, others)
    if out is not None:
        ones, others = _part(ones, out), None if others is None else _part(others, out)
    black_to_white = given or range_of([*ones, *(others or [])], first.words)
    if others is None:
        x, y = _side_by_side(ones, domains, black_to_white, first.words)
    else:
        assert second is not None
        x, y = _apart(ones, others, domains, black_to_white, (first.words, second.words))
    failed = [*x.failed, *(y.failed if others is not None else ())]
    _refuse(failed, len(ones) + len(others or ()))
    if not x.pictures or not y.pictures:
        why = f": {failed[0]}" if failed else ", which needs two or more in all"
        raise UserError(f"{first.words} has no picture that can be read for {split}{why}")
    if domains.paired:
        _same_sizes(x, y, domains.resize is not None)
    halved = ", each file two pictures side by side" if second is None else ""
    said = halved + {None: "", True: ", held out by name", False: ", without those held out by name"}[out]
    one = _domain(first, x, domains, domains.crop)._replace(place=f"{first.place}{said}")
    other = _domain(second, y, domains, domains.crop)
    skipped = (*first.skipped, *(second.skipped if second else ()), *failed)
    data = both(one, other, paired=domains.paired)._replace(skipped=skipped, value_range=black_to_white)
    return turned(data, domains.reverse)


def _domain(files: Files | None, read: Read, domains: Domains, crop: int) -> ImageSet:
    """One domain's pictures as a set; without files, the right halves."""
    images, of = stacked(read.pictures, crop)
    name, where = ("right halves", "the right halves") if files is None else (files.name, files.words)
    words = f"{where}, {_words(domains, read.pictures, images)}"
    sha = content_hash(images.numpy())
    return ImageSet(images, None, name, (), words, sha, (), tuple(read.names[i] for i in of))


def _words(domains: Domains, pictures: list[Picture], images: Tensor) -> str:
    h, w = images.shape[2:]
    if domains.resize:
        return f"centred squares resized to {h} x {w}"
    if len(images) == len(pictures):
        return f"{h} x {w}, nothing resized"
    return f"{len(pictures)} pictures cut into {len(images)} squares of {h} x {w}, nothing resized"


def _side_by_side(items: list[Item], domains: Domains, black_to_white: Range | None, words: str) -> tuple[Read, Read]:
    """Both halves of each picture, cut before they are resized."""
    opacity = SEEN_AND_OPACITY in (domains.channels, domains.outputs)
    whole = _read(items, Fit(None, SEEN_AND_OPACITY if opacity else 3), black_to_white, words)
    cut = [halves(picture, name) for picture, name in zip(whole.pictures, whole.names, strict=True)]
    x = [refit(picture, domains.resize, domains.channels) for picture, _ in cut]
    y = [refit(picture, domains.resize, domains.outputs) for _, picture in cut]
    return whole._replace(pictures=x), whole._replace(pictures=y)


def _apart(
    ones: list[Item], others: list[Item], domains: Domains, black_to_white: Range | None, words: tuple[str, str]
) -> tuple[Read, Read]:
    """The pictures of two lists of files; of pairs, those of which both can be read."""
    x = _read(ones, Fit(domains.resize, domains.channels), black_to_white, words[0])
    y = _read(others, Fit(domains.resize, domains.outputs), black_to_white, words[1])
    if not domains.paired:
        return x, y
    keys = {_key(name) for name in x.names} & {_key(name) for name in y.names}
    x, y = (
        each._replace(
            pictures=[p for p, name in zip(each.pictures, each.names, strict=True) if _key(name) in keys],
            names=[name for name in each.names if _key(name) in keys],
            shapes=[shape for shape, name in zip(each.shapes, each.names, strict=True) if _key(name) in keys],
        )
        for each in (x, y)
    )
    return x, y


def _read(items: list[Item], to: Fit, black_to_white: Range | None, words: str) -> Read:
    found, told = Read([], [], [], []), []
    for item, each in zip(items, decoded(items, to, black_to_white), strict=True):
        told.append(each._replace(picture=None))
        if each.picture is None:
            found.failed.append(f"{words}, {item.name}: {each.failure}")
        else:
            found.pictures.append(each.picture)
            found.names.append(item.name)
            found.shapes.append(each.shape)
    if said := said_of_range(told, black_to_white, words):
        warn(said)
    return found


def _part(items: list[Item], out: bool) -> list[Item]:
    kept = held_out([_key(item.name) for item in items])
    return [item for i, item in enumerate(items) if (i in kept) == out]


def _key(name: str) -> str:
    """A file's name without its ending: what the two of a pair have in common."""
    stem, _, ending = name.rpartition(".")
    return normal(stem if stem and f".{ending.lower()}" in EXTENSIONS else name)


def _matched(first: Files, ones: list[Item], second: Files, others: list[Item]) -> tuple[list[Item], list[Item]]:
    """The items of both that have a partner. UserError for none, and for two of one name."""
    by_key = {_key(item.name): item for item in others}
    keys = [_key(item.name) for item in ones]
    for files, items, names in ((first, ones, keys), (second, others, [_key(item.name) for item in others])):
        if len(set(names)) < len(items):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"{files.words} has two pictures called {twice}, with other endings: keep one")
    both = [key for key in keys if key in by_key]
    if not both:
        raise UserError(
            f"no picture of {first.words} has the name of one of {second.words}: pairs have equal names (12.png, "
            "12.jpg); for pictures without pairs choose cyclegan"
        )
    alone = [item.name for item, key in zip(ones, keys, strict=True) if key not in by_key]
    alone += [item.name for key, item in by_key.items() if key not in set(keys)]
    if alone:
        named = ", ".join(alone[:NAMES]) + (", ..." if len(alone) > NAMES else "")
        warn(f"{len(alone)} pictures have no partner of the same name, and are left out: {named}")
    of = dict(zip(keys, ones, strict=True))
    return [of[key] for key in both], [by_key[key] for key in both]


def _same_sizes(x: Read, y: Read, resized: bool) -> None:
    """UserError for a pair of two sizes; where both are resized, of two shapes: another part of each would be left."""
    for (h, w), (h2, w2), name in zip(x.shapes, y.shapes, x.names, strict=True):
        alike = abs(h * w2 - h2 * w) <= max(w, w2) if resized else (h, w) == (h2, w2)
        if not alike:
            raise UserError(
                f"{name} is {w} x {h} pixels and its partner {w2} x {h2}: the two of a pair are of one "
                + ("shape, to show the same" if resized else "size; `resize` brings both to one")
            )


def _refuse(failed: list[str], total: int) -> None:
    """UserError where too many pictures cannot be read; else a warning that names some."""
    if not failed:
        return
    named = "; ".join(failed[:NAMES]) + ("; ..." if len(failed) > NAMES else "")
    if len(failed) > max(UNREADABLE_MOST, UNREADABLE_SHARE * total):
        raise UserError(f"{len(failed)} of {total} pictures cannot be read: {named}")
    warn(f"{len(failed)} pictures cannot be read, and are left out: {named}")
