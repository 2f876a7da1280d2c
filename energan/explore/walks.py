"""Walks: through noise, at fixed noise from what is asked for to what is asked for next, and along a guided chain."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.data.pixels import to_bytes
from energan.engine.isolation import isolated
from energan.engine.noise import Distribution
from energan.explore.guided_run import GuidedRun
from energan.inference.model import Model
from energan.samplers.chains import Map, Trace
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.hardware import fits_in_memory

TWO = "a walk needs two classes or more, with commas between, and two frames or more of each leg"


class Walk(NamedTuple):
    """A walk through noise.

    films  a row for each leg
    tour   the legs as one film that ends where it began; None of separate ones
    first  the noise that each leg starts from, by its name
    """

    films: UInt8[Tensor, "n frames c h w"]
    tour: UInt8[Tensor, "1 m c h w"] | None
    first: dict[str, Tensor]


def through_noise(
    model: Model, pairs: int, frames: int, loop: bool, seed: int, held: Float[Tensor, "1 d"] | None = None
) -> Walk:
    """Walks from sample to sample: `pairs` separate legs, or a loop through as many samples.

    held: what all images are asked for; None: of a pair, what its first sample was, and of a loop, what the very first
    was. UserError for fewer than two frames, a loop of one sample, and what does not fit into memory.
    """
    at_least(2, frames=frames)
    if loop:
        at_least(2, pairs=pairs)
    fits_in_memory("frames", frames * pairs, 4 * prod(model.shape or (1,)))
    n, kinds = pairs if loop else 2 * pairs, model.distributions
    rows = model.noise_of(range(n), seed, conditions=None if held is None else held.expand(n, -1))
    if loop:
        first = rows | {name: rows[name][:1].expand_as(rows[name]) for name in rows if not moves(name, kinds)}
        last = {name: z.roll(-1, 0) for name, z in first.items()}
    else:
        first, last = ({name: z[i::2] for name, z in rows.items()} for i in (0, 1))
        last |= {name: first[name] for name in rows if not moves(name, kinds)}
    films = model.interpolate(first, last, frames)
    tour = films[:, :-1].flatten(0, 1)[None] if loop else None  # the last frame of a leg is the next one's first
    return Walk(films, tour, first)


def moves(name: str, kinds: Mapping[str, Distribution]) -> bool:
    """Whether the noise is walked through: conditions and categories are held."""
    return name in kinds and kinds[name].kind != "category"


def at_fixed_noise(
    model: Model, stops: Float[Tensor, "k d"], frames: int, n: int, seed: int
) -> UInt8[Tensor, "n m c h w"]:
    """n rows of noise, each asked for points of the straight lines between the stops.

    UserError for fewer than two stops or frames, and for what does not fit into memory.
    """
    if len(stops) < 2 or frames < 2:
        raise UserError(TWO)
    fits_in_memory("n", n * frames * len(stops), 2 * prod(model.shape or (1,)))
    weights = torch.linspace(0, 1, frames)[:, None]
    legs = [torch.lerp(a[None], b[None], weights) for a, b in pairwise(stops)]
    c = torch.cat([legs[0], *(leg[1:] for leg in legs[1:])])
    return torch.stack([model.sample(n, seed, conditions=row.expand(n, -1)) for row in c], 1)


def by_a_chain(
    s: GuidedRun, stops: Sequence[int], frames: int, seed: int, logits: Map | None = None
) -> tuple[UInt8[Tensor, "legs 2 frames c h w"], list[Trace]]:
    """One chain from class to class, beside the straight line between the codes where it turned; and its traces.

    logits: the classifier, where a progress bar counts its calls. UserError for fewer than two stops or frames.
    """
    if len(stops) < 2 or frames < 2:
        raise UserError(TWO)
    traces: list[Trace] = []
    for i, c in enumerate(stops):
        start = traces[-1].codes[-1] if traces else None
        traces.append(s.run_chains(torch.tensor([c]), seed=seed + i, logits=logits, start=start, keep=1))
    return torch.stack([_leg(s, trace, frames) for trace in traces[1:]]), traces


def _leg(s: GuidedRun, trace: Trace, frames: int) -> UInt8[Tensor, "2 frames c h w"]:
    """Images of the chain, and of the straight line between the codes of its ends."""
    assert trace.images is not None
    steps = torch.linspace(0, s.chain.steps, frames).round().long()
    ends = trace.codes[[0, -1], 0]
    weights = torch.linspace(0, 1, frames, device=ends.device).view(-1, *[1] * (ends.dim() - 1))
    with torch.no_grad():
        line = s.maps.decode(torch.lerp(ends[:1], ends[1:], weights))
    return to_bytes(torch.stack([trace.images[steps, 0], line])).cpu()


@isolated(gradients=False)
def at_once(model: Model, noise: Mapping[str, Tensor]) -> UInt8[Tensor, "n c h w"]:
    """The images of a few rows of sound noise, soon: for what follows a hand.

    `Model.decode` draws a whole chunk always, so that an image never depends on how many are drawn; here a grey level
    may be off by one.
    """
    inputs = model.generator.inputs
    n = len(next(iter(noise.values())))
    unread = dict(zip(inputs, model.noise(n, model.noise_of_seed(0)), strict=True))  # of training alone
    rows = [noise[name].to(z) if name in noise else z for name, z in unread.items()]
    return to_bytes(model.generator(*rows)).cpu()
