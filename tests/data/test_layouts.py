"""Splits and labels of whole sources: what is trained on, what is held out, and what is said of it."""

import os
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from energan.data import held_out_split, load, splits_of
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


def png(value: int) -> bytes:
    content = BytesIO()
    Image.new("L", (8, 8), value).save(content, "PNG")
    return content.getvalue()


def folder(root: Path, **values: int) -> Path:
    """An image of each value; "train__a": in train/a."""
    for name, value in values.items():
        path = root / name.replace("__", "/") / f"{value}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(value))
    return root


def seen(source: Path | str, split: str = "train") -> list[int]:
    return load(source, split, progress=False).images[:, 0, 0, 0].tolist()


def test_splits_of_a_folder_and_of_a_zip_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = folder(tmp_path / "ds", Training__a=1, Training__b=2, Testing__b=3)
    (made / "cover.png").write_bytes(png(9))
    with zipfile.ZipFile(tmp_path / "ds.zip", "w") as archive:
        for path in sorted(made.rglob("*.png")):
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(made)).replace("/", "\\")), path.read_bytes())
    for source, name in ((made, "ds"), (tmp_path / "ds.zip", "ds.zip")):
        assert splits_of(source) == ("train", "test") and held_out_split(source) == "test"
        train, test = (load(source, split, progress=False) for split in ("train", "test"))
        assert seen(source) == [1, 2] and seen(source, "testing") == [3] and sorted(seen(source, "all")) == [1, 2, 3, 9]
        assert train.classes == test.classes == ("a", "b") and test.labels is not None and test.labels.tolist() == [1]
        assert train.counted == f"{name}/Training (2)" and test.counted == f"{name}/Testing (1)"
        assert f"{name}/Training; left out: cover.png beside Testing/, Training/" in train.source
    told = capsys.readouterr().err
    assert told.count("of no split of ds, and left out: cover.png beside") == 1  # a folder and a zip of one name
    assert load(made / "Testing", progress=False).counted == "ds/Testing (1)"


def test_masks_are_not_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = folder(tmp_path / "nut", train__good=1, test__good=2, test__bent=3, ground_truth__bent=255)
    assert seen(made) == [1] and load(made, progress=False).labels is None
    test = load(made, "test", progress=False)
    assert test.classes == ("bent", "good") and seen(made, "test") == [3, 2]
    assert "ground_truth/ (1 image) beside test/, train/" in capsys.readouterr().err


def test_what_is_held_out_is_the_test_split_else_validation(tmp_path: Path) -> None:
    for words, expected in (
        (("train", "val", "test"), "test"),
        (("train", "valid"), "validation"),
        (("train",), None),
        (("cat", "dog"), None),
    ):
        made = folder(tmp_path / "-".join(words), **{word: i for i, word in enumerate(words)})
        assert held_out_split(made) == expected


def table(*values: int, labels: list[object] | None = None) -> pa.Table:
    return pa.table({"image": [png(value) for value in values], "label": labels or [str(value) for value in values]})


def test_shards_of_parquet(tmp_path: Path) -> None:
    for layout in ("d/default/{}/0000", "x-{}-0", "data/{}-00000-of-00001"):
        root = tmp_path / layout.partition("{")[0].replace("/", "_")
        for split, values in (("train", (1, 2)), ("test", (2,)), ("validation", (1,))):
            path = root / f"{layout.format(split)}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table(*values), path)
        assert splits_of(root) == ("train", "test", "validation")
        assert seen(root) == [1, 2] and seen(root, "test") == [2] and seen(root, "val") == [1]
        assert sorted(seen(root, "all")) == [1, 1, 2, 2]
        test = load(root, "test", progress=False)
        assert test.classes == ("1", "2") and test.labels is not None and test.labels.tolist() == [1]
        assert test.counted == f"{root.name}, test (1)"
    pq.write_table(table(5), root / "more.parquet")
    with pytest.raises(UserError, match="beside files of none"):
        load(root)


def test_sets_in_an_npz(tmp_path: Path) -> None:
    def many(value: int, n: int = 3) -> np.ndarray:
        return np.full((n, 8, 8), value, np.uint8)

    path = tmp_path / "a.npz"
    np.savez(path, y_test=[5], x_test=many(2, 1), y_train=np.array([b"5", b"nan", b"7"]), x_train=many(1))
    assert splits_of(path) == ("train", "test") and seen(path) == [1, 1, 1] and seen(path, "test") == [2]
    train, test, both = (load(path, split, progress=False) for split in ("train", "test", "all"))
    assert train.labels is not None and train.labels.tolist() == [0, -1, 1]
    assert test.labels is not None and test.classes == ("5", "7") and test.labels.tolist() == [0]
    assert both.labels is not None and both.labels.tolist() == [0, -1, 1, 0]
    assert "array x_train" in train.source and train.counted == "a.npz, array x_train (3)"
    np.savez(path, images=many(1), labels=[[1], [0], [1]])  # MedMNIST's labels have two dimensions
    assert load(path, progress=False).labels is not None and splits_of(path) == ()
    np.savez(path, a=many(1), b=many(2))
    with pytest.raises(UserError, match=r"several arrays of images \(a, b\)"):
        load(path, progress=False)


def test_a_named_set_whole() -> None:
    whole, train, test = (load("digits", split, progress=False) for split in ("all", "train", "test"))
    assert torch.equal(whole.images, torch.cat([train.images, test.images])) and whole.classes == train.classes
    assert whole.labels is not None and len(whole.labels) == 1797 and splits_of("digits") == ("train", "test")
    assert train.counted == "digits, train (1541)"


def test_a_folder_called_as_a_named_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder(tmp_path, digits=3))
    assert len(load("digits", progress=False).images) == 1541
    assert "digits is taken as the built-in set of that name; ./digits is what lies here" in capsys.readouterr().err
    for source in ("./digits", Path("digits")):
        assert seen(source) == [3]
    assert not capsys.readouterr().err


def test_a_class_none_of_whose_images_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = folder(tmp_path / "ds", cat=1, dog=2, newt=3)
    (made / "dog" / "2.png").write_bytes(b"no image")
    data = load(made, progress=False)
    assert data.classes == ("cat", "dog", "newt") and data.labels is not None and data.labels.tolist() == [0, 2]
    assert "no image of the class dog of ds can be read" in capsys.readouterr().err
    with pytest.raises(UserError, match="has no image of hen"):
        load(folder(tmp_path / "birds", train__hen=1, train__owl=2, test__owl=3), "test", only=("hen",), progress=False)


def test_labels_change_with_the_folders_of_another_split(tmp_path: Path) -> None:
    """What is cached of test/ has the numbers of train/'s classes."""
    made = folder(tmp_path / "ds", train__b=1, train__c=2, test__c=3)
    before = load(made, "test", progress=False)
    folder(made, train__a=0)
    after = load(made, "test", progress=False)
    assert before.labels is not None and before.labels.tolist() == [1]
    assert after.labels is not None and after.labels.tolist() == [2]


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_classes_of_either_unicode_form_are_one(tmp_path: Path) -> None:
    made = folder(tmp_path / "ds", **{"train__e\u0301t\u00e9": 1, "train__b": 2, "test__\u00e9t\u00e9": 3})
    train, test = (load(made, split, progress=False) for split in ("train", "test"))
    assert train.classes == test.classes == ("b", "\u00e9t\u00e9")
    assert test.labels is not None and test.labels.tolist() == [1]
