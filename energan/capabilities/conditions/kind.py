"""What is shown and measured of a system that is asked for one kind of thing: classes, sentences, attributes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, final

from jaxtyping import Float
from torch import Tensor

from energan.capabilities.capability import Measurement, Preview, Section
from energan.data import ImageSet
from energan.experiment import Experiment
from energan.runs.reader import Json, RunFiles


@final
class Asked(NamedTuple):
    """What a sheet asks for, a row each.

    names  in words; () where there are none
    rows   what G is given as b.c
    """

    names: tuple[str, ...]
    rows: Float[Tensor, "k d"]


@final
class Kind(NamedTuple):
    """One kind of `Conditions`. What there is nothing to say of is None; run folders from elsewhere may lack anything.

    asked     (experiment, training images) -> what the rows of the sheets show. None: what the first training images do
    prepare   (experiment, training images) -> what `preview` compares with; once, before the first step
    preview   (preview, prepared) logs metrics, where they are due; the sheet is shown already
    measure   measurement -> entries of evaluation.json; those of "conditions" are joined with what the sheet shows
    summary   evaluation.json's "conditions" -> what was measured, in words
    metrics   what the metrics mean, as a Capability's
    sections  run folder -> sections of the report
    """

    asked: Callable[[Experiment, ImageSet], Asked] | None = None
    prepare: Callable[[Experiment, ImageSet], Any] | None = None
    preview: Callable[[Preview, Any], None] | None = None
    measure: Callable[[Measurement], dict[str, Any]] | None = None
    summary: Callable[[Json], str] | None = None
    metrics: Mapping[str, tuple[str, str]] = MappingProxyType({})
    sections: Callable[[RunFiles], list[Section]] | None = None
