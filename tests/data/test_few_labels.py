"""Which labels are kept, what stands for none, and batches of few labels and many images."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from energan.data import load, to_bytes
from energan.data.few_labels import LabelledBatches, balanced_subset, held_out, numbered, unlabelled_class
from energan.utils.errors import UserError

N, CLASSES = 60, 3
LABELS = torch.arange(N) % CLASSES


def numbers(n: int = N) -> torch.Tensor:
    """Images that tell their number."""
    return torch.arange(n, dtype=torch.uint8)[:, None, None, None].expand(n, 1, 2, 2).contiguous()


def source(keep: int = 6, labelled: int = 4, unlabelled: int = 5, seed: int = 0) -> LabelledBatches:
    few = balanced_subset(LABELS, keep, classes=CLASSES, seed=1)
    return LabelledBatches(numbers(), few.labels, classes=CLASSES, labelled=labelled, unlabelled=unlabelled, seed=seed)


def told(images: torch.Tensor) -> list[int]:
    return to_bytes(images)[:, 0, 0, 0].tolist()


# ---- subsets -----------------------------------------------------------------------------------------------


@given(each=st.integers(1, 20), seed=st.integers(0, 2**32))
def test_subsets_are_balanced_and_a_record(each, seed):
    subset = balanced_subset(LABELS, CLASSES * each, classes=CLASSES, seed=seed)
    assert LABELS[subset.indices].bincount().tolist() == [each] * CLASSES
    assert subset.indices.tolist() == sorted(set(subset.indices.tolist()))
    assert torch.equal(subset.labels[subset.indices], LABELS[subset.indices])
    assert int((subset.labels == -1).sum()) == N - CLASSES * each
    assert subset.seed == seed
    assert torch.equal(balanced_subset(LABELS, CLASSES * each, classes=CLASSES, seed=seed).indices, subset.indices)


def test_seeds_draw_other_labels_and_larger_subsets_hold_the_smaller():
    drawn = {tuple(balanced_subset(LABELS, 6, classes=3, seed=seed).indices.tolist()) for seed in range(20)}
    assert len(drawn) == 20
    sizes = [set(balanced_subset(LABELS, keep, classes=3, seed=4).indices.tolist()) for keep in (3, 12, 60)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_classes_are_drawn_independently():
    indices = balanced_subset(LABELS, 30, classes=3, seed=0).indices.tolist()
    places = {tuple(i // CLASSES for i in indices if i % CLASSES == number) for number in range(CLASSES)}
    assert len(places) == CLASSES


def test_every_image_is_kept_as_often():
    counts = torch.zeros(N)
    for seed in range(600):
        counts[balanced_subset(LABELS, 15, classes=3, seed=seed).indices] += 1
    assert counts.min() > 100 and counts.max() < 200  # 150 expected, 4.7 standard deviations


def test_hidden_labels_stay_hidden():
    labels = torch.where(torch.arange(N) < 30, LABELS, -1)
    assert int(balanced_subset(labels, 9, classes=3, seed=0).indices.max()) < 30


@pytest.mark.parametrize(
    ("keep", "classes", "said"),
    [(7, 3, "multiple of 3"), (0, 3, "multiple of 3"), (-3, 3, "multiple"), (63, 3, "class 0 has 20"),
     (4, 4, "class 3 has 0"), (2, 2, "0..1, and these are 0..2")],
)  # fmt: skip
def test_subsets_that_cannot_be_drawn(keep, classes, said):
    with pytest.raises(UserError, match=said):
        balanced_subset(LABELS, keep, classes=classes, seed=0)


# ---- batches -----------------------------------------------------------------------------------------------


@given(
    keep=st.integers(1, 20), labelled=st.integers(1, 70), unlabelled=st.integers(1, 60), k=st.integers(0, 30),
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_random_access_gives_what_sequential_drawing_gives(keep, labelled, unlabelled, k, seed):
    one, other = (source(3 * keep, labelled, unlabelled, seed) for _ in range(2))
    for i in range(k):
        one(i)
    for key, value in one(k).items():
        assert torch.equal(value, other(k)[key])


def test_a_batch_holds_labelled_and_unlabelled_images():
    batch = source()(3)
    assert list(batch) == ["x", "y", "u"]  # the engine counts rows of noise by the first
    assert batch["x"].shape == (4, 1, 2, 2) and batch["u"].shape == (5, 1, 2, 2)
    assert batch["x"].dtype == batch["y"].dtype == batch["u"].dtype == torch.float32
    assert batch["y"].shape == (4, 3) and batch["y"].sum(1).tolist() == [1] * 4
    assert batch["y"].argmax(1).tolist() == [number % CLASSES for number in told(batch["x"])]


@pytest.mark.parametrize(("keep", "labelled"), [(6, 4), (6, 6), (6, 15), (60, 60)])
def test_labelled_images_go_round_each_once_a_pass_in_fresh_orders(keep, labelled):
    batches = source(keep, labelled)
    kept = set(batches.indices.tolist())
    stream = [i for k in range(4 * keep) for i in told(batches(k)["x"])]
    passes = [tuple(stream[i : i + keep]) for i in range(0, len(stream), keep)]
    assert len(kept) == keep and all(set(p) == kept for p in passes)
    assert len(set(passes[:6])) == 6


def test_unlabelled_images_are_all_of_them_each_once_a_pass():
    batches = source()
    for epoch in range(2):
        drawn = [i for k in range(12 * epoch, 12 * epoch + 12) for i in told(batches(k)["u"])]
        assert sorted(drawn) == list(range(N))
        assert {batches.epoch(k) for k in range(12 * epoch, 12 * epoch + 12)} == {epoch}


def test_both_parts_have_orders_of_their_own_even_where_all_is_labelled():
    batches = source(60, 60, 60)
    assert all(told(batches(k)["x"]) != told(batches(k)["u"]) for k in range(5))


def test_hostile_batches():
    labels = LABELS.clone()

    def make(labels=labels, **changes: int) -> LabelledBatches:
        settings = {"classes": 3, "labelled": 4, "unlabelled": 5, "seed": 0, **changes}
        return LabelledBatches(numbers(), labels, **settings)

    with pytest.raises(UserError, match="as many labels"):
        make(labels[:-1])
    with pytest.raises(UserError, match=r"these are 0\.\.2"):
        make(classes=2)
    with pytest.raises(UserError, match="these are -2"):
        make(labels - 2)
    with pytest.raises(UserError, match="every one is -1"):
        make(torch.full_like(labels, -1))
    with pytest.raises(UserError, match="whole numbers"):
        make(labels.float())
    with pytest.raises(UserError, match="0 labelled"):
        make(labelled=0)
    with pytest.raises(UserError, match="61"):
        make(unlabelled=61)
    with pytest.raises(IndexError):
        make()(-1)
    assert make(labels.int())(0)["y"].shape == (4, 3)


# ---- folders and arrays ------------------------------------------------------------------------------------


def fill(folder, *classes: str) -> None:
    for index, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (4, 4), 10 * index + i).save(folder / name / f"{i}.png")


@pytest.mark.parametrize("name", ["unlabelled", "Unlabeled"])
def test_a_folder_with_images_without_labels(tmp_path, monkeypatch, name):
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    fill(tmp_path / "pets", "ant", name, "zebra", "cat")
    loaded = load(tmp_path / "pets", progress=False)
    data = unlabelled_class(loaded)
    assert data.classes == ("ant", "cat", "zebra")
    by_file = {file.split("/")[-2]: label for file, label in zip(data.files, data.labels.tolist(), strict=True)}
    assert by_file == {"ant": 0, "cat": 1, "zebra": 2, name: -1}
    assert torch.equal(data.images, loaded.images)
    batch = LabelledBatches(data.images, data.labels, classes=3, labelled=6, unlabelled=8, seed=0)(0)
    assert batch["y"].sum(0).tolist() == [2, 2, 2]


def test_folders_without_such_a_class_and_without_any(tmp_path, monkeypatch):
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    fill(tmp_path / "all", "cat", "frog")
    data = load(tmp_path / "all", progress=False)
    assert unlabelled_class(data) is data
    both = data._replace(labels=torch.tensor([0, -1, 2, 1]), classes=("cat", "Unlabelled", "frog"))
    assert unlabelled_class(both).labels.tolist() == [0, -1, 1, -1]  # what has none stays so
    fill(tmp_path / "none", "unlabelled", "unlabeled")
    with pytest.raises(UserError, match="no labelled images"):
        unlabelled_class(load(tmp_path / "none", progress=False))
    with pytest.raises(UserError, match="has no labels"):
        unlabelled_class(data._replace(labels=None))


@pytest.mark.parametrize(
    ("y", "labels", "classes"),
    [([7, -1, 3, 7], [1, -1, 0, 1], [3, 7]), ([-1.0, 2.0, 0.0], [-1, 1, 0], [0, 2]),
     (["frog", "-1", "cat"], [1, -1, 0], ["cat", "frog"]), ([0, 1, 1], [0, 1, 1], [0, 1])],
)  # fmt: skip
def test_arrays_follow_the_convention_of_minus_one(y, labels, classes):
    found, named = numbered(np.array(y))
    assert found.tolist() == labels and found.dtype == torch.int64
    assert named.tolist() == classes
    mixed = numbered(np.array(["frog", -1, "cat"], dtype=object))
    assert mixed[0].tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("y", "said"),
    [([[0, 1]], "one number each"), ([0.5, 1.0], "whole numbers"), ([float("nan"), 1.0], "whole numbers"),
     ([-1, -1], "every one"), ([], "every one"), ([1, None, 2], "several kinds"),
     ([1, "cat", None], "several kinds")],
)  # fmt: skip
def test_arrays_that_are_no_labels(y, said):
    with pytest.raises(UserError, match=said):
        numbered(np.array(y, dtype=object if None in y else None))


def test_balanced_batches_show_each_class_as_often_as_the_largest() -> None:
    labels = torch.tensor([0] * 6 + [1] * 2 + [2] + [-1] * 3)
    source = LabelledBatches(
        torch.zeros(12, 1, 2, 2, dtype=torch.uint8), labels, classes=3, labelled=6, unlabelled=3, seed=0, balanced=True
    )
    rows = torch.cat([source.chosen(k)["rows"] for k in range(3)])  # one pass of 18
    assert labels[rows].bincount().tolist() == [6, 6, 6] and rows.bincount(minlength=9).tolist() == [1] * 6 + [3, 3, 6]


def test_views_are_a_function_of_the_seed_and_the_batch() -> None:
    images = torch.arange(12 * 16, dtype=torch.uint8).view(12, 1, 4, 4)
    labels = torch.tensor([0, 1] * 6)

    def batch(k: int, **views: Any) -> dict[str, torch.Tensor]:
        return LabelledBatches(images, labels, classes=2, labelled=4, unlabelled=4, seed=0, **views)(k)

    plain, mirrored = batch(3), batch(3, flip=True)
    same = [bool((a == b).all()) for a, b in zip(plain["x"], mirrored["x"], strict=True)]
    flipped = [bool((a == b.flip(-1)).all()) for a, b in zip(plain["x"], mirrored["x"], strict=True)]
    assert all(a != b for a, b in zip(same, flipped, strict=True)) and torch.equal(
        batch(3, flip=True)["u"], mirrored["u"]
    )
    assert not torch.equal(batch(3, augment=("translation",))["u"], plain["u"])
    with pytest.raises(UserError, match="blur"):
        batch(0, augment=("blur",))
    with pytest.raises(UserError, match="features are computed once"):
        batch(0, flip=True, codes=lambda: torch.zeros(12, 3))


def test_codes_stand_in_the_place_of_images() -> None:
    codes = torch.arange(12.0)[:, None]
    labels = torch.tensor([0, 1] * 6)
    source = LabelledBatches(
        torch.zeros(12, 1, 2, 2, dtype=torch.uint8), labels, classes=2, labelled=4, unlabelled=4, seed=0,
        codes=lambda: codes,
    )  # fmt: skip
    chosen = source.chosen(1)
    assert torch.equal(source(1)["x"][:, 0].long(), chosen["rows"])
    assert torch.equal(source(1)["u"][:, 0].long(), chosen["unlabelled"])


def test_a_share_of_each_class_is_held_out() -> None:
    labels = torch.tensor([0] * 10 + [1] * 4 + [2] + [-1] * 3)
    held = held_out(labels, 0.3, seed=1)
    assert labels[held].bincount(minlength=3).tolist() == [3, 1, 0] and held.tolist() == sorted(held.tolist())
    assert torch.equal(held, held_out(labels, 0.3, seed=1))
    assert not torch.equal(held, held_out(labels, 0.3, seed=2))
    assert len(held_out(labels, 0.0, seed=1)) == 0
