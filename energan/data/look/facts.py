"""What there is to say of the images of a source, as JSON has it."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from energan.data.look.duplicates import Group, near, same_files
from energan.data.look.seen import Seen
from energan.data.look.sources import Looked
from energan.data.splits import TRAIN
from energan.utils.errors import UserError

LISTED = 20  # sizes that are counted one by one; groups of duplicates and broken files are all named

SHARES = ("portrait", "square", "landscape")  # aspect ratios: below 0.9, to 1.1, above

SQUARE = (0.9, 1.1)


def facts(looked: Looked) -> dict[str, Any]:
    """Counts, sizes, kinds, classes and duplicates. UserError where not one image can be read.

    Returns:
        name, images, files, broken (name, why), left_out, splits and classes (how many images), sizes, kinds, channels
        (what the pictures need: 1, 3, 4), same_files and near_duplicates (groups of names), different (how many
        training images are left once each group counts once), and shared (images of other splits that are among the
        training images, too).
    """
    images = looked.images
    if not images:
        told = f"; the first: {looked.broken[0].name}: {looked.broken[0].why}" if looked.broken else ""
        raise UserError(f"{looked.name} has no image that can be read{told}")
    same, alike = same_files(images), near(images)
    training = [i for i, image in enumerate(images) if image.split in (TRAIN, "", "all")]
    return {
        "name": looked.name,
        "images": sum(image.images for image in images),
        "files": len(images) + len(looked.broken),
        "broken": [broken._asdict() for broken in looked.broken],
        "left_out": list(looked.left_out),
        "splits": {split: sum(image.images for image in images if image.split == split) for split in looked.splits},
        "classes": _classes(looked),
        "sizes": _sizes(images),
        "kinds": dict(Counter(image.kind for image in images).most_common()),
        "several": dict(Counter(image.several for image in images if image.several)),
        "colourless": sum(image.colourless for image in images),
        "transparent": sum(image.transparent for image in images),
        "same_files": [[images[i].name for i in group] for group in same],
        "near_duplicates": [[images[i].name for i in group] for group in alike],
        "training": sum(images[i].images for i in training),
        "different": _different(training, [*same, *alike]),
        "shared": _shared(images, same, alike),
    }


def _classes(looked: Looked) -> dict[str, dict[str, int]]:
    """How many images of each split are of each class; those without a label as "(none)"."""
    counted = {}
    for split, names in looked.classes.items():
        if not names:
            continue
        labels = Counter(image.label for image in looked.images if image.split in (split, ""))
        counted[split] = {name: labels[index] for index, name in enumerate(names)}
        if labels[-1]:
            counted[split]["(none)"] = labels[-1]
    return counted


def _sizes(images: Sequence[Seen]) -> dict[str, Any]:
    counts = Counter(f"{image.width} x {image.height}" for image in images)
    sides = [min(image.width, image.height) for image in images]
    ratios = [image.width / image.height for image in images]
    smallest, largest = (pick(images, key=lambda image: image.width * image.height) for pick in (min, max))
    shares = [
        sum(ratio < SQUARE[0] for ratio in ratios),
        sum(SQUARE[0] <= ratio <= SQUARE[1] for ratio in ratios),
        sum(ratio > SQUARE[1] for ratio in ratios),
    ]
    return {
        "different": len(counts),
        "most_common": dict(counts.most_common(LISTED)),
        "smallest": {"name": smallest.name, "width": smallest.width, "height": smallest.height},
        "largest": {"name": largest.name, "width": largest.width, "height": largest.height},
        "shorter_side": {"least": min(sides), "median": median(sides), "most": max(sides)},
        "below_64": sum(side < 64 for side in sides),
        "aspect": dict(zip(SHARES, shares, strict=True)),
        "cut_off": median(1 - min(r, 1 / r) for r in ratios),
    }


def _different(training: Sequence[int], groups: Sequence[Group]) -> int:
    """How many training images are left once those of a group count once."""
    chosen = set(training)
    twins = {i for group in groups for i in [i for i in group if i in chosen][1:]}
    return len(chosen - twins)


def _shared(images: Sequence[Seen], same: Sequence[Group], alike: Sequence[Group]) -> dict[str, int]:
    """How many images of each other split have the same file, or nearly the same picture, among the training images."""
    twins: dict[str, set[int]] = {}
    for group in (*same, *alike):
        if any(images[i].split == TRAIN for i in group):
            for i in group:
                if images[i].split != TRAIN:
                    twins.setdefault(images[i].split, set()).add(i)
    return {split: len(found) for split, found in twins.items()}
