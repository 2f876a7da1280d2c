"""Energies: how unlike the training data an image is. `Game.energy` reads them."""

from energan.capabilities.capability import Capability
from energan.capabilities.energies import measure, preview

CAPABILITY = Capability(
    readout="energy",
    serves=("score",),
    verb="score images by their energy",
    preview=preview.preview,
    measure=measure.measure,
)
