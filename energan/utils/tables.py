"""Tables of named columns, as .csv or .parquet files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from energan.utils.files import write

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how cells start that spreadsheets run


def harmless(cell: str) -> str:
    """The text of a cell of a CSV, which no spreadsheet runs: what starts as a formula does and is no number gets a '.

    >>> [harmless(cell) for cell in ("=1+2", "@cat", "-1", "a=b", "-")]
    ["'=1+2", "'@cat", '-1', 'a=b', "'-"]
    """
    if not cell.startswith(FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell if cell[0] in "+-" else f"'{cell}"  # float("\t1") is 1


def write_table(path: Path, columns: Mapping[str, Any]) -> Path:
    """The path of the table that it writes, a .csv or a .parquet, of columns: lists or arrays of one length.

    A CSV has quotes only if some text in it needs them. A float has as many digits as its type keeps. Text that a
    spreadsheet would run as a formula (a file called =1+2.png) gets an apostrophe in front; in a .parquet it does not.
    """
    import pyarrow
    from pyarrow import csv, parquet

    table = pyarrow.table(dict(columns))
    if path.suffix == ".parquet":
        return write(path, lambda p: parquet.write_table(table, p))
    cells = [map(harmless, c.to_pylist()) if pyarrow.types.is_string(c.type) else c for c in table.columns]
    table = pyarrow.table([pyarrow.array(c) if isinstance(c, map) else c for c in cells], [*map(harmless, columns)])

    def fill(p: Path) -> None:
        try:
            csv.write_csv(table, p, csv.WriteOptions(quoting_style="none", quoting_header="none"))
        except pyarrow.ArrowInvalid:  # a comma, a quote or a line break
            csv.write_csv(table, p)

    return write(path, fill)
