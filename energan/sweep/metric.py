"""A metric of evaluation.json, and which way is better."""

from typing import NamedTuple, final


@final
class Metric(NamedTuple):
    """A metric by its name in evaluation.json. `way` is "lower" or "higher", which is better, or "" if neither is."""

    name: str
    way: str
    meaning: str

    @property
    def sentence(self) -> str:
        """What it says."""
        meaning = self.meaning or "a metric of evaluation.json"
        return f"{meaning[0].upper()}{meaning[1:]}."

    def key(self, value: float) -> float:
        """Less is better; a metric of which neither is better counts from its least."""
        return -value if self.way == "higher" else value


def known(name: str) -> Metric:
    """The metric of that name, as far as a capability tells what it means."""
    from energan.capabilities import CAPABILITIES

    words = {word: entry for capability in CAPABILITIES.values() for word, entry in capability.metrics.items()}
    held = max((word for word in words if word in name), key=len, default="")
    way, meaning = words.get(held, ("", ""))
    return Metric(name, way, meaning)
