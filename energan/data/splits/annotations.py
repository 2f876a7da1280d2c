"""Folders of masks and the like, which are not images to train on: known by their names beside images or splits."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from energan.data.splits.words import normal
from energan.utils.errors import UserError

Parts = tuple[str, ...]  # a path inside the folder or archive

# folders of masks and the like, without signs and in any case
ANNOTATIONS = frozenset({
    "ann", "annot", "annotation", "annotations", "groundtruth", "groundtruths", "gt", "gtcoarse", "gtfine", "gts",
    "label", "labels", "mask", "masks",
    "segmentation", "segmentations", "segmentationmasks", "segmentationclass", "segmentationobject",
    "trimap", "trimaps",
})  # fmt: skip

CLASSLIKE = frozenset({"label", "labels", "mask", "masks"})

PICTURES = frozenset({"image", "images", "img", "imgs", "jpegimages", "leftimg8bit"})


def tops_at(paths: Iterable[Parts], depth: int) -> dict[str, list[Parts]]:
    """The images below each folder at a depth; below "" those in none."""
    tops: dict[str, list[Parts]] = defaultdict(list)
    for path in paths:
        tops[path[depth] if len(path) > depth + 1 else ""].append(path)
    return dict(tops)


def without_annotations(paths: list[Parts], depth: int, where: str) -> tuple[list[Parts], tuple[str, ...]]:
    """The images without masks beside images or a folder called so, below lone folders too, and what was left out.

    UserError where such two have a third beside them: classes of images, or more masks?
    """
    tops = tops_at(paths, depth)
    while len(tops) == 1 and "" not in tops:
        depth += 1
        tops = tops_at(paths, depth)
    pictures = [name for name in tops if is_pictures(name)]
    if "" not in tops and not pictures:
        return paths, ()
    left = [name for name in tops if name and is_annotation(name)]
    if others := [name for name in tops if name and name not in (*left, *pictures)]:
        if pictures and left:
            raise UserError(
                f"{where} has {pictures[0]}/ and {left[0]}/ beside {others[0]}/: images and their masks, or classes "
                f"called so? Name {'/'.join(tops[pictures[0]][0][: depth + 1])}/ to use it alone, move the others "
                "away, or load split 'all', where each folder is a class"
            )
        return paths, ()  # "masks" beside other classes may be one
    kept = [path for path in paths if len(path) <= depth + 1 or path[depth] not in left]
    places = {name: "/".join(tops[name][0][: depth + 1]) for name in left}
    return kept, tuple(f"{place}/ ({counted(tops[name])}) beside images" for name, place in places.items())


def _plain(name: str) -> str:
    return "".join(letter for letter in normal(name).casefold() if letter.isalnum())


def is_pictures(name: str) -> bool:
    return _plain(name) in PICTURES


def is_annotation(name: str) -> bool:
    return _plain(name) in ANNOTATIONS


def may_be_class(name: str) -> bool:
    """Whether a folder of annotations may as well be a class: people with masks beside people without."""
    return _plain(name) in CLASSLIKE


def counted(paths: Sequence[Parts]) -> str:
    return "1 image" if len(paths) == 1 else f"{len(paths)} images"
