"""Which images of a folder are of which split and class, by their paths alone.

ds/train/cat, ds/test/cat        splits beside each other, with or without classes in them
ds/cat/train, ds/cat/test, ...   splits in every class
ds/train, ds/ground_truth        annotations beside splits are left out, and that is said
ds/train, ds/extra               refused: train may be a split or a class
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from energan.data.classes import class_order
from energan.data.splits.annotations import (
    Parts,
    counted,
    is_annotation,
    is_pictures,
    may_be_class,
    tops_at,
    without_annotations,
)
from energan.data.splits.words import ALL, TRAIN, folder_splits, in_order, normal, refuse_two_spellings
from energan.utils.errors import UserError

__all__ = ["Part", "Parts", "Tree", "part", "tree"]


FOLD = re.compile(r"(?:cv|fold|k|run|split|trial)[\W_]*[0-9]+", re.IGNORECASE)  # of a cross-validation


class Part(NamedTuple):
    """The images of one split."""

    place: str  # inside the folder: "train", "*/train"; "" for all of it
    paths: list[Parts]  # sorted
    labels: list[int | None]
    classes: tuple[str, ...]


class Tree(NamedTuple):
    splits: tuple[str, ...]  # that there are; () where nothing says so
    notes: tuple[str, ...]  # what is left out, a sentence each


class _Found(NamedTuple):
    """Where the splits are: the images of each, and the depth of the folders in it."""

    of: dict[str, list[Parts]]
    place: dict[str, str]
    depth: int
    class_depth: int | None  # where the classes' folders are above the splits'


def tree(paths: Sequence[Parts], where: str) -> Tree:
    """What splits the images at `paths` have. UserError for what can be read in two ways."""
    found, notes = _find(sorted(paths), where)
    return Tree(in_order(found.of) if found else (), notes)


def part(paths: Sequence[Parts], split: str, where: str) -> tuple[Part, Tree]:
    """The images of a split, and what splits there are.

    "all" is every image, and no folder a split; without splits, "train" is, too. Classes are the folders' names, where
    every image of the split lies in one of several; of a split other than train, they are train's, where those have
    them all.

    Raises:
        UserError: for what can be read in two ways, and for a split that is not there.
    """
    paths = sorted(paths)
    if split == ALL:
        return _labelled("", paths, 0), Tree((), ())
    found, notes = _find(paths, where)
    if found is None:
        if split != TRAIN:
            raise UserError(
                f"{where} has no split {split!r}: put its images into sub-folders called train and {split}, "
                "or name the folder to use"
            )
        kept, annotations = without_annotations(paths, 0, where)
        _refuse_deeper(kept, 0, where)
        return _labelled("", kept, 0), Tree((), notes + annotations)
    if split not in found.of:
        raise UserError(
            f"{where} has no split {split!r}, only {', '.join(sorted(found.of))}: name a folder to use it alone"
        )
    of_split, more = _of(found, split, where)
    if split != TRAIN and TRAIN in found.of:
        of_split = _numbered_as(_of(found, TRAIN, where)[0].classes, of_split, found)
    return of_split, Tree(in_order(found.of), notes + more)


def _of(found: _Found, split: str, where: str) -> tuple[Part, tuple[str, ...]]:
    groups: dict[Parts, list[Parts]] = defaultdict(list)  # in every folder of the split there may be masks
    for path in found.of[split]:
        groups[path[: found.depth]].append(path)
    each = [without_annotations(group, found.depth, where) for group in groups.values()]
    kept, notes = sorted(path for group, _ in each for path in group), tuple(note for _, more in each for note in more)
    _refuse_deeper(kept, found.depth, where)
    if found.class_depth is not None:
        return _labelled_at(found.place[split], kept, found.class_depth), notes
    return _labelled(found.place[split], kept, found.depth), notes


def _numbered_as(classes: tuple[str, ...], of_split: Part, found: _Found) -> Part:
    """The split with train's classes, if they are all of its own: a label means the same in both."""
    depth = found.depth if found.class_depth is None else found.class_depth
    while set(names := _names(of_split.paths, depth)) - set(classes):
        if "" in names or len(set(names)) > 1:
            return of_split
        depth += 1
    number = {name: index for index, name in enumerate(classes)}
    return of_split._replace(labels=[number[name] for name in names], classes=classes)


def _names(paths: Iterable[Parts], depth: int) -> list[str]:
    """The folder at a depth that each image lies in; "" for an image in none."""
    return [normal(path[depth]) if len(path) > depth + 1 else "" for path in paths]


def _labelled(place: str, paths: list[Parts], depth: int) -> Part:
    """The images with the classes that the folders below lone ones (one around everything is no class) are."""
    while True:
        tops = tops_at(paths, depth)
        if len(tops) != 1 or "" in tops:
            break
        depth += 1
    return Part(place, paths, [None] * len(paths), ()) if "" in tops else _labelled_at(place, paths, depth)


def _labelled_at(place: str, paths: list[Parts], depth: int) -> Part:
    names = _names(paths, depth)
    classes = class_order(names)
    number = {name: index for index, name in enumerate(classes)}
    return Part(place, paths, [number[name] for name in names], classes)


def _find(paths: list[Parts], where: str) -> tuple[_Found | None, tuple[str, ...]]:
    """The splits, looked for below lone folders too; None where there are none."""
    depth = 0
    while True:
        tops = tops_at(paths, depth)
        strays = tops.pop("", [])
        if splits := folder_splits(tops):
            return _beside(tops, splits, strays, depth, where)
        below = _in_each(tops, strays, depth, where)
        if below is not None:
            return below
        if len(tops) != 1 or strays:
            return None, ()
        depth += 1


def _beside(
    tops: dict[str, list[Parts]], splits: Mapping[str, str], strays: list[Parts], depth: int, where: str
) -> tuple[_Found, tuple[str, ...]]:
    """Splits beside each other, at a depth."""
    above = "/".join(next(iter(tops.values()))[0][:depth])
    others = sorted(name for name in tops if name not in splits and not is_annotation(name))
    named = ", ".join(f"{name}/" for name in sorted(splits))
    if others:
        example = "/".join(filter(None, (above, min(splits, key=lambda name: splits[name] != TRAIN))))
        raise UserError(
            f"{where} has {named} beside {', '.join(f'{name}/' for name in others[:3])}{', ...' * (len(others) > 3)}: "
            f"a split beside something else, or classes called so? Name {example}/ to use it alone, move the others "
            "away, or load split 'all', where each folder is a class"
        )
    refuse_two_spellings(splits, where)
    notes = [f"{name}/ ({counted(tops[name])}) beside {named}" for name in sorted(tops) if name not in splits]
    if strays:
        notes.append(f"{strays[0][-1]}{_more(len(strays) - 1)} beside {named}")
    prefix = f"{above}/" if above else ""
    found = {split: (name, tops[name]) for name, split in sorted(splits.items(), key=lambda each: each[1])}
    place = {split: prefix + name for split, (name, _) in found.items()}
    return _Found({split: kept for split, (_, kept) in found.items()}, place, depth + 1, None), tuple(notes)


def _in_each(
    tops: dict[str, list[Parts]], strays: list[Parts], depth: int, where: str
) -> tuple[_Found, tuple[str, ...]] | None:
    """Splits in every one of several folders, which are the classes. None where not every one has splits."""
    notes, of, spelled = list[str](), defaultdict[str, list[Parts]](list), dict[str, str]()
    annotations = [name for name in tops if is_annotation(name)]
    classes = [name for name in tops if name not in annotations]
    if len(classes) < 2 - bool(annotations):
        return None
    for name in classes:
        below = tops_at(tops[name], depth + 1)
        outside = below.pop("", [])
        splits = folder_splits(below)
        if not splits or any(other not in splits and not is_annotation(other) for other in below):
            return None
        refuse_two_spellings(splits, f"{where}, in {name}/,")
        for inside, images in below.items():
            if inside in splits:
                of[splits[inside]] += images
                spelled.setdefault(splits[inside], inside)
            else:
                notes.append(f"{name}/{inside}/ ({counted(images)}) beside splits")
        if outside:
            notes.append(f"{name}/{outside[0][-1]}{_more(len(outside) - 1)} beside splits")
    _refuse_classlike(tops, annotations, classes, depth, where)
    if len(classes) > 1 and all(FOLD.fullmatch(name) for name in classes):
        raise UserError(
            f"{where} has {' and '.join(f'{name}/' for name in sorted(classes)[:2])}, each with splits: of folds the "
            f"test images of one are the training images of another. Name {min(classes)}/ to use it alone"
        )
    notes += [f"{name}/ ({counted(tops[name])}) beside {classes[0]}/" for name in annotations]
    if strays:
        notes.append(f"{strays[0][-1]}{_more(len(strays) - 1)} beside folders of splits")
    lone = len(classes) == 1  # images/train beside annotations/train
    above = classes[0] if lone else "*"
    place = {split: f"{above}/{name}" for split, name in spelled.items()}
    ordered = {split: sorted(of[split]) for split in sorted(of)}
    return _Found(ordered, place, depth + 2, None if lone else depth), tuple(notes)


def _refuse_classlike(
    tops: dict[str, list[Parts]], annotations: list[str], classes: list[str], depth: int, where: str
) -> None:
    """UserError for a folder "mask" with splits of its own beside others: masks of these, or a class called so?"""
    if len(classes) == 1 and is_pictures(classes[0]):
        return
    for name in annotations:
        if may_be_class(name) and folder_splits(tops_at(tops[name], depth + 1)):
            raise UserError(
                f"{where} has {name}/ beside {classes[0]}/, both with splits: masks of its images, or a class called "
                f"so? Name {classes[0]}/ to use it alone, or rename {name}/"
            )


def _refuse_deeper(paths: list[Parts], depth: int, where: str) -> None:
    """UserError for a folder further down that holds two splits: they would all be trained on."""
    children: dict[Parts, set[str]] = defaultdict(set)
    for path in paths:
        for at in range(depth, len(path) - 1):
            children[path[:at]].add(path[at])
    for folder, names in children.items():
        splits = folder_splits(names)
        if len(set(splits.values())) > 1:
            inside, named = "/".join(folder) or ".", " and ".join(f"{name}/" for name in sorted(splits))
            raise UserError(
                f"{where} has {named} in {inside}/ only, not in every folder beside it: name {inside}/ or "
                "another folder to use it alone, or load split 'all', where no folder is a split"
            )


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""
