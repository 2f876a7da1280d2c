"""What is normal and what is not: images to learn from, images to judge, and where these are odd."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from numpy import ndarray as Array
from torch import Tensor

from energan.data import ImageSet, load, pad
from energan.data.named.pictures import test_pictures

TEST = 200  # normal images that are judged, and odd ones, at most

SIDE = 64  # pixels of a texture


class Task(NamedTuple):
    """train, normal, odd: images (n, c, h, w), of which `normal` and `odd` are judged.

    pool   other normal images that were not trained on, to calibrate with
    masks  where the odd ones are odd (n, h, w); None: not known
    side   pixels that a frozen network sees
    """

    train: UInt8[Tensor, "n c h w"]
    normal: UInt8[Tensor, "n c h w"]
    odd: UInt8[Tensor, "n c h w"]
    pool: UInt8[Tensor, "n c h w"]
    masks: Bool[Tensor, "n h w"] | None = None
    side: int = 64


@cache
def _images(name: str, split: str) -> ImageSet:
    data = load(name, split, progress=False)
    return pad(data, 32) if data.images.shape[-1] == 28 else data


@cache
def _pictures() -> dict[str, UInt8[Array, "c h w"]]:
    return test_pictures()


def _chosen(images: Tensor, n: int, seed: int) -> Tensor:
    return images[torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:n]]


def _of_class(data: ImageSet, label: int, same: bool) -> Tensor:
    assert data.labels is not None
    return data.images[(data.labels == label) == same]


def digit_left_out(digit: int, seed: int) -> Task:
    """Nine digits are normal; the tenth is odd."""
    train, test = _images("mnist", "train"), _images("mnist", "test")
    normal = _chosen(_of_class(test, digit, False), TEST + 1200, seed)
    odd = _chosen(_of_class(test, digit, True), TEST, seed)
    return Task(_chosen(_of_class(train, digit, False), 2000, seed), normal[:TEST], odd, normal[TEST:])


def clothes_among_digits(seed: int) -> Task:
    """Digits are normal, clothes odd."""
    normal = _chosen(_images("mnist", "test").images, TEST + 2000, seed)
    odd = _chosen(_images("fashion-mnist", "test").images, TEST, seed)
    return Task(_chosen(_images("mnist", "train").images, 2000, seed), normal[:TEST], odd, normal[TEST:])


def emoji_of(category: str, seed: int) -> Task:
    """One category of Noto's emoji is normal, all others are odd; few images: the test set's alone are judged."""
    train, test = _images("emoji-noto", "train"), _images("emoji-noto", "test")
    label = train.classes.index(category)
    normal = _of_class(test, label, True)
    return Task(_of_class(train, label, True), normal, _chosen(_of_class(test, label, False), TEST, seed), normal[:0])


def wood(random: np.random.Generator) -> UInt8[Array, "3 h w"]:
    """A board: years of a trunk that was cut along, in brown."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    bend = 0.15 * np.sin(2 * np.pi * (y * random.uniform(0.3, 0.8) + random.uniform()))
    ring = 0.5 + 0.5 * np.sin(2 * np.pi * ((x + bend) * random.uniform(5, 8) + random.uniform()))
    fibre = random.normal(0, 1, (1, SIDE)) + 0.3 * random.normal(0, 1, (SIDE, SIDE))
    level = (0.62 + 0.12 * ring**2 + 0.03 * fibre + random.normal(0, 0.02)).clip(0, 1)
    return (255 * level * np.array([0.86, 0.62, 0.40])[:, None, None]).astype(np.uint8)


def photograph(name: str, random: np.random.Generator, training: bool) -> UInt8[Array, "1 h w"]:
    """A square of scikit-image's photograph: of the left part to train on, of the right part to judge."""
    whole = _pictures()[name]
    split = whole.shape[2] * 5 // 8
    low, high = (0, split) if training else (split, whole.shape[2])
    top, left = random.integers(0, whole.shape[1] - SIDE), random.integers(low, high - SIDE)
    return whole[:, top : top + SIDE, left : left + SIDE]


def painted(image: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """The image with a scratch or a blob, lighter or darker by a fifth of the scale, and where it is."""
    y, x = np.mgrid[:SIDE, :SIDE]
    centre, angle = random.uniform(16, SIDE - 16, 2), random.uniform(0, np.pi)
    along = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)
    across = (y - centre[1]) * np.cos(angle) - (x - centre[0]) * np.sin(angle)
    if random.random() < 0.5:
        mask = (np.abs(along) < random.uniform(8, 18)) & (np.abs(across) < random.uniform(0.6, 1.2))
    else:
        mask = (along / random.uniform(3, 7)) ** 2 + (across / random.uniform(3, 7)) ** 2 < 1
    change = random.choice([-1, 1]) * random.uniform(45, 75)
    return (image + change * mask).clip(0, 255).astype(np.uint8), mask


def defects_on(make: Callable[[np.random.Generator, bool], Array], seed: int) -> Task:
    """Textures are normal; those with a scratch or a blob are odd."""
    random = np.random.default_rng(seed)
    train = [make(random, True) for _ in range(400)]
    normal, pool = ([make(random, False) for _ in range(n)] for n in (TEST, 600))
    odd, masks = zip(*(painted(make(random, False), random) for _ in range(TEST)), strict=True)
    tensors = (torch.from_numpy(np.stack(images)) for images in (train, normal, odd, pool))
    return Task(*tensors, torch.from_numpy(np.stack(masks)), side=128)


def _board(random: np.random.Generator, training: bool) -> Array:
    return wood(random)


TASKS: dict[str, Callable[[int], Task]] = {
    "digits, clothes": clothes_among_digits,
    "wood, defects": partial(defects_on, _board),
    "brick (photograph), defects": partial(defects_on, partial(photograph, "brick")),
    "emoji, Flags": partial(emoji_of, "Flags"),
    "digits, 0 left out": partial(digit_left_out, 0),
    "digits, 4 left out": partial(digit_left_out, 4),
    "digits, 8 left out": partial(digit_left_out, 8),
    "grass (photograph), defects": partial(defects_on, partial(photograph, "grass")),
    "emoji, People & Body": partial(emoji_of, "People & Body"),
    "emoji, Objects": partial(emoji_of, "Objects"),
}
