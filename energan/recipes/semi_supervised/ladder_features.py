"""A ladder network on the features of a frozen network: a classifier of photographs, few of which have labels."""

from functools import partial

from energan.experiment import Experiment
from energan.recipes.common import LearningRate, Training, decayed, experiment
from energan.recipes.image_options import Pictures
from energan.recipes.semi_supervised.features import MOBILENET, SIZE, feature_net, features_of, weights_of
from energan.recipes.semi_supervised.labelled_data import FewLabels, usable_layers
from energan.recipes.semi_supervised.ladder import Combinator, Costs
from energan.utils.checks import not_negative, positive
from energan.utils.errors import UserError


def ladder_features(
    *,
    data: Pictures,
    features: str = MOBILENET,
    features_weights: str = "",
    costs: Costs = "gamma",
    sigma: float = 0.3,
    sigma_x: float = 0.3,
    hidden: tuple[int, ...] = (250,),
    combinator: Combinator = "gaussian",
    lr: LearningRate = 2e-3,
    decay: float = 1 / 3,
    labelled: FewLabels = FewLabels(labels=0, classes=2, size=SIZE, channels=3),
    training: Training = Training(steps=400, batch=100, save_every=200),
) -> Experiment:
    """A ladder network on features of a frozen network: a classifier of photographs, few of which have labels.

    A step is one turn of D. The features are computed once, and kept in the cache.

    Args:
        features: The frozen network: mobilenetv2 (ImageNet's weights), or my.module:Net, images in [-1, 1] to features,
            made without arguments.
        features_weights: A .safetensors file with the weights of my.module:Net.
        costs: Of denoising: full, bottom (features alone), gamma (the top alone), none (labels alone).
        sigma: Standard deviation of the noise in each layer.
        sigma_x: That of the noise on the features, whose own deviation is 0.5.
        hidden: Units of the hidden layers.
        combinator: Of a layer with what is above it: gaussian (the paper's), sigmoid or amlp.
        decay: Share of the steps, the last ones, over which the learning rate falls linearly to 0.
    """
    from energan.engine.optimizers import Adam
    from energan.games.semi_supervised.ladder import ladder
    from energan.games.semi_supervised.on_features import on_features
    from energan.networks.dense.ladder import Ladder

    prepare = labelled.prepare()
    positive(lr=lr)
    not_negative(sigma=sigma, sigma_x=sigma_x)
    usable_layers(hidden)
    if labelled.flip:
        raise UserError("features are computed once, of images as they are: leave out `flip`")
    if features_weights and features == MOBILENET:
        raise UserError("`features_weights` are those of a network of yours: give `features` my.module:Net")
    with training.seeded():
        F = feature_net(features, (labelled.channels, labelled.size, labelled.size))
        D = Ladder((F.width, *hidden, labelled.classes), combinator=combinator)
    adam = Adam(lr, schedule=decayed(training.steps, decay))
    game = on_features(ladder(D, costs=costs, sigma=sigma, sigma_x=sigma_x, optimizer_D=adam), F)
    run = labelled.applied(experiment(game, "ladder", data, prepare, training, network=""))
    return run._replace(coded=("x", partial(features_of, F=F)), initialise=weights_of(F, features, features_weights))
