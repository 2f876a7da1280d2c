"""Super-resolution: pictures made larger, by the mean squared error alone or with an adversary (arXiv:1609.04802).

The paper's generator is --norm --no-bicubic. Of 100 held-out squares of photographs, four times enlarged by 32 maps
and 6 blocks, bicubic enlargement has 40.19 dB on the luma; with batch norm it was 40.24 after 1,000 steps, 40.01 after
2,000 and 38.04 after 3,500 (rate 1e-3), all colours a level too dark; without, 40.26 after 450 (rate 5e-4). Without the
bicubic enlargement it was 32.9 after 300, where it was 39.0 with it, bicubic's own figure there. One seed each.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from energan.experiment import Experiment
from energan.recipes.common import AlternatingTraining, GeneratorTraining, experiment
from energan.utils.checks import not_negative, positive, share
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from energan.data import ImageSet
    from energan.engine.game import Game
    from energan.engine.optimizers import Schedule
    from energan.networks.conv.mobilenet_v2 import MobileNetClassifier
    from energan.networks.layers import FeatureExtractor

Photographs = Annotated[str, arg(help="debian-photos, or your own pictures of any size (folder, .zip, ...).")]


@dataclass(frozen=True, kw_only=True)
class Enlargement:
    """What is made larger, how much, and by which generator."""

    scale: int = 4
    """How many times larger pictures become: 2, 4, 8."""
    channels: int = 3
    """3 for colour, 1 for grey."""
    square: int = 192
    """Pictures are cut into squares of so many pixels a side, at their own scale; smaller ones are left out."""
    crop: int = 96
    """Pixels a side of the large pictures that a step sees: a square of each, another one each time."""
    width: int = 64
    """Feature maps of the generator; less is faster."""
    blocks: int = 16
    """Residual blocks of the generator; less is faster."""
    bicubic: bool = True
    """Add the bicubic enlargement to what the generator draws (not in the paper)."""
    norm: bool = False
    """Batch norm in the generator, as in the paper; without it (EDSR), colours of unusual pictures are truer."""
    flip: bool = True
    """Mirror half of the pictures, others each time."""
    lr: float = 1e-4
    """Adam's learning rate."""

    def check(self) -> None:
        """UserError for numbers that cannot be used."""
        positive(scale=self.scale, width=self.width, blocks=self.blocks, lr=self.lr)
        if self.channels not in (1, 3):
            raise UserError(f"`channels` is 1 (grey) or 3 (colour), not {self.channels}")
        if self.crop % self.scale or not 2 * self.scale <= self.crop <= self.square:
            raise UserError(
                f"`crop` is a multiple of `scale`, {2 * self.scale} or more, and no more than `square` {self.square}; "
                f"got {self.crop}"
            )

    def generator(self, training: GeneratorTraining) -> "nn.Module":
        from energan.networks.translation.srresnet import Generator

        with training.seeded():
            return Generator(
                self.scale,
                channels=self.channels,
                width=self.width,
                blocks=self.blocks,
                bicubic=self.bicubic,
                norm=self.norm,
            )

    def experiment(self, game: "Game", system: str, data: str, training: GeneratorTraining) -> Experiment:
        """The Experiment of a game that enlarges."""
        prepare = partial(_pairs, scale=self.scale, square=self.square, channels=self.channels)
        run = experiment(game, system, data, prepare, training, "mobilenetv2")
        return run._replace(crop=self.crop // self.scale, flip=self.flip)


@named
def _pairs(
    source: str,
    split: str,
    *,
    scale: int,
    square: int,
    channels: int,
    value_range: tuple[float, float] | None = None,
) -> "ImageSet":
    """Squares of pictures, beside smaller ones made from them.

    Where a source has no split to validate or to test on, a tenth of its pictures is held out, with all their squares.
    """
    import torch

    from energan.data import load, splits_of
    from energan.data.image_set import rows_of
    from energan.data.pairs.domains import held_out, split_of
    from energan.data.resampling import smaller_pairs
    from energan.data.splits import TRAIN

    of, part = split_of(splits_of(source), split)
    data = load(source, of or TRAIN, channels=channels, squares=square, value_range=value_range)
    if part is not None:
        pictures = [name.rpartition(" square ")[0] or name for name in data.files or map(str, range(len(data.images)))]
        names = sorted(set(pictures))
        apart = {names[i] for i in held_out(names)}
        rows = torch.tensor([i for i, name in enumerate(pictures) if (name in apart) == part], dtype=torch.int64)
        said = f"{len(apart)} of {len(names)} pictures held out"
        if not len(rows):
            raise UserError(f"{data.name} has one picture, and one is to be held out: give more")
        data = rows_of(data, rows)._replace(source=f"{data.source}, {said}", place=f"{data.place or data.name}, {said}")
    return smaller_pairs(data, scale)


def lowered(steps: int, decay: float) -> "Schedule | None":
    """A learning rate that is a tenth over the last share of the steps; None where it is constant."""
    from energan.engine.optimizers import lowered_last

    share(decay=decay)
    return lowered_last(decay, steps) if decay and steps > 0 else None


def srresnet(
    *,
    data: Photographs = "debian-photos",
    decay: float = 0.0,
    enlargement: Enlargement = Enlargement(),
    training: GeneratorTraining = GeneratorTraining(steps=20000, batch=16, save_every=2000),
) -> Experiment:
    """SRResNet: pictures some times larger, near the true ones pixel by pixel, so a little blurred.

    A step is one turn of the generator. `energan upscale` uses it.

    Args:
        decay: Share of the steps, the last ones, in which the learning rate is a tenth (not in the paper).
    """
    from energan.engine.optimizers import Adam
    from energan.games.translation.srgan import srresnet as game

    enlargement.check()
    G = enlargement.generator(training)
    adam = Adam(enlargement.lr, beta1=0.9, schedule=lowered(training.steps, decay))
    return enlargement.experiment(game(G, scale=enlargement.scale, optimizer_G=adam), "srresnet", data, training)


@dataclass(frozen=True, kw_only=True)
class Content:
    """Whose features the large pictures are to share with the true ones; MobileNetV2's, unless one is named."""

    encoder: str = ""
    """Another classifier: a run's folder, or a .safetensors file with --module."""
    module: str = ""
    """my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments."""
    features: str = "features.6"
    """The layer whose features are compared."""
    content: float = 0.006
    """Weight of the mean squared difference of features."""

    def extractor(
        self, crop: int, channels: int, run_source: str
    ) -> "tuple[FeatureExtractor, Callable[[ImageSet], None] | None]":
        """The frozen net with its layer read, and what brings its weights before the first step."""
        from energan.networks.conv.mobilenet_v2 import MobileNetClassifier
        from energan.networks.pretrained import extract_features, frozen
        from energan.recipes.plug_and_play.encoder import initialiser, open_classifier

        not_negative(content=self.content)
        own = self.encoder or self.module
        if not own and channels != 3:
            raise UserError("MobileNetV2 reads colours: name a net of your own for grey pictures, with --module")
        net = open_classifier(self.encoder, self.module, 0) if own else frozen(MobileNetClassifier(crop))
        phi, _ = extract_features(net, (self.features,), (channels, crop, crop))
        if isinstance(net, MobileNetClassifier):
            return phi, partial(_published, net)
        return phi, initialiser(net, self.encoder, self.module, run_source, 0)


@named
def _published(net: "MobileNetClassifier", data: "ImageSet") -> None:
    """ImageNet's weights."""
    from energan.networks.conv.mobilenet_v2 import mobilenet_v2

    net.load_state_dict(mobilenet_v2().state_dict())


def srgan(
    *,
    data: Photographs = "debian-photos",
    first: float = 0.8,
    decay: float = 0.1,
    adversarial: float = 1e-3,
    lr_g: float = 1e-4,
    lr_d: float = 1e-4,
    width_d: int = 64,
    hidden_d: int = 1024,
    enlargement: Enlargement = Enlargement(),
    loss: Content = Content(),
    training: AlternatingTraining = AlternatingTraining(steps=25000, batch=16, save_every=2500),
) -> Experiment:
    """SRGAN: pictures some times larger, and sharp; details are likely ones, not the true ones.

    A step of the first ones is one turn of the generator, as SRResNet's; later one turn of D and one of G.

    Args:
        first: Share of the steps, the first ones, in which the generator learns by pixels alone.
        decay: Share of the steps, the last ones, in which learning rates are a tenth.
        adversarial: Weight of D's verdict in the generator's loss.
        lr_g: Adam's learning rate of the generator against D; --lr is that of the steps before.
        lr_d: Adam's learning rate of D.
        width_d: Feature maps of D's first layer; less is faster.
        hidden_d: Units of D's dense layer.
    """
    from energan.engine.optimizers import Adam, step_at
    from energan.games.translation.srgan import srgan as game
    from energan.networks.translation.srresnet import Discriminator

    e = enlargement
    e.check()
    share(first=first)
    positive(lr_g=lr_g, lr_d=lr_d, width_d=width_d, hidden_d=hidden_d)
    not_negative(adversarial=adversarial)
    G = e.generator(training)
    with training.seeded():
        D = Discriminator(e.crop, channels=e.channels, width=width_d, hidden=hidden_d)
    phi, load = loss.extractor(e.crop, e.channels, data)
    adam = Adam(e.lr, beta1=0.9, schedule=lowered(training.steps, decay))
    system = game(
        G, D, phi, layer=loss.features, adversarial_from=step_at(first, training.steps), scale=e.scale,
        content=loss.content, adversarial=adversarial,
        optimizer_first=adam, optimizer_G=adam.with_settings(lr=lr_g),
        optimizer_D=adam.with_settings(lr=lr_d),
    )  # fmt: skip
    return e.experiment(system, "srgan", data, training)._replace(initialise=load)
