"""Arrays, parquet files and torch datasets."""

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from energan.data import from_dataset, load, splits_of
from energan.data.decoding import bounds
from energan.data.formats import arrays, huggingface
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


def saved(path: Path, **named: np.ndarray) -> Path:
    np.savez(path, **named)
    return path


RANDOM = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)  # n h w c
NCHW = torch.from_numpy(RANDOM.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (RANDOM, "bytes"),
        (RANDOM.transpose(0, 3, 1, 2), "(n, c, h, w)"),
        (np.asfortranarray(RANDOM), "(n, h, w, c)"),
        (RANDOM.astype(np.int64), "taken as 0..255"),
        (RANDOM.astype(np.float64), "taken as 0..255"),
        ((RANDOM / 255).astype(np.float32), "floats in [0, 1]"),
        (RANDOM / 127.5 - 1, "floats in [-1, 1]"),
        (RANDOM.astype(">u2"), "taken as 0..255"),
    ],
)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_layouts_and_ranges(tmp_path, values, words, ending):
    path = tmp_path / f"set.{ending}"
    np.save(path, values) if ending == "npy" else np.savez_compressed(path, values)
    data = load(path, progress=False)
    assert torch.equal(data.images, NCHW)
    assert words in data.source
    assert data.name == "set"
    assert data.labels is None


@given(st.integers(0, 255))
def test_floats_of_either_range_give_the_byte_they_came_from(byte):
    pixels = np.array([0, 255, byte], np.uint8).reshape(1, 1, 3)
    for values in (pixels / 255, pixels / 127.5 - 1):
        assert arrays.to_nchw(values.astype(np.float32), "x")[0].flatten().tolist() == [0, 255, byte]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 9, 8), (2, 1, 9, 8)),
        ((2, 9, 9, 1), (2, 1, 9, 9)),
        ((2, 1, 9, 9), (2, 1, 9, 9)),
        ((2, 3, 3, 3), (2, 3, 3, 3)),
        ((2, 4, 4, 3), (2, 3, 4, 4)),
        ((2, 9, 9, 4), (2, 3, 9, 9)),
        ((2, 2, 9, 9), (2, 1, 9, 9)),
    ],
)
def test_which_axis_holds_the_channels(tmp_path, shape, expected):
    assert load(saved(tmp_path / "a.npz", x=np.zeros(shape, np.uint8)), progress=False).images.shape == expected


def test_images_and_labels_by_name(tmp_path):
    zeros, ones = np.zeros((2, 4, 4), np.uint8), np.ones((2, 4, 4), np.uint8)
    data = load(saved(tmp_path / "a.npz", labels=np.array([7, 5]), other=zeros, images=ones))
    assert data.images.unique().tolist() == [1]
    assert (data.labels.tolist(), data.classes) == ([1, 0], ("5", "7"))
    data = load(saved(tmp_path / "b.npz", first=ones, y=np.array(["cat", "ant"])))
    assert (data.labels.tolist(), data.classes) == ([1, 0], ("ant", "cat"))
    assert data.sha256 != load(tmp_path / "a.npz").sha256
    for kind in (np.int8, np.float32):  # -1 is no label
        some = load(saved(tmp_path / "d.npz", x=np.zeros((3, 4, 4)), y=np.array([-1, 7, 5], kind)))
        assert (some.labels.tolist(), some.classes) == ([-1, 1, 0], ("5", "7"))
    with pytest.raises(UserError, match=r"labels of shape \(3,\) for 2 images"):
        load(saved(tmp_path / "c.npz", x=ones, y=np.zeros(3)))


def test_size_and_channels_of_arrays(tmp_path):
    values = np.full((300, 8, 40), 255, np.uint8)
    values[:, :, 8:32] = np.arange(300)[:, None, None] % 256
    data = load(saved(tmp_path / "a.npz", x=values), size=4, channels=3, progress=False)
    assert data.images.shape == (300, 3, 4, 4)
    assert data.images[:, 1, 2, 2].tolist() == (np.arange(300) % 256).tolist()
    assert data.images[5].unique().tolist() == [5]  # the white sides are cut off


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full((2, 4, 4), np.nan), "32 NaN or infinite"),
        (np.full((2, 4, 4), np.inf), "32 NaN or infinite"),
        (np.full((2, 4, 4), -2.0), "all values are -2"),
        (np.zeros((4, 4), np.uint8), "no images"),
        (np.zeros((2, 5, 5, 5), np.uint8), "no images"),
        (np.zeros((2, 3, 4, 4, 4), np.uint8), "no images"),
        (np.zeros((0, 4, 4), np.uint8), "no images"),
        (np.zeros((2, 4, 4), np.complex64), "complex64"),
        (np.full((2, 4, 4), "x"), "integers or floats"),
        (np.full((2, 4, 4), None), "Python objects"),
    ],
)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_arrays_that_are_no_images(tmp_path, values, said, ending):
    path = tmp_path / f"a.{ending}"
    np.save(path, values) if ending == "npy" else np.savez(path, images=values)
    with pytest.raises(UserError, match=said):
        load(path)


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize("array", ["images", "labels"])
def test_objects_in_an_npz_are_not_unpickled(tmp_path, monkeypatch, array):
    monkeypatch.chdir(tmp_path)
    held = {"images": np.zeros((1, 4, 4), np.uint8), "labels": np.zeros(1)} | {array: np.array([Trap()])}
    with pytest.raises(UserError, match=f"{array} holds Python objects"):
        load(saved(tmp_path / "a.npz", **held))
    assert not (tmp_path / "sprung").exists()


def header(shape: tuple[int, ...]) -> bytes:
    start = BytesIO()
    np.lib.format.write_array_header_1_0(start, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return start.getvalue()


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_header_that_claims_more_than_there_is(tmp_path, ending):
    content = header((10**6, 10**3, 10**3)) + b"few"
    path = tmp_path / f"a.{ending}"
    if ending == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", content)
    with pytest.raises(UserError, match="shorter than its header says"):
        load(path)


def test_an_npz_member_larger_than_the_memory(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.npz", x=np.zeros((10, 64, 64), np.uint8))
    monkeypatch.setattr(bounds, "available_memory", lambda: 40960)
    with pytest.raises(UserError, match="more than half of the memory"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY", b"text", b"\x80\x04."])
@pytest.mark.parametrize("ending", ["npy", "npz", "parquet"])
def test_corrupted_files(tmp_path, content, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        load(path)


def test_a_damaged_npz(tmp_path):
    path = saved(tmp_path / "a.npz", x=RANDOM)
    content = bytearray(path.read_bytes())
    content[300] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        load(path)


@pytest.mark.parametrize("ending", ["npy", "npz", "parquet"])
def test_single_files_have_one_split(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    if ending == "npz":
        np.savez(path, x=RANDOM)
    else:
        pq.write_table(table([png(1)]), path)  # the split is refused before the content is looked at
    with pytest.raises(UserError, match="no split 'test'"):
        load(path, "test")


# Parquet


def png(value: int) -> bytes:
    content = BytesIO()
    Image.new("L", (4, 4), value).save(content, "PNG")
    return content.getvalue()


def table(images: list[bytes | None], **columns: list[object]) -> pa.Table:
    cells = [{"bytes": image, "path": f"{index}.png"} for index, image in enumerate(images)]
    return pa.table({**columns, "image": cells})


def test_parquet_in_the_hugging_face_layout(tmp_path):
    made = table([png(1), png(2), b"text", png(3)], label=[1, 0, 1, -1])
    features = {"info": {"features": {"label": {"names": ["ant", "bee", "cat"]}}}}
    made = made.replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(made, tmp_path / "a.parquet")
    data = load(tmp_path / "a.parquet", progress=False)
    assert data.images[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert data.labels.tolist() == [1, 0, -1]
    assert data.classes == ("ant", "bee", "cat")
    assert data.skipped == ("a.parquet row 2: not an image of a known format",)


@pytest.mark.parametrize(
    ("labels", "expected", "classes"),
    [
        (["b", "a"], [1, 0], ("a", "b")),
        ([9, 3], [1, 0], ("3", "9")),
        ([-1, 4], [-1, 0], ("4",)),
        (["b", "-1"], [0, -1], ("b",)),
        ([-1, -1], None, ()),
        ([-2, 0], None, ()),
        ([None, 1], [-1, 0], ("1",)),
        ([float("nan"), 10.0, 9.0], [-1, 1, 0], ("9", "10")),
        ([b"b", None, b"a"], [1, -1, 0], ("a", "b")),
        ([True, None, False], [1, -1, 0], ("False", "True")),
        (["10", "9", ""], [1, 0, -1], ("9", "10")),
        (["10", "9", "x"], [0, 1, 2], ("10", "9", "x")),
        (["e\u0301", "\u00e9"], [0, 0], ("\u00e9",)),
        ([0.5, 1.5], None, ()),
        ([[0, 1], [1, 0]], None, ()),
    ],
)
def test_parquet_labels(tmp_path, labels, expected, classes):
    pq.write_table(table([png(1)] * len(labels), label=labels), tmp_path / "a.parquet")
    data = load(tmp_path / "a.parquet", progress=False)
    assert (None if data.labels is None else data.labels.tolist()) == expected
    assert data.classes == classes


def test_parquet_of_bare_bytes_and_of_paths(tmp_path):
    pq.write_table(pa.table({"id": [1, 2], "picture": [png(5), None]}), tmp_path / "a.parquet")
    data = load(tmp_path / "a.parquet", progress=False)
    assert data.images.unique().tolist() == [5]
    assert data.skipped == ("a.parquet row 1: no image in this row",)
    (tmp_path / "0.png").write_bytes(png(6))
    pq.write_table(table([None]), tmp_path / "b.parquet")
    assert load(tmp_path / "b.parquet", progress=False).images.unique().tolist() == [6]
    pq.write_table(pa.table({"text": ["a"], "number": [1]}), tmp_path / "c.parquet")
    with pytest.raises(UserError, match=r"no column of images.*only text, number"):
        load(tmp_path / "c.parquet")


def test_a_folder_of_parquet_files(tmp_path):
    (tmp_path / "data").mkdir()
    for name, value in (("train-0", 1), ("train-1", 2), ("test-0", 3)):
        pq.write_table(table([png(value)], label=[value]), tmp_path / "data" / f"{name}.parquet")
    train, test = (load(tmp_path, split, progress=False) for split in ("train", "test"))
    assert train.images[:, 0, 0, 0].tolist() == [1, 2]
    assert train.labels.tolist() == [0, 1]
    assert test.images.unique().tolist() == [3]
    with pytest.raises(UserError, match="no split 'validation'"):
        load(tmp_path, "validation")


# Datasets


@pytest.mark.parametrize("scale", [lambda x: x, lambda x: x / 255, lambda x: x / 127.5 - 1])
def test_tensor_dataset(scale):
    data = from_dataset(TensorDataset(scale(NCHW), torch.tensor([0, 1, 2, 1, 0])), progress=False)
    assert torch.equal(data.images, NCHW)
    assert data.labels.tolist() == [0, 1, 2, 1, 0]
    assert data.classes == ("0", "1", "2")


class Dicts(Dataset):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict[str, object]:
        return {"image": Image.new("RGB", (8 + index, 8), (index, 0, 0)), "label": "ab"[index % 2]}


class Stream(IterableDataset):
    def __iter__(self) -> Iterator[np.ndarray]:
        yield from RANDOM


def test_datasets_of_dicts_and_streams():
    data = from_dataset(Dicts(), size=4, name="mine", progress=False)
    assert data.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert (data.labels.tolist(), data.classes, data.name) == ([0, 1, 0], ("a", "b"), "mine")
    assert torch.equal(from_dataset(Stream()).images, NCHW)


def test_labels_of_a_dataset_of_which_some_are_missing():
    def labelled(*labels: object) -> list[tuple[np.ndarray, object]]:
        return [(np.full((4, 4), i, np.uint8), label) for i, label in enumerate(labels)]

    data = from_dataset(labelled("b", None, "a", float("nan")), progress=False)
    assert (data.labels.tolist(), data.classes) == ([1, -1, 0, -1], ("a", "b"))
    data = from_dataset(labelled(torch.tensor(4), np.array([9]), None), progress=False)
    assert (data.labels.tolist(), data.classes) == ([0, 1, -1], ("4", "9"))
    with pytest.raises(UserError, match="labels of two kinds, 1 and '1'"):
        from_dataset(labelled(1, "1"), progress=False)


def test_datasets_that_are_no_images():
    with pytest.raises(UserError, match="different shapes"):
        from_dataset(Dicts(), progress=False)
    with pytest.raises(UserError, match="gives str"):
        from_dataset(["text"], progress=False)
    with pytest.raises(UserError, match="dicts without an image"):
        from_dataset([{"text": 1}], progress=False)
    with pytest.raises(UserError, match="holds no images"):
        from_dataset([], progress=False)
    with pytest.raises(UserError, match="shape"):
        from_dataset(TensorDataset(torch.zeros(4, 10)), progress=False)


# The Hugging Face hub: its packages are an extra that tests do without


def test_hub_names_need_the_extra(monkeypatch):
    monkeypatch.setattr(huggingface, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"energan\[hub\]"):
        load("hf:owner/name")


class Picture:
    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class ClassLabel:
    names = ("ant", "bee")


class Table(dict):
    features = {"image": Picture(), "label": ClassLabel()}  # noqa: RUF012
    cache_files = ()

    def __len__(self) -> int:
        return len(self["image"])

    def cast_column(self, column: str, kind: Picture) -> "Table":
        assert column == "image"
        assert not kind.decode
        return self


@pytest.mark.parametrize("reachable", [True, False])
def test_a_hub_dataset(monkeypatch, reachable):
    """With stand-ins that have what is used of the packages."""
    switches = SimpleNamespace(HF_HUB_OFFLINE="before"), SimpleNamespace(HF_HUB_OFFLINE="before")

    def load_dataset(name: str, split: str) -> Table:
        assert {switch.HF_HUB_OFFLINE for switch in switches} == {"before" if reachable else True}
        if name != "owner/name":
            raise ValueError("no such dataset")
        assert split == "test"
        return Table(image=[{"bytes": png(4), "path": None}, {"bytes": png(9), "path": None}], label=[1, 0])

    fake = SimpleNamespace(
        get_dataset_split_names=lambda name: ["train", "test", "dev"],
        Image=Picture,
        ClassLabel=ClassLabel,
        config=switches[0],
        load_dataset=load_dataset,
        exceptions=SimpleNamespace(DatasetsError=RuntimeError),
    )
    monkeypatch.setitem(sys.modules, "datasets", fake)
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(constants=switches[1]))
    monkeypatch.setattr(huggingface, "find_spec", lambda _: True)
    monkeypatch.setattr(huggingface, "hub_reachable", lambda: reachable)
    huggingface._split_names.cache_clear()
    data = load("hf:owner/name", "test", progress=False)
    assert data.images[:, 0, 0, 0].tolist() == [4, 9]
    assert (data.labels.tolist(), data.classes, data.name) == ([1, 0], ("ant", "bee"), "name")
    assert splits_of("hf:owner/name") == ("train", "test", "validation")
    with pytest.raises(UserError, match=r"hf:other/name \(train\) could not be had: no such dataset"):
        load("hf:other/name")
    assert {switch.HF_HUB_OFFLINE for switch in switches} == {"before"}


def parquet(path: Path, names: list[str] | None = None, **columns: list[object]) -> None:
    made = pa.table(columns)
    if names:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(made, path)


def grey(value: int) -> bytes:
    content = BytesIO()
    Image.new("L", (8, 8), value).save(content, "PNG")
    return content.getvalue()


def test_parquet_files_that_number_classes_otherwise_are_refused(tmp_path: Path) -> None:
    """The second file's labels were given the first one's names."""
    parquet(tmp_path / "a.parquet", ["cat", "dog"], image=[grey(1)], label=[0])
    parquet(tmp_path / "b.parquet", ["dog", "cat"], image=[grey(2)], label=[0])
    with pytest.raises(UserError, match="number the same classes in two ways"):
        load(tmp_path, progress=False)


@pytest.mark.parametrize("labelled", ["a", "b"])
def test_parquet_files_of_which_some_have_labels_are_refused(tmp_path: Path, labelled: str) -> None:
    for name in "ab":
        parquet(tmp_path / f"{name}.parquet", image=[grey(1)], **({"label": [0]} if name == labelled else {}))
    with pytest.raises(UserError, match="has labels in some files only"):
        load(tmp_path, progress=False)


def test_the_column_of_images_is_one_that_is_called_so(tmp_path: Path) -> None:
    """The first that fitted was taken: masks."""
    parquet(tmp_path / "a.parquet", mask=[grey(255)], img=[grey(7)])
    assert load(tmp_path, progress=False).images.unique().tolist() == [7]
    parquet(tmp_path / "a.parquet", mask=[grey(255)], photo=[grey(7)])
    with pytest.raises(UserError, match=r"several columns of pictures \(mask, photo\)"):
        load(tmp_path, progress=False)


def test_metadata_beside_image_files_is_no_set(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 3).save(tmp_path / "a.png")
    parquet(tmp_path / "metadata.parquet", file_name=["a.png"], text=["a"])
    assert load(tmp_path, progress=False).files == ("a.png",)


def test_a_parquet_file_without_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="holds no images"):
        load(tmp_path, progress=False)


class Items(Dataset[object]):
    def __init__(self, *items: object) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> object:
        item = self.items[index]
        return item() if callable(item) else item


def test_bytes_beside_wider_integers_are_refused() -> None:
    """They were taken as values of the same range: nearly black."""
    items = Items(np.full((8, 8), 200, np.uint8), np.full((8, 8), 40000, np.uint16))
    with pytest.raises(UserError, match="mixes images of 2 kinds of numbers"):
        from_dataset(items, progress=False)


def test_items_that_are_odd(capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    assert from_dataset(Items((pixels, torch.tensor([0, 1]))), progress=False).labels is None
    assert "is no class" in capsys.readouterr().err
    assert from_dataset(Items((pixels, torch.tensor([3]))), progress=False).classes == ("3",)
    with pytest.raises(UserError, match="gives an empty tuple"):
        from_dataset(Items(()), progress=False)
