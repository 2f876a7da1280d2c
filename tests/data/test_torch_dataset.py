"""Energan's images as a torch Dataset, and torch's and Hugging Face's datasets as Energan's images."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset, WeightedRandomSampler

from energan.data import ImageSet, from_dataset, load, save, torch_dataset
from energan.data.formats import torch_dataset as reading
from energan.utils.errors import UserError

PIXELS = torch.tensor([[[[0, 255], [51, 102]]], [[[255, 255], [0, 0]]], [[[1, 2], [3, 4]]]], dtype=torch.uint8)
SET = ImageSet(PIXELS, torch.tensor([1, -1, 0]), "three", ("a", "b"), "made here", "", ())


def half(image: torch.Tensor) -> torch.Tensor:
    return image / 2


def doubled(label: int) -> int:
    return 2 * label


def test_items_are_images_in_the_stated_range_and_labels():
    image, label = torch_dataset(SET)[0]
    assert label == 1 and type(label) is int and image.dtype == torch.float32
    assert torch.allclose(image, torch.tensor([[[0.0, 1.0], [0.2, 0.4]]]))
    image, label = torch_dataset(SET, scale=(-1, 1))[1]
    assert label == -1 and torch.equal(image, torch.tensor([[[1.0, 1.0], [-1.0, -1.0]]]))
    image, _ = torch_dataset(SET, scale=None)[-1]
    assert torch.equal(image, PIXELS[2])
    image.zero_()
    assert PIXELS[2].any()  # what a transform does to an item stays in it


def test_transforms_labels_and_indices():
    data = torch_dataset(SET, transform=half, target_transform=doubled)
    assert data[np.int64(0)][0].max() == 0.5 and data[torch.tensor(0)][1] == 2
    assert (len(data), data.classes, data.targets.tolist()) == (3, ("a", "b"), [1, -1, 0])
    assert torch_dataset(SET._replace(labels=None, classes=())).targets.tolist() == [-1, -1, -1]
    for index in (3, -4):
        with pytest.raises(IndexError, match="three has 3 images, and no image"):
            data[index]
    with pytest.raises(TypeError):
        data[0.5]
    assert len([*data]) == 3  # it ends


def test_workers_that_are_spawned_give_the_same_batches():
    data = torch_dataset("digits", "test", size=16, transform=half)
    alone = [*DataLoader(data, batch_size=100)]
    spawned = [*DataLoader(data, batch_size=100, num_workers=2, multiprocessing_context="spawn")]
    assert [len(labels) for _, labels in spawned] == [100, 100, 56] and alone[0][1].dtype == torch.int64
    for one, other in zip(alone, spawned, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_a_pickled_set_has_no_shared_memory(tmp_path: Path):
    data = torch_dataset(SET, scale=(0, 2))
    again = pickle.loads(pickle.dumps(data))
    assert torch.equal(again[0][0], data[0][0]) and again.targets.tolist() == [1, -1, 0] and again.data.name == "three"
    Image.fromarray(PIXELS[0, 0].numpy()).save(tmp_path / "a.png")  # from the cache: mapped, which cannot be written to
    one = torch_dataset(tmp_path)
    assert len(one) == 1 and torch.equal(pickle.loads(pickle.dumps(one))[0][0], one[0][0])


def test_samplers_and_subsets_of_torch_take_it():
    data = torch_dataset("digits", "test")
    weights = 1 / data.targets.bincount()[data.targets].float()
    loader = DataLoader(data, batch_size=50, sampler=WeightedRandomSampler(weights, 100))
    assert sum(len(labels) for _, labels in loader) == 100
    assert len(Subset(data, range(7))) == 7


def test_captions_and_pairs_are_third():
    worded = SET._replace(captions=(("one", "eins"), ("two",), ("three",)))
    images, labels, words = next(iter(DataLoader(torch_dataset(worded), batch_size=2)))
    assert images.shape == (2, 1, 2, 2) and labels.tolist() == [1, -1] and [*words] == ["one", "two"]
    pairs = SET._replace(targets=PIXELS.flip(0))
    assert torch.equal(torch_dataset(pairs, scale=None)[0][2], PIXELS[2])
    with pytest.raises(UserError, match="two domains without partners"):
        torch_dataset(pairs._replace(paired=False))


@pytest.mark.parametrize("scale", [(1, 0), (0, 0), (0, float("inf")), 1, ("a", "b"), (0, 1, 2), "01"])
def test_a_scale_that_is_none(scale: object):
    with pytest.raises(UserError, match=r"scale .* two"):
        torch_dataset(SET, scale=scale)


def test_sources_that_cannot_be_loaded(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty"):
        torch_dataset(tmp_path / "empty")
    for i, side in enumerate((4, 5)):
        Image.new("L", (side, side)).save(tmp_path / f"{i}.png")
    with pytest.raises(UserError, match="size"):
        torch_dataset(tmp_path)
    assert torch_dataset(tmp_path, size=4)[1][0].shape == (1, 4, 4)
    np.savez(tmp_path / "nan.npz", images=np.full((2, 4, 4), np.nan))
    with pytest.raises(UserError, match="NaN"):
        torch_dataset(tmp_path / "nan.npz")
    with pytest.raises(UserError, match="size is for sources that are loaded"):
        torch_dataset(SET, size=4)
    with pytest.raises(UserError, match="split is for sources that are loaded"):
        torch_dataset(SET, "test")
    with pytest.raises(UserError, match="nowhere"):
        torch_dataset("nowhere")


def test_there_and_back_is_the_same_images():
    data = load("digits", "test")
    assert torch.equal(from_dataset(torch_dataset("digits", "test"), progress=False).images, data.images)
    again = from_dataset(torch_dataset("digits", "test", scale=None), progress=False)
    assert torch.equal(again.images, data.images) and torch.equal(again.labels, data.labels)


# ------------------------------------------------------------------------------------------ what others call a dataset


class Table:
    """As a Hugging Face Dataset: rows are dicts, `features` names the classes."""

    def __init__(self) -> None:
        self.features = {"image": object(), "label": SimpleNamespace(names=["cat", "dog"])}

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict[str, object]:
        return {"image": Image.new("RGB", (4, 4), (index, 0, 0)), "label": [1, 0, -1][index]}


class Endless(IterableDataset):
    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            yield np.zeros((8, 8), np.uint8)


def test_a_hugging_face_dataset_keeps_its_classes_names():
    data = from_dataset(Table(), progress=False)
    assert data.classes == ("cat", "dog") and data.labels.tolist() == [1, 0, -1]
    with pytest.raises(UserError, match="several splits"):
        from_dataset({"train": Table()}, progress=False)


def test_a_stream_without_end_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "available_memory", lambda: 200_000)  # bytes: room for 1,562 images
    with pytest.raises(UserError, match=r"images without end.* 1,\d\d\d so far"):
        from_dataset(Endless(), progress=False)


def test_no_dataset_at_all():
    for thing in (7, object(), (x for x in "ab")):
        with pytest.raises(UserError, match="has no length"):
            from_dataset(thing, progress=False)


# ----------------------------------------------------------------------------------------------------- written to files


def test_what_is_saved_is_read_back(tmp_path: Path):
    path = save(SET, tmp_path / "three.npz")
    again = load(path)
    assert torch.equal(again.images, PIXELS) and again.labels.tolist() == [1, -1, 0] and again.classes == ("a", "b")
    bare = load(save(SET._replace(labels=None, classes=()), path))
    assert bare.labels is None


def test_splits_are_saved_with_their_names(tmp_path: Path):
    path = save({"train": SET, "Val": SET._replace(labels=None, classes=())}, tmp_path / "parts.NPZ")
    assert load(path).labels.tolist() == [1, -1, 0] and load(path, "validation").labels is None
    assert torch.equal(load(path, "val").images, PIXELS)


def test_opacity_is_kept(tmp_path: Path):
    images = torch.tensor([[255, 200], [255, 180], [255, 255], [0, 128]], dtype=torch.uint8).reshape(1, 4, 1, 2)
    one = ImageSet(images, None, "glass", (), "made here", "", ())
    assert torch.equal(load(save(one, tmp_path / "a.npz"), channels=4).images, images)
    again = load(save({"train": one, "test": one}, tmp_path / "b.npz"), channels=4).images
    assert (again.int() - images.int()).abs().max() <= 1


@pytest.mark.parametrize("data", [{}, {"train": SET, "training": SET}, {"mine": SET}, {"all": SET}])
def test_splits_that_are_none_write_nothing(data: dict[str, ImageSet], tmp_path: Path):
    with pytest.raises(UserError, match="one or more splits"):
        save(data, tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"must end in \.npz"):
        save(SET, tmp_path / "a.zip")
    assert not [*tmp_path.iterdir()]


def test_a_tensor_dataset_of_odd_labels(tmp_path: Path):
    odd = from_dataset(TensorDataset(torch.rand(3, 1, 4, 4), torch.tensor([0.5, 1.0, float("nan")])), progress=False)
    assert odd.labels is None  # a fraction is no class
