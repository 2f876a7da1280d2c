"""Optimizers: one definition, used in place by Trainer and as a pure function by Ensemble."""

from energan.engine.optimizers.annealed_sgd import AnnealedSGD
from energan.engine.optimizers.standard import (
    SGD,
    Adam,
    Moments,
    Optimizer,
    Rate,
    RMSProp,
    Schedule,
    Tree,
    halved,
    inverse_decay,
    linear_decay,
    linear_decay_last,
    lowered_last,
    step_at,
)
from energan.engine.optimizers.wrappers import (
    Alternating,
    HistoricalAveraging,
    PauseOnZeroGradient,
    Several,
    Succeeding,
    Wrapper,
)

__all__ = [
    "SGD",
    "Adam",
    "Alternating",
    "AnnealedSGD",
    "HistoricalAveraging",
    "Moments",
    "Optimizer",
    "PauseOnZeroGradient",
    "RMSProp",
    "Rate",
    "Schedule",
    "Several",
    "Succeeding",
    "Tree",
    "Wrapper",
    "halved",
    "inverse_decay",
    "linear_decay",
    "linear_decay_last",
    "lowered_last",
    "step_at",
]
