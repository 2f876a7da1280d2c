"""All images of a source, split by split."""

import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from energan.data import listed, load, splits_of
from energan.data.decoding.parallel import in_order
from energan.data.image_set import ImageSet
from energan.data.look.seen import Broken, Seen, of_pixels, seen
from energan.data.splits import TRAIN, canonical
from energan.utils.console import counted

RESULT = 2048  # bytes of one


class Looked(NamedTuple):
    """What was found."""

    name: str
    images: tuple[Seen, ...]
    broken: tuple[Broken, ...]
    classes: dict[str, tuple[str, ...]]  # of each split; () for none
    splits: tuple[str, ...]  # () where all is one
    left_out: tuple[str, ...]  # what else is there, a phrase for each kind


def look(source: str | Path, split: str = "", *, progress: bool = True) -> Looked:
    """Looks at every image of a source, as `energan.data.load` would read it.

    Args:
        source: As of `load`: a named set, or the user's folder or file.
        split: One split; "" for every one that the source has; "all": every image, where no folder is a split.
        progress: Shows how far it is, on stderr.

    Raises:
        UserError: if there is no such source or split, or if it can be read in two ways.

    Example:
        >>> found = look("digits", "test", progress=False)
        >>> len(found.images), found.images[0].width, found.classes["test"][:2]
        (256, 8, ('0', '1'))
    """
    there = splits_of(source)
    wanted = (canonical(split),) if split else there or (TRAIN,)
    images, broken, classes, left_out, name = list[Seen](), list[Broken](), {}, dict[str, None](), str(source)
    for each in wanted:
        files = listed(source, each)
        shown = each if split or there else ""
        if files is None:
            data = load(source, each, progress=progress)
            name, classes[each] = data.name, data.classes
            images += counted(_pixels(data, each, shown), len(data.images), f"looking at {name}", show=progress)
            continue
        name, classes[each] = files.name, files.classes
        left_out |= dict.fromkeys((*files.notes, *files.left_out))
        broken += [Broken(*_parted(words)) for words in files.skipped]
        with warnings.catch_warnings():  # here and not in the threads: the filters belong to the whole process
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            found = in_order(partial(seen, split=shown), files.items(), lambda _: RESULT)
            total = files.total - len(files.skipped)
            for result in counted(found, total, f"looking at {name}", unit="files", show=progress):
                if isinstance(result, Seen):
                    images.append(result)
                else:
                    broken.append(result)
    return Looked(name, tuple(images), tuple(broken), classes, wanted if there or split else (), tuple(left_out))


def _parted(words: str) -> tuple[str, str]:
    """The name and the reason of "name: reason"."""
    name, _, why = words.partition(": ")
    return name, why or "it cannot be read"


def _pixels(data: ImageSet, split: str, shown: str) -> Iterator[Seen]:
    """The images of a set that is in memory, by their numbers."""
    labels = [None] * len(data.images) if data.labels is None else data.labels.tolist()
    names = data.files or tuple(f"{split} image {i}" for i in range(len(labels)))
    rows = zip(names, labels, data.images.numpy(), strict=True)
    yield from in_order(lambda row: of_pixels(row[0], shown, row[1], row[2]), rows, lambda _: RESULT)
