"""Which arrays of an .npz are images and labels, and of which split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energan.data.splits.arrays import Pair, array_splits, pairs
from energan.utils.errors import UserError

MANY, ONE = (5, 8, 8), (5,)

SETS = {
    "keras": {"x_train": MANY, "y_train": ONE, "x_test": MANY, "y_test": ONE},
    "medmnist": {"train_images": MANY, "train_labels": (5, 1), "test_images": MANY, "test_labels": (5, 1)},
    "joined": {"Xtrain": MANY, "ytrain": ONE, "Xtest": MANY, "ytest": ONE},
    "humps": {"trainX": MANY, "trainY": ONE, "testX": MANY, "testY": ONE},
    "bare": {"train": MANY, "train_labels": ONE, "test": MANY, "test_labels": ONE},
}


@given(st.sampled_from(sorted(SETS)), st.randoms(use_true_random=False))
def test_the_order_of_arrays_makes_no_difference(kind: str, random: object) -> None:
    names = list(SETS[kind])
    random.shuffle(names)  # type: ignore[attr-defined]
    shapes = {name: SETS[kind][name] for name in names}
    assert array_splits(shapes) == ("train", "test")
    first = list(SETS[kind])
    for split, (images, labels) in (("train", first[:2]), ("test", first[2:])):
        assert pairs(shapes, split, "a.npz") == [Pair(images, labels, images)]
    assert len(pairs(shapes, "all", "a.npz")) == 2


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"labels": ONE, "other": MANY, "images": MANY}, Pair("images", "labels", "images (not other)")),
        ({"y": ONE, "X": MANY}, Pair("X", "y", "X")),
        ({"targets": ONE, "data": MANY}, Pair("data", "targets", "data")),
        ({"first": MANY, "y": ONE}, Pair("first", "y", "first")),
        ({"names": (3,), "arr_0": MANY}, Pair("arr_0", None, "arr_0")),
        ({"x": MANY, "images": MANY}, Pair("images", None, "images (not x)")),
    ],
)
def test_arrays_without_splits(shapes: dict[str, tuple[int, ...]], expected: Pair) -> None:
    assert array_splits(shapes) == () and pairs(shapes, "train", "a.npz") == [expected]


@pytest.mark.parametrize(
    ("shapes", "split", "said"),
    [
        ({"a": MANY, "b": MANY}, "train", r"several arrays of images \(a, b\): call the one to use images"),
        ({"x": MANY, "x_test": MANY}, "train", r"the array x beside those of splits \(x_test\)"),
        ({"x_train": MANY, "x_train_2": MANY}, "train", "has x_train and x_train_2: keep one"),
        ({"x_test": MANY}, "train", "no split 'train', only test"),
        ({"x": MANY}, "test", "no split 'test': no array's name says test"),
    ],
)
def test_arrays_that_can_be_read_in_two_ways_are_refused(
    shapes: dict[str, tuple[int, ...]], split: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        pairs(shapes, split, "a.npz")
