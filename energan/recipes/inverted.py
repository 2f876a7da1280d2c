"""What recipes of inverted classifiers share: the nets around an encoder, and what precedes the first step."""

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from energan.errors import UserError
from energan.recipes.common import at_least, not_negative, positive, usable_seed

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from energan.games.dgn_am import DeePSiM, Wiring
    from energan.nets.ppgn import Bounds
    from energan.nets.taps import Tapped
    from energan.run import Run


class Parts(NamedTuple):
    """What the games of this family are made of."""

    E: "Tapped"
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
    from energan import encoders

    at_least(2, classes=classes)
    return encoders.build(encoder, module, classes)


def parts(
    net: "nn.Module", image: tuple[int, int, int], *, code: str, features: str, paired: bool, width: int, seed: int,
    lr: float, image_loss: float, feature_loss: float, adversarial: float,
) -> Parts:  # fmt: skip
    """The nets around an encoder, checked. UserError for settings that cannot be used."""
    from energan import encoders
    from energan.games.dgn_am import DeePSiM, Wiring
    from energan.nets import ppgn
    from energan.noise import seeded

    positive(width=width, lr=lr)
    not_negative(image_loss=image_loss, feature_loss=feature_loss, adversarial=adversarial)
    usable_seed(seed)
    E, shapes = encoders.tapped(net, tuple(dict.fromkeys((code, features))), image)
    if len(shapes[code]) != 1:
        raise UserError(f"--code {code}: this G takes codes that are vectors, not maps of {shapes[code]}")
    (h,), (channels, _, size) = shapes[code], image
    with seeded(seed):
        G = ppgn.Generator(h, channels=channels, size=size, width=width)
        D = ppgn.Discriminator(h if paired else None, channels=channels, size=size, width=width)
    weights = DeePSiM(image=image_loss, feature=feature_loss, adversarial=adversarial)
    return Parts(E, G, D, shapes, Wiring(code, features, paired), weights)


def finished(
    made: "Run", E: "Tapped", chain_steps: int, code: str, load: "Callable[[Tensor], None] | None",
    bounds: "Bounds | None" = None,
) -> "Run":  # fmt: skip
    """The run that starts with the encoder's weights, its batches with `code`s (if named), and the bounds measured."""
    from energan import encoders

    at_least(1, chain_steps=chain_steps)
    assert made.game.codes is not None
    chain = made.game.codes.chain._replace(steps=chain_steps)
    return made._replace(
        game=made.game._replace(codes=made.game.codes._replace(chain=chain)),
        initialise=partial(_measured, load, E, code, bounds) if bounds else load,
        coded=("h", partial(encoders.codes, E=E, layer=code, precision=made.precision)) if code else None,
    )


def _measured(
    load: "Callable[[Tensor], None] | None", E: "Tapped", code: str, bounds: "Bounds", images: "Tensor"
) -> None:  # fmt: skip
    """The bounds by the codes of some training images, once the encoder is there."""
    import torch

    from energan.data.images import to_unit

    if load:
        load(images)
    with torch.no_grad():
        read = [E(to_unit(chunk)).layers[code] for chunk in images[:10_000].split(250)]
    bounds.measure(torch.cat(read))
