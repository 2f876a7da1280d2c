"""The command `excite`: activation maximisation."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from energan.commands.explore.guided_run import GuidedRun, open_guided_run, watched
from energan.data.pixels import to_unit
from energan.inference.guided import TOGETHER, final_images, starts
from energan.inference.model import CHUNK
from energan.networks.conv.ppgn import upper_bound
from energan.networks.layers import FeatureExtractor
from energan.networks.pretrained import extract_features
from energan.runs.rebuild import load as load_model
from energan.runs.rebuild import rebuild
from energan.samplers.activation_maximisation import activation_maximisation
from energan.samplers.chains import Bounds, Map
from energan.utils.checks import at_least, fraction, positive, usable_seed
from energan.utils.console import say
from energan.utils.errors import UserError
from energan.utils.image_files import save_sheet, usable

LOOKED_AT = 500  # training images whose codes tell the bounds

OUTPUT = "logits"  # what a net's output is called, where no layer is


def draw_excitations(
    folder: Path, out: Path, *, unit: str, n: int, steps: int, rate: float, decay: float, seed: int, checkpoint: str,
    classifier: str, module: str,
) -> str:  # fmt: skip
    """n images that excite each unit, a row each, by DGN-AM's chains; says how far they do, beside real images."""
    usable(out, (".png",))
    s = open_guided_run(load_model(folder, checkpoint=checkpoint or None), folder, classifier, module)
    layer, units = _named(unit)
    read = _activations(s, layer)
    training = rebuild(s.record, device="cpu").training_set().images
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
        final_images(activation_maximisation(s.maps.decode, C, rows, u, clip=clip, steps=steps, rate=rate, decay=decay))
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


def _activations(s: GuidedRun, layer: str) -> Map:
    """images -> the layer's units, (n, units); of maps, their middle place. UserError for a layer that has none."""
    if s.net is None:
        raise UserError("this run's classifier has no layers to name: give one by --classifier or --module")
    inner = layer != OUTPUT or OUTPUT in dict(s.net.named_modules())
    E, shapes = extract_features(s.net, (layer,) if inner else (), tuple(s.record["data"]["shape"]))
    if inner and len(shapes[layer]) not in (1, 3):
        raise UserError(f"layer {layer} gives {shapes[layer]} for an image, neither units nor maps of them")
    return lambda x: _middle(E, layer, x) if inner else E(x).output


def _middle(E: FeatureExtractor, layer: str, x: Tensor) -> Float[Tensor, "n units"]:
    found = E(x).layers[layer]
    return found[:, :, found.shape[2] // 2, found.shape[3] // 2] if found.dim() == 4 else found


def _bounds(codes: Float[Tensor, " n *d"]) -> Bounds:
    """DGN-AM's, 0 to mean + 3 standard deviations; of codes that are not cut at 0, mean - 3 standard deviations."""
    low = 0.0 if bool((codes >= 0).all()) else -upper_bound(-codes)
    return low, upper_bound(codes)


def excite(
    run: str, /, *, unit: str, n: int = 8, out: str = "excited.png", seed: int = 0, checkpoint: str = "",
    classifier: str = "", module: str = "", chain_steps: int = 200, rate: float = 8.0, decay: float = 0.99,
) -> int:  # fmt: skip
    """Draw what units of a classifier look for: activation maximisation, as DGN-AM does it.

    Args:
        run: The run's folder.
        unit: LAYER:INDEX or LAYER:INDEX,INDEX of the encoder, or of --classifier; logits:7 is class 7.
        n: Images of each unit.
        out: A .png with a row for each unit.
        seed: Of the start codes.
        checkpoint: A step or a path; the newest by default.
        classifier: Whose units: a classifier's run folder, or a .safetensors file with --module; empty: the encoder's.
        module: my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments.
        chain_steps: Steps of each chain.
        rate: Mean size of the first step; it falls to 0 in a line.
        decay: What each step's code is multiplied by.
    """
    at_least(1, n=n, chain_steps=chain_steps)
    positive(rate=rate)
    if decay != 1:
        fraction(decay=decay)
    usable_seed(seed)
    say(
        draw_excitations(
            Path(run), Path(out), unit=unit, n=n, steps=chain_steps, rate=rate, decay=decay, seed=seed,
            checkpoint=checkpoint, classifier=classifier, module=module,
        )
    )  # fmt: skip
    return 0
