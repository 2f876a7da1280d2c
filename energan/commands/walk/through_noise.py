"""Walks through noise from sample to sample, and how evenly the images change on the way."""

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from energan.utils.checks import at_least
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
    from energan.runs.probes import Finding, picture_of, write_finding
    from energan.utils.films import save_films
    from energan.utils.hardware import fits_in_memory

    at_least(2, frames=walk.frames)
    if walk.loop:
        at_least(2, pairs=walk.pairs)
    fits_in_memory("frames", walk.frames * walk.pairs, 4 * prod(model.shape or (1,)))
    n = walk.pairs if walk.loop else 2 * walk.pairs
    rows = model.noise_of(range(n), walk.seed, conditions=None if held is None else held.expand(n, -1))
    kinds = model.distributions
    if walk.loop:
        fixed = {name: rows[name][:1].expand_as(rows[name]) for name in rows if not _moves(name, kinds)}
        first = rows | fixed
        last = {name: z.roll(-1, 0) for name, z in first.items()}
    else:
        first, last = ({name: z[i::2] for name, z in rows.items()} for i in (0, 1))
        last |= {name: first[name] for name in rows if not _moves(name, kinds)}
    films = model.interpolate(first, last, walk.frames)
    tour = films[:, :-1].flatten(0, 1)[None] if walk.loop else None  # the last frame of a leg is the next one's first
    written = save_films(films, picture_of(folder, "walk") if out is None else out, tour)
    classes = first["c"].argmax(1).tolist() if model.classes and "c" in first else None
    steps = largest_steps(films, folder, record, walk.network, walk.data, classes)
    lines = " and ".join(_line(name, kinds) for name in rows if _moves(name, kinds))
    what = f"a film of {walk.pairs} samples that ends where it began" if walk.loop else f"{walk.pairs} pairs of samples"
    said = f"{what}, {walk.frames} frames from one to the next, {lines}{in_words(steps)}"
    if out is None:
        shown = "a walk from one sample to the next in each row"
        found = Finding("Walk through noise", f"{said}.", step_of(folder, walk.checkpoint), numbers_of(steps), shown)
        write_finding(folder, "walk", found)
    say(f"{written}: {said}")
    return 0


def _moves(name: str, kinds: "Mapping[str, Distribution]") -> bool:
    """Whether the noise is walked through: conditions and categories are held."""
    return name in kinds and kinds[name].kind != "category"


def _line(name: str, kinds: "Mapping[str, Distribution]") -> str:
    return f"{name} along {'a great circle' if kinds[name].kind == 'normal' else 'a straight line'}"
