"""Pictures to measure super-resolution on: those that come with scikit-image, of different sizes.

Set5, Set14 and BSDS100, which papers measure on, are in no package registry. So numbers on these are beside papers'
numbers, not the same; bicubic enlargement measured on both says how far.

Three are from JPEG files, and have its traces: hubble_deep_field, retina and rocket. The licences are in scikit-image's
documentation of `skimage.data`; most pictures are in the public domain. They are read out of the wheel, which is not
installed.
"""

from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray as Array
from PIL import Image

from energan.data.decoding.failures import UNREADABLE
from energan.data.download import fetch_wheel_members
from energan.utils.errors import UserError

WHEEL = "scikit-image", "0.26.0", "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af"

BUILT_FOR = (
    "--python-version=3.11", "--implementation=cp", "--abi=cp311", "--platform=manylinux_2_28_x86_64",
)  # fmt: skip

COLOUR = (
    "astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png",
    "retina.jpg", "rocket.jpg",
)  # fmt: skip

GREY = ("brick.png", "camera.png", "coins.png", "grass.png", "gravel.png", "moon.png", "page.png", "text.png")


def test_pictures() -> dict[str, UInt8[Array, "c h w"]]:
    """Eight pictures in colour (3, h, w) and eight in grey (1, h, w) of 172 to 1,411 pixels a side, by their names.

    Raises:
        UserError: The wheel (14 MB) could not be had, or is another one.
    """
    files = {name: f"skimage/data/{name}" for name in (*COLOUR, *GREY)}
    content = fetch_wheel_members(*WHEEL, tuple(files.values()), BUILT_FOR)
    try:
        return {name.partition(".")[0]: read(content[path], 3 if name in COLOUR else 1) for name, path in files.items()}
    except UNREADABLE as error:
        raise UserError(f"a picture of scikit-image cannot be read ({error})") from error


def read(content: bytes, channels: int) -> UInt8[Array, "c h w"]:
    """A picture in grey or in colour."""
    with Image.open(BytesIO(content)) as picture:
        pixels = np.array(picture.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
