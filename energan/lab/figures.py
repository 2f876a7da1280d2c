"""Figures of the studies, by matplotlib, and GIFs of them."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from energan.utils.files import write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

REAL, FAKE = "#1f6fb4", "#d1495b"  # points and curves of the data, and of the generator

FIELD = "RdYlBu"  # of a critic's reading: red where it says fake, blue where it says real


def panels(rows: int, columns: int, width: float = 2.6, height: float = 2.6) -> "tuple[Figure, list[Axes]]":
    """A figure of rows x columns axes, each `width` x `height` inches; its axes row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained", dpi=100)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def save(figure: "Figure", path: Path) -> None:
    """Writes a PNG."""
    write(path, lambda p: figure.savefig(p, format="png"))


def animate(draw: "Callable[[int], Figure]", frames: int, path: Path, *, seconds: float = 0.25) -> None:
    """Writes a GIF of the figures draw(0), ..., draw(frames - 1); the last one stays for two seconds."""
    from PIL import Image

    from energan.utils.image_files import save_gif

    images = []
    for i in range(frames):
        buffer = BytesIO()
        draw(i).savefig(buffer, format="png")
        images.append(Image.open(buffer).convert("RGB").quantize(64, dither=Image.Dither.NONE))
    save_gif(images, path, [int(1000 * seconds)] * (frames - 1) + [2000])


def field(axes: "Axes", reading: "Tensor", extent: float) -> None:
    """A critic's reading on a square grid over [-extent, extent]^2, (side^2,) row by row from below; ranks, so that
    critics of any scale show their shape."""
    side = round(len(reading) ** 0.5)
    ranks = reading.argsort().argsort().view(side, side) / len(reading)
    box = (-extent, extent, -extent, extent)
    axes.imshow(
        ranks.numpy(), cmap=FIELD, origin="lower", extent=box, vmin=0, vmax=1, alpha=0.7, interpolation="bilinear"
    )


def points(axes: "Axes", x: "Tensor", colour: str, size: float = 2.0) -> None:
    """Points (n, 2)."""
    axes.scatter(x[:, 0], x[:, 1], s=size, c=colour, linewidths=0, alpha=0.8)


def bare(axes: "Axes", title: str, extent: float) -> None:
    """No ticks, equal scales, a title."""
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), xticks=[], yticks=[], aspect="equal")
    axes.set_title(title, fontsize=9)


def spread(values: "Tensor | Sequence[float]", digits: int = 2) -> str:
    """ "mean ± standard deviation" of some models' values."""
    import torch

    x = torch.as_tensor(values, dtype=torch.float64)
    deviation = float(x.std()) if len(x) > 1 else 0.0
    return f"{float(x.mean()):.{digits}f} ± {deviation:.{digits}f}"
