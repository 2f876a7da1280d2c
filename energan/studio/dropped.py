"""Files that are dropped on a page: kept in a folder of their own, below names that are safe, and bounded."""

import re
import secrets
import shutil
import time
from pathlib import Path
from typing import Protocol, final

from energan.utils.errors import UserError

FILES = 20_000  # of one folder
BYTES = 2**31  # of one folder


class File(Protocol):
    """A file that a browser sent."""

    name: str

    def size(self) -> int: ...

    async def save(self, path: str | Path) -> None: ...


@final
class Dropped:
    """A folder for the files of one page. It is made with the first file.

    Args:
        below: Where it is.
    """

    def __init__(self, below: Path) -> None:
        self.below, self.folder = below, below / f"dropped-{secrets.token_hex(4)}"  # until there is a first file
        self.names: set[str] = set()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self.names)

    async def keep(self, file: File) -> Path:
        """Keeps a file, and returns the folder. UserError for too many, too large, or a disk that is full."""
        if len(self) >= FILES or self.bytes + file.size() > BYTES:
            raise UserError(f"{FILES:,} files and {BYTES >> 30} GiB can be dropped: name a folder by `data` instead")
        name = safe_name(file.name, self.names)
        if file.size() > shutil.disk_usage(_there(self.below)).free // 2:
            raise UserError("the disk is nearly full: free some space, or name a folder by `data` instead")
        if not self.names and not self.folder.exists():  # a name that is known again in lists, and as the run's data
            stem = re.sub(r"[^\w.-]+", "-", Path(name).stem)[:30].strip("-.") or "file"
            self.folder = self.below / f"dropped-{time.strftime('%Y-%m-%d-%H%M')}-{stem}-{secrets.token_hex(2)}"
        self.names.add(name)  # before it is there: another of the same name may be on its way
        self.bytes += file.size()
        try:
            await file.save(self.folder / name)
        except OSError as error:
            self.names.discard(name)
            self.bytes -= file.size()
            raise UserError(f"{file.name} cannot be kept: {(error.strerror or str(error)).lower()}") from error
        return self.folder

    def kept(self) -> list[Path]:
        """The folders of earlier pages."""
        return sorted(path for path in self.below.glob("dropped-*") if path.is_dir() and not path.is_symlink())

    def remove(self) -> None:
        """Removes the folder with all files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def title(folder: Path) -> str:
    """What a folder of dropped files is called in a list: its name, and how many files it has."""
    n = sum(1 for _ in folder.iterdir())
    return f"{folder.name} ({n:,} file{'s' * (n != 1)})"


def safe_name(name: str, taken: set[str]) -> str:
    """A name for a file that has no folder, no control character and no dot in front, and is not taken.

    >>> safe_name("../../etc/passwd", set()), safe_name("a.png", {"a.png"}), safe_name("..", set())
    ('passwd', 'a-1.png', 'file')
    """
    base = name.replace("\\", "/").rpartition("/")[2]
    base = re.sub(r"[^\w .()+=-]", "_", base).encode()[-120:].decode(errors="ignore").strip(". ") or "file"
    stem, suffix = Path(base).stem, Path(base).suffix
    return next(n for i in range(len(taken) + 1) if (n := f"{stem}-{i}{suffix}" if i else base) not in taken)


def _there(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
