"""Conditional faces: images drawn for attributes, such as how old, or with which skin tone."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from energan.experiment import Experiment
from energan.recipes.common import GeneratorTraining, NoiseSize, experiment
from energan.recipes.image_options import Views
from energan.utils.checks import fraction, positive
from energan.utils.specification import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from energan.data import ImageSet
    from energan.networks.layers.bank import Bank
    from energan.networks.layers.condition import Standard

SIDE = 32

Described = Annotated[
    str,
    arg(
        help="emoji-attributes, a folder of images with attributes.csv (file, then a column each), LFW's with "
        "lfw_attributes.txt, or CelebA's."
    ),
]


def conditional_faces(
    *,
    data: Described = "emoji-attributes",
    attributes: tuple[str, ...] = (),
    bandwidth: float | None = None,
    net: Literal["dcgan", "gauthier"] = "dcgan",
    z: NoiseSize = 100,
    size_g: int = 1000,
    maps: int = 32,
    width: int = 32,
    units: int = 250,
    dropout: float = 0.0,
    optim: Literal["adam", "sgd"] = "adam",
    lr: float = 5e-4,
    views: Views = Views(),
    training: GeneratorTraining = GeneratorTraining(steps=5000, batch=64, save_every=500, ema=0.995),
) -> Experiment:
    """Conditional faces (Gauthier 2015), at 32 x 32: attributes that are drawn from a density estimate, not copied.

    A step is one turn of D and G together. The paper has --net gauthier --size-g 8000 --maps 80 --width 64 --units 500
    --optim sgd --lr 0.004 --batch 128 --ema 0, and 36 of LFW's 73 attributes, which it does not name. Its D adds the
    attributes to its verdict: it cannot tell whether they suit the image (networks/conditional/conditional_faces.py).

    Args:
        attributes: Which attributes, by name; all by default.
        bandwidth: Of the density's Gaussian kernels, in standard deviations; by default the likeliest by
            cross-validation.
        net: DCGAN's networks, whose D is told attributes by a projection (Miyato & Koyama 2018), or the author's own.
        size_g: Units of the first layer of the author's generator.
        maps: Maps of 10 x 10 of its second one.
        width: Maps of the discriminator's first convolution; of dcgan also of the generator's last.
        units: Maxout units of the dense layer of the author's discriminator, of five pieces.
        dropout: Dropout rate of that layer (none is stated).
        optim: Both players' optimizer: Adam (beta1 .5), or the paper's SGD with rising momentum.
        lr: Learning rate of both players.
    """
    from energan.data.attributes import attribute_names
    from energan.engine.optimizers import Adam, AnnealedSGD, Optimizer
    from energan.games.conditional.conditional_faces import conditional_faces as game_of
    from energan.networks.conditional import conditional_faces as nets
    from energan.networks.layers.bank import Bank
    from energan.networks.layers.condition import Standard

    positive(z=z, size_g=size_g, maps=maps, width=width, units=units, lr=lr)
    fraction(dropout=dropout)
    if bandwidth is not None:
        positive(bandwidth=bandwidth)
    names = attribute_names(data, attributes)
    n = len(names)
    channels = views.channels
    with training.seeded():
        if net == "dcgan":
            G, D = nets.convolutional(z, n, channels=channels, width=width)
        else:
            G = nets.Generator(z, n, channels=channels, size=size_g, maps=maps)
            D = nets.Discriminator(n, channels=channels, width=width, units=units, dropout=dropout)
        G = views.generator(G)
    K, S = Bank(n), Standard(n)
    optimizer: Optimizer = AnnealedSGD(lr) if optim == "sgd" else Adam(lr, beta1=0.5)
    game = game_of(G, D, K, S, z, n, optimizer_G=optimizer, optimizer_D=optimizer)
    prepare = partial(described, load=views.prepare(SIDE), names=names)
    run = experiment(game, "conditional-faces", data, prepare, training, "mobilenetv2")
    run = run._replace(initialise=partial(_measured, K, S, bandwidth), coded=("y", attributes_of))
    return views.shown(run, SIDE)


@named
def described(
    source: str,
    split: str,
    *,
    load: "Callable[..., ImageSet]",
    names: tuple[str, ...],
    value_range: tuple[float, float] | None = None,
) -> "ImageSet":
    """What `load` gives, with its attributes."""
    from energan.data.attributes import with_attributes

    data = load(source, split, value_range=value_range)
    return with_attributes(data, source, names)._replace(labels=None, classes=())  # what is asked for is attributes


@named
def attributes_of(data: "ImageSet") -> "Tensor":
    """The attributes of each image, in the table's units."""
    assert data.attributes is not None  # `described` has them
    return data.attributes


@named
def _measured(K: "Bank", S: "Standard", bandwidth: float | None, data: "ImageSet") -> None:
    """The density and the units of the training images' attributes."""
    from energan.data.attributes import kernel_bandwidth

    y = attributes_of(data)
    S.measure(y)
    K.fill(y, kernel_bandwidth(y) if bandwidth is None else bandwidth, y.std(0, correction=0))
