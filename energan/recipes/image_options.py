"""How images of one's own are loaded and shown: the options that the recipes for them share."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from energan.experiment import Experiment
from energan.recipes.common import resized
from energan.utils.checks import at_least
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from energan.data import ImageSet
    from energan.data.decoding.fitting import Size

Pictures = Annotated[
    str,
    arg(
        help="emoji-noto, emoji-twemoji, emoji-fluent, or your own images: folder, .zip, .npz, .parquet, LSUN's, "
        "CelebA's, ImageNet's or CIFAR-10's folder."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Views:
    """How images are loaded and shown."""

    channels: int = 3
    """3 for colour, 1 for grey, 4 for colour with opacity."""
    only: tuple[str, ...] = ()
    """Classes to train on, by name, or first..last in their order; all by default."""
    centre: int = 0
    """Cut the centred square of so many pixels out of each file first (CelebA: 108, 160); 0: the largest."""
    patches: int = 0
    """Cut random squares of the nets' size out of images of so many pixels a side (the paper's LSUN: 96); 0: none."""
    flip: bool = False
    """Mirror half of the images, others each time."""
    augment: tuple[str, ...] = ()
    """Differentiable augmentation of real and generated images, for small sets: colour, translation, cutout."""

    def prepare(self, size: "Size") -> "Callable[[str, str], ImageSet]":
        """What loads the images of this size, or larger to be cut. UserError for options that cannot be used."""
        if self.patches and not isinstance(size, int):
            raise UserError("`patches` are squares of 2^k pixels a side: leave out `patches`, or `size`")
        if self.patches and isinstance(size, int) and self.patches < size:
            raise UserError(f"`patches` must be {size} or more, the side of what is cut out, got {self.patches}")
        return resized(self.patches or size, self.channels, self.centre, self.only)

    def generator(self, G: "nn.Module") -> "nn.Module":
        """G, whose images are augmented while it trains if real ones are.  UserError for an unknown augmentation."""
        from energan.data.diffaugment import Augmented

        return Augmented(G, tuple(self.augment)) if self.augment else G

    def shown(self, experiment: Experiment, size: "Size") -> Experiment:
        """The experiment with its batches shown so."""
        return experiment._replace(
            prepare_any=resized(self.patches or size, self.channels, self.centre),
            crop=size if self.patches and isinstance(size, int) else None,
            flip=self.flip,
            augment=tuple(self.augment),
        )


@dataclass(frozen=True, kw_only=True)
class SizedViews(Views):
    """Views of recipes whose networks take other sizes, and rectangles, too."""

    size: str = ""
    """HEIGHTxWIDTH in pixels, as 64x96, or the side of a square; by default the recipe's own."""

    def sides(self, usual: int) -> "Size":
        """The size that is meant, `usual` by default. UserError for what is none."""
        if not self.size:
            return usual
        found = re.fullmatch(r"([0-9]{1,5})(?:x([0-9]{1,5}))?", str(self.size))
        if found is None:
            raise UserError(f"`size` {self.size!r} is none: give HEIGHTxWIDTH in pixels, as 64x96, or one side, as 64")
        h, w = int(found[1]), int(found[2] or found[1])
        at_least(2, size=min(h, w))
        return h if h == w and h & (h - 1) == 0 else (h, w)  # the networks take others by their height and width
