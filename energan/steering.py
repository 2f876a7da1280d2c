"""What the commands `sample`, `walk` and `inpaint` do: chains that a classifier leads.

Of every class, the i-th image starts from the same code, which the seed and i alone decide: a larger n continues, and
a class drawn with others is what it is alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from energan import runs
from energan.chains import Trace
from energan.data import load
from energan.data.images import to_bytes, to_unit
from energan.errors import UserError
from energan.files import write
from energan.inversion import FRAMES, drawn
from energan.model import Model
from energan.plug_and_play import starts
from energan.plugged import chosen, named, names_of_images, plugged
from energan.samplers import Context
from energan.sheets import save_images, save_sheet, usable

ENLARGED = 4  # pixels of a GIF for each of an image
GREY = 128  # what a picture shows of what is missing
EPS4 = 1.6e-5  # the authors', of chains whose steps are normalised
STRONG = 1.0  # of chains whose steps are not: as the classifier's gradient


def sample(
    folder: Path, out: Path, *, asked: str, n: int, seed: int, checkpoint: str, classifier: str, module: str,
    path: Path | None, chain: Mapping[str, Any],
) -> str:  # fmt: skip
    """Draws n images, of each class if classes are asked for; says where they are and what the classifier sees.

    path: a .png for the chains, a row each, frame by frame.
    """
    usable(out)
    if path:
        usable(path, (".png",))
    model = runs.load(folder, checkpoint=checkpoint or None)
    if model.game.codes is None:
        if classifier or module or path or any(value is not None for value in chain.values()):
            raise UserError(f"{folder} draws without chains: --classifier, --path and a chain's settings do nothing")
        return _in_one_pass(model, folder, out, asked, n, seed)
    s = plugged(model, folder, classifier, module, chain)
    groups = [[c] * n for c in chosen(asked, s.classes)] if asked else [[i % len(s.classes) for i in range(n)]]
    logits = s.watched(len(groups), n)
    keep = max(1, s.chain.steps // (FRAMES - 1)) if path else None
    traces = [s.lead(torch.tensor(group), seed=seed, logits=logits, keep=keep) for group in groups]
    images = torch.cat([drawn(trace) for trace in traces])
    save_images(images, out, n if len(groups) > 1 else None)
    if path:
        frames = torch.cat([to_bytes(trace.images) for trace in traces if trace.images is not None], 1)
        save_sheet(frames.transpose(0, 1).flatten(0, 1), path, columns=len(frames))
    wanted = torch.tensor([c for group in groups for c in group])
    right = (s.probabilities(images).argmax(1) == wanted).float()
    shares = [f"{s.classes[c]}: {100 * float(right[wanted == c].mean()):.0f} %" for c in dict.fromkeys(wanted.tolist())]
    return f"{len(images)} images in {out}; the classifier sees what it was asked for in: {', '.join(shares)}"


def _in_one_pass(model: Model, folder: Path, out: Path, asked: str, n: int, seed: int) -> str:
    if not asked:
        save_images(model.sample(n, seed), out)
        return f"{n} images in {out}"
    if not model.classes:
        raise UserError(f"{folder} draws no classes: its system has neither codes nor a class among its noise")
    wanted = chosen(asked, named(names_of_images(runs.read(folder)), model.classes))
    images = torch.cat([model.sample(n, seed, c) for c in wanted])
    save_images(images, out, n if len(wanted) > 1 else None)
    return f"{len(images)} images in {out}"


def walk(
    folder: Path, out: Path, *, asked: str, frames: int, seed: int, checkpoint: str, classifier: str, module: str,
    chain: Mapping[str, Any],
) -> str:  # fmt: skip
    """One chain led from class to class, and the straight lines between the codes where it ended for each.

    Writes a sheet, for each leg a row of the chain and below it one of the line, and beside it a GIF of both.
    """
    usable(out, (".png",))
    s = plugged(runs.load(folder, checkpoint=checkpoint or None), folder, classifier, module, chain)
    stops = chosen(asked, s.classes)
    if len(stops) < 2 or frames < 2:
        raise UserError("a walk needs two classes or more, with commas between, and two frames or more of each leg")
    logits = s.watched(len(stops), 1)
    traces: list[Trace] = []
    for i, c in enumerate(stops):
        start = traces[-1].codes[-1] if traces else None
        traces.append(s.lead(torch.tensor([c]), seed=seed + i, logits=logits, start=start, keep=1))
    taken = torch.linspace(0, s.chain.steps, frames).round().long()
    legs = []
    for trace in traces[1:]:
        assert trace.images is not None
        ends = trace.codes[[0, -1], 0]
        weights = torch.linspace(0, 1, frames).view(-1, *[1] * (ends.dim() - 1))
        with torch.no_grad():
            straight = s.maps.decode(torch.lerp(ends[:1], ends[1:], weights))
        legs.append(to_bytes(torch.stack([trace.images[taken, 0], straight])))
    both = torch.stack(legs)  # (legs, 2, frames, c, h, w)
    save_sheet(both.flatten(0, 2), out, columns=frames)
    animated = _animate(both.transpose(0, 1).flatten(1, 2), out.with_suffix(".gif"))
    shown = s.probabilities(torch.cat([drawn(trace) for trace in traces])).tolist()
    told = ", ".join(f"{s.classes[c]}: {100 * row[c]:.0f} %" for c, row in zip(stops, shown, strict=True))
    return f"{out} and {animated}: chain and straight line; the classifier gives each class where it was led: {told}"


def _animate(films: UInt8[Tensor, "k frames c h w"], path: Path) -> Path:
    """A GIF of films side by side, enlarged."""
    from PIL import Image

    wide = torch.cat(list(films), -1).permute(0, 2, 3, 1).repeat_interleave(ENLARGED, 1).repeat_interleave(ENLARGED, 2)
    pages = [Image.fromarray((page[..., 0] if page.shape[-1] == 1 else page).numpy()) for page in wide]
    return write(
        path, lambda p: pages[0].save(p, format="GIF", save_all=True, append_images=pages[1:], duration=120, loop=0)
    )


def inpaint(
    images: str, folder: Path, out: Path, *, mask: str, box: str, asked: str, n: int, fills: int, eps4: float | None,
    seed: int, checkpoint: str, classifier: str, module: str, chain: Mapping[str, Any],
) -> str:  # fmt: skip
    """Fills in what is missing of the first n images: a row each of the image, what is known of it, and the fills.

    Chains start from the codes of what is known with something of G's own pasted in, by which fills differ.
    """
    usable(out, (".png",))
    s = plugged(runs.load(folder, checkpoint=checkpoint or None), folder, classifier, module, chain)
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
        filled = torch.where(missing, drawn(trace), image)
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
