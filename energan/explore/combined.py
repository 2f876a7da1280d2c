"""Sheets of sums of noise, of samples or of one's own images, and of samples on their way along a turn vector."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.engine.noise import Distribution
from energan.explore.tiles import symbol
from energan.inference.codes.projection import Projection
from energan.inference.model import Model
from energan.inference.probes.arithmetic import combined, mean, neighbours, turned
from energan.runs.probes import Number

AROUND = 8  # neighbours of a sum
NEW = 5  # samples that are turned
STEPS = 9  # columns of a turn


class Concept(NamedTuple):
    """What is added, taken away, or turned to, and how it is called.

    numbers: of samples; projected: the noise of images of one's own, by its name, as `Model.project` finds it.
    """

    numbers: list[int]
    name: str
    projected: Mapping[str, Float[Tensor, " n *d"]] = MappingProxyType({})


class Made(NamedTuple):
    """The rows of a sheet, and what is said of it."""

    rows: list[UInt8[Tensor, "k c h w"]]
    title: str
    says: str
    picture: str
    numbers: Sequence[Number] = ()


class Drawn(NamedTuple):
    """A run as its samples are drawn here. held: what all are asked for; None: what the samples are as they are."""

    model: Model
    seed: int
    held: Float[Tensor, "1 d"] | None

    def summed(self, plus: Sequence[Concept], minus: Sequence[Concept], spread: float) -> Made:
        """A row for each mean: its samples, and itself; then the sum among its neighbours."""
        kinds = self.model.distributions
        added, taken = ([self._noise(each) for each in side] for side in (plus, minus))
        sums = {name: combined([n[name] for n in added], [n[name] for n in taken], kinds[name]) for name in kinds}
        generator = torch.Generator().manual_seed(self.seed)
        about = {name: neighbours(z, AROUND, kinds[name], generator, spread) for name, z in sums.items()}
        c = added[0].get("c")
        result, near = (self._draw(noise, c) for noise in (sums, about))
        rows = [self._mean_row("plus", each, noise, c) for each, noise in zip(plus, added, strict=True)]
        rows += [self._mean_row("minus", each, noise, c) for each, noise in zip(minus, taken, strict=True)]
        block = torch.cat([near[:4], result, near[4:]])
        signs = [symbol(which, block[0]) for which in ("nothing", "equals", "nothing")]
        rows += [torch.cat([sign, block[3 * i : 3 * i + 3]]) for i, sign in enumerate(signs)]
        parts = " ".join([*(f"+ {each.name}" for each in plus), *(f"- {each.name}" for each in minus)])
        lengths = [
            Number(f"length of {name}", length(sums[name], noise), "of the sum, as a share of a sample’s usual one")
            for name, noise in kinds.items()
            if noise.kind != "category"
        ]
        told = " and ".join(f"{each.name.removeprefix('length of ')} {each.value:.2f}" for each in lengths)
        says = f"{parts.removeprefix('+ ')}; the length of the sum’s noise, a sample’s being 1: {told}"
        picture = "samples and the image of their mean, a row for each term; the image of the sum among its neighbours"
        return Made(rows, "Arithmetic", says, picture, lengths)

    def turned(self, away: Concept, towards: Concept) -> Made:
        """A row for each of the two means; then samples, on their way along the difference."""
        kinds = self.model.distributions
        both = [self._noise(each) for each in (away, towards)]
        taken = {*away.numbers, *towards.numbers}
        new = self._noise(Concept([i for i in range(NEW + len(taken)) if i not in taken][:NEW], "others"))
        ways = {name: turned(new[name], both[0][name], both[1][name], STEPS, kinds[name]) for name in kinds}
        if "c" in new:
            ways["c"] = new["c"][:, None].expand(-1, STEPS, -1)
        films = self.model.decode({name: z.flatten(0, 1) for name, z in ways.items()}).unflatten(0, (-1, STEPS))
        rows = [
            self._mean_row(sign, each, noise, both[0].get("c"))
            for sign, each, noise in zip(("minus", "plus"), (away, towards), both, strict=True)
        ]
        says = f"{len(films)} samples, turned from {away.name} to {towards.name} in {STEPS - 1} steps"
        picture = (
            "samples of both sides and the images of their means; then other samples, turned further from left to right"
        )
        return Made([*rows, *films], "Turn vector", says, picture)

    def projected(self, images: UInt8[Tensor, "n c h w"], steps: int) -> Projection:
        """The noise that draws images of one's own, asked for what all are asked for."""
        asked = None if self.held is None else self.held.expand(len(images), -1)
        return self.model.project(images, steps=steps, seed=self.seed, conditions=asked)

    def _noise(self, concept: Concept) -> dict[str, Tensor]:
        """The noise of its samples, then that of its images."""
        if not concept.numbers:
            return dict(concept.projected)
        asked = None if self.held is None else self.held.expand(len(concept.numbers), -1)
        drawn = self.model.noise_of(concept.numbers, self.seed, conditions=asked)
        return {name: torch.cat([z, concept.projected[name]]) if concept.projected else z for name, z in drawn.items()}

    def _draw(self, noise: dict[str, Tensor], c: Tensor | None) -> UInt8[Tensor, "n c h w"]:
        """The images of noise, all of them asked for what the first row of c is."""
        n = len(next(iter(noise.values())))
        return self.model.decode(noise if c is None else {**noise, "c": c[:1].expand(n, -1)})

    def _mean_row(
        self, sign: str, concept: Concept, noise: dict[str, Tensor], c: Tensor | None
    ) -> UInt8[Tensor, "k c h w"]:
        kinds = self.model.distributions
        images = self.model.decode(noise)
        middle = self._draw({name: mean(noise[name], kinds[name]) for name in kinds}, c)
        marks = [symbol("plus" if sign == "plus" else "minus", images[0]), symbol("equals", images[0])]
        return torch.cat([marks[0], images, marks[1], middle])


def length(z: Float[Tensor, " 1 *d"], noise: Distribution) -> float:
    """The length of noise as a share of a sample's usual one."""
    return float(((z.double() - noise.mean) / noise.deviation).square().mean().sqrt())
