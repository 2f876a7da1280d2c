"""An entry of the campaign: one long reproduction, its models, and how they are measured."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxtyping import UInt8
from torch import Tensor

from energan.data import load
from energan.engine import Ensemble, Trainer
from energan.utils.hardware import pick_precision


class Look(NamedTuple):
    """What was measured of the models at one step.

    values: name -> one number for each model; sheet: images to look at, of so many columns
    """

    values: Mapping[str, Sequence[float]]
    sheet: UInt8[Tensor, "n c h w"] | None = None
    columns: int = 16


class Models(NamedTuple):
    """The models of some seeds, at step 0: what trains them, and what measures them as they are."""

    player: Trainer | Ensemble
    look: Callable[[], Look]


class Conditions(NamedTuple):
    """Where and at which length entries are played.

    toy: a few steps of small nets, on 8 x 8 digits; tf32: whether products in float32 are of NVIDIA's shorter numbers
    """

    toy: bool
    device: str
    tf32: bool = False

    def precision(self) -> str:
        """That of a model trained alone: bf16 where the device multiplies it natively."""
        return pick_precision("auto", self.device)


class Entry(NamedTuple):
    """One long reproduction. Its results are kept by (name, seed).

    name      in results/ and on the command line
    table     the title of its table; entries of one title follow one another
    about     its row
    steps     its length
    seeds     one model each; of other axes than "seed" (a margin, a configuration's number) each has a row of its own
    settings  all else that decides what comes out: results of other settings are never merged
    build     (seeds, device) -> their models at step 0. UserError where data or an encoder are missing
    shown     the values of a look that its table shows
    together  whether all seeds are trained as one program, else one after another
    looks     how often it is measured, but for step 0
    alike     what entries share whose steps take equally long; "": the entry alone
    best      the value by whose largest a look is chosen for the table; "": the last look
    published what the paper has
    open      what the paper leaves open, and what was taken
    needs     what must be in the cache folder: name -> what brings it there
    """

    name: str
    table: str
    about: str
    steps: int
    seeds: tuple[int, ...]
    settings: Mapping[str, Any]
    build: Callable[[Sequence[int], str], Models]
    shown: tuple[str, ...]
    together: bool = False
    looks: int = 4
    axis: str = "seed"
    alike: str = ""
    best: str = ""
    published: str = ""
    open: str = ""
    needs: Mapping[str, Callable[[], object]] = {}

    def units(self) -> list[tuple[int, ...]]:
        """The seeds that are trained together, and so are one piece of work."""
        return [self.seeds] if self.together else [(seed,) for seed in self.seeds]

    def due(self) -> set[int]:
        """The steps at which it is measured."""
        return {round(i * self.steps / self.looks) for i in range(self.looks + 1)}


def images_of(name: str) -> dict[str, Callable[[], object]]:
    """The need of a named set."""
    return {f"the images of {name}": lambda: [load(name, split) for split in ("train", "test")]}
