"""What a capability is: how it looks while a run trains, how it is measured, what the report shows, what it serves.

This module knows no capability and no game.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.data import ImageSet
from energan.data.image_set import fixed_subset
from energan.engine.game import Game, Source
from energan.experiment import Experiment
from energan.inference.model import Model
from energan.runs.reader import Json, RunFiles, sequence


@final
@dataclass
class Preview:
    """A run that is looked at while it trains.

    model      the game as it stands
    images     training images as the nets see them
    metrics    whether metrics are due, too: they take longer than pictures
    show       takes a sheet of images, (n, c, h, w) uint8, and how many stand in a row (None: about as many as rows),
               for the run folder and TensorBoard
    log        takes metrics by name, and how many images they are of
    write      takes one line of log.jsonl
    save_best  takes a Fréchet distance: a checkpoint is kept if it is the least so far
    data       the batches of the training
    step       how many steps are done
    """

    experiment: Experiment
    model: Model
    images: UInt8[Tensor, "n c h w"]
    metrics: bool
    show: Callable[[UInt8[Tensor, "n c h w"], int | None], None]
    log: Callable[[dict[str, float], int], None]
    write: Callable[[dict[str, Any]], None]
    save_best: Callable[[float], None]
    data: Source
    step: int = 0
    _samples: Tensor | None = None

    def asked(self, n: int) -> Float[Tensor, "n d"] | None:
        """What n samples are asked for (`asked_in_training`)."""
        return asked_in_training(self.model.game, self.data, n)

    def samples(self, n: int) -> UInt8[Tensor, "n c h w"]:
        """The first n samples of seed 0, asked for what training images show; they are drawn once."""
        if self._samples is None or len(self._samples) < n:
            self._samples = self.model.sample(n, seed=0, conditions=self.asked(n))
        return self._samples[:n]

    def training_images(self, n: int) -> UInt8[Tensor, "n c h w"]:
        """At most n training images, always the same."""
        return self.images[fixed_subset(len(self.images), n)]


@final
@dataclass
class Measurement:
    """A run folder that is measured: n samples, and at most n real images.

    training   training images as the nets see them
    pictures   whether training images near to samples are looked for and drawn, too: numbers alone take less time
    step       of the checkpoint
    kept       what a capability has computed once for its measure and its finish, by name
    """

    folder: Path
    experiment: Experiment
    model: Model
    training: ImageSet
    n: int
    seed: int
    pictures: bool = True
    step: int = 0
    kept: dict[str, Tensor] = field(default_factory=dict)
    _samples: Tensor | None = None

    def asked(self, n: int) -> Float[Tensor, "n d"] | None:
        """What n samples are asked for (`asked_in_training`)."""
        if self.model.game.conditions is None:
            return None
        return asked_in_training(self.model.game, self.experiment.batches(self.training), n)

    def samples(self, n: int) -> UInt8[Tensor, "n c h w"]:
        """The first n samples of the seed, asked for what training images show; they are drawn once."""
        if self._samples is None or len(self._samples) < n:
            self._samples = self.model.sample(n, self.seed, conditions=self.asked(n))
        return self._samples[:n]

    @property
    def sample_count(self) -> int:
        """How many samples there are already."""
        return 0 if self._samples is None else len(self._samples)


def asked_in_training(game: Game, data: Source, n: int) -> Float[Tensor, "n d"] | None:
    """What the images of the first batches show, n of them: in the proportion that the training images have.

    So generated and real images are mixtures of the same classes, and their distance is not one of the mixtures. None
    where a system cannot be asked, or draws its conditions as training has them by itself.
    """
    conditions = game.conditions
    if conditions is None or conditions.draw is not None:
        return None
    rows: list[Tensor] = []
    while sum(map(len, rows)) < n:
        rows.append(data(len(rows))[conditions.data].cpu())
    return torch.cat(rows)[:n]


@final
class Section(NamedTuple):
    """A section of the report.

    id        the anchor, such as "classifier"; of two sections with one id, the first is shown
    title     its name in the page's navigation
    template  an HTML file, from the folder capabilities/
    values    what the template reads as `section`
    late      whether it stands after the curves of the training
    headline  a sentence for the head of the page
    """

    id: str
    title: str
    template: str
    values: object
    late: bool = False
    headline: str = ""


@final
class Sheets(NamedTuple):
    """What the sheets in the run folder's samples/ show, in words of the report."""

    plural: str  # "Samples"
    last: str  # the beginning of the last one's caption
    what: str  # how it goes on, before the step
    frame: str  # text instead of the picture of one step
    over_time: str  # a sentence on all of them in turn


@final
class Capability(NamedTuple):
    """One thing that a trained system can do. What a capability has nothing to say of is None.

    readout   the field of Game that it stands on: a game has the capability where that field is not None
    serves    commands that need it
    verb      what it lets a user do, as in "it can draw images"

    While a run trains:
    validate  (experiment, images) raises UserError for what cannot be measured later; before anything is written
    prepare   (experiment, images) -> what `preview` compares with; once, before the first step
    preview   (preview, prepared) shows how training goes
    best      False: no checkpoint is kept as the best, whatever other capabilities say of it

    Afterwards:
    measure   measurement -> entries of evaluation.json; of "metrics", those of all capabilities are joined
    summary   evaluation.json, as far as it is there -> what was measured, in words
    metrics   what the metrics mean: by the word that a name holds, (which way is better, what it says)
    own       metrics that its sections show, and no other
    diagnosis  what is measured at each look, to judge training by: (which way is better, what it says), by name
    sheets    what its previews show
    sections  run folder -> sections of the report
    finish    measurement -> what it wrote into the run folder, in words, or ""; at the end of training
    """

    readout: str
    serves: tuple[str, ...]
    verb: str
    validate: Callable[[Experiment, ImageSet], object] | None = None
    prepare: Callable[[Experiment, ImageSet], Any] | None = None
    preview: Callable[[Preview, Any], None] | None = None
    best: bool = True
    measure: Callable[[Measurement], dict[str, Any]] | None = None
    summary: Callable[[Json], str] | None = None
    metrics: Mapping[str, tuple[str, str]] = MappingProxyType({})
    own: tuple[str, ...] = ()
    diagnosis: Mapping[str, tuple[str, str]] = MappingProxyType({})
    sheets: Sheets | None = None
    sections: Callable[[RunFiles], list[Section]] | None = None
    finish: Callable[[Measurement], str] | None = None

    def of(self, game: Game) -> bool:
        """Whether the game has this capability."""
        return getattr(game, self.readout) is not None

    def of_run(self, run: RunFiles) -> bool:
        """Whether the run's game has this capability, as run.json says."""
        return self.readout in sequence(run.game.get("readouts"))
