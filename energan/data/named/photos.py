"""Photographs of Debian's wallpaper packages, in colour: what textures and backgrounds are cut from.

26 of the 31 pictures of three packages; the other five are drawings. Each belongs to one split. They are under free
licences that ask for their authors' names (the packages' copyright files), so they are fetched and never given on.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray as Array

from energan.data.decoding.failures import UNREADABLE
from energan.data.download import debian_folder
from energan.utils.errors import UserError

FOLDER = "/usr/share/backgrounds"

PACKAGES = {  # the package: its folder, its photographs
    "lomiri-wallpapers-16.04": (
        FOLDER,
        (
            "Bridge_by_Sander_Klootwijk", "Dragonfly_by_Bolly", "Picture_0B_by_freespace", "Picture_1A_by_freespace",
            "Wine_by_Jakkub_Mede", "aitzgorri_by_Aitzol_Berasategi", "free_by_Peter_Nerlich",
            "friends_by_Aitzol_Berasategi", "greentock_by_Peter_Nerlich", "life_by_Aitzol_Berasategi",
            "picosdeeuropa_by_Aitzol_Berasategi", "seeding_by_Clements_Engelhardt", "sunset_by_Aitzol_Berasategi",
        ),
    ),
    "lomiri-wallpapers-20.04": (FOLDER, ("Kleiber_by_Lukas_Baubkus",)),
    "mate-backgrounds": (
        f"{FOLDER}/mate/nature",
        (
            "Aqua", "Blinds", "Dune", "FreshFlower", "Garden", "GreenMeadow", "LadyBird", "RainDrops", "Storm",
            "TwoWings", "Wood", "YellowFlower",
        ),
    ),
}  # fmt: skip

HELD_OUT = frozenset({
    "Kleiber_by_Lukas_Baubkus", "life_by_Aitzol_Berasategi", "sunset_by_Aitzol_Berasategi", "Picture_1A_by_freespace",
    "Dune", "RainDrops",
})  # fmt: skip

NAMES = tuple(name for _, names in PACKAGES.values() for name in names)

Wanted = Callable[[str], bool]  # a photograph's name

LICENCES = "the copyright files of " + ", ".join(PACKAGES)


def of_debian(wanted: Wanted, read: Callable[[Path], Any]) -> list[Any]:
    """What `read` makes of each wanted photograph's file, in the packages' order.

    Raises UserError where a package cannot be had, or lacks a photograph.
    """
    made = []
    for package, (folder, names) in PACKAGES.items():
        chosen = list(filter(wanted, names))
        if chosen:
            with debian_folder(package, folder, (f"{name}.jpg" for name in chosen)) as unpacked:
                made += [read(path) for path in _files(unpacked, chosen)]
    return made


def of_folder(wanted: Wanted, read: Callable[[Path], Any]) -> list[Any]:
    """The same, from the folder `backgrounds` in the one that ENERGAN_DATA names, with all files in it."""
    root = os.environ.get("ENERGAN_DATA")
    if not root:
        raise UserError("ENERGAN_DATA names no folder")
    return [read(path) for path in _files(Path(root, "backgrounds"), filter(wanted, NAMES))]


def debian_photos(split: str, side: int) -> list[UInt8[Array, "h w 3"]]:
    """The photographs of "train" or "test", none longer than about `side` pixels. UserError as `of_debian`."""
    return of_debian(_of_split(split), lambda path: reduced(path, side))


def local_photos(split: str, side: int) -> list[UInt8[Array, "h w 3"]]:
    """The same, of the user's folder. UserError as `of_folder`."""
    return of_folder(_of_split(split), lambda path: reduced(path, side))


def _of_split(split: str) -> Wanted:
    return lambda name: (name in HELD_OUT) == (split == "test")


def _files(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        path = folder / f"{name}.jpg"
        if not path.is_file():
            raise UserError(f"{folder} holds no {path.name}")
        yield path


def reduced(path: Path, side: int) -> UInt8[Array, "h w 3"]:
    """A photograph of about `side` pixels on the longer side: each is the mean of a square of the photograph's."""
    from PIL import Image

    try:
        with Image.open(path) as photo:
            factor = max(1, round(max(photo.size) / side))
            return np.array(photo.convert("RGB").reduce(factor))
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read ({error})") from error
