"""Codes of sentences that a user brings."""

from pathlib import Path

import numpy as np
import pytest
import torch

from energan.networks.text.own_codes import own_codes
from energan.utils.errors import UserError

CAPTIONS = np.array(["a cat", "=1+1", "\x1b[2J"])


def saved(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "codes.npz", **arrays)
    return folder / "codes.npz"


def test_sentences_get_their_rows_in_any_order(tmp_path):
    codes = np.arange(6).reshape(3, 2)
    encode = own_codes(saved(tmp_path, captions=CAPTIONS, codes=codes))
    found = encode(["=1+1", "a cat", "=1+1"])
    assert found.tolist() == [[2, 3], [0, 1], [2, 3]] and found.dtype == torch.float32
    assert encode([]).shape == (0, 2)
    with pytest.raises(UserError, match='no code of "a dog": add one'):
        encode(["a cat", "a dog"])


REFUSED = {
    "no array": ({"codes": np.zeros((3, 2))}, "has no array 'captions'"),
    "pickled": ({"captions": np.array(["a", None], object), "codes": np.zeros((2, 2))}, "cannot be read"),
    "numbers": ({"captions": np.arange(3), "codes": np.zeros((3, 2))}, "not text"),
    "bytes": ({"captions": np.array([b"a"]), "codes": np.zeros((1, 2))}, "not text"),
    "fewer": ({"captions": CAPTIONS, "codes": np.zeros((2, 2))}, "a row each caption"),
    "flat": ({"captions": CAPTIONS, "codes": np.zeros(3)}, "a row each caption"),
    "empty": ({"captions": CAPTIONS, "codes": np.zeros((3, 0))}, "a row each caption"),
    "complex": ({"captions": CAPTIONS, "codes": np.zeros((3, 2), complex)}, "a row each caption"),
    "twice": ({"captions": np.array(["\x1b", "\x1b"]), "codes": np.zeros((2, 2))}, "has two codes of"),
    "not finite": ({"captions": CAPTIONS, "codes": np.full((3, 2), np.nan)}, "not all finite"),
    "overflow": ({"captions": CAPTIONS, "codes": np.full((3, 2), 1e300)}, "not all finite"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_files_are_refused(kind, tmp_path):
    arrays, words = REFUSED[kind]
    with pytest.raises(UserError, match=words) as refusal:
        own_codes(saved(tmp_path, **arrays))
    assert str(refusal.value).isprintable()


def test_what_is_no_npz(tmp_path):
    for content in (b"", b"PK\3\4 no archive", b"\x93NUMPY"):
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(UserError, match=r"the codes file .*x.npz cannot be read"):
            own_codes(tmp_path / "x.npz")
    with pytest.raises(UserError, match="cannot be read"):
        own_codes(tmp_path / "nothing.npz")
