"""Inversion: images to codes and back, and chains over codes that any classifier guides. `Game.codes` has the maps."""

from energan.capabilities import reference
from energan.capabilities.capability import Capability
from energan.capabilities.inversion import measure, preview, section

CAPABILITY = Capability(
    readout="codes",
    serves=("sample", "invert", "inpaint", "walk", "excite", "probe"),
    verb="reconstruct images from codes, and draw by guided chains",
    prepare=reference.reference_features,
    preview=preview.preview,
    measure=measure.measure,
    summary=measure.summary,
    metrics=measure.METRICS,
    sheets=section.RECONSTRUCTIONS,
    sections=section.sections,
)
