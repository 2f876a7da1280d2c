"""The command `inpaint`: fills in what is missing of images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from energan.commands.explore.flag_types import Class
from energan.commands.explore.guided_run import chosen, open_guided_run
from energan.data import load
from energan.data.pixels import to_unit
from energan.inference.guided import final_images, starts
from energan.runs.rebuild import load as load_model
from energan.samplers.inpainting import Context
from energan.utils.checks import at_least, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.image_files import save_sheet, usable

GREY = 128  # what a picture shows of what is missing

EPS4 = 1.6e-5  # the authors', of chains whose steps are normalised

STRONG = 1.0  # of chains whose steps are not: as the classifier's gradient


def draw_inpainting(
    images: str, folder: Path, out: Path, *, mask: str, box: str, asked: str, n: int, fills: int, eps4: float | None,
    seed: int, checkpoint: str, classifier: str, module: str, chain: Mapping[str, Any],
) -> str:  # fmt: skip
    """Fills in what is missing of the first n images: a row each of the image, what is known of it, and the fills.

    Chains start from the codes of what is known with something of G's own pasted in, by which fills differ.
    """
    usable(out, (".png",))
    s = open_guided_run(load_model(folder, checkpoint=checkpoint or None), folder, classifier, module, chain)
    missing = _missing(mask, box, tuple(s.record["data"]["shape"][1:]))
    wanted = chosen(asked, s.classes) if asked else None
    if wanted and len(wanted) > 1:
        raise UserError(f"--class {asked}: one class can be filled in at a time")
    data, h = s.images(images).images[:n], starts(s.model, fills, seed)
    logits, rows, errors, seen = s.watched(len(data), fills), [], [], []
    for image, x in zip(data, to_unit(data), strict=True):
        context = Context(x, missing, eps4 if eps4 is not None else (EPS4 if s.chain.normalise else STRONG))
        with torch.no_grad():
            pasted = context.paste(s.maps.decode(h))
            c = wanted[0] if wanted else int(s.logits(pasted).softmax(1).mean(0).argmax())
            start = s.maps.encode(pasted)
        trace = s.lead(torch.full((fills,), c), seed=seed, logits=logits, start=start, context=context)
        filled = torch.where(missing, final_images(trace), image)
        rows.append(torch.cat([torch.stack([image, image.masked_fill(missing, GREY)]), filled]))
        errors.append(((filled.float() - image.float()) / 255)[:, missing.expand_as(image)].square().mean())
        seen.append(s.classes[c])
    save_sheet(torch.cat(rows), out, columns=2 + fills)
    error = float(torch.stack(errors).mean())
    return f"{len(data)} images in {out}, filled in as {', '.join(seen)}; mean square error there {error:.3g}"


def _missing(mask: str, box: str, size: tuple[int, int]) -> Bool[Tensor, "1 h w"]:
    """Where there is something to fill in. UserError unless there is, and something is left."""
    if bool(mask) == bool(box):
        raise UserError("say what is missing: --mask mask.png (white is filled in) or --box top,left,height,width")
    if mask:
        missing = load(mask, channels=1).images[0] > 127
        if missing.shape[1:] != size:
            found = " x ".join(map(str, missing.shape[1:]))
            raise UserError(f"--mask {mask} is of {found}, the run's images of {size[0]} x {size[1]}")
    else:
        missing = torch.zeros(1, *size, dtype=torch.bool)
        try:
            top, left, height, width = map(int, box.split(","))
        except ValueError:
            raise UserError(f"--box {box} is not top,left,height,width, four numbers of pixels") from None
        if min(top, left) < 0 or min(height, width) < 1 or top + height > size[0] or left + width > size[1]:
            raise UserError(f"--box {box} is not within the run's images of {size[0]} x {size[1]}")
        missing[:, top : top + height, left : left + width] = True
    if bool(missing.all()) or not bool(missing.any()):
        raise UserError(f"{'all' if bool(missing.all()) else 'nothing'} of the image is missing: keep some, fill some")
    return missing


def inpaint(
    images: str, /, *, run: str, mask: str = "", box: str = "", class_: Class = "", out: str = "inpainted.png",
    n: int = 8, fills: int = 4, seed: int = 0, checkpoint: str = "", classifier: str = "", module: str = "",
    eps4: float | None = None, eps1: float | None = None, eps2: float | None = None, chain_steps: int | None = None,
    rate: float | None = None,
) -> int:  # fmt: skip
    """Fill in what is missing of images: the image, what is known of it, and several fills.

    Args:
        images: An image, a folder, .zip, .npz or .parquet of images, or a named set.
        run: The run's folder.
        mask: An image of the size of the run's, white where there is something to fill in.
        box: Instead of a mask, what to fill in: top,left,height,width in pixels.
        class_: The class to fill in, by name or number; empty: what the classifier makes of each image at the start.
        out: A .png with a row for each image.
        n: How many images at most.
        fills: Fills of each image.
        seed: Of the fills.
        checkpoint: A step or a path; the newest by default.
        classifier: What leads the chains instead: a classifier's run folder, or a .safetensors file with --module.
        module: my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.
        eps4: Factor of the pull towards what is known.
        eps1: Factor of the prior, R(h) - h.
        eps2: Factor of the classifier's gradient.
        chain_steps: Steps of each chain.
        rate: What each step is multiplied by.
    """
    at_least(1, n=n, fills=fills)
    usable_seed(seed)
    chain = {"eps1": eps1, "eps2": eps2, "steps": chain_steps, "rate": rate}
    say(
        draw_inpainting(
            images, Path(run), Path(out), mask=mask, box=box, asked=class_, n=n, fills=fills, eps4=eps4, seed=seed,
            checkpoint=checkpoint, classifier=classifier, module=module, chain=chain,
        )
    )  # fmt: skip
    return 0
