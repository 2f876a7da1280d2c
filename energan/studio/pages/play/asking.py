"""What can be done with a run, as its game says; and what a page asks it for, the same for all its tools."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from energan.engine.noise import Distribution
    from energan.explore.asked import Attribute
    from energan.inference.model import Model


@final
class Able(NamedTuple):
    """What a run's system can do.

    serves      the commands that its capabilities serve
    chains      whether it draws by chains
    kind        what it is asked for: "classes", "text", "attributes"; "" for nothing
    classes     their names, of a run that draws classes, or whose chains are led to them
    attributes  those that it can be asked for
    noise       the distribution of each noise that images are drawn from; of chains none
    """

    serves: frozenset[str]
    shape: tuple[int, int, int]
    chains: bool
    kind: str
    classes: tuple[str, ...]
    attributes: "tuple[Attribute, ...]"
    noise: "Mapping[str, Distribution]"

    def does(self, command: str) -> bool:
        """Whether a command can be given to it."""
        return command in self.serves

    @property
    def moves(self) -> bool:
        """Whether there is noise between whose points one can go."""
        return any(kind.kind != "category" for kind in self.noise.values())

    @property
    def truncates(self) -> bool:
        """Whether samples can be drawn from noise near its mean."""
        return self.moves and all(kind.kind != "unknown" for kind in self.noise.values())


def able(model: "Model", folder: Path, record: Mapping[str, Any]) -> Able:
    """What the run's system can do. UserError for a damaged record."""
    from energan import capabilities
    from energan.explore.asked import attributes_of
    from energan.explore.class_names import class_names
    from energan.explore.guided_run import open_guided_run

    game = model.game
    serves = frozenset(command for each in capabilities.of(game) for command in each.serves)
    chains, names = game.codes is not None, tuple(map(str, record["classes"]))
    kind = game.conditions.kind if game.conditions else ("classes" if game.sample and model.classes else "")
    attributes = tuple(attributes_of(record, folder)) if kind == "attributes" else ()
    if chains:
        classes, noise = open_guided_run(model, folder).classes, {}
    else:
        classes = class_names(names, model.classes) if game.sample and model.classes else ()
        noise = dict(model.distributions) if game.sample else {}
    shape = model.shape or (1, 1, 1)
    return Able(serves, shape, chains, "" if chains else kind, classes, attributes, noise)


@final
class Wish(NamedTuple):
    """What is asked for. class_index: None for what comes; values: (place, value) of attributes that are set."""

    seed: int = 0
    checkpoint: str = ""
    class_index: int | None = None
    text: str = ""
    values: tuple[tuple[int, float], ...] = ()

    def rows(
        self, model: "Model", folder: Path, record: Mapping[str, Any], numbers: Sequence[int]
    ) -> "Float[Tensor, 'n d'] | None":
        """What samples of those numbers are asked for, a row each; None: what they come as.

        Attributes that are not set are those that a sample comes with. UserError where the run cannot be asked so.
        """
        if not self.values:
            held = self.held(model, folder, record)
            return None if held is None else held.expand(len(numbers), -1)
        c = model.conditions(max(numbers) + 1, self.seed)[list(numbers)]
        for place, value in self.values:
            if place >= c.shape[1]:
                raise UserError(f"{folder}'s run.json is damaged: it names more attributes than {c.shape[1]}")
            c[:, place] = value
        return c

    def held(self, model: "Model", folder: Path, record: Mapping[str, Any]) -> "Float[Tensor, '1 d'] | None":
        """What all samples are asked for; of attributes, with those of the first sample where none is set."""
        import torch

        from energan.explore.said import codes_of

        if self.values:
            return self.rows(model, folder, record, [0])
        if self.text.strip():
            return codes_of(model, folder, record, [self.text])
        if self.class_index is None or not model.classes:
            return None
        if not 0 <= self.class_index < model.classes:
            raise UserError(f"there is no class {self.class_index}: this run draws {model.classes}")
        return torch.eye(model.classes)[[self.class_index]]

    def stays(self, model: "Model", can: Able, number: int) -> str:
        """What the images that are moved from a sample of that number are asked for, where nothing is; "" for nothing.

        Moving changes noise, and not what the first sample was asked for, which must be told.
        """
        if not can.kind or self.class_index is not None or self.text.strip() or self.values:
            return ""
        same = f"All are asked for what sample {number} is"
        if can.kind != "classes":
            return f"{same}."
        c = int(model.conditions(number + 1, self.seed)[number].argmax())
        return f"{same}, the class {can.classes[c]}: choose another class above."
