"""Which of a folder's files are images: by their names' endings, or by their content where a name has none."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from energan.data.decoding.decode import EXTENSIONS, reads_heif

Parts = tuple[str, ...]  # a path inside a folder or archive

HEAD = 32  # bytes that tell an image file

HEIF = (".heic", ".heif", ".hif")

DRAWINGS = (".svg", ".svgz")

OTHERS = frozenset({
    ".psd", ".ico", ".tga", ".exr", ".hdr", ".dcm", ".jxl", ".eps", ".pdf", ".npy", ".nii", ".mat",
    ".zip", ".tar", ".tgz", ".gz", ".7z", ".rar",
    ".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw",
    ".mov", ".mp4", ".avi", ".mkv",
})  # fmt: skip

TEXT = frozenset(
    {".txt", ".json", ".jsonl", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".md", ".html", ".py", ".db", ".ini"}
)

CLUTTER = frozenset(  # folders and files that systems and storage devices put beside images; some hold thumbnails
    {"@eadir", "@synoresource", "#recycle", "$recycle.bin", "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini",
     "lost+found"}
)  # fmt: skip

SIGNATURES = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"qoif"),
    *(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    *(b"P%d%c" % (kind, space) for kind in range(1, 7) for space in b"\n \t\r"),
)


class Selection(NamedTuple):
    """The image files among others, and what else is there: a phrase for each kind."""

    images: list[Parts]
    left_out: tuple[str, ...]


def select_images(paths: Iterable[Parts], head: Callable[[Parts], bytes]) -> Selection:
    """The image files among paths, none of them hidden, and what is left out of those that people may miss.

    head  the first bytes of a file; called for names without an ending, or with an unknown one
    """
    endings = (*EXTENSIONS, *HEIF) if reads_heif() else EXTENSIONS
    images, counts, unknown = [], Counter[str](), list[str]()
    for path in paths:
        ending = PurePosixPath(path[-1]).suffix.lower()
        clutter = next((name for name in path if name.lower() in CLUTTER or name.startswith("._")), "")
        if clutter or path[-1] == ".DS_Store":
            counts[f"of the system ({'._*' if clutter.startswith('._') else clutter or path[-1]})"] += 1
        elif any(name.startswith(".") for name in path):
            continue
        elif ending in endings or (not ending and is_image(head(path))):
            images.append(path)
        elif ending in HEIF:
            counts[f"{ending} (HEIC, which pip install 'energan[heic]' makes readable)"] += 1
        elif ending in DRAWINGS:
            counts[f"{ending} (drawings without pixels: convert them to PNG)"] += 1
        elif ending in OTHERS:
            counts[f"{ending} (of a format that is not read)"] += 1
        elif not ending:
            counts["without an ending that are no images"] += 1
        elif is_looked_at(path) and is_image(head(path)):
            unknown.append(ending)
    if unknown:
        counts[f"that are images, but whose ending is none ({unknown[0]}): rename them"] = len(unknown)
    return Selection(images, tuple(f"{n} file{'s' * (n > 1)} {kind}" for kind, n in sorted(counts.items())))


def is_looked_at(path: Parts) -> bool:
    """Whether a file's name does not say what it is: its first bytes are asked for."""
    return PurePosixPath(path[-1]).suffix.lower() not in {*EXTENSIONS, *HEIF, *DRAWINGS, *OTHERS, *TEXT}


def is_image(head: bytes) -> bool:
    """Whether a file's first bytes are those of an image that is read.

    Example:
        >>> is_image(bytes([0x89]) + b"PNG" + bytes([13, 10, 26, 10])), is_image(b"PK")
        (True, False)
    """
    if head.startswith(SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    if head[:2] == b"BM":
        return head[6:10] == bytes(4)
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    return brand in (b"avif", b"avis") or (brand in (b"heic", b"heix", b"mif1") and reads_heif())
