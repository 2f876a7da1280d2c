"""Walks through noise from sample to sample, and how evenly the images change on the way."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from energan.utils.console import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float
    from torch import Tensor

    from energan.engine.noise import Distribution
    from energan.inference.model import Model


class NoiseWalk(NamedTuple):
    """The settings of a walk: the flags of the command."""

    pairs: int
    frames: int
    loop: bool
    seed: int
    network: str
    data: str
    checkpoint: str


def walk_through_noise(
    model: "Model",
    folder: Path,
    record: dict[str, Any],
    held: 'Float[Tensor, "1 d"] | None',
    walk: NoiseWalk,
    out: Path | None,
) -> int:
    """Draws the walk: sheet and film. out: where to; None: into the run's folder, with what was measured."""
    from energan.commands.probe.given import step_of
    from energan.commands.walk.sharpness import in_words, largest_steps, numbers_of
    from energan.explore.walks import moves, through_noise
    from energan.runs.probes import Finding, picture_of, write_finding
    from energan.utils.films import save_films

    films, tour, first = through_noise(model, walk.pairs, walk.frames, walk.loop, walk.seed, held)
    kinds = model.distributions
    written = save_films(films, picture_of(folder, "walk") if out is None else out, tour)
    classes = first["c"].argmax(1).tolist() if model.classes and "c" in first else None
    steps = largest_steps(films, folder, record, walk.network, walk.data, classes)
    lines = " and ".join(_line(name, kinds) for name in first if moves(name, kinds))
    what = f"a film of {walk.pairs} samples that ends where it began" if walk.loop else f"{walk.pairs} pairs of samples"
    said = f"{what}, {walk.frames} frames from one to the next, {lines}{in_words(steps)}"
    if out is None:
        shown = "a walk from one sample to the next in each row"
        found = Finding("Walk through noise", f"{said}.", step_of(folder, walk.checkpoint), numbers_of(steps), shown)
        write_finding(folder, "walk", found)
    say(f"{written}: {said}")
    return 0


def _line(name: str, kinds: "Mapping[str, Distribution]") -> str:
    return f"{name} along {'a great circle' if kinds[name].kind == 'normal' else 'a straight line'}"
