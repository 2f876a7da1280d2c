"""What readers of files raise, as one sentence for the user, whatever the library's own error."""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from energan.utils.errors import UserError, printable

LONGEST = 300  # letters of a library's own words that are repeated

# What Pillow's decoders and the archives' readers were seen to raise for damaged or hostile files.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,
    AssertionError,
    BufferError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def reason(error: BaseException) -> str:
    """Why a file could not be read, in a few printable words."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format"
    if isinstance(error, MemoryError):
        return "memory ran out"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return printable(text)[:LONGEST]


def is_passing(error: BaseException) -> bool:
    """Whether the file may be read another time: the system failed, and not the file's bytes.

    The file system's errors have a number (a server is away, a disk fails, too many files are open); those that
    Pillow raises of the bytes have none.
    """
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None)


@contextmanager
def as_user_error(where: str) -> Iterator[None]:
    """Inside, whatever a reader raises becomes a UserError that says that `where` cannot be read, and why.

    For calls of a format's reader and for nothing else: readers of damaged files raise what nobody has listed.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{where} cannot be read: {reason(error)}") from error
