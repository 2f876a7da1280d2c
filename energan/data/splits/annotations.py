"""Folders of masks and the like, which are not images to train on: known by their names beside images or splits."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from energan.data.splits.words import normal

Parts = tuple[str, ...]  # a path inside the folder or archive

# folders of masks and the like, without signs and in any case
ANNOTATIONS = frozenset({
    "annotation", "annotations", "groundtruth", "groundtruths", "gt", "gtcoarse", "gtfine", "gts", "label", "labels",
    "mask", "masks",
    "segmentation", "segmentations", "segmentationmasks", "segmentationclass", "segmentationobject",
    "trimap", "trimaps",
})  # fmt: skip

PICTURES = frozenset({"image", "images", "img", "imgs", "jpegimages"})


def tops_at(paths: Iterable[Parts], depth: int) -> dict[str, list[Parts]]:
    """The images below each folder at a depth; below "" those in none."""
    tops: dict[str, list[Parts]] = defaultdict(list)
    for path in paths:
        tops[path[depth] if len(path) > depth + 1 else ""].append(path)
    return dict(tops)


def without_annotations(paths: list[Parts], depth: int) -> tuple[list[Parts], tuple[str, ...]]:
    """The images without masks beside images or a folder called so, and what was left out."""
    tops = tops_at(paths, depth)
    if "" not in tops and not any(_plain(name) in PICTURES for name in tops):
        return paths, ()
    left = [name for name in tops if name and is_annotation(name)]
    if any(name and name not in left and _plain(name) not in PICTURES for name in tops):
        return paths, ()  # "masks" beside other classes may be one
    kept = [path for path in paths if len(path) <= depth + 1 or path[depth] not in left]
    places = {name: "/".join(tops[name][0][: depth + 1]) for name in left}
    return kept, tuple(f"{place}/ ({counted(tops[name])}) beside images" for name, place in places.items())


def _plain(name: str) -> str:
    return "".join(letter for letter in normal(name).casefold() if letter.isalnum())


def is_annotation(name: str) -> bool:
    return _plain(name) in ANNOTATIONS


def counted(paths: Sequence[Parts]) -> str:
    return "1 image" if len(paths) == 1 else f"{len(paths)} images"
