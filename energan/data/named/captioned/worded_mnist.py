"""Worded MNIST: handwritten digits, drawn again as a sentence says, so that what a sentence asks for can be measured.

    skeleton  of MNIST's digit (Zhang & Suen 1984), as points p; deskewed, HEIGHT pixels high
    x'        = x + slope y + where                         slant and position
    ink       = clip(r + 1/2 - distance to the points, 0, 1)  a round pen of radius r: thickness
    image     = ink * colour, 32 x 32, RGB on black

The digit is MNIST's; all else is drawn at random, and a little off (JITTER), so that no two images are alike. Each
digit has one colour or one thickness that it is never seen in (`ZERO_SHOT`): split "zero-shot" has only such images,
"train" and "test" have none. All is integers and rounded floats of one operation each: the same bytes on every machine.

After Morpho-MNIST (Castro et al. 2019, arXiv:1809.10780), which changes the strokes; here they are drawn anew, so that
their width is known.
"""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray as Array
from numpy.random import RandomState

from energan.data.image_set import ImageSet
from energan.data.named.captioned.wording import FACTS, VALUES, Facts, sentences
from energan.data.named.published import Published

SIDE = 32

CAPTIONS = 5  # an image

HEIGHT = 14.0  # pixels of the skeleton's longer side

COLOURS = {
    "red": (235, 35, 35), "orange": (255, 140, 20), "yellow": (250, 235, 40), "green": (40, 200, 60),
    "blue": (60, 100, 255), "purple": (160, 50, 220), "pink": (255, 130, 195), "white": (240, 240, 240),
}  # fmt: skip

RADII = {"thin": 0.6, "medium": 1.1, "thick": 1.8}  # of the pen, in pixels

SLOPES = {"left": 0.45, "upright": 0.0, "right": -0.45}  # x per y, which runs downwards

PLACES = {"centre": (0, 0), "left": (-6, 0), "right": (6, 0), "top": (0, -6), "bottom": (0, 6)}  # x, y

JITTER = {"colour": 12, "thickness": 0.08, "slant": 0.06, "position": 0.8}  # uniform, up to

# digit -> what it is never seen as in training: colours of eight digits, thicknesses of two
ZERO_SHOT = {
    0: ("colour", "red"), 1: ("colour", "green"), 2: ("colour", "purple"), 3: ("thickness", "thin"),
    4: ("colour", "yellow"), 5: ("colour", "pink"), 6: ("thickness", "thick"), 7: ("colour", "orange"),
    8: ("colour", "blue"), 9: ("colour", "white"),
}  # fmt: skip

SEEDS = {"train": 0, "test": 1, "zero-shot": 2}

PART = 16  # a pixel is so many units: places are whole numbers

CHUNK = 500  # images drawn at a time: some 40 MB


def worded(mnist: ImageSet, split: str) -> Published:
    """The set's images (n, 3, 32, 32), labels (the digits) and captions, five of each image."""
    random = RandomState(SEEDS[split])  # NumPy promises that it never changes what it draws
    assert mnist.labels is not None
    labels = mnist.labels.numpy()
    true = [_drawn_facts(int(digit), split == "zero-shot", random) for digit in labels]
    images = draw(mnist.images[:, 0].numpy(), true, random)
    return Published(images, labels, tuple(sentences(each, CAPTIONS) for each in true))


def _drawn_facts(digit: int, zero_shot: bool, random: RandomState) -> Facts:
    """Facts of an image of the digit at random, without its `ZERO_SHOT` word, or with it."""
    drawn = {}
    for fact in FACTS[:-1]:
        values = VALUES[fact]
        if ZERO_SHOT[digit][0] == fact:
            word = ZERO_SHOT[digit][1]
            values = (word,) if zero_shot else tuple(value for value in values if value != word)
        drawn[fact] = values[random.randint(len(values))]
    return Facts(**drawn, digit=str(digit))


def draw(digits: UInt8[Array, "n h w"], true: list[Facts], random: RandomState) -> UInt8[Array, "n 3 32 32"]:
    """The digits drawn again as their facts say (all but the digit, which is the picture's own)."""
    n = len(digits)
    off = random.uniform(-1, 1, (n, 7))
    colour = np.array([COLOURS[each.colour] for each in true]) + np.rint(JITTER["colour"] * off[:, :3])
    radius = np.array([RADII[each.thickness] for each in true]) * (1 + JITTER["thickness"] * off[:, 3])
    slope = np.array([SLOPES[each.slant] for each in true]) + JITTER["slant"] * off[:, 4]
    place = np.array([PLACES[each.position] for each in true]) + JITTER["position"] * off[:, 5:]
    images = np.empty((n, 3, SIDE, SIDE), np.uint8)
    for start in range(0, n, CHUNK):
        rows = slice(start, start + CHUNK)
        ink = _ink(skeleton(digits[rows] > 100), radius[rows], slope[rows], place[rows])
        shades = ink[:, None] * np.clip(colour[rows], 0, 255)[:, :, None, None]
        images[rows] = np.rint(shades)
    return images


def _ink(
    bones: Bool[Array, "n h w"], radius: Float[Array, " n"], slope: Float[Array, " n"], place: Float[Array, "n 2"]
) -> Float[Array, "n 32 32"]:
    """How much of each pixel is ink, 0..1."""
    n, column = len(bones), np.s_[:, None]
    count = np.maximum(bones.sum((1, 2)), 1)
    row, order = np.nonzero(bones.reshape(n, -1))
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(n))[row]
    x, y = np.zeros((2, n, count.max()), np.int64)
    there = np.zeros(x.shape, bool)
    x[row, rank], y[row, rank], there[row, rank] = order % bones.shape[2], order // bones.shape[2], True
    # n times the coordinates' deviations and moments: whole numbers, whose sums are exact in any order
    u, v = ((count[column] * c - c.sum(1)[column]) * there for c in (x, y))
    spread = (v * v).sum(1)
    skew = np.clip((u * v).sum(1) / np.maximum(spread, 1), -1, 1)
    across, down = (u - skew[column] * v) / count[column], v / count[column]
    longer = np.maximum(*(c.max(1) - c.min(1) for c in (across, down)))
    scale = (HEIGHT / np.maximum(longer, 4))[column]
    across, down = scale * across, scale * down
    across = across + slope[column] * down
    sheet = []
    for c, moved in ((across, place[:, 0]), (down, place[:, 1])):
        # the digit stays on the sheet, half a pixel from its edge; one that is too wide is in the middle
        most, least = 15.0 - c.max(1) - radius, -15.0 - c.min(1) + radius
        shift = np.where(least > most, (least + most) / 2, np.clip(moved, least, most))
        at = np.rint(PART * (15.5 + c + shift[column])).astype(np.int32)
        at[~there] = 10_000  # far off
        sheet.append((np.arange(SIDE, dtype=np.int32) * PART - at[..., None]) ** 2)
    nearest = np.full((n, SIDE, SIDE), np.iinfo(np.int32).max, np.int32)
    for k in range(there.shape[1]):
        np.minimum(nearest, sheet[1][:, k, :, None] + sheet[0][:, k, None, :], out=nearest)
    return np.clip(radius[:, None, None] + 0.5 - np.sqrt(nearest.astype(np.float64)) / PART, 0, 1)


def skeleton(shapes: Bool[Array, "n h w"]) -> Bool[Array, "n h w"]:
    """The shapes thinned to lines of one pixel.

    Zhang & Suen 1984, "A fast parallel algorithm for thinning digital patterns", Communications of the ACM 27(3).
    """
    ink = np.pad(shapes, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
    while True:
        before = ink.copy()
        for first in (True, False):
            h, w = ink.shape[1] - 1, ink.shape[2] - 1
            # P2..P9, the neighbours clockwise from the one above
            steps = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
            p = [ink[:, 1 + dy : h + dy, 1 + dx : w + dx] for dy, dx in steps]
            around = sum(p[1:], p[0])
            turns = sum(((a == 0) & (b == 1)).astype(np.int8) for a, b in zip(p, [*p[1:], p[0]], strict=True))
            ends = (p[0] * p[2] * p[4], p[2] * p[4] * p[6]) if first else (p[0] * p[2] * p[6], p[0] * p[4] * p[6])
            gone = (around >= 2) & (around <= 6) & (turns == 1) & (ends[0] == 0) & (ends[1] == 0)
            ink[:, 1:h, 1:w][gone] = 0
        if np.array_equal(ink, before):
            return ink[:, 1:-1, 1:-1].astype(bool)
