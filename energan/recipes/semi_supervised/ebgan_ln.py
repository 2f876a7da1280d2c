"""EBGAN-LN on digits (arXiv:1609.03126, table 2): a ladder network as discriminator."""

from typing import TYPE_CHECKING, Literal

from energan.networks.dense.ladder import HIDDEN
from energan.recipes.common import Precision, decayed, run
from energan.recipes.flag_docs import documented
from energan.recipes.semi_supervised.labelled_data import few_labels, network
from energan.recipes.semi_supervised.ladder import _ladder
from energan.utils.checks import fraction, not_negative, positive, usable_seed
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.experiment import Experiment


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
    save_every: int = 250,
    margin: float | None = None,
    switch: float = 1 / 3,
    weight: float = 1000.0,
    scaled: bool = True,
    corrupted: bool = True,
    gain: bool = True,
    sigma: float = 0.3,
    hidden: tuple[int, ...] = HIDDEN,
    combinator: Literal["gaussian", "sigmoid", "amlp"] = "gaussian",
    z: int = 100,
    size_g: int = 500,
    lr: float = 1e-3,
    lr_d: float = 2e-3,
    beta1: float = 0.5,
    decay: float = 1 / 3,
    precision: Precision = "auto",
    device: str = "auto",
    compile: bool = False,
) -> "Experiment":
    """EBGAN-LN: a ladder network whose denoising cost is an EBGAN's energy; a generator helps it at first.

    Args:
        steps: Training steps, of D and at first of G; the paper has 180,000.
        margin: m at the start, in squared pixels of [0, 1]; by default the paper's 16 for 784 pixels, in proportion to
            theirs.
        switch: Share of the steps, the first ones, over which the margin falls to 0; from then on G is off.
        weight: Of the energy per pixel (the paper's lambda is 1000 / 784, of the energy of 784 pixels).
        scaled: Whether the weight is on the term of generated images too.
        corrupted: Whether generated images go through the corrupted path, as real ones do.
        gain: Whether D's logits have one, as in the ladder's paper; this one's text has none.
        sigma: Standard deviation of the noise in each layer of D.
        hidden: Units of the hidden layers of D.
        combinator: Of a layer with what is above it: gaussian (the paper's), sigmoid or amlp.
        size_g: Units of the two hidden layers of G (the paper does not describe G).
        lr: Adam's learning rate of G (the paper's, for 180,000 steps: 0.00025).
        lr_d: Adam's learning rate of D (there 0.0005).
    """
    from energan.engine.optimizers import Adam, step_at
    from energan.engine.rng import seeded
    from energan.games.catalog import GAMES
    from energan.networks.dense import mlp

    prepare = few_labels(labels, label_seed, classes, labels_csv, size, channels)
    positive(z=z, size_g=size_g, lr=lr, lr_d=lr_d, steps=steps)
    not_negative(weight=weight, sigma=sigma)
    fraction(beta1=beta1)
    usable_seed(seed)
    if not 0 <= switch <= 1:
        raise UserError(f"`switch` is a share of the steps, 0 to 1, got {switch}")
    d = size * size * channels
    margin = 16.0 * d / 784 if margin is None else margin
    positive(margin=margin)
    with seeded(seed):
        G = mlp.Generator(z, (channels, size, size), layers=3, size=size_g)
        D = _ladder(d, hidden, classes, combinator, gain=gain)
    schedule = decayed(steps, decay)
    game = GAMES["ebgan-ln"](
        G, D, z, margin=margin, switch=step_at(switch, steps), weight=weight / d, sigma=sigma, scaled=scaled,
        corrupted=corrupted, optimizer_G=Adam(lr, beta1, schedule=schedule),
        optimizer_D=Adam(lr_d, beta1, schedule=schedule),
    )  # fmt: skip
    return run(
        game, "ebgan-ln", data, prepare, steps=steps, batch=batch, seed=seed, save_every=save_every, ema=0.0,
        network=network(data, size, channels), precision=precision, device=device, compile=compile,
    )._replace(test=test)  # fmt: skip
