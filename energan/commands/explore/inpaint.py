"""The command `inpaint`: fills in missing parts of images."""

from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from energan.commands.explore.flag_types import ChainFactors, Class
from energan.commands.open_run import open_model
from energan.explore.guidance import Guidance
from energan.utils.checks import at_least, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

GREY = 128  # missing pixels in the sheet


def inpaint(
    images: str,
    /,
    *,
    run: str,
    mask: str = "",
    box: str = "",
    class_: Class = "",
    out: str = "inpainted.png",
    n: int = 8,
    fills: int = 4,
    seed: int = 0,
    checkpoint: str = "",
    device: str = "auto",
    eps4: float | None = None,
    guidance: OmitArgPrefixes[Guidance] = Guidance(),
    chain: OmitArgPrefixes[ChainFactors] = ChainFactors(),
) -> int:
    """Fill in what is missing of images: the image, what is known of it, and several fills.

    Args:
        images: An image, a folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        mask: An image of the size of the run's, white where there is something to fill in.
        box: Instead of a mask, what to fill in: top,left,height,width in pixels.
        class_: The class to fill in, by name or number; empty: the one that the classifier predicts at the start.
        out: A .png with a row for each image.
        n: How many images at most.
        fills: Fills of each image.
        seed: Of the fills.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto: a seed's noise is other noise on another kind of device.
        eps4: Factor of the pull towards what is known.
        guidance: Another classifier to guide the chains.
        chain: Settings of the chains; by default the system's own.
    """
    import torch

    from energan.experiment import load_images
    from energan.explore.class_names import parse_classes
    from energan.explore.filling import fill
    from energan.explore.guided_run import open_guided_run
    from energan.utils.image_files import save_sheet, usable

    at_least(1, n=n, fills=fills)
    usable_seed(seed)
    folder, sheet = Path(run), usable(Path(out), (".png",))
    s = open_guided_run(open_model(folder, "inpaint", checkpoint, device), folder, guidance, chain.settings())
    missing = _missing_pixels(mask, box, tuple(s.record["data"]["shape"][1:]))
    classes = parse_classes(class_, s.classes) if class_ else None
    if classes and len(classes) > 1:
        raise UserError(f"`class_` {class_}: one class can be filled in at a time")
    data = load_images(images, "", s.record).images[:n]
    logits, rows, errors, names = s.logits_with_progress(len(data), fills), [], [], []
    for image in data:
        filled, c = fill(s, image, missing, fills, seed, classes[0] if classes else None, eps4, logits)
        rows.append(torch.cat([torch.stack([image, image.masked_fill(missing, GREY)]), filled]))
        errors.append(((filled.float() - image.float()) / 255)[:, missing.expand_as(image)].square().mean())
        names.append(s.classes[c])
    save_sheet(torch.cat(rows), sheet, columns=2 + fills)
    error = float(torch.stack(errors).mean())
    say(f"{len(data)} images in {sheet}, filled in as {', '.join(names)}; mean square error there {error:.3g}")
    return 0


def _missing_pixels(mask: str, box: str, size: tuple[int, int]) -> 'Bool[Tensor, "1 h w"]':
    """Where there is something to fill in. UserError if that is nothing, or everything."""
    from energan.explore.filling import checked_missing

    if bool(mask) == bool(box):
        raise UserError("say what is missing: `mask` mask.png (white is filled in) or `box` top,left,height,width")
    return checked_missing(_white_pixels(mask, size) if mask else _inside(box, size))


def _white_pixels(mask: str, size: tuple[int, int]) -> 'Bool[Tensor, "1 h w"]':
    from energan.data import load

    white = load(mask, channels=1).images[0] > 127
    if white.shape[1:] != size:
        own = " x ".join(map(str, white.shape[1:]))
        raise UserError(f"`mask` {mask} is of {own}, the run's images of {size[0]} x {size[1]}")
    return white


def _inside(box: str, size: tuple[int, int]) -> 'Bool[Tensor, "1 h w"]':
    import torch

    try:
        top, left, height, width = map(int, box.split(","))
    except ValueError:
        raise UserError(f"`box` {box} is not top,left,height,width, four numbers of pixels") from None
    if min(top, left) < 0 or min(height, width) < 1 or top + height > size[0] or left + width > size[1]:
        raise UserError(f"`box` {box} is not within the run's images of {size[0]} x {size[1]}")
    inside = torch.zeros(1, *size, dtype=torch.bool)
    inside[:, top : top + height, left : left + width] = True
    return inside
