"""Figures of energies: a histogram with the threshold, and the most unusual images with their maps."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from energan.inference.pictures.heat import heat, overlay
from energan.utils.files import write
from energan.utils.image_files import as_picture, figure_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNUSUAL = 12  # images on a sheet


def draw_histogram(
    path: Path, energies: Sequence[tuple[str, Float[Tensor, " n"]]], threshold: float | None = None
) -> None:
    """Writes a histogram of sets of energies, by their names; a line at the threshold, where there is one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    together = torch.cat([values for _, values in energies])
    edges = torch.linspace(float(together.min()), float(together.max()) + 1e-6, 60).tolist()
    for name, values in energies:
        # a label that starts with _, as a name may, would not be shown
        label = figure_text(f"{len(values)} of {name}")
        axes.hist(values.tolist(), bins=edges, density=True, alpha=0.55, label=label)
    if threshold is not None:
        axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4g}")
    axes.set(xlabel="energy", ylabel="density")
    axes.legend(frameon=False)
    _save(figure, path)


def draw_unusual(
    path: Path,
    images: UInt8[Tensor, "n c h w"],
    maps: Float[Tensor, "n h w"],
    titles: Sequence[str],
    top: float,
) -> None:
    """Writes a sheet: of each image itself, its map, and the map over it; beside them the scale of the colours.

    titles: a line above each image; anyone's text.
    top: the energy of a pixel that the brightest colour stands for.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    together = 2 if len(images) > 1 else 1
    rows = -(-len(images) // together)
    figure = Figure(figsize=(5 * together + 1, 1.9 * rows + 0.2), layout="constrained")
    axes = figure.subplots(rows, 3 * together, squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for i, (image, energy_map, title) in enumerate(zip(images, maps, titles, strict=True)):
        row, column = divmod(i, together)
        shown = (image, heat(energy_map, top), overlay(image, energy_map, top))
        for j, picture in enumerate(shown):
            place = axes[row, 3 * column + j]
            place.imshow(as_picture(picture), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes[row, 3 * column].set_title(figure_text(title), fontsize=8, loc="left")
    scale = ScalarMappable(Normalize(0, top), "inferno")
    figure.colorbar(scale, ax=axes, label="energy of a pixel", fraction=0.03, extend="max")
    _save(figure, path)


def _save(figure: "Figure", path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # letters that the font lacks are drawn as boxes
        write(path, lambda p: figure.savefig(p, format="png", dpi=120))
