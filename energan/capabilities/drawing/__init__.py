"""Drawing: images from noise, in one pass. `Game.sample` makes them."""

from energan.capabilities.capability import Capability
from energan.capabilities.drawing import diagnosis, measure, preview, section

CAPABILITY = Capability(
    readout="sample",
    serves=("sample", "walk", "arithmetic", "traverse", "project", "neighbours", "forget", "probe"),
    verb="draw images from noise",
    prepare=preview.prepare,
    preview=preview.preview,
    measure=measure.measure,
    summary=measure.summary,
    metrics=measure.METRICS,
    diagnosis=diagnosis.MEANINGS,
    sheets=section.SAMPLES,
    sections=section.sections,
)
