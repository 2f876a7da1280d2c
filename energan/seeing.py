"""What the commands `invert` and `excite` do: what codes keep of an image, and what a unit looks for."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from energan import runs
from energan.chains import Bounds, Map
from energan.data.images import to_unit
from energan.encoders import tapped
from energan.errors import UserError
from energan.inversion import drawn
from energan.model import CHUNK
from energan.nets.taps import Tapped
from energan.plug_and_play import TOGETHER, reconstruct, starts
from energan.plugged import Plugged, plugged, watched
from energan.samplers import activation_maximisation, upper_bound
from energan.scoring import table
from energan.sheets import save_sheet, usable

PAIRS = 10  # on a row of the sheet
LOOKED_AT = 500  # training images whose codes tell the bounds
OUTPUT = "logits"  # what a net's output is called, where no layer is


def invert(images: str, folder: Path, out: Path, errors: Path | None, *, n: int, checkpoint: str, split: str) -> str:
    """Pairs of the first n images and what G makes of their codes; the mean square error of every image in a table."""
    usable(out, (".png",))
    if errors and errors.suffix not in (".csv", ".parquet"):
        raise UserError(f"--csv {errors}: errors go to a .csv or a .parquet")
    s = plugged(runs.load(folder, checkpoint=checkpoint or None), folder)
    data = s.images(images, split)
    made = reconstruct(s.model, data.images)
    square = ((made.float() - data.images.float()) / 255).square().flatten(1).mean(1)
    save_sheet(torch.stack([data.images[:n], made[:n]], 1).flatten(0, 1), out, columns=2 * min(PAIRS, n))
    if errors:
        files = list(data.files) or [""] * len(square)
        table(errors, {"index": list(range(len(square))), "file": files, "error": square.tolist()})
    told = f"{min(n, len(square))} pairs in {out}" + (f", {len(square)} errors in {errors}" if errors else "")
    skipped = f"; {len(data.skipped)} unreadable files were left out" if data.skipped else ""
    return f"{told}; mean square error {float(square.mean()):.3g} of pixels in [0, 1]{skipped}"


def excite(
    folder: Path, out: Path, *, unit: str, n: int, steps: int, rate: float, decay: float, seed: int, checkpoint: str,
    classifier: str, module: str,
) -> str:  # fmt: skip
    """n images that excite each unit, a row each, by DGN-AM's chains; says how far they do, beside real images."""
    usable(out, (".png",))
    s = plugged(runs.load(folder, checkpoint=checkpoint or None), folder, classifier, module)
    layer, units = _named(unit)
    read = _activations(s, layer)
    training = runs.rebuild(s.record, device="cpu").training_set().images
    real = training[torch.randperm(len(training), generator=torch.Generator().manual_seed(0))[:LOOKED_AT]]
    with torch.no_grad():
        known = torch.cat([read(to_unit(chunk)) for chunk in real.split(CHUNK)])
        codes = torch.cat([s.maps.encode(to_unit(chunk)) for chunk in real.split(CHUNK)])
    if (highest := max(units)) >= known.shape[1]:
        raise UserError(f"layer {layer} has no unit {highest}; it has {known.shape[1]}, from 0 on")
    clip, h = s.maps.clip or _bounds(codes), starts(s.model, n, seed)
    parts = [(u, rows) for u in units for rows in h.split(TOGETHER)]
    C = watched(read, steps * len(parts))
    images = torch.cat([
        drawn(activation_maximisation(s.maps.decode, C, rows, u, clip=clip, steps=steps, rate=rate, decay=decay))
        for u, rows in parts
    ])  # fmt: skip
    save_sheet(images, out, columns=n)
    with torch.no_grad():
        reached = torch.cat([read(to_unit(chunk)) for chunk in images.split(CHUNK)]).unflatten(0, (len(units), n))
    told = [
        f"{layer}:{u} {float(found[:, u].mean()):.3g} (real images: {float(known[:, u].max()):.3g} at most)"
        for u, found in zip(units, reached, strict=True)
    ]
    return f"{len(images)} images in {out}; mean activation of {', '.join(told)}"


def _named(unit: str) -> tuple[str, list[int]]:
    """ "conv3:12,40" -> ("conv3", [12, 40]). UserError for anything else."""
    layer, _, indices = unit.rpartition(":")
    parts = [part.strip() for part in indices.split(",")]
    if not layer or not all(part.isdecimal() for part in parts):
        raise UserError(f"--unit {unit} is not LAYER:INDEX or LAYER:INDEX,INDEX, such as logits:7")
    return layer, [int(part) for part in parts]


def _activations(s: Plugged, layer: str) -> Map:
    """images -> the layer's units, (n, units); of maps, their middle place. UserError for a layer that has none."""
    if s.net is None:
        raise UserError("this run's classifier has no layers to name: give one by --classifier or --module")
    inner = layer != OUTPUT or OUTPUT in dict(s.net.named_modules())
    E, shapes = tapped(s.net, (layer,) if inner else (), tuple(s.record["data"]["shape"]))
    if inner and len(shapes[layer]) not in (1, 3):
        raise UserError(f"layer {layer} gives {shapes[layer]} for an image, neither units nor maps of them")
    return lambda x: _middle(E, layer, x) if inner else E(x).output


def _middle(E: Tapped, layer: str, x: Tensor) -> Float[Tensor, "n units"]:
    found = E(x).layers[layer]
    return found[:, :, found.shape[2] // 2, found.shape[3] // 2] if found.dim() == 4 else found


def _bounds(codes: Float[Tensor, " n *d"]) -> Bounds:
    """DGN-AM's, 0 to mean + 3 standard deviations; of codes that are not cut at 0, mean - 3 standard deviations."""
    low = 0.0 if bool((codes >= 0).all()) else -upper_bound(-codes)
    return low, upper_bound(codes)
