"""The user's own codes of sentences, by whatever encoder: an .npz with `captions` (n,) of text and `codes` (n, d)."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from energan.data.decoding.bounds import check_ratio
from energan.data.decoding.failures import as_user_error
from energan.utils.errors import UserError, printable

ARRAYS = ("captions", "codes")

LARGEST = 2**32  # bytes of both arrays: a million codes of 1,024 numbers


def own_codes(path: Path) -> Callable[[Sequence[str]], Float[Tensor, "n d"]]:
    """A function from sentences to the codes that the file has for them, as `minilm.sentence_codes` is one.

    Args:
        path: an .npz of two arrays: `captions` (n,), text, each once; `codes` (n, d), numbers.

    Returns:
        sentences -> float32 (n, d). It raises UserError for a sentence that the file does not know.

    Raises:
        UserError: for a file that cannot be read or lacks an array, arrays of other kinds or shapes, a caption that is
            there twice, and codes that are not finite.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "codes.npz")
        >>> np.savez(file, captions=["a cat", "a dog"], codes=[[1.0, 0.0], [0.0, 1.0]])
        >>> own_codes(file)(["a dog"]).tolist()
        [[0.0, 1.0]]
    """
    where = f"the codes file {printable(path)}"
    with as_user_error(where):
        with zipfile.ZipFile(path) as archive:
            sizes = [info.file_size for info in archive.infolist()]
            check_ratio("it", sum(sizes), path.stat().st_size)
            if sum(sizes) > LARGEST:
                raise ValueError(f"{sum(sizes):,} bytes are more than the {LARGEST:,} that are read")
        with np.load(path, allow_pickle=False) as arrays:
            if lacking := [name for name in ARRAYS if name not in arrays.files]:
                raise UserError(f"{where} has no array {lacking[0]!r}: save it with `captions` and `codes`")
            captions, codes = arrays["captions"], arrays["codes"]
    if captions.ndim != 1 or captions.dtype.kind != "U":
        raise UserError(f"`captions` of {where} is {captions.dtype} {captions.shape}, not text (n,)")
    if codes.ndim != 2 or codes.dtype.kind not in "fiu" or codes.shape[1] == 0 or len(codes) != len(captions):
        raise UserError(
            f"`codes` of {where} is {codes.dtype} {codes.shape}, not numbers ({len(captions)}, d): a row each caption"
        )
    rows = {str(text): i for i, text in enumerate(captions)}
    if len(rows) != len(captions):
        twice = next(str(text) for i, text in enumerate(captions) if rows[str(text)] != i)
        raise UserError(f"{where} has two codes of {printable(twice)[:80]!r}: keep one")
    with np.errstate(over="ignore"):  # said below
        table = torch.from_numpy(codes.astype(np.float32))
    if not table.isfinite().all():
        raise UserError(f"`codes` of {where} are not all finite numbers")

    def encode(sentences: Sequence[str]) -> Float[Tensor, "n d"]:
        if (unknown := next((text for text in sentences if text not in rows), None)) is not None:
            raise UserError(
                f'{where} has no code of "{printable(unknown)[:80]}": add one, or use sentences that it has'
            )
        return table[torch.tensor([rows[text] for text in sentences], dtype=torch.int64)]

    return encode
