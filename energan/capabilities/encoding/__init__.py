"""Encoding: the noise that would draw an image, read from it. `Game.encode` reads it."""

from energan.capabilities.capability import Capability
from energan.capabilities.encoding import measure, preview, section

CAPABILITY = Capability(
    readout="encode",
    serves=("invert", "probe"),
    verb="encode images",
    prepare=preview.prepare,
    preview=preview.preview,
    measure=measure.measure,
    summary=measure.summary,
    metrics=measure.METRICS,
    sections=section.sections,
)
