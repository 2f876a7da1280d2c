"""A classifier from few labels among many images: a ladder network, EBGAN-LN, and the improved GAN's.

The nets are fully connected, on 28 x 28 grey images by default: permutation-invariant MNIST, as the papers have it.
Any images will do: --data names a folder with one sub-folder per class and one called `unlabelled`, or --labels-csv the
labels. Which labels are drawn explains most of the spread between runs: their seed is one of its own.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from energan.errors import UserError
from energan.recipes.common import (
    Precision,
    at_least,
    decayed,
    not_negative,
    positive,
    run,
    share,
    usable_seed,
)
from energan.recipes.flags import documented

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from energan.data import Images
    from energan.nets.ladder import Ladder
    from energan.run import Run

HIDDEN = (1000, 500, 250, 250, 250)  # of the ladder, and of the improved GAN's D
FIRST = 500  # images that the improved GAN's D is initialised by


def labelled_images(source: str, split: str, *, labels_csv: str, size: int, channels: int) -> "Images":
    """Images with labels, -1 where they have none: a named set, a folder of class folders, or one with a CSV.

    split "test" is that of a named set; of a folder it is all, without the CSV. UserError for fewer than two classes.
    """
    from energan.data import NAMED, load
    from energan.data.labelled import unlabelled_class
    from energan.data.labels import labelled_by

    data = load(source, split if source in NAMED else "train", size=size, channels=channels)
    if split != "train":
        return unlabelled_class(data)
    data = labelled_by(data, Path(labels_csv), Path(source)) if labels_csv else unlabelled_class(data)
    if len(data.classes) < 2:
        raise UserError(f"{data.name} has one class only ({data.classes[0]}): a classifier needs two or more")
    return data


def few_labels(
    source: str, split: str, *, labels: int, label_seed: int, classes: int, labels_csv: str, size: int, channels: int
) -> "Images":
    """`labelled_images`, of whose labels the split "train" keeps `labels`, as many of each class (0: all there are)."""
    from energan.data.labelled import balanced_subset

    data = labelled_images(source, split, labels_csv=labels_csv, size=size, channels=channels)
    if split != "train":
        return data
    if len(data.classes) != classes:
        names = ", ".join(data.classes[:5]) + (", ..." if len(data.classes) > 5 else "")
        raise UserError(f"{data.name} has {len(data.classes)} classes ({names}): --classes {len(data.classes)}")
    if not labels or data.labels is None:
        return data
    return data._replace(labels=balanced_subset(data.labels, labels, classes=classes, seed=label_seed).labels)


def _shown_few(
    labels: int, label_seed: int, classes: int, labels_csv: str, size: int, channels: int
) -> "Callable[[str, str], Images]":
    """The `prepare` of a run, its settings checked."""
    not_negative(labels=labels)
    at_least(2, classes=classes, size=size)
    usable_seed(label_seed, "label_seed")
    return partial(
        few_labels, labels=labels, label_seed=label_seed, classes=classes, labels_csv=labels_csv, size=size,
        channels=channels,
    )  # fmt: skip


def _ladder(
    d: int, hidden: tuple[int, ...], classes: int, combinator: Literal["gaussian", "sigmoid", "amlp"], *, gain: bool
) -> "Ladder":
    from energan.nets.ladder import Ladder

    for width in hidden:
        positive(hidden=width)
    return Ladder((d, *hidden, classes), combinator=combinator, gain=gain)


def _network(data: str, size: int, channels: int) -> str:
    """The digits' feature network is for digits; of other images, no distances are measured during training."""
    from energan.data import NAMED

    return "mnist" if data in NAMED and (size, channels) == (28, 1) else ""


@documented
def ladder_mnist(
    *,
    data: str = "mnist",
    labels: int = 100,
    label_seed: int = 0,
    labels_csv: str = "",
    test: str = "",
    classes: int = 10,
    size: int = 28,
    channels: int = 1,
    steps: int = 3000,
    batch: int = 100,
    seed: int = 0,
    every: int = 250,
    costs: Literal["full", "bottom", "gamma", "none"] = "full",
    sigma: float | None = None,
    hidden: tuple[int, ...] = HIDDEN,
    combinator: Literal["gaussian", "sigmoid", "amlp"] = "gaussian",
    lr: float = 2e-3,
    decay: float = 1 / 3,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """A ladder network: a classifier from few labels that denoises its layers; with --costs none, the baseline.

    Args:
        steps: Training steps, each one turn of D; the paper has 90,000.
        costs: Of denoising: full, bottom (pixels alone), gamma (the top alone), none (the supervised baseline).
        sigma: Standard deviation of the noise in each layer; by default the paper's 0.3, and 0.5 with --costs none.
        hidden: Units of the hidden layers.
        combinator: Of a layer with what is above it: gaussian (the paper's), sigmoid or amlp.
        lr: Adam's learning rate.
    """
    from energan.games import GAMES
    from energan.noise import seeded
    from energan.optimizers import Adam

    prepare = _shown_few(labels, label_seed, classes, labels_csv, size, channels)
    positive(lr=lr)
    sigma = (0.5 if costs == "none" else 0.3) if sigma is None else sigma
    not_negative(sigma=sigma)
    usable_seed(seed)
    with seeded(seed):
        D = _ladder(size * size * channels, hidden, classes, combinator, gain=True)
    game = GAMES["ladder"](D, costs=costs, sigma=sigma, optimizer_D=Adam(lr, schedule=decayed(steps, decay)))
    return run(
        game, "ladder", data, prepare, steps=steps, batch=batch, seed=seed, every=every,
        average=0.0, network="", precision=precision, device=device, compile=compile,
    )._replace(test=test)  # fmt: skip


@documented
def ebgan_ln_mnist(
    *,
    data: str = "mnist",
    labels: int = 100,
    label_seed: int = 0,
    labels_csv: str = "",
    test: str = "",
    classes: int = 10,
    size: int = 28,
    channels: int = 1,
    steps: int = 3000,
    batch: int = 100,
    seed: int = 0,
    every: int = 250,
    margin: float | None = None,
    switch: float = 1 / 3,
    weight: float = 1000.0,
    scaled: bool = True,
    corrupted: bool = True,
    sigma: float = 0.3,
    hidden: tuple[int, ...] = HIDDEN,
    combinator: Literal["gaussian", "sigmoid", "amlp"] = "gaussian",
    z: int = 100,
    size_g: int = 800,
    lr: float = 2.5e-4,
    lr_d: float = 5e-4,
    beta1: float = 0.5,
    decay: float = 1 / 3,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """EBGAN-LN: a ladder network whose denoising cost is an EBGAN's energy; a generator helps it at first.

    Args:
        steps: Training steps, of D and at first of G; the paper has 180,000.
        margin: m at the start, in squared pixels of [0, 1]; by default the paper's 16 for 784 pixels, in proportion to
            theirs.
        switch: Share of the steps, the first ones, over which the margin falls to 0; from then on G is off.
        weight: Of the energy per pixel (the paper's lambda is 1000 / 784, of the energy of 784 pixels).
        scaled: Whether the weight is on the term of generated images too.
        corrupted: Whether generated images go through the corrupted path, as real ones do.
        sigma: Standard deviation of the noise in each layer of D.
        hidden: Units of the hidden layers of D.
        combinator: Of a layer with what is above it: gaussian (the paper's), sigmoid or amlp.
        size_g: Units of the two hidden layers of G (the paper does not describe G).
        lr: Adam's learning rate of G.
        lr_d: Adam's learning rate of D.
    """
    from energan.games import GAMES
    from energan.nets import mlp
    from energan.noise import seeded
    from energan.optimizers import Adam

    prepare = _shown_few(labels, label_seed, classes, labels_csv, size, channels)
    positive(z=z, size_g=size_g, lr=lr, lr_d=lr_d, steps=steps)
    not_negative(weight=weight, sigma=sigma)
    share(beta1=beta1)
    usable_seed(seed)
    if not 0 <= switch <= 1:
        raise UserError(f"--switch is a share of the steps, 0 to 1, got {switch}")
    d = size * size * channels
    margin = 16.0 * d / 784 if margin is None else margin
    positive(margin=margin)
    with seeded(seed):
        G = mlp.Generator(z, (channels, size, size), layers=3, size=size_g)
        D = _ladder(d, hidden, classes, combinator, gain=False)
    schedule = decayed(steps, decay)
    game = GAMES["ebgan-ln"](
        G, D, z, margin=margin, switch=round(switch * steps), weight=weight / d, sigma=sigma, scaled=scaled,
        corrupted=corrupted, optimizer_G=Adam(lr, beta1, schedule=schedule),
        optimizer_D=Adam(lr_d, beta1, schedule=schedule),
    )  # fmt: skip
    return run(
        game, "ebgan-ln", data, prepare, steps=steps, batch=batch, seed=seed, every=every, average=0.0,
        network=_network(data, size, channels), precision=precision, device=device, compile=compile,
    )._replace(test=test)  # fmt: skip


def _by_data(D: "nn.Module", seed: int, images: "Tensor") -> None:
    """Initialises D by 500 of the training images; its noise, and which they are, by the seed."""
    import torch

    from energan.data import to_unit
    from energan.nets.layers import initialise_by_data
    from energan.noise import seeded

    with seeded(seed):
        initialise_by_data(D, to_unit(images[torch.randperm(len(images))[:FIRST]]))


@documented
def improved_gan_mnist(
    *,
    data: str = "mnist",
    labels: int = 100,
    label_seed: int = 0,
    labels_csv: str = "",
    test: str = "",
    classes: int = 10,
    size: int = 28,
    channels: int = 1,
    steps: int = 3000,
    batch: int = 100,
    seed: int = 0,
    every: int = 250,
    variant: Literal["feature-matching", "minibatch"] = "feature-matching",
    weight: float = 1.0,
    hidden: tuple[int, ...] = HIDDEN,
    z: int = 100,
    size_g: int = 500,
    lr: float | None = None,
    average: float = 0.99,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Run":
    """The improved GAN's classifier: D tells the classes apart, and G's images from all of them.

    Args:
        steps: Training steps, each one turn of D and one of G (minibatch: three); the paper has 180,000.
        variant: What G learns by: feature-matching (the better classifier) or minibatch (the better images).
        weight: Of what is learned without labels.
        hidden: Units of the hidden layers of D.
        z: Dimensions of the noise, U(0, 1).
        size_g: Units of the two hidden layers of G.
        lr: Adam's learning rate of both players; by default the code's 0.003, and 0.0003 with --variant minibatch.
        average: Decay of D's averaged weights, which the classifier uses; 0 for none (0.9999 in the code's far longer
            runs).
    """
    from energan.games import GAMES
    from energan.nets import improved
    from energan.noise import seeded
    from energan.optimizers import Adam

    prepare = _shown_few(labels, label_seed, classes, labels_csv, size, channels)
    matching = variant == "feature-matching"
    lr = (3e-3 if matching else 3e-4) if lr is None else lr
    positive(z=z, size_g=size_g, lr=lr)
    not_negative(weight=weight)
    share(average=average)
    usable_seed(seed)
    for width in hidden:
        positive(hidden=width)
    with seeded(seed):
        G = improved.Generator(z, (channels, size, size), hidden=(size_g, size_g))
        D = improved.Discriminator((size * size * channels, *hidden, classes), kernels=0 if matching else 100)
    adam = Adam(lr, beta1=0.5, eps=1e-4)
    game = GAMES["improved-gan-ssl"](G, D, z, variant=variant, weight=weight, optimizer_G=adam, optimizer_D=adam)
    return run(
        game, "improved-gan-ssl", data, prepare, steps=steps, batch=batch, seed=seed, every=every, average=0.0,
        network=_network(data, size, channels), precision=precision, device=device, compile=compile,
    )._replace(test=test, average={"D": average} if average else {}, initialise=partial(_by_data, D, seed))  # fmt: skip
