"""A thousand modes: stacked MNIST under a GAN, mode-regularised GANs and WGAN-GP  (arXiv:1612.02136, 1704.00028).

    python -m reproductions.stacked --seeds 0 1 2 --out runs/stacked [--only GAN ...] [--steps 3000] [--width 16]

All have DCGAN's generator of one width, and the same steps of it and batch; "GAN" is the mode-regularised GAN with both
weights 0. Of 26,000 samples, whose channels the shipped classifier reads: how many of the 1,000 triples of digits are
there, and the KL divergence from the uniform distribution, in nats (0.02 for real ones). A cell is a run folder,
OUT/NAME-SEED; finished ones are kept. OUT/table.md has means and deviations over the seeds that are there,
OUT/figure.png samples of each.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import energan
from energan.metrics.modes import stacked_modes
from energan.utils.files import write, write_json
from energan.utils.image_files import save_sheet
from reproductions.cells import draw_sheets, table, told, trained

CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "GAN": ("mode-regularised-mnist", {"channels": 3, "distance": 0.0, "mode": 0.0}),
    "mode-regularised": ("mode-regularised-mnist", {"channels": 3}),
    "manifold-diffusion": ("mode-regularised-mnist", {"channels": 3, "variant": "manifold-diffusion"}),
    "WGAN-GP": ("wgan-gp-stacked", {}),
}
COLUMNS = ("modes", "KL")
SAMPLES, SHOWN = 26_000, 32


def measured(folder: Path, n: int) -> dict[str, float]:
    """The columns of a finished cell; measured once, and a sheet of samples."""
    path = folder / "modes.json"
    if not path.is_file():
        samples = energan.load(folder).sample(n, seed=1)
        save_sheet(samples[:SHOWN], folder / "samples.png", 8)
        found = stacked_modes(samples)
        write_json(path, {"modes": found.covered, "KL": found.kl})
    values: dict[str, float] = json.loads(path.read_text())
    return values


def draw(folders: dict[str, Path], path: Path) -> None:
    """A panel for each cell, of its first seed."""
    draw_sheets({name: folder / "samples.png" for name, folder in folders.items()}, path, 3.2, 2)


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--only", nargs="+", choices=tuple(CELLS), default=tuple(CELLS), help="by default all")
    parser.add_argument("--steps", type=int, default=3000, help="of each cell")
    parser.add_argument("--width", type=int, default=16, help="of the nets")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of each cell; their number bounds the KL below")
    parser.add_argument("--data", default="stacked-mnist", help="images of 3 channels")
    parser.add_argument("--out", type=Path, default=Path("runs/stacked"), help="where the cells are")
    args = parser.parse_args(arguments)
    given = {"data": args.data, "steps": args.steps, "width": args.width}
    found: dict[str, list[dict[str, float]]] = {}
    folders: dict[str, Path] = {}
    for seed in args.seeds:
        for name in args.only:
            recipe, own = CELLS[name]
            folder = args.out / f"{name.lower()}-{seed}"
            if not trained(folder, recipe, {**given, **own, "seed": seed}, "reproductions.stacked"):
                return
            found.setdefault(name, []).append(measured(folder, args.samples))
            folders.setdefault(name, folder)
            text = table("system", COLUMNS, found)
            write(args.out / "table.md", lambda p, text=text: p.write_text(text))  # type: ignore[misc]
            draw(folders, args.out / "figure.png")
            print(text, flush=True)


if __name__ == "__main__":
    told(main)
