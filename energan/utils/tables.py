"""Tables of named columns, as .csv or .parquet files."""

import csv
from pathlib import Path
from typing import Any

from energan.utils.files import write


def table(out: Path, columns: dict[str, list[Any]]) -> None:
    """Writes named columns to a .csv, or to a .parquet."""
    if out.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        write(out, lambda p: pq.write_table(pa.table(columns), p))
        return

    def fill(p: Path) -> None:
        with p.open("w", newline="") as f:
            rows = csv.writer(f)
            rows.writerow(columns)
            rows.writerows(zip(*columns.values(), strict=True))

    write(out, fill)
