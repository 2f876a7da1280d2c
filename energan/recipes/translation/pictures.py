"""Pictures of two domains: what recipes of systems that make pictures of pictures share."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.common import Training, experiment
from energan.utils.checks import at_least, not_negative
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.engine.game import Game

LARGEST = 8192  # pixels a side


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Where pictures lie, and how they are read."""

    target: str = ""
    """The other domain: a folder or a named set; without it, --data has both: folders input and output in it (also A
    and B, trainA and trainB), or two pictures side by side in each file."""
    reverse: bool = False
    """The two domains change places: what --data calls the output is the input."""
    size: int = 64
    """Pixels a side of the squares that the nets see; larger pictures are cropped, another square each time."""
    resize: int = 0
    """Pixels a side that pictures' largest centred squares are brought to before; 0: nothing is resized."""
    channels: int = 3
    """3 for colour, 1 for grey, 4 for colour with opacity, of the input."""
    outputs: int = 3
    """3 for colour, 1 for grey, 4 for colour with opacity, of the output."""
    flip: bool = False
    """Mirror half of the pictures, of a pair both, left to right."""

    def check(self) -> None:
        """UserError for numbers that cannot be used."""
        at_least(2, size=self.size)
        not_negative(resize=self.resize)
        if max(self.size, self.resize) > LARGEST:
            name = "size" if self.size > LARGEST else "resize"
            raise UserError(f"pictures have {LARGEST} pixels a side at most here: lower `{name}`")
        for name, count in (("channels", self.channels), ("outputs", self.outputs)):
            if count not in (1, 3, 4):
                raise UserError(f"pictures have 1 (grey), 3 (RGB) or 4 (RGB and opacity) channels: `{name}` is {count}")
        if self.resize and self.resize < self.size:
            raise UserError(f"pictures resized to {self.resize} have no squares of {self.size}: raise `resize`")

    def experiment(
        self, game: "Game", system: str, data: str, training: Training, *, paired: bool = True
    ) -> Experiment:
        """The Experiment of a game with `translate`, whose batches are x and y."""
        prepare = partial(
            two_domains, target=self.target, paired=paired, reverse=self.reverse, size=self.size, resize=self.resize,
            channels=self.channels, outputs=self.outputs,
        )  # fmt: skip
        run = experiment(game, system, data, prepare, training, network="mobilenetv2", least=1)
        return run._replace(crop=self.size, flip=self.flip)


@named
def two_domains(
    source: str,
    split: str,
    *,
    target: str,
    paired: bool,
    reverse: bool,
    size: int,
    resize: int,
    channels: int,
    outputs: int,
    value_range: tuple[float, float] | None = None,
) -> "ImageSet":
    """Images and what they are to become. UserError as `data.pairs.load.load_domains`."""
    from energan.data.pairs.domains import Domains
    from energan.data.pairs.load import load_domains

    domains = Domains(paired, reverse, size, resize or None, channels, outputs)
    return load_domains(source, split, target=target, domains=domains, value_range=value_range)
