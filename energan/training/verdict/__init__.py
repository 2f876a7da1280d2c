"""A verdict on a training: what its looks say of it, in one sentence with the threshold, and what to type next.

rules.py     looks -> kind and sentence: pure functions of what was logged
commands.py  kind and settings -> the next command
of_run.py    the verdict of a run folder

It knows no game: distances, energies and settings are those that every run logs (capabilities/*/preview.py).
"""

from energan.training.verdict.of_run import Verdict, not_yet, settled, verdict, verdict_of
from energan.training.verdict.rules import KINDS, Finding, Look, flat_since, judge, looks_of, stays

__all__ = [
    "KINDS", "Finding", "Look", "Verdict", "flat_since", "judge", "looks_of", "not_yet", "settled", "stays", "verdict",
    "verdict_of",
]  # fmt: skip
