"""What a trained system can do, one folder a capability; the same names in each, absent where there is nothing to say.

    __init__.py    the Capability: which field of Game it stands on, which commands need it
    preview.py     how it looks while a run trains
    measure.py     how it is measured
    section.py     what the report shows of it

A capability knows games by their readouts alone. Training, evaluation, the report and the commands go through
CAPABILITIES and know none by name: a new capability is a folder here and a row below.
"""

from energan.capabilities import classification, conditions, drawing, encoding, energies, inversion, translation
from energan.capabilities.capability import Capability, Measurement, Preview, Section, Sheets
from energan.engine.game import Game
from energan.runs.reader import RunFiles
from energan.utils.errors import UserError

CAPABILITIES: dict[str, Capability] = {  # in the order in which they are measured and shown
    "classification": classification.CAPABILITY,
    "conditions": conditions.CAPABILITY,
    "drawing": drawing.CAPABILITY,
    "encoding": encoding.CAPABILITY,
    "inversion": inversion.CAPABILITY,
    "translation": translation.CAPABILITY,
    "energies": energies.CAPABILITY,
}

__all__ = ["CAPABILITIES", "Capability", "Measurement", "Preview", "Section", "Sheets", "of", "of_run", "require"]


def of(game: Game) -> list[Capability]:
    """The capabilities that a game has."""
    return [capability for capability in CAPABILITIES.values() if capability.of(game)]


def of_run(run: RunFiles) -> list[Capability]:
    """The capabilities that a run's game has."""
    return [capability for capability in CAPABILITIES.values() if capability.of_run(run)]


def require(game: Game, command: str) -> None:
    """Checks that the game has a capability that serves the command.

    Raises:
        UserError: It has none; the sentence says what the command needs and what the game can do.
    """
    had = of(game)
    if not any(command in each.serves for each in had):
        needed = " or ".join(each.verb for each in CAPABILITIES.values() if command in each.serves)
        can = " and ".join(each.verb for each in had) or "nothing that commands ask for"
        raise UserError(f"`energan {command}` needs a system that can {needed}; this run's can {can}")
