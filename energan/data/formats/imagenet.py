"""ImageNet (ILSVRC 2012) as it is published: train/n01440764/*.JPEG and val/, with classes in folders or flat.

Russakovsky et al. 2015, arXiv:1409.0575. Classes are the synsets' numbers in their order, followed by the first word
where LOC_synset_mapping.txt, synset_words.txt, words.txt or the development kit's meta.mat says it: "n01440764 tench".
A flat val/ takes its labels from LOC_val_solution.csv (Kaggle's) or from the development kit's (the authors')
ILSVRC2012_validation_ground_truth.txt and meta.mat. These lie in the folder, above train/, or in ILSVRC2012_devkit_t12.
"""

import re
from pathlib import Path

from energan.data.decoding.failures import UNREADABLE, reason
from energan.data.decoding.listing import Files, fingerprint
from energan.data.formats.folders import Arranged, arrange, files_of, no_head, printable, regular, walk
from energan.data.splits import ALL, TEST, TRAIN, VALIDATION
from energan.data.splits.trees import Parts
from energan.data.splits.words import folder_splits
from energan.utils.errors import UserError

INSIDE = ("", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")  # where Kaggle's archive has train and val

KIT = "ILSVRC2012_devkit_t12/data"

SYNSET = re.compile(r"n\d{8}")

WORDS = ("LOC_synset_mapping.txt", "synset_words.txt", "words.txt")

LARGEST_META = 2**20  # bytes: the published one has a tenth; what it grows to when unpacked is a thousand times that

KAGGLE, TRUTH, META = "LOC_val_solution.csv", "ILSVRC2012_validation_ground_truth.txt", "meta.mat"

SPLITS = {TRAIN: "train", TEST: "val", VALIDATION: "val"}  # the folder of each; test/ has no labels


def is_imagenet(folder: Path) -> bool:
    return _root(folder) is not None


def imagenet_files(folder: Path, split: str) -> Files:
    """The images of a split. Classes are those of train/ in both, so that a label means the same.

    Raises UserError for another split, for classes in val/ that train/ lacks, and for a flat val/ without its labels.
    """
    where = f"ImageNet in {printable(folder)}"
    root = _root(folder)
    if root is None or split not in SPLITS or not (root / SPLITS[split]).is_dir():
        raise UserError(f"{where} has no split {split!r}, only train and (as test) val")
    synsets = sorted(entry.name for entry in (root / "train").iterdir() if SYNSET.fullmatch(entry.name))
    number = {name: index for index, name in enumerate(synsets)}
    images, skipped = root / SPLITS[split], list[str]()
    paths = arrange(list(walk(images, skipped)), ALL, where, no_head).paths
    flat = all(len(path) == 1 for path in paths)
    names, marks = _truth(folder, root, paths, where) if flat else ([path[0] for path in paths], ())
    if strange := set(names) - set(synsets):
        lacks = "which is no synset" if split == TRAIN else "that train/ lacks"
        raise UserError(f"{where} has {printable(min(strange))!r} in {SPLITS[split]}/, {lacks}")
    words = _words(folder, root)
    classes = tuple(f"{name} {words[name]}" if name in words else name for name in synsets)
    arranged = Arranged(paths, [number[name] for name in names], classes)
    name = printable(folder.resolve().name)
    files = files_of(images, arranged, f"{where}, {SPLITS[split]}", tuple(skipped), marks)
    return files._replace(name=name, place=f"{name}/{SPLITS[split]}")


def imagenet_splits(folder: Path) -> tuple[str, ...]:
    """train, and validation where there is val/."""
    root = _root(folder)
    return (TRAIN, VALIDATION) if root is not None and (root / SPLITS[VALIDATION]).is_dir() else (TRAIN,)


def _root(folder: Path) -> Path | None:
    """The folder that holds train/, in which a synset's folder lies, and no splits but those that ImageNet has."""
    try:
        for inside in INSIDE:
            root = folder / inside
            if _has_synsets(root / "train") and not _has_other_splits(root):
                return root
    except OSError as error:
        raise UserError(f"{printable(folder)} cannot be read: {reason(error)}") from error
    return None


def _has_synsets(folder: Path) -> bool:
    return folder.is_dir() and any(SYNSET.fullmatch(entry.name) for entry in folder.iterdir())


def _has_other_splits(root: Path) -> bool:
    """Whether it is a set in ImageNet's manner, such as train/ and test/ with classes in both: a folder like any."""
    val = (root / "val").is_dir()
    others = folder_splits(path.name for path in root.iterdir() if path.is_dir()).keys() - {"train", "val"}
    return any(name != "test" or not val or _has_synsets(root / name) for name in others)


def _find(folder: Path, root: Path, name: str) -> Path | None:
    places = (folder, root, folder.resolve().parent, folder / "data", folder / KIT, folder.resolve().parent / KIT)
    return next((place / name for place in places if (place / name).is_file()), None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{printable(path)} cannot be read: {reason(error)}") from error


def _words(folder: Path, root: Path) -> dict[str, str]:
    """The first word of each synset; none where no file says it."""
    table = next((path for name in WORDS if (path := _find(folder, root, name))), None)
    if table is not None:
        lines = (re.split(r"\s+", line.strip(), maxsplit=1) for line in _lines(table))
        return {line[0]: printable(line[1].split(",")[0]) for line in lines if len(line) == 2}
    meta = _find(folder, root, META)
    return {synset: printable(words.split(",")[0]) for synset, words in _meta(meta).values()} if meta else {}


def _meta(path: Path) -> dict[int, tuple[str, str]]:
    """(synset, words) of each of the development kit's numbers, which are in no order; a MATLAB file runs no code."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        rows = loadmat(regular(path, LARGEST_META), squeeze_me=True)["synsets"]
        leaves = [row for row in rows if row["num_children"] == 0]
        return {int(row["ILSVRC2012_ID"]): (str(row["WNID"]), str(row["words"])) for row in leaves}
    except (MatReadError, *UNREADABLE) as error:
        raise UserError(f"{printable(path)} cannot be read: {reason(error)}") from error


def _truth(folder: Path, root: Path, paths: list[Parts], where: str) -> tuple[list[str], tuple[str, ...]]:
    """The synset of each image of a flat val/, and the fingerprint of the file that lists them."""
    kaggle, truth, meta = (_find(folder, root, name) for name in (KAGGLE, TRUTH, META))
    if kaggle is not None:
        synset_of = {line.split(",")[0]: line.partition(",")[2].split(" ")[0] for line in _lines(kaggle)}
        source = kaggle
    elif truth is not None and meta is not None:
        synset = _meta(meta)
        numbers = [line.strip() for line in _lines(truth)]
        if strange := [n for n in numbers if not n.isdecimal() or int(n) not in synset]:
            raise UserError(f"{printable(truth)} has a class {printable(strange[0])!r} that {META} lacks")
        synset_of = {f"ILSVRC2012_val_{i:08d}": synset[int(n)][0] for i, n in enumerate(numbers, 1)}
        source = truth
    else:
        raise UserError(
            f"{where} has images in val/ without their classes: put {KAGGLE}, or {TRUTH} and {META} of the development "
            "kit beside it, or name val/ itself for images without labels"
        )
    if unknown := [path[0] for path in paths if Path(path[0]).stem not in synset_of]:
        raise UserError(f"{printable(source)} does not know {printable(unknown[0])}: it is cut off, or of another set")
    return [synset_of[Path(path[0]).stem] for path in paths], tuple(map(str, fingerprint(source)))
