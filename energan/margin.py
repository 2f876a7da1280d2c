"""Where to start the search for a margin.  arXiv:1609.03126, appendix E.

"Run D (the auto-encoder) alone on the real sample dataset and monitor the loss. When it converges, the consequential
loss implies a rough limit on how well such setting of D is capable to fit the dataset. This usually suggests a good
start for a hyper-parameter searching on m."
"""

import sys

from torch import nn

from energan.data import Batches, Images
from energan.data.progress import counted
from energan.errors import UserError
from energan.games import GAMES
from energan.nets import autoencoder
from energan.noise import seeded
from energan.optimizers import Adam
from energan.play import One

WINDOW = 100  # steps that an energy is averaged over
ROOM = 3.0  # the proposal, in converged energies: at 1 digits collapsed (docs/results.md, margins)
FLAT = 0.02  # share by which a window must fall below the last one, or the energy is taken for converged


def converged_energy(
    net: nn.Module,
    data: Images,
    *,
    steps: int,
    batch: int,
    seed: int,
    lr: float = 1e-3,
    precision: str = "fp32",
    progress: bool = False,
    crop: int | None = None,
) -> list[float]:
    """Trains `net` to reconstruct the images, `steps` steps at most.

    Returns the mean energy of each window of 100 steps (of all, where there are fewer) until it stops falling.
    """
    game = GAMES["autoencoder"](net, optimizer_D=Adam(lr))
    one = One(game, Batches(data.images, data.labels, batch, seed, crop=crop), seed=seed, precision=precision)
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


def advise(
    data: str,
    *,
    size: int,
    channels: int,
    width: int = 0,
    only: tuple[str, ...] = (),
    centre: int = 0,
    patches: int = 0,
    steps: int,
    batch: int,
    seed: int,
) -> str:
    """What `energan margin` prints: the energies, the proposal, and the same margin in other units."""
    from energan.machine import pick_precision
    from energan.recipes.common import at_least, not_negative, padded_digits, positive, usable_seed
    from energan.recipes.views import Views
    from energan.terms.energy import convert_margin

    positive(size=size, channels=channels, steps=steps)
    not_negative(width=width)
    at_least(2, batch=batch)
    usable_seed(seed)
    if size % 8:
        raise UserError(f"--size must be a multiple of 8, got {size}")
    views = Views(size, channels, only, centre, patches, flip=False, augment=())
    images = padded_digits(data, "train") if (size, channels) == (32, 1) else views.prepare(data, "train")
    with seeded(seed):
        net = autoencoder.Autoencoder(channels=channels, maps=_maps(size, width))
    precision = pick_precision("auto", "cpu")
    means = converged_energy(
        net,
        images,
        steps=steps,
        batch=batch,
        seed=seed,
        precision=precision,
        progress=sys.stderr.isatty(),
        crop=size if patches else None,
    )
    d = channels * size * size
    proposal = float(f"{ROOM * means[-1]:.2g}")
    window = min(WINDOW, steps)
    flat = "no longer falls" if len(means) < steps // window else "may still fall: more --steps"
    return "\n".join([
        f"the auto-encoder alone on {len(images.images)} images of {images.name}, {channels} x {size} x {size}:",
        f"  E(x) by {window} steps: " + ", ".join(f"{m:.3g}" for m in means) + f" ({flat})",
        f"the paper starts its search for a margin there, at {means[-1]:.2g}; here {ROOM:g} times that did better:",
        f"try --margin {proposal:g} (RMS {proposal / d**0.5:.3g} a pixel), then twice and half of it;",
        f"in other units: --energy ssq --margin {convert_margin(proposal, d, 'l2', 'ssq'):.3g}, "
        f"--energy mse --margin {convert_margin(proposal, d, 'l2', 'mse'):.3g}.",
        "too large is unstable, too small drops modes (appendix E).",
    ])  # fmt: skip


def _maps(size: int, width: int) -> list[int]:
    """Of the recipes' auto-encoders at this size: three layers up to 64 pixels, four beyond."""
    width = width or (32 if size <= 32 else 64)
    return [width * 2**i for i in range(3 if size <= 64 else 4)]
