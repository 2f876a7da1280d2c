"""What the names of folders, files and arrays say of splits, in any case: train, test, validation.

"train", "Training"                 a folder's whole name
"train2017", "seg_train"            a folder's, where another differs by nothing but the split ("val2017", "seg_test")
"x-train-0.parquet", "y_test"       a word of a file's or an array's
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from energan.utils.errors import UserError

TRAIN, TEST, VALIDATION, ALL = "train", "test", "validation", "all"

SPLITS = (TRAIN, TEST, VALIDATION)

WORDS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("test", "testing"), TEST),
    **dict.fromkeys(("val", "valid", "validation"), VALIDATION),
}

DEV = "dev"  # validation, but only beside train: alone it may be anything

WORD = re.compile(r"[^\W\d_]+")  # letters: digits and signs are between words

HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # xTrain


def normal(name: str) -> str:
    """The name in Unicode's composed form (NFC): file systems and archives differ in it, and nobody sees it."""
    return unicodedata.normalize("NFC", name)


def canonical(split: str) -> str:
    """The split's name here; what is none is returned as it is.

    Example:
        >>> canonical("Val"), canonical("training"), canonical("ALL"), canonical("extra")
        ('validation', 'train', 'all', 'extra')
    """
    folded = split.casefold()
    return ALL if folded == ALL else VALIDATION if folded == DEV else WORDS.get(folded, split)


def held_out(splits: Collection[str]) -> str | None:
    """The one of the splits to measure on: test, else validation, else none."""
    return next((split for split in (TEST, VALIDATION) if split in splits), None)


def in_order(splits: Collection[str]) -> tuple[str, ...]:
    """Those of the splits that have a usual name, each once, train first."""
    return tuple(split for split in SPLITS if split in splits)


def words(name: str) -> list[str]:
    """The words of a name, folded.

    Example:
        >>> words("xTrain_00000-of-2"), words("y_VAL")
        (['x', 'train', 'of'], ['y', 'val'])
    """
    return [word.casefold() for word in WORD.findall(_spaced(name))]


def _spaced(name: str) -> str:
    """The name with a space at each hump; not inside a word for a split, whatever its case ("vaL")."""

    def cut(run: re.Match[str]) -> str:
        return run[0] if run[0].casefold() in {*WORDS, DEV} else HUMP.sub(" ", run[0])

    return WORD.sub(cut, normal(name))


def folder_splits(names: Iterable[str]) -> dict[str, str]:
    """The split of each of the folders in one place that is one; the others are left out.

    Example:
        >>> folder_splits(["Train", "dev", "extra"]), folder_splits(["dev", "extra"])
        ({'Train': 'train', 'dev': 'validation'}, {})
        >>> folder_splits(["train2017", "val2017"]), folder_splits(["freight train", "crash test"])
        ({'train2017': 'train', 'val2017': 'validation'}, {})
    """
    folded = {name: normal(name).casefold() for name in names}
    found = {name: WORDS[word] for name, word in folded.items() if word in WORDS}
    if TRAIN in found.values():
        found |= {name: VALIDATION for name, word in folded.items() if word == DEV}
    return found or _alike(folded)


def _alike(folded: Mapping[str, str]) -> dict[str, str]:
    """The split of names that differ from each other by nothing else; a name with two splits has none."""
    of_stem: dict[str, dict[str, str]] = defaultdict(dict)
    for name in folded:
        parts = re.split(rf"({WORD.pattern})", _spaced(name))
        splits = [(i, WORDS[part.casefold()]) for i, part in enumerate(parts) if part.casefold() in WORDS]
        if len(splits) == 1:
            (place, split), = splits  # fmt: skip
            of_stem["".join([*parts[:place], "*", *parts[place + 1 :]]).casefold()][name] = split
    return {name: split for named in of_stem.values() if len(set(named.values())) > 1 for name, split in named.items()}


def file_splits(paths: Iterable[str], where: str) -> dict[str, str]:
    """The split of each file, by the words of its path; {} where none has one.

    UserError for a path with two, for files without one beside files with one, and for two spellings of one split.

    Example:
        >>> file_splits(["default/train/0000.parquet", "x-Test-0.parquet"], "the folder d")
        {'default/train/0000.parquet': 'train', 'x-Test-0.parquet': 'test'}
    """
    said = {path: [word for word in words(path) if word in WORDS or word == DEV] for path in paths}
    has_train = any(WORDS.get(word) == TRAIN for found in said.values() for word in found)
    known = WORDS | ({DEV: VALIDATION} if has_train else {})
    splits = {path: {known[word] for word in found if word in known} for path, found in said.items()}
    if twofold := [path for path, found in splits.items() if len(found) > 1]:
        both = " and ".join(sorted(splits[twofold[0]]))
        raise UserError(f"{where} has a file whose name says two splits, {both}: rename {twofold[0]}")
    if not any(splits.values()):
        return {}
    if without := [path for path, found in splits.items() if not found]:
        other = next(path for path, found in splits.items() if found)
        raise UserError(
            f"{where} has files of a split ({other}) beside files of none ({without[0]}): "
            "name one file, or move the others away"
        )
    last = [[word for word in found if word in known][-1] for found in said.values()]  # "training/train-0": train
    refuse_two_spellings({word: known[word] for word in last}, where)
    return {path: next(iter(found)) for path, found in splits.items()}


def refuse_two_spellings(split_of: Mapping[str, str], where: str) -> None:
    """UserError where two names (keys) are one split: whether both are meant is not to be guessed."""
    first: dict[str, str] = {}
    for name, split in split_of.items():
        if first.setdefault(split, name) != name:
            raise UserError(
                f"{where} spells one split in two ways, {first[split]} and {name}: put both into one, or name one"
            )
