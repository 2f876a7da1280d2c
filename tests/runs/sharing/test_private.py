"""What is given away names no place on its maker's machine."""

import json
from typing import Any

import pytest

from energan.runs.sharing.private import Cleaned


def record(command: str = "", **more: Any) -> dict[str, Any]:
    return {
        "command": command,
        "arguments": {},
        "experiment": {"calls": [], "value": {"dict": {"source": "/home/zoe/my photos", "test": ""}}},
        "data": {"name": "my photos", "skipped": ["/home/zoe/my photos/x.png: no image"]},
        "signature": "abc",
        **more,
    }


def test_no_place_is_left() -> None:
    clean = Cleaned(
        record(
            "energan train ebgan-pt-64 --data '/home/zoe/my photos' --out ../private/run --track wandb --steps 20",
            arguments={"data": "/home/zoe/my photos", "labels_csv": "~/labels.csv", "steps": 20},
            status={"message": "cannot write /home/zoe/runs/x/run.json: disk full"},
            restarted_from={"run": "/scratch/zoe/first", "step": 3},
        )
    )
    text = json.dumps(clean.record)
    assert "zoe" not in text and "private" not in text and "scratch" not in text
    assert clean.record["command"] == "energan train ebgan-pt-64 --data 'my photos' --steps 20"
    assert clean.record["arguments"] == {"data": "my photos", "labels_csv": "labels.csv", "steps": 20}
    assert clean.record["status"]["message"] == "cannot write run.json: disk full"
    assert clean.record["experiment"]["value"]["dict"]["source"] == "my photos"
    assert clean.record["signature"] == "" and clean.record["data"]["skipped"] == []
    assert clean.files == 1 and clean.places >= 5


@pytest.mark.parametrize(
    "text", ["digits, train (cache)", "hf:owner/name", "1/100", "Adam(lr=0.001)", "a / b", "https://a.b/c/d"]
)
def test_what_is_no_place_stays(text: str) -> None:
    clean = Cleaned({**record(), "note": text})
    assert clean.record["note"] == text


def test_a_command_that_cannot_be_read_is_left_out() -> None:
    assert Cleaned(record("energan 'train")).record["command"] == ""


def test_names_that_are_paths_are_not_cut_where_they_are_none() -> None:
    """The data's own name is a word that other texts may have."""
    clean = Cleaned({**record("energan train x --data digits"), "note": "digits"})
    assert clean.record["command"] == "energan train x --data digits" and clean.record["note"] == "digits"
