"""Where to start the search for a margin.  arXiv:1609.03126, appendix E.

"Run D (the auto-encoder) alone on the real sample dataset and monitor the loss. When it converges, the consequential
loss implies a rough limit on how well such setting of D is capable to fit the dataset. This usually suggests a good
start for a hyper-parameter searching on m."
"""

from torch import nn

from energan.data import Batches, ImageSet
from energan.engine import Trainer
from energan.engine.optimizers import Adam
from energan.games.energy.autoencoder import autoencoder
from energan.utils.console import counted

WINDOW = 100  # steps that an energy is averaged over

ROOM = 3.0  # the proposal, in converged energies: at 1 digits collapsed (docs/results/ebgan.md, margins)

FLAT = 0.02  # share by which a window must fall below the last one, or the energy is taken for converged


def converged_energy(
    net: nn.Module,
    data: ImageSet,
    *,
    steps: int,
    batch: int,
    seed: int,
    lr: float = 1e-3,
    precision: str = "fp32",
    device: str = "cpu",
    progress: bool | None = None,
    crop: int | None = None,
) -> list[float]:
    """Trains `net` to reconstruct the images, `steps` steps at most.

    Returns the mean energy of each window of 100 steps (of all, where there are fewer) until it stops falling.
    """
    game = autoencoder(net, optimizer_D=Adam(lr))
    source = Batches(data.images, data.labels, batch, seed, crop=crop)
    one = Trainer(game, source, seed=seed, precision=precision, device=device)
    means: list[float] = []
    window = min(WINDOW, steps)
    windows = counted(
        range(steps // window), steps, "training the auto-encoder", each=window, unit="steps", show=progress
    )
    for _ in windows:
        means.append(sum(one.step()["D/E(x)"] for _ in range(window)).item() / window)  # type: ignore[union-attr]
        if len(means) > 2 and means[-1] > (1 - FLAT) * means[-2]:
            break
    return means
