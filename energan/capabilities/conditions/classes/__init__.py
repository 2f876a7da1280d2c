"""Classes: whether a class that is asked for is seen, by a judge that had no part in the training."""

from energan.capabilities.conditions.classes import measure, preview, section
from energan.capabilities.conditions.kind import Kind

KIND = Kind(
    asked=preview.asked,
    prepare=preview.prepare,
    preview=preview.preview,
    measure=measure.measure,
    summary=measure.summary,
    metrics=measure.METRICS,
    sections=section.sections,
)
