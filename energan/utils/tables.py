"""Tables of named columns, as .csv or .parquet files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from energan.utils.files import write


def write_table(path: Path, columns: Mapping[str, Any]) -> Path:
    """The path of the table that it writes, a .csv or a .parquet, of columns: lists or arrays of one length.

    A CSV has quotes only if some text in it needs them. A float has as many digits as its type keeps.
    """
    import pyarrow
    from pyarrow import csv, parquet

    table = pyarrow.table(dict(columns))
    if path.suffix == ".parquet":
        return write(path, lambda p: parquet.write_table(table, p))

    def fill(p: Path) -> None:
        try:
            csv.write_csv(table, p, csv.WriteOptions(quoting_style="none", quoting_header="none"))
        except pyarrow.ArrowInvalid:  # a comma, a quote or a line break
            csv.write_csv(table, p)

    return write(path, fill)
