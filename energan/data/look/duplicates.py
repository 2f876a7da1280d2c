"""Which images are the same file, or nearly the same picture: resized, stored again, a frame later."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8, UInt64
from numpy import ndarray as Array

from energan.data.look.seen import Seen
from energan.utils.console import counted

LOW = 8  # frequencies a side that a hash is made of: 64 bits

BITS = 10  # of 64 that two hashes may differ by

NOISE = 2.0  # of a frequency that comes of rounding to bytes: flat pictures have all the same hash

LEVELS = 8.0  # of 255 that two thumbnails may differ by, root mean square

Group = list[int]  # indices, ascending


def hashes(thumbnails: UInt8[Array, "n 4 side side"]) -> UInt64[Array, " n"]:
    """A perceptual hash of each picture: which of its 64 lowest frequencies are above their median.

    The frequencies are those of the discrete cosine transform of the brightness (the hash that is known as pHash).
    Pictures that look alike have hashes that differ in few bits.
    """
    from scipy.fft import dctn

    grey = thumbnails[:, :3].mean(1, dtype=np.float32)
    low = dctn(grey, axes=(1, 2), norm="ortho")[:, :LOW, :LOW].reshape(len(grey), -1)
    above = low > np.median(low[:, 1:], axis=1, keepdims=True) + NOISE  # the first is the mean brightness
    return np.packbits(above, axis=1).view(np.uint64)[:, 0]


def same_files(images: Sequence[Seen]) -> list[Group]:
    """Groups of images whose files are the same, byte for byte."""
    groups: dict[bytes, Group] = defaultdict(list)
    for index, image in enumerate(images):
        groups[image.digest].append(index)
    return [group for group in groups.values() if len(group) > 1]


def near(images: Sequence[Seen]) -> list[Group]:
    """Groups of images that look alike, each near to the first of its group; of same files, the first stands for all.

    Two are near where their hashes differ in BITS of 64 bits at most, and their thumbnails by LEVELS at most. Cropped
    and mirrored copies are not found. The time grows with the square of the number: 20,000 take about a second.
    """
    first = {image.digest: index for index, image in reversed(list(enumerate(images)))}
    chosen = np.array(sorted(first.values()), np.int64)
    if len(chosen) < 2:
        return []
    thumbnails = np.stack([images[i].thumbnail for i in chosen])
    bits, means = hashes(thumbnails), thumbnails.mean((1, 2, 3), dtype=np.float32)
    free = np.ones(len(chosen), bool)
    groups = []
    for i in counted(range(len(chosen) - 1), len(chosen) - 1, "comparing images"):
        if not free[i]:
            continue
        others = np.flatnonzero(np.bitwise_count(bits[i + 1 :] ^ bits[i]) <= BITS) + i + 1
        # whose means are farther apart differ by more: it spares a look at the thumbnails of many flat pictures
        others = others[free[others] & (np.abs(means[others] - means[i]) <= LEVELS)]
        others = others[_difference(thumbnails[others], thumbnails[i]) <= LEVELS]
        if len(others):
            free[others] = False
            groups.append([int(chosen[i]), *map(int, chosen[others])])
    return groups


def _difference(some: UInt8[Array, "n 4 side side"], one: UInt8[Array, "4 side side"]) -> Array:
    """Root mean square difference of each to one, in levels of 255."""
    return np.sqrt(np.square(some.astype(np.float32) - one).mean((1, 2, 3)))
