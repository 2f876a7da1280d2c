"""What names say of splits."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energan.data.splits.words import SPLITS, WORDS, canonical, file_splits, folder_splits, held_out, in_order, words
from energan.utils.errors import UserError


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, str]:
    """A word for a split in any case, and the split."""
    word = draw(st.sampled_from(sorted(WORDS)))
    return "".join(draw(st.sampled_from((letter, letter.upper()))) for letter in word), WORDS[word]


@given(spelled())
def test_case_makes_no_difference(name: tuple[str, str]) -> None:
    word, split = name
    assert canonical(word) == split
    assert folder_splits([word, "other"]) == {word: split}
    assert file_splits([f"x-{word}-0"], "d") == {f"x-{word}-0": split}


@given(st.text(max_size=8))
def test_what_is_no_word_for_a_split_stays_as_it_is(name: str) -> None:
    if name.casefold() not in {*WORDS, "dev", "all"}:
        assert canonical(name) == name and folder_splits([name]) == {}


@given(st.permutations(["train", "Val", "extra", "dev", "testing"]))
def test_the_order_of_folders_makes_no_difference(names: list[str]) -> None:
    expected = {"train": "train", "Val": "validation", "dev": "validation", "testing": "test"}
    assert folder_splits(names) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["dev", "test"], {"test": "test"}),  # without train, dev may be anything
        (["train2017", "val2017"], {"train2017": "train", "val2017": "validation"}),
        (["seg_train", "seg_test", "x"], {"seg_train": "train", "seg_test": "test"}),
        (["training_set", "Test_Set"], {"training_set": "train", "Test_Set": "test"}),
        (["imagesTrain", "imagesTest"], {"imagesTrain": "train", "imagesTest": "test"}),
        (["freight train", "crash test"], {}),
        (["freight train", "test"], {"test": "test"}),
        (["valid", "invalid"], {"valid": "validation"}),
        (["trains", "tests"], {}),
        (["train-test-a", "train-test-b"], {}),
    ],
)
def test_folders(names: list[str], expected: dict[str, str]) -> None:
    assert folder_splits(names) == expected


def test_words_are_cut_at_signs_digits_and_humps() -> None:
    assert words("d/default-train_00000-of-00001") == ["d", "default", "train", "of"]
    assert words("xTrain2") == ["x", "train"] and words("straining") == ["straining"]
    assert words("e\u0301te") == [unicodedata.normalize("NFC", "e\u0301te")]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["default/train/0000", "default/test/0000"], ["train", "test"]),
        (["x-train-0", "x-TEST-0", "x-val-0"], ["train", "test", "validation"]),
        (["training/train-0", "validation/dev-0"], ["train", "validation"]),
        (["train-00000-of-00001-a6b", "test-00000-of-00001-ff"], ["train", "test"]),
        (["dev-0", "train-0"], ["validation", "train"]),
    ],
)
def test_files(paths: list[str], expected: list[str]) -> None:
    assert file_splits(paths, "d") == dict(zip(paths, expected, strict=True))


def test_files_without_a_split_and_those_that_can_be_read_in_two_ways() -> None:
    assert file_splits(["a", "b/c"], "d") == {} == file_splits(["dev-0", "extra-0"], "d")
    for paths, said in (
        (["a", "train-0"], r"files of a split \(train-0\) beside files of none \(a\)"),
        (["train-test-0"], "whose name says two splits, test and train: rename train-test-0"),
        (["test/train-0", "train/train-1"], "says two splits"),
        (["val-0", "validation-0"], "spells one split in two ways, val and validation"),
    ):
        with pytest.raises(UserError, match=said):
            file_splits(paths, "d")


@given(st.sets(st.sampled_from(SPLITS)))
def test_what_is_held_out(splits: set[str]) -> None:
    expected = "test" if "test" in splits else "validation" if "validation" in splits else None
    assert held_out(splits) == expected and set(in_order(splits)) == splits
