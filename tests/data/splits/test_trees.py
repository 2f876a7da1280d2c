"""Which images of a folder are of which split and class, by their paths alone."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energan.data.splits.trees import Part, Parts, part, tree
from energan.data.splits.words import WORDS, folder_splits
from energan.utils.errors import UserError


def paths(*folders: str) -> list[Parts]:
    """Two images in each folder; "a.png" is an image itself."""
    named = [(f,) if f.endswith(".png") else (f"{f}/0.png", f"{f}/1.png") for f in folders]
    return [tuple(path.split("/")) for group in named for path in group]


def read(split: str, *folders: str) -> tuple[set[str], tuple[str, ...], str]:
    """The folders that images of the split are from, the classes and the place."""
    found, _ = part(paths(*folders), split, "the folder ds")
    return {"/".join(path[:-1]) for path in found.paths}, found.classes, found.place


PLAIN = ("train/a", "train/b", "test/a", "test/b")


@pytest.mark.parametrize(
    ("folders", "train", "held", "classes", "split", "place"),
    [
        (PLAIN, {"train/a", "train/b"}, {"test/a", "test/b"}, ("a", "b"), "test", "train"),
        (("Train/a", "Train/b", "VAL/a"), {"Train/a", "Train/b"}, {"VAL/a"}, ("a", "b"), "validation", "Train"),
        (("training", "testing"), {"training"}, {"testing"}, (), "test", "training"),
        (("ds/in/train", "ds/in/valid"), {"ds/in/train"}, {"ds/in/valid"}, (), "validation", "ds/in/train"),
        (("x.png", *PLAIN), {"train/a", "train/b"}, {"test/a", "test/b"}, ("a", "b"), "test", "train"),
        (("train", "dev"), {"train"}, {"dev"}, (), "validation", "train"),
        (("train2017", "val2017"), {"train2017"}, {"val2017"}, (), "validation", "train2017"),
        (  # MVTec
            ("train/good", "test/good", "test/cut", "ground_truth/cut"),
            {"train/good"}, {"test/good", "test/cut"}, (), "test", "train",
        ),
        (  # MVTec's root
            ("bottle/train/good", "bottle/test/cut", "bottle/ground_truth/cut", "nut/train/good", "nut/test/bent"),
            {"bottle/train/good", "nut/train/good"}, {"bottle/test/cut", "nut/test/bent"}, ("bottle", "nut"), "test",
            "*/train",
        ),
        (  # ADE20K
            ("images/training", "images/validation", "annotations/training", "annotations/validation"),
            {"images/training"}, {"images/validation"}, (), "validation", "images/training",
        ),
        (
            ("train/images", "train/masks", "test/images", "test/masks"),
            {"train/images"}, {"test/images"}, (), "test", "train",
        ),
        (  # Kaggle's nested copies
            ("seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/seg_test/b"),
            {"seg_train/seg_train/a", "seg_train/seg_train/b"}, {"seg_test/seg_test/b"}, ("a", "b"), "test",
            "seg_train",
        ),
    ],
)  # fmt: skip
def test_layouts(
    folders: tuple[str, ...], train: set[str], held: set[str], classes: tuple[str, ...], split: str, place: str
) -> None:
    assert read("train", *folders) == (train, classes, place)
    assert read(split, *folders)[0] == held
    assert tree(paths(*folders), "ds").splits == ("train", split)


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (("train", "test", "extra"), r"has test/, train/ beside extra/: a split beside something else, or classes"),
        (("car", "train", "bus"), r"has train/ beside bus/, car/: .*load split 'all', where each folder is a class"),
        (("valid", "invalid"), r"valid/ beside invalid/"),
        (("train", "val", "validation"), "one split in two ways, val and validation"),
        (("train", "Train"), "one split in two ways, Train and train"),
        (("photos/2020/train", "photos/2020/test", "photos/old"), r"test/ and train/ in photos/2020/ only"),
        (("cat/train", "cat/test", "dog"), r"test/ and train/ in cat/ only"),
        (("train/a/train", "train/a/test", "train/b", "test"), r"test/ and train/ in train/a/ only"),
        (("test",), "has no split 'train', only test"),
        (
            ("Mask/train", "Mask/test", "None/train", "None/test"),
            "has Mask/ beside None/, both with splits: masks of its",
        ),
        (
            ("a/train", "a/test", "b/train", "b/test", "mask/train", "mask/test"),
            "has mask/ beside a/, both with splits",
        ),
        (("fold1/train/a", "fold1/test/a", "Fold_2/train/a", "Fold_2/test/a"), "Fold_2/ and fold1/, each with splits"),
        (
            ("train/images", "train/mask", "train/1st_manual", "test"),
            "images/ and mask/ beside 1st_manual/: images and",
        ),
        (("ds/images", "ds/masks", "ds/trees"), "images/ and masks/ beside trees/: .*Name ds/images/"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(folders: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read("train", *folders)
    assert read("all", *folders)[0] == set(folders)


def test_what_is_left_out_is_told() -> None:
    for folders, said in (
        (("x.png", "y.png", "train", "test"), "x.png (and 1 more) beside test/, train/"),
        (("train", "test", "Ground-Truth"), "Ground-Truth/ (2 images) beside test/, train/"),
        (("images", "masks"), "masks/ (2 images) beside images"),
        (("train/images", "train/labels", "test"), "train/labels/ (2 images) beside images"),
        (("cat/train", "cat/x.png", "dog/train"), "cat/x.png beside splits"),
        (("x.png", "Masks"), "Masks/ (2 images) beside images"),
        (("a/Train", "a/Train/Label", "a/Test", "b/Train", "b/Test"), "a/Train/Label/ (2 images) beside images"),
        (("left/train/x", "gtFine/train/x"), "gtFine/ (2 images) beside left/"),
        (("VOC2012/JPEGImages", "VOC2012/SegmentationClass"), "VOC2012/SegmentationClass/ (2 images) beside images"),
        (("train/ds/img", "train/ds/ann", "test"), "train/ds/ann/ (2 images) beside images"),
        (("img/train", "labels/train"), "labels/ (2 images) beside img/"),
    ):
        assert part(paths(*folders), "train", "ds")[1].notes == (said,)
    assert part(paths("masks", "faces"), "train", "ds")[0].classes == ("faces", "masks")  # here it is a class


def test_masks_below_a_lone_folder_are_no_class() -> None:
    """Every zip of a folder has one: its masks were trained on, as a class."""
    assert read("train", "ds/in/images", "ds/in/masks") == ({"ds/in/images"}, (), "")


def test_test_images_are_numbered_as_training_images() -> None:
    found, _ = part(paths("train/a", "train/b", "train/c", "test/c"), "test", "ds")
    assert found.classes == ("a", "b", "c") and found.labels == [2, 2]
    found, _ = part(paths("train/good", "test/cut", "test/good"), "test", "ds")
    assert found.classes == ("cut", "good") and found.labels == [0, 0, 1, 1]


def test_classes_of_numbers_and_of_either_unicode_form() -> None:
    found, _ = part(paths("9", "10", "e\u0301"), "train", "ds")
    assert found.classes == ("10", "9", "\u00e9")
    found, _ = part(paths("9", "10", "2"), "train", "ds")
    assert found.classes == ("2", "9", "10")
    found, _ = part(paths("e\u0301", "\u00e9", "b"), "train", "ds")
    assert found.classes == ("b", "\u00e9") and Counter(found.labels) == {0: 2, 1: 4}


NAMES = st.sampled_from(["cat", "dog", "E\u0301te\u0301", "train", "Test", "val", "dev", "masks", "images", "a.png"])


@settings(max_examples=300)
@given(st.lists(st.lists(NAMES, min_size=1, max_size=4).map(tuple), min_size=1, max_size=8, unique=True))
def test_no_image_is_of_two_splits_and_none_is_trained_on_that_lies_in_a_test_folder(folders: list[Parts]) -> None:
    """Whatever the folders: each split's images are its own, or what can be read in two ways is refused."""
    images = [(*folder, f"{i}.png") for folder in folders for i in range(2)]
    try:
        splits = tree(images, "ds").splits
        read_ = {split: part(images, split, "ds")[0] for split in splits or ("train",)}
    except UserError:
        return
    seen = Counter(path for found in read_.values() for path in found.paths)
    assert set(seen.values()) <= {1} and set(seen) <= set(images)
    for split, found in read_.items():
        assert len(found.labels) == len(found.paths) and all((x is None) == (not found.classes) for x in found.labels)
        for path in found.paths:
            for at, name in enumerate(path[:-1]):
                beside = {other[at] for other in images if other[:at] == path[:at] and len(other) > at + 1}
                of = folder_splits(beside)
                assert len(set(of.values())) < 2 or of.get(name) == split, (path, split)


@st.composite
def tidy(draw: st.DrawFn) -> tuple[list[Parts], dict[str, dict[str, int]]]:
    """Folders of splits as people have them, and how many images of each class each split has."""
    words = draw(st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=3, unique_by=WORDS.__getitem__))
    classes = draw(st.lists(st.sampled_from(["cat", "dog", "\u00e9t\u00e9", "10", "9"]), min_size=2, unique=True))
    wrap = draw(st.sampled_from([(), ("ds",), ("a", "b")]))
    outside = draw(st.booleans())  # the classes' folders are outside the splits'
    images, counts = list[Parts](), dict[str, dict[str, int]]()
    for word in words:
        spelling = draw(st.sampled_from([word, word.upper(), word.title()]))
        counts[WORDS[word]] = {name: draw(st.integers(1, 3)) for name in classes}
        for name, n in counts[WORDS[word]].items():
            inside = (name, spelling) if outside else (spelling, name)
            images += [(*wrap, *inside, f"{i}.png") for i in range(n)]
    return draw(st.permutations(images)), counts


@given(tidy())
def test_splits_and_classes_are_found_however_they_are_spelled(
    made: tuple[list[Parts], dict[str, dict[str, int]]],
) -> None:
    images, counts = made
    assert set(tree(images, "ds").splits) == set(counts)
    for split, numbers in counts.items():
        found: Part = part(images, split, "ds")[0]
        assert Counter(found.classes[label] for label in found.labels if label is not None) == numbers
    assert len(part(images, "all", "ds")[0].paths) == len(images)
