"""Two domains as two columns of parquet files: input and output, a and b, ...; splits are words of the files' names."""

from collections.abc import Mapping
from pathlib import Path

from energan.data.formats.folders import printable
from energan.data.formats.parquet import column_files, columns_of, is_parquet, tables_by_split
from energan.data.pairs.folders import FIRST, SECOND, WHOLE, Listed
from energan.utils.errors import UserError


def holds_tables(path: Path) -> bool:
    """Whether it is a parquet file, or a folder of such."""
    return is_parquet(path) if path.is_dir() else path.suffix.lower() == ".parquet" and path.is_file()


def listed_columns(path: Path) -> Mapping[str, Listed]:
    """The images of both columns by their split; WHOLE where there are no splits. UserError for other columns."""
    folder = path if path.is_dir() else path.parent
    parts = tables_by_split(path) if path.is_dir() else {WHOLE: [path]}
    first, second = _columns(columns_of(next(iter(parts.values()))[0]), path)
    found = {}
    for split, paths in parts.items():
        place = f"{printable(path.name)}, {split}" if split else printable(path.name)
        found[split] = Listed(*(column_files(paths, folder, column, place) for column in (first, second)))
    return found


def _columns(names: tuple[str, ...], path: Path) -> tuple[str, str]:
    folded = {name.lower(): name for name in names}
    for one, other in zip(FIRST, SECOND, strict=True):
        if one in folded and other in folded:
            return folded[one], folded[other]
    raise UserError(
        f"{printable(path)} has pictures in the columns {', '.join(map(printable, names))}: two domains are called "
        "input and output, or source and target"
    )
