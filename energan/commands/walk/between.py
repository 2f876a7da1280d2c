"""Walks between classes or sentences: by one guided chain, or along a straight line at fixed noise."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.commands.explore.guided_run import GuidedRun
    from energan.inference.model import Model
    from energan.samplers.chains import Trace

TWO = "a walk needs two classes or more, with commas between, and two frames or more of each leg"


def walk_by_a_chain(s: "GuidedRun", stops: Sequence[int], frames: int, seed: int, out: Path) -> int:
    """One chain from class to class, beside the straight line between the codes where it turned: sheet and film."""
    import torch

    from energan.inference.guided import final_images
    from energan.utils.films import save_films

    if len(stops) < 2 or frames < 2:
        raise UserError(TWO)
    logits = s.logits_with_progress(len(stops), 1)
    traces: list[Trace] = []
    for i, c in enumerate(stops):
        start = traces[-1].codes[-1] if traces else None
        traces.append(s.run_chains(torch.tensor([c]), seed=seed + i, logits=logits, start=start, keep=1))
    legs = torch.stack([_leg(s, trace, frames) for trace in traces[1:]])  # (legs, 2, frames, c, h, w)
    written = save_films(legs.flatten(0, 1), out, legs.transpose(0, 1).flatten(1, 2))
    rows = s.probabilities(torch.cat([final_images(trace) for trace in traces])).tolist()
    shares = ", ".join(f"{s.classes[c]}: {100 * row[c]:.0f} %" for c, row in zip(stops, rows, strict=True))
    say(f"{written}: chain and straight line; the classifier gives each class where it was led: {shares}")
    return 0


def walk_at_fixed_noise(
    model: "Model", stops: "Tensor", names: list[str], frames: int, n: int, seed: int, out: Path
) -> int:
    """n rows of noise, each asked for points of the straight lines between the stops: sheet and film."""
    import torch

    from energan.utils.films import save_films
    from energan.utils.hardware import fits_in_memory

    if len(stops) < 2 or frames < 2:
        raise UserError(TWO)
    fits_in_memory("n", n * frames * len(stops), 2 * prod(model.shape or (1,)))
    weights = torch.linspace(0, 1, frames)[:, None]
    legs = [torch.lerp(a[None], b[None], weights) for a, b in pairwise(stops)]
    c = torch.cat([legs[0], *(leg[1:] for leg in legs[1:])])
    films = torch.stack([model.sample(n, seed, conditions=row.expand(n, -1)) for row in c], 1)
    say(f"{save_films(films, out)}: from {' to '.join(names)}, {n} rows of fixed noise, {len(c)} frames each")
    return 0


def _leg(s: "GuidedRun", trace: "Trace", frames: int) -> "Tensor":
    """Images of the chain, and of the straight line between the codes of its ends: (2, frames, c, h, w), bytes."""
    import torch

    from energan.data.pixels import to_bytes

    assert trace.images is not None
    steps = torch.linspace(0, s.chain.steps, frames).round().long()
    ends = trace.codes[[0, -1], 0]
    weights = torch.linspace(0, 1, frames, device=ends.device).view(-1, *[1] * (ends.dim() - 1))
    with torch.no_grad():
        line = s.maps.decode(torch.lerp(ends[:1], ends[1:], weights))
    return to_bytes(torch.stack([trace.images[steps, 0], line])).cpu()
