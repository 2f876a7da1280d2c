"""Tables of attributes in the formats that they are published in, and in a user's own CSV."""

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from energan.data.decoding.failures import reason
from energan.data.formats.celeba import ATTRIBUTES as CELEBA
from energan.data.formats.celeba import _header, _rows, _table, is_celeba
from energan.data.formats.folders import printable
from energan.data.image_set import ImageSet
from energan.data.labels import DELIMITERS, _Known, file_of_page, text_lines
from energan.data.splits.words import normal
from energan.utils.errors import UserError

OWN = "attributes.csv"

LFW = "lfw_attributes.txt"

MOST = 1000  # attributes

LARGEST = 2**28  # bytes of a table


Rows = Mapping[str, Sequence[float]]


class Table(NamedTuple):
    """Names of attributes, and the numbers of each image, by its file as `.files` has it."""

    names: tuple[str, ...]
    rows: Rows
    words: str


def table_of(folder: Path, data: ImageSet) -> Table:
    """The table of attributes that lies in the folder, or beside it.

    UserError where there is none, or two of them, and for a table that is damaged.
    """
    found = [path for path in (folder / OWN, folder / LFW, folder.resolve().parent / LFW) if path.is_file()]
    celeba = _table(folder, CELEBA) if folder.is_dir() and is_celeba(folder) else None
    found += [celeba] if celeba else []
    if len(found) > 1:
        both = " and ".join(printable(path) for path in found[:2])
        raise UserError(f"{both} both have attributes of {printable(folder)}: keep one")
    if not found:
        raise UserError(
            f"{printable(folder)} has no attributes: put {OWN} into it (a column file, then one each), or name "
            f"the folder of LFW with {LFW}, CelebA's with {CELEBA}.txt, or emoji-attributes"
        )
    (path,) = found
    where = f"the attributes file {printable(path)}"
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{where} is larger than {LARGEST >> 20} MiB")
        if path.name == OWN:
            return own_table(path.read_bytes(), data, folder, where)
        if path.name == LFW:
            return lfw_table(path.read_text("utf-8-sig"), data, where)
        return celeba_table(path, data, where)
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(f"{where} cannot be read: {reason(error)}") from error


def own_table(content: bytes, data: ImageSet, folder: Path, where: str) -> Table:
    """A CSV with a header: the column `file`, and a column of numbers for each attribute.

    Files are named, and columns separated, as in a CSV of labels (labels.py).  UserError for a column that is missing
    or there twice, what is no number, a file with two rows, and one that the folder lacks.
    """
    lines = text_lines(content)
    for delimiter in DELIMITERS:
        rows = csv.reader(lines, delimiter=delimiter)
        header = [name.strip() for name in next(rows, [])]
        if "file" in (lower := [name.lower() for name in header]):
            break
    else:
        raise UserError(f"{where} has no column 'file' in its first line")
    place = lower.index("file")
    names = checked_names([name for i, name in enumerate(header) if i != place], where)
    known, table = _Known(data, folder), dict[str, Sequence[float]]()
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        line = rows.line_num
        if len(row) != len(header):
            raise UserError(f"{where} is damaged: line {line} has {len(row)} columns, its first line {len(header)}")
        file, cells = row[place].strip(), [cell for i, cell in enumerate(row) if i != place]
        numbers, name = numbers_of(cells, names, where, line), known.find(file, where)
        if name is not None and table.setdefault(name, numbers) != numbers:
            raise UserError(f"{where} gives {name} two rows of attributes (line {line}): keep one")
    if known.lacking:
        more = f" (and {len(known.lacking) - 1} more)" if len(known.lacking) > 1 else ""
        raise UserError(f"{where} names {printable(known.lacking[0])}{more}, which is no image of {data.name}")
    return Table(names, _by_file(data, table), where)


def lfw_table(text: str, data: ImageSet, where: str) -> Table:
    """Lines of person, number of the image, and numbers, separated by tabs; # begins lines that are none.

    The last of these names the columns: "#", "person", "imagenum", and the attributes. The image is that of which the
    file is called as LFW has it, Aaron_Eckhart_0001 for "Aaron Eckhart", 1, with any ending, in any folder.
    """
    names: tuple[str, ...] = ()
    table = dict[str, Sequence[float]]()
    for line, row in enumerate(text.split("\n"), 1):
        cells = [cell.strip() for cell in row.rstrip("\r").split("\t")]
        if cells[0].startswith("#"):
            cells = [cells[0][1:].strip(), *cells[1:]]
            cells = cells if cells[0] else cells[1:]
            if [cell.lower() for cell in cells[:2]] == ["person", "imagenum"]:
                names = checked_names([name for name in cells[2:] if name], where)
            continue
        if not row.strip():
            continue
        while len(cells) > len(names) + 2 and not cells[-1]:  # a tab at the end
            cells.pop()
        if not names:
            raise UserError(f"{where} does not name its columns: a line '# person imagenum ...' is missing")
        if len(cells) != len(names) + 2 or not cells[1].isdecimal() or len(cells[1]) > 9:
            raise UserError(f"{where} is damaged: line {line} has not a person, a number and {len(names)} attributes")
        stem = f"{'_'.join(cells[0].split())}_{int(cells[1]):04d}"
        numbers = numbers_of(cells[2:], names, where, line)
        if table.setdefault(normal(stem), numbers) != numbers:
            raise UserError(f"{where} gives {printable(stem)} two rows of attributes (line {line}): keep one")
    return Table(names, _by_file(data, table, lambda name: Path(name).stem), where)


def celeba_table(path: Path, data: ImageSet, where: str) -> Table:
    """CelebA's attributes, 1 or -1. UserError for a damaged table (celeba.py)."""
    names = checked_names(_header(path), where)
    table = {normal(name): [float(value) for value in values] for name, values in _rows(path, len(names))}
    return Table(names, _by_file(data, table, lambda name: Path(name).name), where)


def checked_names(names: Iterable[str], where: str) -> tuple[str, ...]:
    """The attributes' names, printable. UserError for none, too many, an empty one, and one that is there twice."""
    shown = tuple(map(printable, names))
    if not 1 <= len(shown) <= MOST:
        raise UserError(f"{where} has {len(shown)} attributes in its first line: 1 to {MOST} are taken")
    if "" in shown:
        raise UserError(f"{where} has a column without a name")
    if twice := [name for name in shown if shown.count(name) > 1]:
        raise UserError(f"{where} has two columns called {twice[0]!r}")
    return shown


def numbers_of(cells: Sequence[str], names: Sequence[str], where: str, line: int) -> list[float]:
    """The numbers of a row. UserError for what is no finite number."""
    return [_number(cell, name, where, line) for cell, name in zip(cells, names, strict=True)]


def _number(cell: str, name: str, where: str, line: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not abs(value) < 1e30:
        shown = printable(cell.strip())[:40] or "nothing"
        raise UserError(f"{where} has {shown} as {name!r} in line {line}, where a number is needed")
    return value


def _by_file(data: ImageSet, table: Rows, key: Callable[[str], str] = str) -> Rows:
    """The rows by the images' names in `.files`, of which `key` makes those of the table; pages have their file's."""
    keys = ((name, key(normal(file_of_page(name) or name))) for name in data.files)
    return {name: table[k] for name, k in keys if k in table}
