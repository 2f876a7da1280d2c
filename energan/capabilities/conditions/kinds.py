"""The kinds of things that systems are asked for, each in a folder here."""

from energan.capabilities.conditions import attributes, classes, text
from energan.capabilities.conditions.kind import Kind
from energan.engine.game import Game
from energan.runs.reader import RunFiles, mapping

KINDS: dict[str, Kind] = {  # by `Conditions.kind`
    "attributes": attributes.KIND,
    "classes": classes.KIND,
    "text": text.KIND,
}


def kind_of(game: Game) -> Kind:
    """The kind of what a game can be asked; one that says nothing, where it has no row."""
    return KINDS.get(game.conditions.kind, Kind()) if game.conditions else Kind()


def kind_of_run(run: RunFiles) -> Kind:
    """The kind of what a run's game can be asked, as run.json says, or, of an older run, its evaluation."""
    conditions = mapping(run.game.get("conditions")) or mapping(run.json("evaluation.json").get("conditions"))
    return KINDS.get(str(conditions.get("kind")), Kind())
