"""Energies: how unlike the training data an image is. `Game.energy` reads them."""

from energan.capabilities.capability import Capability
from energan.capabilities.energies import calibrate, measure, preview, section

CAPABILITY = Capability(
    readout="energy",
    serves=("score", "probe"),
    verb="score images by their energy",
    preview=preview.preview,
    measure=measure.measure,
    metrics=measure.METRICS,
    diagnosis=preview.MEANINGS,
    sections=section.sections,
    finish=calibrate.finish,
)
