"""What recipes of inverted classifiers share: the nets around an encoder, and what precedes the first step."""

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from energan.utils.checks import at_least, not_negative, positive, usable_seed
from energan.utils.errors import UserError
from energan.utils.specification import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from energan.experiment import Experiment
    from energan.games.plug_and_play.dgn_am import DeePSiM, Wiring
    from energan.networks.conv.ppgn import Bounds
    from energan.networks.layers import FeatureExtractor


class Parts(NamedTuple):
    """What the games of this family are made of."""

    E: "FeatureExtractor"
    G: "nn.Module"
    D: "nn.Module"
    shapes: dict[str, tuple[int, ...]]
    wiring: "Wiring"
    weights: "DeePSiM"

    @property
    def nets(self) -> "tuple[nn.Module, nn.Module, nn.Module]":
        return self.E, self.G, self.D

    @property
    def h(self) -> int:
        return self.shapes[self.wiring.code][0]


def classifier(encoder: str, module: str, classes: int) -> "nn.Module":
    """What is inverted: `encoders.build`, checked."""
    from energan.recipes.plug_and_play.encoder import open_classifier

    at_least(2, classes=classes)
    return open_classifier(encoder, module, classes)


def parts(
    net: "nn.Module", image: tuple[int, int, int], *, code: str, features: str, paired: bool, width: int, seed: int,
    lr: float, image_loss: float, feature_loss: float, adversarial: float,
) -> Parts:  # fmt: skip
    """The nets around an encoder, checked. UserError for settings that cannot be used."""
    from energan.engine.rng import seeded
    from energan.games.plug_and_play.dgn_am import DeePSiM, Wiring
    from energan.networks.conv import ppgn
    from energan.networks.pretrained import extract_features

    positive(width=width, lr=lr)
    not_negative(image_loss=image_loss, feature_loss=feature_loss, adversarial=adversarial)
    usable_seed(seed)
    E, shapes = extract_features(net, tuple(dict.fromkeys((code, features))), image)
    if len(shapes[code]) != 1:
        raise UserError(f"`code` {code}: this G takes codes that are vectors, not maps of {shapes[code]}")
    (h,), (channels, _, size) = shapes[code], image
    with seeded(seed):
        G = ppgn.Generator(h, channels=channels, size=size, width=width)
        D = ppgn.Discriminator(h if paired else None, channels=channels, size=size, width=width)
    weights = DeePSiM(image=image_loss, feature=feature_loss, adversarial=adversarial)
    return Parts(E, G, D, shapes, Wiring(code, features, paired), weights)


def finished(
    made: "Experiment", E: "FeatureExtractor", chain_steps: int, code: str, load: "Callable[[Tensor], None] | None",
    bounds: "Bounds | None" = None, *, classes: tuple[str, ...] | None,
) -> "Experiment":  # fmt: skip
    """The run that starts with the encoder's weights, its batches with `code`s (if named), and the bounds measured.

    classes: the names of those that the encoder knows; None for the images' own.
    """
    from energan.games.plug_and_play.dgn_am import with_chain_steps
    from energan.recipes.plug_and_play.encoder import encode_images

    at_least(1, chain_steps=chain_steps)
    return made._replace(
        game=with_chain_steps(made.game, chain_steps),
        initialise=partial(_measured, load, E, code, bounds) if bounds else load,
        coded=("h", partial(encode_images, E=E, layer=code, precision=made.precision)) if code else None,
        classes=classes,
    )


@named
def _measured(
    load: "Callable[[Tensor], None] | None", E: "FeatureExtractor", code: str, bounds: "Bounds", images: "Tensor"
) -> None:  # fmt: skip
    """The bounds by the codes of some training images, once the encoder is there."""
    import torch

    from energan.data.pixels import to_unit

    if load:
        load(images)
    with torch.no_grad():
        read = [E(to_unit(chunk)).layers[code] for chunk in images[:10_000].split(250)]
    bounds.measure(torch.cat(read))
