"""Walks between classes or sentences: by one guided chain, or along a straight line at fixed noise."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from energan.explore.guided_run import GuidedRun
    from energan.inference.model import Model


def walk_by_a_chain(s: "GuidedRun", stops: Sequence[int], frames: int, seed: int, out: Path) -> int:
    """One chain from class to class, beside the straight line between the codes where it turned: sheet and film."""
    import torch

    from energan.explore.walks import TWO, by_a_chain
    from energan.inference.guided import final_images
    from energan.utils.films import save_films

    if len(stops) < 2 or frames < 2:
        raise UserError(TWO)  # before there is a progress bar
    legs, traces = by_a_chain(s, stops, frames, seed, s.logits_with_progress(len(stops), 1))
    written = save_films(legs.flatten(0, 1), out, legs.transpose(0, 1).flatten(1, 2))
    rows = s.probabilities(torch.cat([final_images(trace) for trace in traces])).tolist()
    shares = ", ".join(f"{s.classes[c]}: {100 * row[c]:.0f} %" for c, row in zip(stops, rows, strict=True))
    say(f"{written}: chain and straight line; the classifier gives each class where it was led: {shares}")
    return 0


def walk_at_fixed_noise(
    model: "Model", stops: "Tensor", names: list[str], frames: int, n: int, seed: int, out: Path
) -> int:
    """n rows of noise, each asked for points of the straight lines between the stops: sheet and film."""
    from energan.explore.walks import at_fixed_noise
    from energan.utils.films import save_films

    films = at_fixed_noise(model, stops, frames, n, seed)
    count = films.shape[1]
    say(f"{save_films(films, out)}: from {' to '.join(names)}, {n} rows of fixed noise, {count} frames each")
    return 0
