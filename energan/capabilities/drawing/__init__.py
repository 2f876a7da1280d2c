"""Drawing: images from noise, in one pass. `Game.sample` makes them."""

from energan.capabilities import reference
from energan.capabilities.capability import Capability
from energan.capabilities.drawing import measure, preview, section

CAPABILITY = Capability(
    readout="sample",
    serves=("sample", "walk", "arithmetic", "traverse", "project", "neighbours", "forget", "probe"),
    verb="draw images from noise",
    prepare=reference.reference_features,
    preview=preview.preview,
    measure=measure.measure,
    summary=measure.summary,
    metrics=measure.METRICS,
    sheets=section.SAMPLES,
    sections=section.sections,
)
