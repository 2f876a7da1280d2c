"""Anyone's images, brought into what a system draws: the noise that draws each of them best.

Gradient descent starts from several places for each image and keeps the best: probes/projection.py has the equations.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from energan.data.pixels import to_bytes
from energan.engine.game import Game
from energan.engine.isolation import isolated
from energan.inference.critic import critics, layers_of
from energan.inference.modules import drawn, generator_of_what_it_reads
from energan.inference.probes.projection import bounds, descend, distance, is_category, nearest
from energan.utils.console import counted

DRAWS = 500  # samples, the nearest of which an image starts from
STARTS = 4  # of an image
WEIGHT = 0.1  # of features
ROWS = 100  # that go down together


class Projection(NamedTuple):
    """What was found for each image.

    Attributes:
        noise: By its name, a row for each image: what `Model.decode` takes.
        images: What it draws, bytes from 0 to 255.
        errors: Root of the mean squared difference to the image, pixels from 0 to 1.
        start_errors: The same of where the best descent started.
        start: What was drawn there.
    """

    noise: dict[str, Tensor]
    images: UInt8[Tensor, "n c h w"]
    errors: Float[Tensor, " n"]
    start_errors: Float[Tensor, " n"]
    start: UInt8[Tensor, "n c h w"]


@isolated()
def projected(
    game: Game,
    nets: dict[str, nn.Module],
    targets: Float[Tensor, "n c h w"],
    known: Mapping[str, Tensor],
    steps: int,
    generator: torch.Generator,
) -> Projection:
    """The projection of images in [-1, 1]. known: noise to start from, by its name, a row for each image."""
    device = targets.device
    values = drawn(game, nets, DRAWS, generator)
    draw, rows = generator_of_what_it_reads(game, nets, [value[:2] for value in values.values()])
    names = draw.inputs
    assert len(rows) == len(names)
    values = {name: values[name] for name in names}

    def images_of(noise: Mapping[str, Tensor]) -> Tensor:
        return draw(*(noise[name] for name in names))

    within = {
        name: bounds(value)
        for name, value in values.items()
        if value.is_floating_point() and not is_category(value) and not (name == "c" and "c" in known)
    }
    seen = critics(game, nets, (targets.shape[1], targets.shape[2], targets.shape[3]))
    critic = next((each for each in seen if each.name == "D"), seen[0] if seen else None)
    features = None if critic is None else partial(layers_of, critic)
    complete = set(names) <= set(known)
    with torch.no_grad():
        there = torch.cat([images_of({k: v[i : i + ROWS] for k, v in values.items()}) for i in range(0, DRAWS, ROWS)])
    parts: list[Projection] = []
    each = max(1, ROWS // STARTS)
    for start in counted(range(0, len(targets), each), len(targets), "projecting images", each=each):
        x = targets[start : start + each]
        index = torch.zeros(len(x), 1, dtype=torch.int64, device=device) if complete else nearest(there, x, STARTS)
        k = index.shape[1]
        noise = {name: value[index.flatten()] for name, value in values.items()}
        for name, given in known.items():
            noise[name] = given[start : start + each].to(noise[name]).repeat_interleave(k, 0)
        wanted = x.repeat_interleave(k, 0)
        far = partial(distance, targets=wanted, features=features, weight=WEIGHT)
        found, least = descend(images_of, noise, within, far, steps)
        best = least.view(len(x), k).argmin(1) + k * torch.arange(len(x), device=device)
        with torch.no_grad():
            end, began = (
                to_bytes(images_of({name: z[best] for name, z in rows.items()})).cpu() for rows in (found, noise)
            )
        real, of_best = to_bytes(x).cpu(), {name: found[name][best].detach().cpu() for name in names}
        parts.append(Projection(of_best, end, _rms(end, real), _rms(began, real), began))
    noise = {name: torch.cat([part.noise[name] for part in parts]) for name in names}
    images, began = (torch.cat([getattr(part, name) for part in parts]) for name in ("images", "start"))
    errors, before = (torch.cat([getattr(part, name) for part in parts]) for name in ("errors", "start_errors"))
    return Projection(noise, images, errors, before, began)


def _rms(a: UInt8[Tensor, "n c h w"], b: UInt8[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    return ((a.float() - b.float()) / 255).square().flatten(1).mean(1).sqrt()
