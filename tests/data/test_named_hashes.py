"""The table of hashes beside the named sets."""

import json
from pathlib import Path

import pytest

from energan.data import NAMED, held_out_split
from energan.data.named import catalog, published


def test_each_named_set_has_hashes_of_both_splits() -> None:
    assert catalog.HASHES.keys() == NAMED.keys()
    three = {"train", "validation", "test"}
    splits = {"worded-mnist": {"train", "test", "zero-shot"}, "debian-photos": three}
    for name, row in NAMED.items():
        assert set(row.sha256) == splits.get(name, three if row.target else {"train", "test"}), name


def test_hashes_are_of_what_a_set_has() -> None:
    for row in NAMED.values():
        for hashes in row.sha256.values():
            assert hashes.images and bool(hashes.labels) == bool(row.classes)
            assert bool(hashes.targets) == (row.target is not None) and bool(hashes.captions) == row.captioned


def test_a_damaged_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"digits": {"train": {"images": "0" * 64, "labels": "0" * 63}}}
    (tmp_path / "hashes.json").write_text(json.dumps(table))
    monkeypatch.setattr(published, "__file__", str(tmp_path / "published.py"))
    with pytest.raises(ValueError, match=r"hashes.json is damaged: '0+' is no sha256"):
        published.read_hashes()


def test_only_named_sets_have_a_test_split_for_sure() -> None:
    assert held_out_split("mnist") == "test" and held_out_split(Path("pictures")) is None
