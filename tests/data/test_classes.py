"""Classes out of labels as files and arrays have them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from energan.data import ImageSet
from energan.data.classes import class_order, classes_of, joined, numbered_as
from energan.utils.errors import UserError

MISSING = st.sampled_from([None, float("nan"), -1, -1.0, np.float32("nan")])
MISSING_TEXT = st.sampled_from([None, "", "-1", "-1.0", "nan", "NaN", b"nan", float("nan"), -1])


@pytest.mark.parametrize(
    ("values", "labels", "classes"),
    [
        ([7, None, 3], [1, -1, 0], ("3", "7")),
        ([7.0, float("nan"), 3.0, -1.0], [1, -1, 0, -1], ("3", "7")),
        ([10, 9], [1, 0], ("9", "10")),
        (["10", "9"], [1, 0], ("9", "10")),
        (["10", "9", "a"], [0, 1, 2], ("10", "9", "a")),
        ([b"cat", b"ant", None], [1, 0, -1], ("ant", "cat")),
        (["e\u0301", "\u00e9"], [0, 0], ("\u00e9",)),
        ([np.int8(3), np.array([4]), np.str_("nan")], [0, 1, -1], ("3", "4")),
        ([True, False, None], [1, 0, -1], ("False", "True")),
        ([None, -1, ""], [], ()),
    ],
)
def test_classes(values: list[object], labels: list[int], classes: tuple[str, ...]) -> None:
    assert classes_of(values, (), "x") == (labels, classes)


def test_names_are_those_of_the_numbers() -> None:
    assert classes_of([1.0, None], ("ant", "bee"), "x") == ([1, -1], ("ant", "bee"))
    assert classes_of([2, 1], ("ant", "bee"), "x") == ([1, 0], ("1", "2"))  # of other numbers


@pytest.mark.parametrize("value", [0.5, -2, [1, 2], {"a": 1}, np.array([1, 0])])
def test_values_that_are_no_classes_are_told(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert classes_of([0, value], (), "the file f") == ([], ())
    assert "the labels of the file f are left out" in capsys.readouterr().err


def test_labels_of_two_kinds_and_bytes_that_are_no_text() -> None:
    with pytest.raises(UserError, match="labels of two kinds, 1 and '1'"):
        classes_of([1, "1"], (), "x")
    with pytest.raises(UserError, match="no UTF-8 text"):
        classes_of([b"\xff"], (), "x")


@given(st.lists(st.one_of(st.integers(0, 30), MISSING), min_size=1))
def test_one_missing_number_is_one_label_less(values: list[object]) -> None:
    check(values, {value for value in values if isinstance(value, int) and value >= 0})


@given(st.lists(st.one_of(st.sampled_from(["cat", "10", "9", "\u00e9"]), MISSING_TEXT), min_size=1))
def test_one_missing_text_is_one_label_less(values: list[object]) -> None:
    check(values, {value for value in values if value in ("cat", "10", "9", "\u00e9")})


def check(values: list[object], known: set[object]) -> None:
    labels, classes = classes_of(values, (), "x")
    if not known:
        assert (labels, classes) == ([], ())
        return
    assert classes == class_order(map(str, known))
    for value, label in zip(values, labels, strict=True):
        assert classes[label] == str(value) if value in known and label >= 0 else label == -1


@given(st.permutations(range(8)))
def test_integers_are_in_their_order(numbers: list[int]) -> None:
    assert class_order(str(3 * n) for n in numbers) == tuple(str(3 * n) for n in range(8))


def test_labels_by_other_sets_classes() -> None:
    assert numbered_as(("a", "b"), [0, -1], ("b",)) == ([1, -1], ("a", "b"))
    assert numbered_as(("a", "b"), [0, -1], ("c",)) == ([0, -1], ("c",))
    assert numbered_as((), [0], ("c",)) == ([0], ("c",))


def test_sets_put_together() -> None:
    def made(n: int, labels: list[int] | None, *classes: str, side: int = 4) -> ImageSet:
        images = torch.full((n, 1, side, side), n, dtype=torch.uint8)
        return ImageSet(images, None if labels is None else torch.tensor(labels), "s", classes, "s", f"{n}", ())

    both = joined([made(2, [0, 1], "b", "c"), made(1, None), made(2, [-1, 0], "a")])
    assert both.classes == ("a", "b", "c") and both.labels is not None
    assert both.labels.tolist() == [1, 2, -1, -1, 0] and both.images[:, 0, 0, 0].tolist() == [2, 2, 1, 2, 2]
    same = joined([made(1, [1], "z", "a"), made(1, [0], "a")])
    assert same.classes == ("z", "a") and same.labels is not None and same.labels.tolist() == [1, 1]
    assert joined([made(1, None), made(2, None)]).labels is None
    with pytest.raises(UserError, match="different shapes"):
        joined([made(1, None), made(1, None, side=5)])


def test_numbers_of_any_length_are_classes() -> None:
    """Python makes no integer of more than 4,300 digits."""
    assert class_order(["1" * 5000, "2", "010", "9", "10"]) == ("2", "9", "010", "10", "1" * 5000)
