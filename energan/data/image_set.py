"""A set of images in memory: pixels, labels and provenance."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from numpy import ndarray as Array
from torch import Tensor
from torch.nn import functional as F

from energan.utils.display import block, embedded
from energan.utils.errors import UserError
from energan.utils.image_files import sheet

SHOWN_CLASSES = 12  # by name, in a notebook


class ImageSet(NamedTuple):
    """Images of one size as bytes, with what is known about them.

    Example:
        >>> images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
        >>> pad(ImageSet(images, None, "blank", (), "made here", "", ()), 32).source
        'made here, zero-padded to 32 x 32'
    """

    images: UInt8[
        Tensor, "n c h w"
    ]  # 0..255; c: grey, RGB or (RGB on white, opacity); memory-mapped where it comes from a cache
    labels: Int64[Tensor, " n"] | None  # 0..len(classes)-1, or -1 for an image without one
    name: str  # "mnist", or the name of the folder or file
    classes: tuple[str, ...]  # () when there are no labels
    source: str  # where it came from, in words
    sha256: str  # of the content: `content_hash`; of named sets, of the bytes as published
    skipped: tuple[str, ...]  # "file: reason" of each file that could not be read
    files: tuple[str, ...] = ()  # the file that each image came from, where images come from files
    place: str = ""  # the part of the source that this is, for people: "ds/train", "digits, test"
    value_range: tuple[float, float] | None = None  # what became 0 and 255, where values had over 8 bits
    attributes: Float[Tensor, "n a"] | None = None  # numbers that say what each image shows: data.attributes
    attribute_names: tuple[str, ...] = ()
    captions: tuple[tuple[str, ...], ...] = ()  # sentences of each image, one at least; () where there are none
    targets: UInt8[Tensor, "m c2 h2 w2"] | None = None  # what images are to become: pictures of the other domain
    paired: bool = True  # whether target i is what image i is to become; else both are of any number and order

    @property
    def counted(self) -> str:
        """Where the images are from, and how many there are: "ds/train (500)"."""
        return f"{self.place or self.name} ({len(self.images)})"

    def _repr_html_(self) -> str:
        """What a notebook shows: where the images are from, their classes, and the first of them."""
        n, *shape = self.images.shape
        facts: list[tuple[str, object]] = [("images", f"{n:,} of {' x '.join(map(str, shape))}"), ("from", self.source)]
        if self.labels is not None:
            counts = self.labels[self.labels >= 0].bincount(minlength=len(self.classes)).tolist()
            named = [f"{name} ({count:,})" for name, count in zip(self.classes, counts, strict=False)]
            more = f", and {len(named) - SHOWN_CLASSES} more" if len(named) > SHOWN_CLASSES else ""
            facts.append(("classes", ", ".join(named[:SHOWN_CLASSES]) + more))
        facts += [("skipped", f"{len(self.skipped)} files, such as {self.skipped[0]}")] if self.skipped else []
        side = max(1, max(shape[1:], default=1))
        first = self.images[: 1 if side > 256 else 4 if side > 128 else 16]
        drawable = len(first) and shape[0] in (1, 3, 4)
        pictures = [embedded(sheet(first), f"the first {len(first)}")] if drawable else []
        return block(self.name, facts, pictures)


def content_hash(
    images: UInt8[Array, "n c h w"],
    labels: Sequence[int] | None = None,
    classes: Sequence[str] = (),
    files: Sequence[str] = (),
) -> str:
    """The identity of a set: what its images, labels, classes' names and files' names (inside the set) are.

    It stays when a set is copied, moved or touched. Hexadecimal SHA-256.

    Example:
        >>> images = torch.zeros(1, 1, 2, 2, dtype=torch.uint8).numpy()
        >>> content_hash(images, [0], ("cat",)) == content_hash(images.copy(), [0], ("cat",))
        True
        >>> content_hash(images, [0], ("cat",)) == content_hash(images, [0], ("dog",))
        False
    """
    digest = hashlib.sha256(np.ascontiguousarray(images).data)
    return finished_hash(digest, images.shape, labels, classes, files)


def finished_hash(
    pixels: "hashlib._Hash",
    shape: Sequence[int],
    labels: Sequence[int] | None,
    classes: Sequence[str],
    files: Sequence[str],
) -> str:
    """`content_hash` of images whose bytes are hashed already."""
    known = [list(shape), None if labels is None else list(labels), list(classes), list(files)]
    pixels.update(json.dumps(known).encode())
    return pixels.hexdigest()


def pad(data: ImageSet, size: int) -> ImageSet:
    """Surrounds each image with zeros (black; -1 after scaling).

    The EBGAN paper's MNIST is 28 x 28 in 32 x 32 (arXiv:1609.03126, appendix D). Where the margin is odd, the extra row
    or column comes last.

    Args:
        data: images (n, c, h, w).
        size: height and width of the result.

    Returns:
        The set with images (n, c, size, size).

    Raises:
        UserError: if an image is larger than `size`.
    """
    h, w = data.images.shape[2:]
    if size < max(h, w):
        raise UserError(f"{data.name} has images of {h} x {w}, which do not fit in {size} x {size}: pad to more")
    if h == w == size:
        return data
    top, left = (size - h) // 2, (size - w) // 2
    padded = F.pad(data.images, (left, size - w - left, top, size - h - top))
    return data._replace(images=padded, source=f"{data.source}, zero-padded to {size} x {size}")


def cut(data: ImageSet, side: int) -> ImageSet:
    """Cuts images into as many squares as fit, each with its image's label; the margin that is left is on all sides.

    Args:
        data: images (n, c, h, w).
        side: height and width of the squares.

    Returns:
        The set of squares (n * rows * columns, c, side, side); the set itself where its images are not larger.

    Example:
        >>> images = torch.zeros(2, 1, 9, 4, dtype=torch.uint8)
        >>> tuple(cut(ImageSet(images, None, "blank", (), "made here", "", ()), 4).images.shape)
        (4, 1, 4, 4)
    """
    n, c, h, w = data.images.shape
    if min(h, w) < side or h == w == side:
        return data
    rows, columns = h // side, w // side
    top, left = h % side // 2, w % side // 2
    inside = data.images[..., top : top + rows * side, left : left + columns * side]
    squares = inside.unflatten(3, (columns, side)).unflatten(2, (rows, side)).permute(0, 2, 4, 1, 3, 5)
    each = rows * columns
    whole = rows_of(data, torch.arange(n).repeat_interleave(each), squares.reshape(-1, c, side, side))
    files = data.files or [f"image {i}" for i in range(n)]
    names = tuple(f"{name} square {j}" if each > 1 else name for name in files for j in range(each))
    return whole._replace(source=f"{data.source}, cut into squares of {side} x {side}", files=names)


def rows_of(data: ImageSet, rows: Int64[Tensor, " k"], images: UInt8[Tensor, "k c h w"] | None = None) -> ImageSet:
    """The images of these rows, with all that is known of each; the words and the hash stay those of the whole set.

    images: in place of theirs, where there are others.

    Example:
        >>> images, labels = torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 0])
        >>> data = ImageSet(images, labels, "three", ("a", "b"), "made here", "", ())
        >>> rows_of(data, torch.tensor([1, 2])).labels.tolist()
        [1, 0]
    """
    listed = rows.tolist()
    return data._replace(
        images=data.images[rows] if images is None else images,
        labels=None if data.labels is None else data.labels[rows],
        files=tuple(data.files[i] for i in listed) if data.files else (),
        captions=tuple(data.captions[i] for i in listed) if data.captions else (),
        attributes=None if data.attributes is None else data.attributes[rows],
        targets=data.targets if data.targets is None or not data.paired else data.targets[rows],
    )


def fixed_subset(total: int, n: int) -> Int64[Tensor, " k"]:
    """Indices of a random subset that is always the same, ascending.

    The first n would not do: files come sorted by class.

    Args:
        total: rows to choose from.
        n: rows to choose; all, where there are no more.

    Returns:
        int64 (min(n, total),).

    Example:
        >>> fixed_subset(10, 3).tolist() == fixed_subset(10, 3).tolist()
        True
    """
    order = torch.randperm(total, generator=torch.Generator().manual_seed(0))[:n]
    return order.sort().values


def apart(n: int, share: float) -> tuple[Int64[Tensor, " k"], Int64[Tensor, " m"]]:
    """Rows that are set apart, a random choice that is always the same, and all others; both ascending.

    Args:
        n: rows.
        share: of them that are set apart, above 0 and below 1.

    Raises:
        UserError: if nothing is left of one of the two.

    Example:
        >>> first, rest = apart(10, 0.3)
        >>> len(first), len(rest), sorted([*first.tolist(), *rest.tolist()]) == list(range(10))
        (3, 7, True)
    """
    first = fixed_subset(n, round(n * share))
    if not 0 < len(first) < n:
        raise UserError(f"a share of {share:g} of {n} images leaves nothing of one part: give more images")
    rest = torch.ones(n, dtype=torch.bool)
    rest[first] = False
    return first, rest.nonzero().flatten()


NONE = -1  # the label of an image without one
