"""EBGAN-LN on digits (arXiv:1609.03126, table 2): a ladder network as discriminator."""

from energan.experiment import Experiment
from energan.recipes.common import Data, DecayingAdam, NoiseSize, Training, experiment
from energan.recipes.semi_supervised.labelled_data import HIDDEN, FewLabels, usable_layers
from energan.recipes.semi_supervised.ladder import Combinator
from energan.utils.checks import not_negative, positive, share


def ebgan_ln_mnist(
    *,
    data: Data = "mnist",
    margin: float | None = None,
    switch: float = 1 / 3,
    weight: float = 1000.0,
    scaled: bool = True,
    corrupted: bool = True,
    gain: bool = True,
    sigma: float = 0.3,
    hidden: tuple[int, ...] = HIDDEN,
    combinator: Combinator = "gaussian",
    z: NoiseSize = 100,
    size_g: int = 500,
    lr_d: float = 8e-3,
    adam: DecayingAdam = DecayingAdam(lr=6e-5, decay=1 / 3),
    labelled: FewLabels = FewLabels(),
    training: Training = Training(steps=3000, batch=100, save_every=250),
) -> Experiment:
    """EBGAN-LN: a ladder network whose denoising cost is an EBGAN's energy; a generator helps it at first.

    A step is one turn of D, and at first one of G. Rates are for some thousand steps, chosen on training images; the
    paper's, for its 180,000, are 0.00025 (--lr, G's) and 0.0005 (--lr-d).

    Args:
        margin: m at the start, in squared pixels of [0, 1]; by default the paper's 16 for 784 pixels, in proportion to
            theirs.
        switch: Share of the steps, the first ones, over which the margin falls to 0; from then on G is off.
        weight: Of the energy per pixel (the paper's lambda is 1000 / 784, of the energy of 784 pixels).
        scaled: Whether the weight is on the term of generated images too.
        corrupted: Whether generated images go through the corrupted path, as real ones do.
        gain: Whether D's logits have one, as in the ladder's paper. This one's text has none: as many errors, but
            probabilities that are never sure (0.76 at most, of ten classes of a size).
        sigma: Standard deviation of the noise in each layer of D.
        hidden: Units of the hidden layers of D.
        combinator: Of a layer with what is above it: gaussian (the paper's), sigmoid or amlp.
        size_g: Units of the two hidden layers of G (the paper does not describe G).
        lr_d: Adam's learning rate of D.
    """
    from energan.engine.optimizers import step_at
    from energan.games.semi_supervised.ebgan_ln import ebgan_ln
    from energan.networks.dense import mlp
    from energan.networks.dense.ladder import Ladder

    prepare, d, steps = labelled.prepare(), labelled.pixels, training.steps
    margin = 16.0 * d / 784 if margin is None else margin
    positive(z=z, size_g=size_g, lr_d=lr_d, margin=margin, steps=steps)
    not_negative(weight=weight, sigma=sigma)
    share(switch=switch)
    usable_layers(hidden)
    with training.seeded():
        G = mlp.Generator(z, (labelled.channels, labelled.size, labelled.size), layers=3, size=size_g)
        D = Ladder((d, *hidden, labelled.classes), combinator=combinator, gain=gain)
    optimizer = adam.optimizer(steps)
    game = ebgan_ln(
        G,
        D,
        z,
        margin=margin,
        switch=step_at(switch, steps),
        weight=weight / d,
        sigma=sigma,
        scaled=scaled,
        corrupted=corrupted,
        optimizer_G=optimizer,
        optimizer_D=optimizer.with_settings(lr=lr_d),
    )
    run = experiment(game, "ebgan-ln", data, prepare, training, labelled.network(data))
    return labelled.applied(run)
