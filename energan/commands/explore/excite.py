"""The command `excite`: activation maximisation."""

from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import OmitArgPrefixes

from energan.commands.open_run import open_model
from energan.explore.guidance import Guidance
from energan.utils.checks import at_least, fraction, positive, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from energan.explore.guided_run import GuidedRun
    from energan.samplers.chains import Bounds, Map

REAL_IMAGES = 500  # training images that bounds of the codes and real activations are measured on

OUTPUT = "logits"  # the name of a net's output, where no layer has it


def excite(
    run: str,
    /,
    *,
    unit: str,
    n: int = 8,
    out: str = "excited.png",
    seed: int = 0,
    checkpoint: str = "",
    device: str = "auto",
    chain_steps: int = 200,
    rate: float = 8.0,
    decay: float = 0.99,
    data: str = "",
    guidance: OmitArgPrefixes[Guidance] = Guidance(),
) -> int:
    """Draw what units of a classifier look for: activation maximisation, as DGN-AM does it.

    Args:
        run: The run's folder.
        unit: LAYER:INDEX or LAYER:INDEX,INDEX of the encoder, or of --classifier; logits:7 is class 7.
        n: Images of each unit.
        out: A .png with a row for each unit.
        seed: Of the start codes.
        checkpoint: "best", a step, or a path; the newest by default.
        device: cpu, cuda, cuda:1, or auto: a seed's noise is other noise on another kind of device.
        chain_steps: Steps of each chain.
        rate: Mean size of the first step; it falls linearly to 0.
        decay: What each step's code is multiplied by.
        data: Where the training images are now, if they were moved.
        guidance: Another classifier, whose units are excited.
    """
    import torch

    from energan.data.image_set import fixed_subset
    from energan.data.pixels import to_unit
    from energan.explore.guided_run import open_guided_run, with_progress
    from energan.inference.chunks import CHUNK
    from energan.inference.guided import CHAINS, final_images, start_codes
    from energan.runs.rebuild import rebuild
    from energan.runs.sources import Sources, settled, training_images
    from energan.samplers.activation_maximisation import activation_maximisation
    from energan.utils.image_files import save_sheet, usable

    at_least(1, n=n, chain_steps=chain_steps)
    positive(rate=rate)
    if decay != 1:
        fraction(decay=decay)
    usable_seed(seed)
    folder, sheet = Path(run), usable(Path(out), (".png",))
    s = open_guided_run(open_model(folder, "excite", checkpoint, device), folder, guidance)
    layer, units = _parse_unit(unit)
    read = _activations(s, layer)
    record = settled(s.record, folder, Sources(data))
    training = training_images(rebuild(record, device="cpu"), record, folder).images
    real = training[fixed_subset(len(training), REAL_IMAGES)]
    with torch.no_grad():
        seen = [to_unit(chunk.to(s.model.device)) for chunk in real.split(CHUNK)]
        known, codes = (torch.cat([f(x) for x in seen]) for f in (read, s.maps.encode))
    if (highest := max(units)) >= known.shape[1]:
        raise UserError(f"layer {layer} has no unit {highest}; it has {known.shape[1]}, from 0 on")
    clip = s.maps.clip or _code_bounds(codes)
    parts = [(u, rows) for u in units for rows in start_codes(s.model, n, seed).split(CHAINS)]
    C = with_progress(read, chain_steps * len(parts))
    traces = [
        activation_maximisation(s.maps.decode, C, rows, u, clip=clip, steps=chain_steps, rate=rate, decay=decay)
        for u, rows in parts
    ]
    images = torch.cat([final_images(trace) for trace in traces])
    save_sheet(images, sheet, columns=n)
    with torch.no_grad():
        seen = [to_unit(chunk.to(s.model.device)) for chunk in images.split(CHUNK)]
        activations = torch.cat([read(x) for x in seen]).unflatten(0, (len(units), n))
    means = [
        f"{layer}:{u} {float(rows[:, u].mean()):.3g} (real images: {float(known[:, u].max()):.3g} at most)"
        for u, rows in zip(units, activations, strict=True)
    ]
    say(f"{len(images)} images in {sheet}; mean activation of {', '.join(means)}")
    return 0


def _parse_unit(unit: str) -> tuple[str, list[int]]:
    """ "conv3:12,40" -> ("conv3", [12, 40]). UserError for anything else."""
    layer, _, indices = unit.rpartition(":")
    parts = [part.strip() for part in indices.split(",")]
    if not layer or not all(part.isdecimal() for part in parts):
        raise UserError(f"`unit` {unit} is not LAYER:INDEX or LAYER:INDEX,INDEX, such as logits:7")
    return layer, [int(part) for part in parts]


def _activations(s: "GuidedRun", layer: str) -> "Map":
    """images -> the layer's units, (n, units); of maps, their middle place. UserError for a layer that has none."""
    from energan.networks.pretrained import extract_features

    if s.net is None:
        raise UserError("this run's classifier has no layers to name: give one by `classifier` or `module`")
    inner = layer != OUTPUT or OUTPUT in dict(s.net.named_modules())
    E, shapes = extract_features(s.net, (layer,) if inner else (), tuple(s.record["data"]["shape"]))
    if inner and len(shapes[layer]) not in (1, 3):
        raise UserError(f"layer {layer} gives {shapes[layer]} for an image, neither units nor maps of them")
    return lambda x: _middle(E(x).layers[layer]) if inner else E(x).output


def _middle(units: "Tensor") -> 'Float[Tensor, "n units"]':
    """Units (n, units) as they are; of maps (n, units, h, w) their middle place."""
    return units[:, :, units.shape[2] // 2, units.shape[3] // 2] if units.dim() == 4 else units


def _code_bounds(codes: 'Float[Tensor, " n *d"]') -> "Bounds":
    """DGN-AM's, 0 to mean + 3 standard deviations; of codes that are not cut at 0, mean - 3 standard deviations."""
    from energan.networks.conv.ppgn import upper_bound

    low = 0.0 if bool((codes >= 0).all()) else -upper_bound(-codes)
    return low, upper_bound(codes)
