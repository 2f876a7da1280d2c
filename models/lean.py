"""Weights for the zoo: what a run's readouts read, in half the space."""

import json
from pathlib import Path

import torch
from torch import Tensor

import energan
from energan.engine.game import Batch, Players
from energan.inference.model import Model
from energan.inference.modules import inputs
from energan.runs.checkpoints import SHARED, UNREAD
from energan.utils.files import DIGEST, read_weights, write_weights


def make_lean(folder: Path) -> list[str]:
    """Makes a packed model's weights smaller. Returns the names of the parameters that it leaves out.

    Averaged weights take the place of those that they are averages of; parameters that no readout reads (a ladder's
    decoder, which only its training needs) are left out; matrices and kernels become 16-bit floats. Vectors, such as
    batch norm's statistics, stay of 32 bits.
    """
    tensors, about = read_weights(folder / SHARED)
    unread = unread_parameters(energan.load(folder))
    kept = {
        name: value
        for name, value in tensors.items()
        if not name.startswith(("state/ema/", "standing/")) and name.removeprefix("state/weights/") not in unread
    }
    for name, value in tensors.items():
        for start in ("state/ema/", "standing/"):
            if name.startswith(start):
                kept[f"state/weights/{name.removeprefix(start)}"] = value
    about = {k: v for k, v in about.items() if k not in ("format", DIGEST)} | {UNREAD: json.dumps(sorted(unread))}
    write_weights(folder / SHARED, {name: halved(value) for name, value in kept.items()}, about)
    return sorted(unread)


def halved(value: Tensor) -> Tensor:
    """A matrix or kernel as 16-bit floats, where all of its numbers have such; anything else as it is."""
    if value.dtype != torch.float32 or value.dim() < 2:
        return value
    half = value.half()
    return half if bool(half.isfinite().all()) else value


def unread_parameters(model: Model) -> set[str]:
    """The parameters that no readout of the model's game depends on, as "D/up.0.weight"."""
    game, nets, players = model.game, model.nets, Players(model.nets)
    parameters = {f"{name}/{k}": p for name, net in nets.items() for k, p in net.named_parameters()}
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    with torch.enable_grad():
        images = Batch({"x": torch.rand(2, *(model.shape or ()), requires_grad=True) * 2 - 1})
        outputs = [read(players, images) for read in (game.energy, game.energy_map, game.logits) if read is not None]
        outputs += [code.read(players, images) for code in (game.encode or {}).values()]
        if game.sample is not None:
            noise = model.noise(2, torch.Generator().manual_seed(0))
            outputs.append(game.sample(players, Batch(dict(zip(inputs(game), noise, strict=True)))))
        if (space := game.codes) is not None:
            h = space.start(torch.Generator().manual_seed(0), 2)
            outputs += [space.decode(players, Batch({"h": h})), space.encode(players, images)]
            outputs.append(space.logits(players, images))
        found = torch.autograd.grad(
            sum((output.float().sum() for output in outputs), torch.zeros(())),
            list(parameters.values()), allow_unused=True,
        )  # fmt: skip
    return {name for name, gradient in zip(parameters, found, strict=True) if gradient is None}
