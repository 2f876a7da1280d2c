"""Any folder of images at 128 x 128 and 256 x 256: EBGAN(-PT) with the nets and margins of the paper's ImageNet runs.

Noise goes into every layer of the generator, and the encoder has four. The rest is as at 64 x 64 (ebgan_64.py).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from energan.experiment import Experiment
from energan.recipes.classes import Asked
from energan.recipes.common import AlternatingTraining, DecayingAdam, GeneratorTraining, experiment
from energan.recipes.energy.ebgan import EnergyClasses, EnergyOptions
from energan.recipes.image_options import Pictures, Views
from energan.utils.checks import positive

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ImageNetNetworks:
    """The generator and the auto-encoder of the paper's ImageNet runs."""

    width: int = 64
    """Feature maps of the encoder's first layer (64 in the paper; all others go with it); less is faster."""
    checkpoint_activations: bool = False
    """Compute activations again in the backward pass: less memory, a quarter more time."""

    def build(
        self, size: int, channels: int, training: GeneratorTraining, asked: Asked
    ) -> "tuple[nn.Module, nn.Module, int]":
        """The networks of a resolution, all maps in proportion to `width`, and the dimensions of the noise."""
        from energan.networks.conv.autoencoder import Autoencoder
        from energan.networks.conv.ebgan_imagenet import PUBLISHED, Generator, noise_size

        positive(width=self.width)
        published, again = PUBLISHED[size], self.checkpoint_activations
        maps = [max(1, n * self.width // 64) for n in published.maps]
        with training.seeded():
            G = asked.generator(
                lambda k: Generator(
                    maps, published.planes, channels=channels, checkpoint_activations=again, conditions=k
                )
            )
            encoder, classes = [self.width * 2**i for i in range(4)], len(asked.names)
            D = Autoencoder(channels=channels, maps=encoder, checkpoint_activations=again, classes=classes)
        return G, D, noise_size(published.planes)


def _ebgan(
    size: int,
    norm: float,
    data: str,
    networks: ImageNetNetworks,
    energies: EnergyOptions,
    classes: EnergyClasses,
    adam: DecayingAdam,
    views: Views,
    training: GeneratorTraining,
) -> Experiment:
    """EBGAN(-PT) at size x size; the margin is `norm` of the norm unless there is another."""
    asked, prepare = classes.asked(data, views.prepare(size), training.value_range, only=views.only)
    G, D, z = networks.build(size, views.channels, training, asked)
    optimizer, d = adam.optimizer(training.steps), views.channels * size**2
    game, system = classes.game(asked, energies, views.generator(G), D, z, optimizer, norm=norm, d=d)
    return views.shown(experiment(game, system, data, prepare, training, "mobilenetv2"), size)


def ebgan_pt_128(
    data: Pictures,
    *,
    networks: ImageNetNetworks = ImageNetNetworks(),
    energies: EnergyOptions = EnergyOptions(),
    classes: EnergyClasses = EnergyClasses(),
    adam: DecayingAdam = DecayingAdam(lr=2e-4),
    views: Views = Views(),
    training: AlternatingTraining = AlternatingTraining(steps=100000, batch=64, save_every=1000, ema=0.999),
) -> Experiment:
    """EBGAN-PT on 128 x 128 images: noise into every layer of the generator, ImageNet's margin.

    The default margin is 40 of the norm, the paper's for ImageNet; `energan margin`
    proposes one.
    """
    return _ebgan(128, 40.0, data, networks, energies, classes, adam, views, training)


def ebgan_pt_256(
    data: Pictures,
    *,
    networks: ImageNetNetworks = ImageNetNetworks(),
    energies: EnergyOptions = EnergyOptions(),
    classes: EnergyClasses = EnergyClasses(),
    adam: DecayingAdam = DecayingAdam(lr=2e-4),
    views: Views = Views(),
    training: AlternatingTraining = AlternatingTraining(steps=100000, batch=32, save_every=1000, ema=0.999),
) -> Experiment:
    """EBGAN-PT on 256 x 256 images: noise into every layer of the generator, the margin of ImageNet's dogs.

    The default margin is 80 of the norm, the paper's for ImageNet's dogs; `energan
    margin` proposes one.
    """
    return _ebgan(256, 80.0, data, networks, energies, classes, adam, views, training)
