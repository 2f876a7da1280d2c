"""What recipes of inverted classifiers share: their options, the nets around an encoder, what precedes the first step.

The authors trained on ImageNet for a million steps, with weights of the losses for 227 x 227 pixels and CaffeNet's
features; defaults here are for 28 x 28 and minutes on two cores: --image-loss and --feature-loss are larger by about as
much as pixels and features are fewer. Chains are the official codes': after 200 steps they drew digits that another
classifier knew, where the thesis' (the equation unchanged) drew images that only the encoder took for digits.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from energan.experiment import Experiment
from energan.recipes.common import GeneratorTraining
from energan.utils.checks import at_least, not_negative, positive
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from energan.data import ImageSet
    from energan.engine.optimizers import Adam
    from energan.games.plug_and_play.dgn_am import DeePSiM, Wiring
    from energan.networks.conv.ppgn import Bounds
    from energan.networks.layers import FeatureExtractor

TRAINING = GeneratorTraining(steps=1000, batch=32, save_every=100)


@dataclass(frozen=True, kw_only=True)
class Inverted:
    """The classifier that is inverted, and the chains that draw by it."""

    encoder: str = ""
    """A run's folder, or a .safetensors file with --module; empty: the recipe's own."""
    module: str = ""
    """my.module:Net, the class of your own classifier: images in [-1, 1] to logits, made without arguments."""
    chain_steps: int = 200
    """Steps of the chains that draw."""

    def open(self, classes: int) -> "nn.Module":
        """The classifier. UserError for one that cannot be used."""
        from energan.recipes.plug_and_play.encoder import open_classifier

        return open_classifier(self.encoder, self.module, classes)

    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes that it knows; () of anyone's net, None of one for the images' own."""
        from energan.recipes.plug_and_play.encoder import known_classes

        return known_classes(self.encoder, self.module)


@dataclass(frozen=True, kw_only=True)
class InvertedDigits(Inverted):
    """The classifier that is inverted, trained on the same images and their labels; and the chains that draw by it."""

    encoder: str = ""
    """A run's folder, or a .safetensors file with --module; empty: the thesis' net, which encoder-mnist trains once."""
    classes: int = 10
    """Classes of the images."""

    def digits(self) -> "nn.Module":
        at_least(2, classes=self.classes)
        return self.open(self.classes)

    def initialiser(self, E: "FeatureExtractor", run: Experiment) -> "Callable[[ImageSet], None] | None":
        """What brings the trained weights into E before a run's first step; None where they are there already."""
        from energan.recipes.plug_and_play.encoder import initialiser

        return initialiser(E.module, self.encoder, self.module, run.source, self.classes, value_range=run.value_range)


class Parts(NamedTuple):
    """What the games of this family are made of."""

    E: "FeatureExtractor"
    G: "nn.Module"
    D: "nn.Module"
    shapes: dict[str, tuple[int, ...]]
    wiring: "Wiring"
    weights: "DeePSiM"
    adam: "Adam"

    @property
    def nets(self) -> "tuple[nn.Module, nn.Module, nn.Module]":
        return self.E, self.G, self.D

    @property
    def adam_D(self) -> "Adam":
        return self.adam.with_settings(weight_decay=4e-4)

    @property
    def h(self) -> int:
        return self.shapes[self.wiring.code][0]


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """How a generator learns to invert the classifier: DeePSiM's three losses (arXiv:1602.02644)."""

    code: str = "h"
    """The encoder's layer that G inverts."""
    features: str = "conv3"
    """The encoder's layer that the features' loss compares."""
    image_loss: float = 4e-4
    """Weight of the image's reconstruction loss: half the squared difference, in units of 1/255."""
    feature_loss: float = 0.36
    """Weight of the features' reconstruction loss: half the squared difference."""
    adversarial: float = 100.0
    """Weight of the adversary in G's loss."""
    paired: bool = False
    """Whether D sees codes beside images."""
    width: int = 8
    """Feature maps of the widest resolution; less is faster."""
    lr: float = 2e-3
    """Adam's learning rate of both players."""

    def parts(self, net: "nn.Module", image: tuple[int, int, int], training: GeneratorTraining) -> Parts:
        """The networks around a classifier, checked. UserError for options that cannot be used."""
        from energan.engine.optimizers import Adam
        from energan.games.plug_and_play.dgn_am import DeePSiM, Wiring
        from energan.networks.conv import ppgn
        from energan.networks.pretrained import extract_features

        positive(width=self.width, lr=self.lr)
        not_negative(image_loss=self.image_loss, feature_loss=self.feature_loss, adversarial=self.adversarial)
        E, shapes = extract_features(net, tuple(dict.fromkeys((self.code, self.features))), image)
        h, (channels, _, size) = vector_code(self.code, shapes), image
        with training.seeded():
            G = ppgn.Generator(h, channels=channels, size=size, width=self.width)
            D = ppgn.Discriminator(h if self.paired else None, channels=channels, size=size, width=self.width)
        weights = DeePSiM(image=self.image_loss, feature=self.feature_loss, adversarial=self.adversarial)
        return Parts(E, G, D, shapes, Wiring(self.code, self.features, self.paired), weights, Adam(self.lr))


def vector_code(code: str, shapes: dict[str, tuple[int, ...]]) -> int:
    """The length of the layer that is inverted. UserError where it is maps."""
    if len(shapes[code]) != 1:
        raise UserError(f"`code` {code}: this G takes codes that are vectors, not maps of {shapes[code]}")
    return shapes[code][0]


def with_chains(
    run: Experiment,
    E: "FeatureExtractor",
    classifier: Inverted,
    code: str,
    load: "Callable[[ImageSet], None] | None",
    bounds: "Bounds | None" = None,
) -> Experiment:
    """The run with the classifier's chains, which starts with the encoder's weights (`load`).

    code: the layer of E whose output is one more key of the batches, "" for none; bounds: measured before the first
    step.
    """
    from energan.games.plug_and_play.dgn_am import with_chain_steps
    from energan.recipes.plug_and_play.encoder import encode_images

    at_least(1, chain_steps=classifier.chain_steps)
    return run._replace(
        game=with_chain_steps(run.game, classifier.chain_steps),
        initialise=partial(_measure, load, E, code, bounds) if bounds else load,
        coded=("h", partial(encode_images, E=E, layer=code, precision=run.precision)) if code else None,
        classes=classifier.class_names(),
    )


@named
def _measure(
    load: "Callable[[ImageSet], None] | None", E: "FeatureExtractor", code: str, bounds: "Bounds", data: "ImageSet"
) -> None:
    """The bounds by the codes of some training images, once the encoder is there."""
    import torch

    from energan.data.pixels import to_unit

    if load:
        load(data)
    with torch.no_grad():
        codes = [E(to_unit(chunk)).layers[code] for chunk in data.images[:10_000].split(250)]
    bounds.measure(torch.cat(codes))
