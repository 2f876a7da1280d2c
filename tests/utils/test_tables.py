"""Tables: the same columns in both formats, any text, floats that can be read."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from energan.utils.errors import UserError
from energan.utils.tables import write_table

PLAIN = {"index": [0, 1], "file": ["a.png", ""], "energy": np.array([0.1, 1e-9], np.float32)}
AWKWARD = {"file": ["a, b.png", 'say "cheese".png', "two\nlines.png", ""], "P(x, y)": np.array([0.25, 1.0, 0.0, 3.0])}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_without_awkward_names_has_no_quotes(tmp_path: Path) -> None:
    path = write_table(tmp_path / "plain.csv", PLAIN)
    assert path.read_text() == "index,file,energy\n0,a.png,0.1\n1,,1e-9\n"


def test_commas_quotes_and_line_breaks_in_names_survive(tmp_path: Path) -> None:
    for table in (AWKWARD, {"file": ["a.png"], "P(x, y)": [0.5]}, {"file": ["a, b.png"]}):
        read = rows(write_table(tmp_path / "awkward.csv", table))
        assert [row["file"] for row in read] == table["file"] and list(read[0]) == list(table)
    assert [float(row["P(x, y)"]) for row in rows(write_table(tmp_path / "b.csv", AWKWARD))] == [0.25, 1.0, 0.0, 3.0]


def test_a_parquet_has_the_same_columns(tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(write_table(tmp_path / "a.parquet", AWKWARD))
    assert table.column_names == list(AWKWARD) and table["file"].to_pylist() == AWKWARD["file"]


def test_a_table_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        write_table(tmp_path / "file" / "a.csv", PLAIN)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_no_text_of_a_csv_is_a_formula_and_numbers_stay(tmp_path: Path) -> None:
    formulas = ["=1+2", "+cmd", "-x", "@SUM(A1)", "\tx", "\r=1"]
    table = {"file": formulas, "=energy": np.full(6, -1.5), "label": ["-1", "+2.5", "a=b", "", "x", "-0"]}
    read = rows(write_table(tmp_path / "a.csv", table))
    assert [row["file"] for row in read] == [f"'{text}" for text in formulas]
    assert [row["label"] for row in read] == table["label"]
    assert {row["'=energy"] for row in read} == {"-1.5"}
    assert pyarrow.parquet.read_table(write_table(tmp_path / "a.parquet", table))["file"].to_pylist() == formulas
