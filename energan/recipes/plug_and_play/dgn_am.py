"""DGN-AM on digits (arXiv:1605.09304)."""

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, experiment, resized
from energan.recipes.plug_and_play.common import TRAINING, Inversion, InvertedDigits, with_chains
from energan.recipes.semi_supervised.labelled_data import network


def dgn_am_mnist(
    *,
    data: Data = "mnist",
    classifier: InvertedDigits = InvertedDigits(),
    inversion: Inversion = Inversion(),
    training: GeneratorTraining = TRAINING,
) -> Experiment:
    """DGN-AM: digits that excite a unit of a classifier, by a generator that inverts it (arXiv:1605.09304)."""
    from energan.games.plug_and_play.dgn_am import dgn_am
    from energan.networks.conv.ppgn import Bounds

    p = inversion.parts(classifier.digits(), (1, 28, 28), training)
    bounds = Bounds(p.h)
    game = dgn_am(
        *p.nets, p.h, wiring=p.wiring, weights=p.weights, bounds=bounds, optimizer_G=p.adam, optimizer_D=p.adam_D
    )
    run = experiment(game, "dgn-am", data, resized(28, 1), training, network(data))
    load = classifier.initialiser(p.E, run)
    return with_chains(run, p.E, classifier, inversion.code, load, bounds)
