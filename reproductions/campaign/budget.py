"""How long a piece of work may still take."""

import time
from collections.abc import Callable, Sequence
from typing import final

MARGIN = 1.5  # times what something took before, it may take again
ENDING = 5.0  # seconds of a piece that are for its tables and pictures; of a short one a tenth


@final
class Budget:
    """The time that is left of so many minutes since `began`, and whether somebody asked to stop.

    minutes: None for no limit; caught: names of signals (energan.utils.signals.stopping).
    """

    def __init__(
        self, minutes: float | None, caught: Sequence[str], began: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._end = None if minutes is None else began + 60 * minutes - min(ENDING, 6 * minutes)
        self._caught, self.clock = caught, clock

    def left(self) -> float:
        """Seconds."""
        return float("inf") if self._end is None else self._end - self.clock()

    def allows(self, seconds: float) -> bool:
        """Whether something that took so long before may begin, and end in time."""
        return not self._caught and MARGIN * seconds <= self.left()
