"""Sentences: whether D reads them, and, of worded digits, whether G does as they say."""

from energan.capabilities.conditions.kind import Kind
from energan.capabilities.conditions.text import measure, preview, section

KIND = Kind(
    asked=preview.asked,
    measure=measure.measure,
    summary=measure.summary,
    metrics=measure.METRICS,
    sections=section.sections,
)
