"""An auto-encoder of a frozen network's features: energy where pixels are blind.  "DFR: deep feature reconstruction for
unsupervised anomaly segmentation", Yang, Shi & Qi 2020, arXiv:2012.07122.

    L_D(x) = mean over places and features of (D(F(x)) - F(x))^2
    e(x)   = mean over features of (D(F(x)) - F(x))^2, of each place
    E(x)   = mean of the `worst` share of the places' e(x)

x (n, c, h, w) in [-1, 1]; F is frozen, F(x) (n, d, h2, w2); the net D returns (reconstruction, code) of F(x). The map
is e(x), brought to h x w bilinearly, which keeps its mean where h is an even multiple of h2.

NOTE: E(x) is ours: the paper is about segmentation, by e(x). With worst = 1 it is the loss; a small defect would drown
in it.

Not to be confused with feature matching, where samples' features are compared with images'.
"""

from math import ceil

from torch import Tensor, nn
from torch.nn.functional import interpolate

from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.optimizers import Adam, Optimizer
from energan.losses.energy import energy, energy_map
from energan.utils.specification import recorded

MEANINGS = {"E(x)": "mean square of what D misses of real images' features; where it settles, D knows what is usual"}


def reconstruction_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    features = p.F(b.x).detach()
    real_energy = energy(features, p.D(features)[0], "mse").mean()
    return real_energy, {"E(x)": real_energy}


def errors(p: Players, b: Batch) -> Tensor:
    """e(x), (n, h2, w2)."""
    features = p.F(b.x)
    return energy_map(features, p.D(features)[0], "mse")


@recorded
def feature_autoencoder(
    F: nn.Module, D: nn.Module, *, worst: float = 0.05, optimizer_D: Optimizer = Adam(1e-3)
) -> Game:
    """The game of one player, D. worst: share of the places, those with the largest error, whose mean is the energy."""

    def of_worst(p: Players, b: Batch) -> Tensor:
        places = errors(p, b).flatten(1)
        return places.topk(ceil(worst * places.shape[1]), 1).values.mean(1)

    def upsampled(p: Players, b: Batch) -> Tensor:
        return interpolate(errors(p, b)[:, None], b.x.shape[2:], mode="bilinear", align_corners=False)[:, 0]

    return Game(
        players={"F": Player(F), "D": Player(D, optimizer_D)},
        turns={"D": (Move(reconstruction_loss, min=("D",)),)},
        energy=of_worst,
        energy_map=upsampled,
        meanings=MEANINGS,
    )
