"""CUB as it is published: birds of 200 species, with the split of its own table.

Wah et al. 2011, "The Caltech-UCSD Birds-200-2011 dataset". The folder holds images/CLASS/*.jpg, images.txt (number and
path) and train_test_split.txt (number and 1 for training); the captions of Reed et al. 2016 (arXiv:1605.05395) are
text/CLASS/*.txt or text_c10/CLASS/*.txt beside them.

NOTE: the zero-shot split of text-to-image papers is one of classes, 150 and 50: choose them by `only`.
"""

from collections.abc import Iterator
from pathlib import Path

from energan.data.decoding.failures import as_user_error
from energan.data.decoding.listing import Files, fingerprint
from energan.data.formats.folders import Arranged, arrange, files_of, no_head, printable, walk
from energan.data.splits import ALL, TEST, TRAIN
from energan.utils.errors import UserError
from energan.utils.files import read_file

IMAGES, NAMES, PARTITION = "images", "images.txt", "train_test_split.txt"

FLAGS = {TRAIN: "1", TEST: "0"}

LARGEST = 2**24  # bytes of a table; CUB's have a million


def is_cub(folder: Path) -> bool:
    return (folder / IMAGES).is_dir() and (folder / NAMES).is_file() and (folder / PARTITION).is_file()


def cub_splits(_: Path) -> tuple[str, ...]:
    return tuple(FLAGS)


def cub_files(folder: Path, split: str) -> Files:
    """The birds of a split, labelled by species; "all" is every image.

    UserError for another split, for a damaged table, and for an image that the tables do not know.
    """
    where = f"CUB in {printable(folder)}"
    if split not in (*FLAGS, ALL):
        raise UserError(f"{where} has no split {split!r}, only train and test")
    skipped: list[str] = []
    every = arrange(list(walk(folder / IMAGES, skipped)), ALL, where, no_head)
    pairs = list(zip(every.paths, every.labels, strict=True))
    if split != ALL:
        number = dict(_pairs(folder / NAMES))
        flag = {number.get(key): value for key, value in _pairs(folder / PARTITION)}
        if unknown := next((path for path, _ in pairs if flag.get("/".join(path)) not in FLAGS.values()), None):
            raise UserError(f"{where} has an image that {NAMES} and {PARTITION} do not know: {printable(unknown)}")
        pairs = [(path, label) for path, label in pairs if flag["/".join(path)] == FLAGS[split]]
    paths, labels = [(IMAGES, *path) for path, _ in pairs], [label for _, label in pairs]
    marks = [split, *(str(part) for name in (NAMES, PARTITION) for part in fingerprint(folder / name))]
    files = files_of(folder, Arranged(paths, labels, every.classes), where, tuple(skipped), tuple(marks))
    of = "" if split == ALL else f", {split}"
    return files._replace(words=files.words + of, place=printable(folder.resolve().name) + of)


def _pairs(table: Path) -> Iterator[tuple[str, str]]:
    """The two words of each line. UserError for other lines."""
    with as_user_error(printable(table)):
        lines = read_file(table, LARGEST).decode().splitlines()
    for number, line in enumerate(lines, 1):
        first, _, second = line.strip().partition(" ")
        if line.strip() and not second:
            raise UserError(f"{printable(table)} is damaged: line {number} has no two words")
        if second:
            yield first, second
