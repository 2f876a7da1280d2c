"""Attributes: whether what is asked of each is seen, by a judge that had no part in the training."""

from energan.capabilities.conditions.attributes import measure, section
from energan.capabilities.conditions.kind import Kind

KIND = Kind(
    asked=measure.asked,
    measure=measure.measure,
    summary=measure.summary,
    metrics=measure.METRICS,
    sections=section.sections,
)
