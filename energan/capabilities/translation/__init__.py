"""Translation: pictures of one domain become pictures of another. `Game.translate` makes them."""

from energan.capabilities.capability import Capability
from energan.capabilities.translation import measure, preview, section

CAPABILITY = Capability(
    readout="translate",
    serves=("translate", "upscale"),
    verb="make pictures of pictures",
    prepare=preview.prepare,
    preview=preview.preview,
    measure=measure.measure,
    summary=measure.summary,
    metrics=measure.METRICS,
    sheets=section.SHEETS,
    sections=section.sections,
)
