"""Drawing what is asked for: a class, attributes, a sentence. `Game.conditions` says what a system can be asked.

kind.py     what a kind of conditions says of itself; KINDS has a row for each, and a folder here
sheet.py    the sheet of all kinds: a row for each thing asked for, the columns share their noise
"""

from energan.capabilities.capability import Capability
from energan.capabilities.conditions import measure, preview, section
from energan.capabilities.conditions.kinds import KINDS

CAPABILITY = Capability(
    readout="conditions",
    serves=(),
    verb="draw what it is asked for",
    prepare=preview.prepare,
    preview=preview.preview,
    measure=measure.measure,
    summary=measure.summary,
    metrics={name: meaning for kind in KINDS.values() for name, meaning in kind.metrics.items()},
    sheets=section.ASKED,
    sections=section.sections,
)
