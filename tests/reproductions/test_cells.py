"""A cell is told as what it is: one of other arguments, or of other defaults, is refused."""

import json
from pathlib import Path

import pytest

from energan.utils.errors import UserError
from reproductions.cells import trained

SMALL = {"data": "digits", "steps": 1, "save_every": 1, "batch": 8, "width": 2, "z": 4}


def test_a_cell_is_kept_and_one_of_another_default_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cell"
    assert trained(folder, "ebgan-pt-mnist", SMALL, "test") and trained(folder, "ebgan-pt-mnist", SMALL, "test")
    path = folder / "run.json"
    record = json.loads(path.read_text())
    assert record["arguments"]["pt"] == 0.1  # which nobody gave
    record["arguments"]["pt"] = 3.25
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"holds another training \(pt is 3\.25 there"):
        trained(folder, "ebgan-pt-mnist", SMALL, "test")
    del record["arguments"]["pt"]
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match="pt is not recorded there"):
        trained(folder, "ebgan-pt-mnist", SMALL, "test")
