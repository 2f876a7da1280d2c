"""The captions of a folder's images: those of the tables in it, else of a text beside each image.

cats/0.jpg, cats/0.txt                  one caption a line
images/CLASS/0.jpg, text/CLASS/0.txt    CUB's, and text_c10/

Nothing that a table names is opened: its names are looked up among the folder's files.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import torch

from energan.data.decoding.decode import EXTENSIONS
from energan.data.decoding.failures import as_user_error
from energan.data.decoding.listing import stamp
from energan.data.formats.captions.tables import is_table, rows, said_split
from energan.data.formats.folders import archived, inside, printable, walk
from energan.data.image_set import ImageSet, rows_of
from energan.data.splits import ALL
from energan.data.splits.trees import Parts
from energan.data.splits.words import normal
from energan.utils import errors
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import read_file

LONGEST = 1000  # characters of a caption that are kept

LARGEST = 2**20  # bytes of a text beside an image

TEXTS = ("text", "text_c10", "captions")  # folders of texts beside one of images


def with_captions(data: ImageSet, folder: Path, split: str) -> ImageSet:
    """The images of `folder` that have captions, with them; others are left out, and that is said.

    Captions are one line each: runs of spaces and line breaks become one space, control characters are escaped, those
    of more than 1,000 characters are cut. `sha256` becomes one of images and captions.

    UserError where there are no captions, for two tables of one folder and split, and for a name that may be two files.
    """
    where = f"the folder {printable(folder)}"
    paths = [path for path in walk(folder, []) if not any(name.startswith(".") for name in path)]
    tables = _tables(paths, split, where)
    texts = _texts(paths, data.files)
    if tables:
        said, words = _of_tables(tables, folder, paths), ", ".join(map(printable, tables))
        if texts:
            warn(f"the captions of {where} are those of {words}; .txt files beside images ({len(texts)}) are not read")
    else:
        said, words = _of_texts(texts, folder), f"{len(texts)} .txt files"
    captions = _cleaned(said, where)
    kept = [i for i, name in enumerate(data.files) if captions.get(normal(name))]
    if not kept:
        raise UserError(
            f"{where} has no captions of the images{_of(split)}: put captions.csv (columns file and caption), "
            "captions.jsonl, captions.txt, or a .txt beside each image into it"
        )
    if without := len(data.files) - len(kept):
        first = next(name for name in data.files if not captions.get(normal(name)))
        warn(f"images of {where} without a caption ({without} of {len(data.files)}) are left out: {first}, ...")
    found = tuple(captions[normal(data.files[i])] for i in kept)
    return rows_of(data, torch.tensor(kept), None if without else data.images)._replace(
        source=f"{data.source}, captions of {words}",
        sha256=stamp(data.sha256, *kept, *(text for each in found for text in (len(each), *each))),
        captions=found,
    )


def _of(split: str) -> str:
    return "" if split == ALL else f" of the split {split!r}"


def _tables(paths: Iterable[Parts], split: str, where: str) -> list[Parts]:
    """The tables of the split. UserError where a folder has two."""
    found: dict[tuple[Parts, str | None], Parts] = {}
    for path in sorted(paths):
        if is_table(path[-1]):
            other = found.setdefault((path[:-1], said_split(path[-1])), path)
            if other is not path:
                raise UserError(f"{where} has {printable(other)} and {printable(path)}: keep one, or put both into one")
    return [path for (_, said), path in found.items() if said is None or split in (said, ALL)]


def _of_tables(tables: Iterable[Parts], folder: Path, paths: Iterable[Parts]) -> dict[str, list[str]]:
    """The captions of each file, as they are written."""
    known = _Known(paths)
    captions: dict[str, list[str]] = defaultdict(list)
    for table in tables:
        lacking = []
        with as_user_error(f"the captions file {printable(table)}"):
            path = inside(folder, "/".join(table))  # no link out of the folder: what it leads to is no caption
        for file, caption in rows(path):
            name = known.find(file.strip(), table)
            if name is None:
                lacking.append(file)
            else:
                captions[name].append(caption)
        if lacking:
            names = ", ".join(printable(name)[:60] for name in dict.fromkeys(lacking[:3]))
            warn(f"{printable(table)} has captions ({len(lacking)}) of files that are not in the folder: {names}")
    return captions


class _Known:
    """The folder's image files, by their paths as `.files` has them, and by their names alone."""

    def __init__(self, paths: Iterable[Parts]) -> None:
        self._paths: set[str] = set()
        self._named: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            if PurePosixPath(path[-1]).suffix.lower() in (*EXTENSIONS, ""):
                name = normal(printable(path))
                self._paths.add(name)
                self._named[normal(printable(path[-1]))].append(name)

    def find(self, file: str, table: Parts) -> str | None:
        """The file that a table names: from the table's folder on, else from the whole folder on, else by its name.

        None where there is none. UserError where several files have the name.
        """
        parts = archived(file)
        for above in (table[:-1], ()):
            name = normal(printable((*above, *parts)))
            if name in self._paths:
                return name
        same = self._named.get(normal(printable(parts[-1])), []) if len(parts) == 1 else []
        if len(same) > 1:
            raise UserError(
                f"{printable(table)} names {printable(file)}, which may be {same[0]} or {same[1]}: name its folder too"
            )
        return same[0] if same else None


def _texts(paths: Iterable[Parts], files: Iterable[str]) -> dict[str, Parts]:
    """The text of each image that has one: beside it, or in a folder of texts beside that of images."""
    texts = {normal(printable(path)): path for path in paths if path[-1].lower().endswith(".txt")}
    found = {}
    for file in files:
        stem = normal(file).rpartition(".")[0]
        top, _, rest = stem.partition("/")
        places = [stem, *(f"{text}/{rest}" for text in TEXTS if rest and top == "images")]
        if known := next((texts[f"{place}.txt"] for place in places if f"{place}.txt" in texts), None):
            found[normal(file)] = known
    return found


def _of_texts(texts: dict[str, Parts], folder: Path) -> dict[str, list[str]]:
    return {name: list(_lines(folder, path)) for name, path in texts.items()}


def _lines(folder: Path, path: Parts) -> Iterator[str]:
    with as_user_error(f"the captions file {printable(path)}"):
        yield from read_file(inside(folder, "/".join(path)), LARGEST).decode("utf-8-sig").split("\n")


def _cleaned(captions: dict[str, list[str]], where: str) -> dict[str, tuple[str, ...]]:
    """Captions of one line each, none of them empty and none twice of one image."""
    cut = 0
    cleaned = {}
    for name, said in captions.items():
        lines = [errors.printable(" ".join(text.split())) for text in said]
        cut += sum(len(line) > LONGEST for line in lines)
        cleaned[name] = tuple(dict.fromkeys(line[:LONGEST] for line in lines if line))
    if cut:
        warn(f"captions of {where} ({cut}) are cut to their first {LONGEST} characters")
    return cleaned
