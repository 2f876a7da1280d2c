"""Fills in missing parts of images, by chains that keep what is known."""

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from energan.data.pixels import to_unit
from energan.explore.guided_run import GuidedRun
from energan.inference.guided import final_images, start_codes
from energan.samplers.chains import Map
from energan.samplers.inpainting import Context
from energan.utils.errors import UserError

EPS4 = 1.6e-5  # the authors', of chains whose steps are normalised

STRONG = 1.0  # of chains whose steps are not: as the classifier's gradient


def fill(
    s: GuidedRun,
    image: UInt8[Tensor, "c h w"],
    missing: Bool[Tensor, "1 h w"],
    fills: int,
    seed: int,
    class_index: int | None = None,
    eps4: float | None = None,
    logits: Map | None = None,
) -> tuple[UInt8[Tensor, "fills c h w"], int]:
    """The image with its missing part filled in, several times; and as which class.

    class_index: what is filled in; None: what the classifier sees at the start. eps4: factor of the pull towards what
    is known; None: what suits the chain. logits: the classifier, where a progress bar counts its calls.
    """
    place = s.model.device
    pull = eps4 if eps4 is not None else (EPS4 if s.chain.normalise else STRONG)
    context = Context(to_unit(image.to(place)), missing.to(place), pull)
    # chains start from the codes of the known part with something of G's own pasted in, by which fills differ
    with torch.no_grad():
        pasted = context.paste(s.maps.decode(start_codes(s.model, fills, seed)))
        c = int(s.logits(pasted).softmax(1).mean(0).argmax()) if class_index is None else class_index
        start = s.maps.encode(pasted)
    trace = s.run_chains(torch.full((fills,), c), seed=seed, logits=logits, start=start, context=context)
    return torch.where(missing, final_images(trace), image), c


def checked_missing(missing: Bool[Tensor, "1 h w"]) -> Bool[Tensor, "1 h w"]:
    """Where there is something to fill in. UserError if that is nothing, or everything."""
    if bool(missing.all()) or not bool(missing.any()):
        raise UserError(f"{'all' if bool(missing.all()) else 'nothing'} of the image is missing: keep some, fill some")
    return missing
