"""How images of one's own are loaded and shown: the flags that the recipes for them share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from energan.recipes.common import resized
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from energan.data import ImageSet
    from energan.experiment import Experiment


class Views(NamedTuple):
    """How images are loaded and shown, as the flags of recipes for any images have it."""

    size: int  # pixels a side, of what the nets see
    channels: int
    only: tuple[str, ...]
    centre: int
    patches: int
    flip: bool
    augment: tuple[str, ...]

    @property
    def prepare(self) -> "Callable[[str, str], ImageSet]":
        if self.patches and self.patches < self.size:
            raise UserError(f"`patches` must be {self.size} or more, the side of what is cut out, got {self.patches}")
        return resized(self.patches or self.size, self.channels, self.centre, self.only)

    def generator(self, G: "nn.Module") -> "nn.Module":
        """G, whose images are augmented while it trains if real ones are.  UserError for an unknown augmentation."""
        from energan.data.diffaugment import Augmented

        return Augmented(G, self.augment) if self.augment else G

    def of(self, made: "Experiment") -> "Experiment":
        """The run with its batches shown so."""
        return made._replace(
            prepare_any=resized(self.patches or self.size, self.channels, self.centre),
            crop=self.size if self.patches else None,
            flip=self.flip,
            augment=tuple(self.augment),
        )
