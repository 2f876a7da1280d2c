"""calibration.json: what is written is read again, and what is damaged is one sentence."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from energan.inference.calibration import calibration
from energan.runs.calibration import RunCalibration, read_calibration, row_digests, seen_before, write_calibration
from energan.utils.errors import UserError

IMAGES = torch.arange(12, dtype=torch.uint8).view(3, 1, 2, 2)
NORMAL = calibration(torch.tensor([0.1, 3.0, 2.0]))
FOUND = RunCalibration(NORMAL, Fraction(1, 4), "<b> (3)", 4, "abc", tuple(row_digests(IMAGES)))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_calibration(tmp_path) is None
    write_calibration(tmp_path, FOUND)
    read = read_calibration(tmp_path)
    assert read is not None and torch.equal(read.normal.energies, NORMAL.energies)
    assert read._replace(normal=NORMAL) == FOUND and read.threshold == 3.0


def test_images_are_known_again() -> None:
    assert seen_before(torch.cat([IMAGES[:1] + 1, IMAGES[1:]]), FOUND.rows).tolist() == [False, True, True]


@pytest.mark.parametrize(
    "change",
    [
        "", "[]", "{", "\x00", "null", {"energies": []}, {"energies": [float("nan")]}, {"energies": "1"},
        {"energies": [1, True]}, {"energies": [10**400] * 3}, {"false_alarms": "0"}, {"false_alarms": 3}, {"format": 2},
        {"checkpoint": 4}, {"checkpoint": {"step": "4", "digest": ""}}, {"rows": [1]}, {"images": None},
        {"energies": [1.0]}, {"n": 4}, {"n": None}, {"threshold": 2.0}, {"threshold": "3.0"}, {"threshold": None},
        {"rows": []}, {"rows": ["a"] * 4}, {"false_alarms": "1/2"},
    ],
)  # fmt: skip
def test_damage_is_one_sentence(tmp_path: Path, change: Any) -> None:
    path = write_calibration(tmp_path, FOUND)
    said = json.loads(path.read_text())
    path.write_text(change if isinstance(change, str) else json.dumps({**said, **change}))
    with pytest.raises(UserError, match="is damaged: delete it"):
        read_calibration(tmp_path)


def test_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="is a link, which is not read"):
        read_calibration(tmp_path)


def test_words_of_a_stranger_are_escaped(tmp_path: Path) -> None:
    write_calibration(tmp_path, FOUND._replace(images="a\x1b[2J\noutlier: none"))
    read = read_calibration(tmp_path)
    assert read is not None and read.images == r"a\x1b[2J\noutlier: none"
