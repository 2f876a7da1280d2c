"""Which split a family of drawings is of, by the hash of its name: no near copy of a test image is trained on."""

import hashlib

HELD_OUT = 5  # one family of so many is for testing

VALIDATED = 10  # of the others, one of so many is for validation, in sets that have that split


def held_out(family: str) -> bool:
    """Whether a family is for testing."""
    return _digest(family)[0] % HELD_OUT == 0


def split_of(family: str) -> str:
    """The split of a family, of sets that have three: "train", "validation", or "test" where `held_out`.

    Example:
        >>> [split_of(family) for family in ("arrow", "moon", "fish")]
        ['train', 'validation', 'test']
    """
    if held_out(family):
        return "test"
    return "validation" if _digest(family)[1] % VALIDATED == 0 else "train"


def _digest(family: str) -> bytes:
    return hashlib.sha256(family.encode()).digest()
