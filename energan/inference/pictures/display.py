"""What a notebook shows of a model, and pictures of images."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray as Array
from torch import Tensor, nn

from energan.data.formats.arrays import to_nchw
from energan.data.image_set import ImageSet
from energan.engine.game import Game
from energan.utils.checks import at_least, whole
from energan.utils.display import block, embedded, enlarged
from energan.utils.errors import UserError
from energan.utils.image_files import sheet

if TYPE_CHECKING:
    from PIL.Image import Image

SHEET = 16  # samples that stand for a model
SEED = 0  # of these
LARGEST_SIDE = 128  # pixels of an image, of which there are fewer on the sheet


def show(
    images: Any,
    n: int = 64,
    *,
    columns: int | None = None,
    scale: int | None = None,
    value_range: tuple[float, float] | None = None,
) -> "Image":
    """One picture of many images, which a notebook shows by itself and `.save("x.png")` writes.

    Args:
        images: What `Model.sample` and the estimators' `sample` return, an ImageSet of `energan.data.load`, or any
            tensor, array, Pillow image or list of these: (n, c, h, w), (n, h, w, c), (n, h, w) or one image.
        n: How many at most, from the first on.
        columns: Images a row; by default about as many as rows.
        scale: Pixels of the picture a pixel of an image; by default small images are enlarged up to 8 times.
        value_range: The values that are black and white. None: of bytes 0 and 255, of other numbers the smallest usual
            range that holds them all, such as [0, 1] or [-1, 1], as of `energan.data.load`.

    Returns:
        A Pillow image: grey, RGB, or RGBA where images have an opacity.

    Raises:
        UserError: They are no images, or none at all; a number is below 1.

    Example:
        >>> show(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), columns=3, scale=2).size
        (52, 34)
    """
    at_least(1, n=(n := whole("n", n)))
    for name, value in (("columns", columns), ("scale", scale)):
        if value is not None:
            at_least(1, **{name: whole(name, value)})
    if isinstance(images, ImageSet):
        pixels = images.images[:n]
    else:
        pixels = to_nchw(_array(images), "images", value_range).images[:n]
    if pixels.shape[1] == 2:
        raise UserError("images of 2 channels cannot be shown: 1, 3 and 4 can")
    whole_sheet = sheet(pixels, columns)
    times = scale or enlarged(*whole_sheet.size)
    return whole_sheet if times == 1 else whole_sheet.resize((times * whole_sheet.width, times * whole_sheet.height), 0)


def _array(images: Any) -> Array[Any, Any]:
    """Anything that holds images, as one array."""
    if isinstance(images, Tensor):
        return images.detach().cpu().float().numpy() if images.is_floating_point() else images.detach().cpu().numpy()
    if hasattr(images, "mode") and hasattr(images, "getbands"):  # of Pillow
        return np.array(images if images.mode in ("L", "RGB", "RGBA") else images.convert("RGB"))[None]
    if isinstance(images, Sequence) and not isinstance(images, str | bytes) and len(images):
        parts = [_array(image) for image in images]
        if len({(part.shape, part.dtype) for part in parts}) > 1:
            raise UserError("the images are of several sizes or types: bring them to one first")
        stacked = np.stack([part[0] if part.ndim > 3 and len(part) == 1 else part for part in parts])
        return stacked
    array = np.asarray(images)
    if array.dtype.kind not in "biuf" or array.ndim < 2:
        raise UserError(f"a {type(images).__name__} is no image: give a tensor, an array, Pillow images or a list")
    return array[None] if array.ndim == 2 else array


def model_block(
    game: Game, nets: Mapping[str, nn.Module], known: Mapping[str, str], side: int, draw: Callable[[int, int], Tensor]
) -> str:
    """HTML of a trained game: what is known of it, what it can be asked, how large its networks are, and samples.

    side: pixels of the longer side of its images, 0 where that is not known; draw: images of a number and a seed.
    """
    sizes = [f"{name} ({sum(w.numel() for w in net.parameters()):,} weights)" for name, net in nets.items()]
    asked = ", ".join(game.readouts).replace("_", " ")
    facts = [*known.items(), ("networks", ", ".join(sizes)), ("can be asked for", asked or "nothing")]
    if game.sample is None:
        return block("Model", facts)
    n = SHEET if side <= LARGEST_SIDE else SHEET // 4
    try:
        pictures = [embedded(sheet(draw(n, SEED)), f"sample({n}, seed={SEED})")]
    except UserError as error:  # a network was put into training mode
        return block("Model", facts, notes=[f"no samples: {error}"])
    return block("Model", facts, pictures)
