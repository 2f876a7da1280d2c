"""Codes of an array's rows, for estimators whose systems read noise from images."""

import torch
from jaxtyping import Float, Num
from numpy import ndarray as Array
from torch import Tensor

from energan.data.pixels import to_unit
from energan.engine.isolation import isolated
from energan.inference.chunks import CHUNK
from energan.inference.model import Model


@isolated(gradients=False)
def read_codes(model: Model, images: Num[Tensor, "n c h w"]) -> Float[Array, "n d"]:
    """All that the system reads of each image, side by side in its order; of a category, the probabilities.

    In float64, which the networks become: rounding would make a row's codes depend on how many rows it stands among.
    """
    read = model.encoder.double()
    chunks = (read(to_unit(chunk.to(model.device)).double()).values() for chunk in images.split(CHUNK))
    return torch.cat([torch.cat([code.cpu() for code in codes], 1) for codes in chunks]).numpy()


@isolated(gradients=False)
def draw_codes(model: Model, codes: Float[Tensor, "n d"]) -> Float[Tensor, "n c h w"]:
    """The images in [-1, 1] of codes as `read_codes` gives them, and as wide as the noise that they stand for."""
    draw, names = model.generator, tuple(model.game.encode or {})
    wide = dict(zip(draw.inputs, model.noise(1, torch.Generator(model.device)), strict=True))
    chunks = []
    for rows in codes.split(CHUNK):
        noise = dict(zip(draw.inputs, model.noise(len(rows), torch.Generator(model.device)), strict=True))
        parts = rows.to(model.device, torch.float32).split([wide[name].shape[1] for name in names], 1)
        noise |= dict(zip(names, parts, strict=True))
        chunks.append(draw(*noise.values()).cpu())
    return torch.cat(chunks)
