"""How images of one's own are loaded and shown: the options that the recipes for them share."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from energan.experiment import Experiment
from energan.recipes.common import resized
from energan.utils.checks import at_least
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from energan.data import ImageSet
    from energan.data.decoding.fitting import Size

ADA_IMAGES = 500_000  # that D sees while the probability of augmentations goes from 0 to 1 (arXiv:2006.06676)

ADA_SHARE = 4  # a run of fewer images than four times that: a quarter of them

WITHHELD = 10  # every tenth image, where D's overfitting is measured by images that it was not trained on

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
    """Differentiable augmentation of real and generated images, for small sets: colour, translation, cutout; with ada,
    each with a probability that rises while D overfits."""

    def prepare(self, size: "Size") -> "Callable[[str, str], ImageSet]":
        """What loads the images of this size, or larger to be cut. UserError for options that cannot be used."""
        if self.patches and not isinstance(size, int):
            raise UserError("`patches` are squares of 2^k pixels a side: leave out `patches`, or `size`")
        if self.patches and isinstance(size, int) and self.patches < size:
            raise UserError(f"`patches` must be {size} or more, the side of what is cut out, got {self.patches}")
        return resized(self.patches or size, self.channels, self.centre, self.only)

    def generator(self, G: "nn.Module") -> "nn.Module":
        """G, whose images are augmented while it trains if real ones are.  UserError for an unknown augmentation."""
        from energan.data.diffaugment import ADA, Augmented, changes_of

        policy = changes_of(self.augment)
        return Augmented(G, policy) if policy and ADA not in self.augment else G

    def shown(self, experiment: Experiment, size: "Size", *, sign: bool = False) -> Experiment:
        """The experiment with its batches shown so. sign: whether D's sign means something, as a logit's does."""
        if "ada" in self.augment:
            experiment = self._adaptive(experiment, sign)
        return experiment._replace(
            prepare_any=resized(self.patches or size, self.channels, self.centre),
            crop=size if self.patches and isinstance(size, int) else None,
            flip=self.flip,
            augment=tuple(self.augment),
        )

    def _adaptive(self, experiment: Experiment, sign: bool) -> Experiment:
        from energan.data.diffaugment import augment_some, changes_of
        from energan.games.adaptive import EVERY, adaptive

        if experiment.compile:
            raise UserError("`augment` ada is not compiled: leave out `compile`, or ada")
        images = min(ADA_IMAGES, experiment.steps * experiment.batch // ADA_SHARE)
        rate = min(1.0, EVERY * experiment.batch / max(1, images))
        change = partial(augment_some, policy=changes_of(self.augment))
        heuristic: Literal["sign", "validation"] = "sign" if sign else "validation"
        game = adaptive(experiment.game, change, rate=rate, heuristic=heuristic)
        return experiment._replace(game=game, withheld=0 if sign else WITHHELD)


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
