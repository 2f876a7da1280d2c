"""Tables of captions: which file has which sentence.

captions.csv     file,caption             metadata.csv   file_name,text (Hugging Face's names)
captions.jsonl   {"file": "0.jpg", "captions": ["a cat", "a black cat"]}       metadata.jsonl   {"file_name", "text"}
captions.txt     0.jpg<tab>a cat          Flickr's       0.jpg#0<tab>a cat
captions_train2017.json                   COCO's         {"images": [...], "annotations": [...]}
"""

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from energan.data.decoding.failures import as_user_error
from energan.data.formats.folders import printable
from energan.data.splits.words import WORDS, words
from energan.utils.errors import UserError
from energan.utils.files import read_file

NAME = re.compile(
    r"captions?([_-][a-z0-9_-]+)?\.(csv|tsv|jsonl|txt|json)|metadata\.(csv|jsonl)|[a-z0-9_]+\.token(\.txt)?"
)

LARGEST = 2**28  # bytes of a table: COCO's of 118,287 images has 92 million

FILE = ("file", "file_name", "filename", "image")

CAPTION = ("caption", "captions", "text")

DELIMITERS = ",;\t|"  # tried in this order

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

NUMBERED = re.compile(r"(.+)#[0-9]+", re.DOTALL)  # Flickr's: the image's caption of that number

Rows = Iterator[tuple[str, str]]  # file and caption, as they are written


def is_table(name: str) -> bool:
    """Whether a file is a table of captions, by its name.

    Example:
        >>> is_table("captions.csv"), is_table("captions_val2017.json"), is_table("labels.csv")
        (True, True, False)
    """
    return bool(NAME.fullmatch(name.lower()))


def said_split(name: str) -> str | None:
    """The split that a table's name says: "captions_val2017.json" is of validation. None where it says none, or two."""
    found = {WORDS[word] for word in words(name) if word in WORDS}
    return found.pop() if len(found) == 1 else None


def rows(path: Path) -> list[tuple[str, str]]:
    """The files and their captions, in their order. UserError for a table that cannot be read, or that names neither.

    A file may come several times, and a caption may be empty.
    """
    where = f"the captions file {printable(path)}"
    with as_user_error(where):
        text = _text(read_file(path, LARGEST))
        ending = path.suffix.lower()
        read: Callable[[str, str], Rows] = {".jsonl": _json_lines, ".json": _coco, ".csv": _csv, ".tsv": _csv}.get(
            ending, _lines
        )
        return list(read(text, where))


def _text(content: bytes) -> str:
    """UTF-8 or UTF-16, as spreadsheets write them. UnicodeError for others."""
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in content[:2]:  # UTF-16 that does not say so: its first letter is ASCII
        encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    return content.decode(encoding)


def _csv(text: str, where: str) -> Rows:
    lines = list(StringIO(text, newline=""))  # str.splitlines would end lines at \x85, \u2028
    if lines and lines[0].lower().startswith("sep="):  # Excel's own line
        lines = lines[1:]
    for delimiter in DELIMITERS:
        table = csv.reader(lines, delimiter=delimiter, strict=True)
        header = [name.strip().lower() for name in next(table, [])]
        f, c = _column(header, FILE, where), _column(header, CAPTION, where)
        if f is not None and c is not None:
            break
    else:
        columns = ", ".join(map(printable, (lines[0] if lines else "").strip().split(",")[:9])) or "nothing"
        raise UserError(f"{where} has no columns 'file' and 'caption' in its first line, only {columns[:200]}")
    for row in table:
        if len(row) not in (0, len(header)):
            raise UserError(
                f"{where} is damaged: line {table.line_num} has {len(row)} columns, not {len(header)}; put a caption "
                "with commas into quotes"
            )
        if row:
            yield row[f], row[c]


def _column(header: list[str], names: tuple[str, ...], where: str) -> int | None:
    """Where the column is that has one of the names. UserError where two have."""
    found = [i for i, name in enumerate(header) if name in names]
    if len(found) > 1:
        raise UserError(f"{where} has the columns {header[found[0]]} and {header[found[1]]}: keep one")
    return found[0] if found else None


def _lines(text: str, where: str) -> Rows:
    """A file, a tab and a caption a line; or a CSV of that ending, as Kaggle has Flickr's."""
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    if lines and "\t" not in lines[0]:
        yield from _csv(text, where)
        return
    for number, line in enumerate(lines, 1):
        file, tab, caption = line.partition("\t")
        if not tab:
            raise UserError(f"{where} has no tab between file and caption in line {number}: {printable(line)[:80]}")
        match = NUMBERED.fullmatch(file)
        yield (match[1] if match else file), caption


def _json_lines(text: str, where: str) -> Rows:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        with as_user_error(f"line {number} of {where}"):
            row = json.loads(line)
        if not isinstance(row, dict):
            raise UserError(f"line {number} of {where} is no object with 'file' and 'caption'")
        names = list(row)
        f, c = _column(names, FILE, where), _column(names, CAPTION, where)
        if f is None or c is None:
            raise UserError(f"line {number} of {where} has no {'caption' if c is None else 'file'}")
        said = row[names[c]]
        for caption in said if isinstance(said, list) else [said]:
            yield _string(row[names[f]], number, where), "" if caption is None else _string(caption, number, where)


def _string(value: Any, number: int, where: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{printable(str(value))[:40]} in line {number} of {where} is no text")
    return value


def _coco(text: str, where: str) -> Rows:
    table = json.loads(text)
    try:
        name = {image["id"]: str(image["file_name"]) for image in table["images"]}
        said = [(each["image_id"], str(each["caption"])) for each in table["annotations"]]
    except (KeyError, TypeError) as error:
        raise UserError(f"{where} is none of COCO's: it lacks images, annotations, or what belongs to one") from error
    for image, caption in said:
        if image not in name:
            raise UserError(f"{where} has a caption of the image {printable(image)[:40]}, which it does not list")
        yield name[image], caption
