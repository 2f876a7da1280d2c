"""The command `margin`: proposes where to start the search for the margin."""

from typing import TYPE_CHECKING

from energan.utils.console import say
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from energan.data import ImageSet


def margin(
    *,
    data: str,
    size: int = 32,
    channels: int = 1,
    width: int = 0,
    only: tuple[str, ...] = (),
    centre: int = 0,
    patches: int = 0,
    steps: int = 1000,
    batch: int = 64,
    seed: int = 0,
    value_range: tuple[float, float] | None = None,
) -> int:
    """Propose a margin: train the auto-encoder alone on the real images (the paper's appendix E).

    Args:
        data: A folder, .zip, .npz or .parquet of images, or a named set.
        size: Pixels a side (32 pads 28 x 28 digits, as the MNIST recipes do).
        channels: 3 for colour, 1 for grey, 4 for colour with opacity.
        width: The recipe's --width; 0 for its default at this size.
        only: The recipe's --only.
        centre: The recipe's --centre.
        patches: The recipe's --patches.
        steps: Training steps at most; it stops earlier once the energy no longer falls.
        batch: Images a step.
        seed: Of the weights and the order of the data.
        value_range: What is black and what is white in images of more than 8 bits; by default measured over all.
    """
    from energan.engine.rng import seeded
    from energan.networks.conv.autoencoder import Autoencoder
    from energan.recipes.common import padded_digits
    from energan.recipes.image_options import Views
    from energan.training.margin import converged_energy
    from energan.utils.checks import at_least, not_negative, positive, usable_seed
    from energan.utils.hardware import pick_precision

    positive(size=size, channels=channels, steps=steps)
    not_negative(width=width)
    at_least(2, batch=batch)
    usable_seed(seed)
    if size % 8:
        raise UserError(f"`size` must be a multiple of 8, got {size}")
    views = Views(channels=channels, only=only, centre=centre, patches=patches)
    prepare: Callable[..., ImageSet] = padded_digits if (size, channels) == (32, 1) else views.prepare(size)
    images = prepare(data, "train", value_range=value_range)
    with seeded(seed):
        net = Autoencoder(channels=channels, maps=_maps(size, width))
    means = converged_energy(
        net,
        images,
        steps=steps,
        batch=batch,
        seed=seed,
        precision=pick_precision("auto", "cpu"),
        crop=size if patches else None,
    )
    say(f"the auto-encoder alone on {len(images.images)} images of {images.name}, {channels} x {size} x {size}:")
    say(_advice(means, steps, channels * size * size))
    return 0


def _advice(means: list[float], steps: int, d: int) -> str:
    """The energies by which training went, the proposal, and the same margin in other units, of d pixels."""
    from energan.losses.energy import convert_margin
    from energan.training.margin import ROOM, WINDOW

    proposal = float(f"{ROOM * means[-1]:.2g}")
    window = min(WINDOW, steps)
    flat = "no longer falls" if len(means) < steps // window else "may still fall: more --steps"
    return "\n".join([
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
