"""Figures 2 and 3 of EBGAN's paper: how the scores I of the grid's models are distributed, in per cent of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from energan.lab.figures import FAKE, REAL, panels, save
from reproductions.grid.claim import Row, layers, optimised, scores, shares
from reproductions.grid.table1 import GAN, OPTIMIZERS, configuration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reproductions.grid.claim import Scores

EDGES = tuple(np.linspace(0, 10, 21))  # of the bins: I is at most 10.13
COLOURS = {"EBGAN": REAL, "GAN": FAKE}


def figure2(rows: Sequence[Row], path: Path) -> None:
    """All models (a), those of at most four layers a net (b), of at most three (c)."""
    figure, axes = panels(1, 3, width=4.2, height=3.2)
    for place, (letter, most) in zip(axes, (("a", 5), ("b", 4), ("c", 3)), strict=True):
        of = "all" if most == 5 else f"at most {most} layers"
        _histogram(place, scores(rows, layers(most)), f"({letter}) {of}")
    axes[0].set_ylabel("models, %")
    save(figure, path)


def figure3(rows: Sequence[Row], path: Path) -> None:
    """The GANs of each pair of optimizers and learning rate, beside all EBGANs."""
    rates = {name: GAN[name] for name in OPTIMIZERS}
    figure, axes = panels(4, 3, width=4.2, height=2.8)
    for i, place in enumerate(axes):
        each = configuration(rates, i)
        title = f"GAN: D {each['optim_d']}, G {each['optim_g']}, rate {each['lr']:g}"
        _histogram(place, scores(rows, optimised(**each)), title)
    for place in axes[::3]:
        place.set_ylabel("models, %")
    save(figure, path)


def _histogram(axes: "Axes", found: "Scores", title: str) -> None:
    """Both systems; a whisker is what 90 % of samples of this size would show."""
    middles, wide = np.convolve(EDGES, [0.5, 0.5], "valid"), EDGES[1] - EDGES[0]
    for name, values, side in (("EBGAN", found.ebgan, -1), ("GAN", found.gan, 1)):
        if not len(values):
            continue
        percent, (low, high) = shares(values, EDGES)
        x = middles + side * wide / 4.4
        axes.bar(x, percent, wide / 2.2, color=COLOURS[name], label=f"{name} ({len(values)})")
        whiskers = np.array([np.maximum(percent - low, 0), np.maximum(high - percent, 0)])
        axes.errorbar(x, percent, whiskers, fmt="none", ecolor="#00000066", elinewidth=0.8)
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("score I, nats")
    if axes.containers:
        axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
