"""Blurred first, then clear: one stage, the blur of two stages, and its refinement, side by side.

    python -m reproductions.two_stage --seeds 0 1 2 --out runs/two-stage [--steps 4000]
    python -m reproductions.two_stage --data emoji-noto --steps 4000 --width 16 --out runs/two-stage-emoji

The three panels of a slide of Jun Gao's lecture on generative adversarial nets, with our losses. "Single stage" is
VAE/GAN with all four losses for as many steps. The two others are of one run of two-stage-mnist or
two-stage-64: what its VAE draws, and what its refiner makes of the same. OUT/table.md has the distance of samples to
held-out images, with precision and recall, and how well held-out images are drawn again; OUT/figure.png the samples,
of the two stages for the same noise. Finished cells, OUT/NAME-SEED, are kept.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import energan
from energan.games.latent.two_stage import blurred
from energan.inference.model import Model
from energan.utils.files import write, write_json
from energan.utils.image_files import save_sheet
from reproductions.cells import draw_sheets, of_reconstructions, of_samples, real_images, table, told, trained
from reproductions.vae_gan import CELLS, COLUMNS, DIGITS

SINGLE, BLUR, CLEAR = "single stage", "two stages, blurred", "two stages, clear"
SHOWN = 32


def models(folder: Path) -> dict[str, Model]:
    """What a run draws, by row of the table: of two stages both."""
    model = energan.load(folder)
    if "R" not in model.nets:
        return {SINGLE: model}
    return {BLUR: Model(model.game._replace(sample=blurred), model.nets, shape=model.shape), CLEAR: model}


def measured(folder: Path, n: int) -> dict[str, dict[str, float]]:
    """The columns of each row that a finished cell has; measured once, and a sheet of samples of each."""
    path = folder / "stages.json"
    if not path.is_file():
        rows, (images, network) = {}, real_images(folder, n)
        for name, model in models(folder).items():
            save_sheet(model.sample(SHOWN, seed=1), folder / f"{name.split()[-1]}.png", 8)
            again = model.reconstruct(images)
            rows[name] = {**of_samples(model, images, network), **of_reconstructions(images, again, network)}
        write_json(path, rows)
    found: dict[str, dict[str, float]] = json.loads(path.read_text())
    return found


def draw(folders: dict[str, Path], path: Path) -> None:
    """A panel for each row, of the first seed."""
    draw_sheets({name: folder / f"{name.split()[-1]}.png" for name, folder in folders.items()}, path, 3.2, 2)


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, two runs each")
    parser.add_argument("--data", default="mnist", help="mnist and its like, or images of 64 x 64")
    parser.add_argument("--steps", type=int, default=4000, help="of each run")
    parser.add_argument("--width", type=int, default=16, help="of the nets")
    parser.add_argument("--z", type=int, default=32, help="dimensions of the codes")
    parser.add_argument("--samples", type=int, default=10_000, help="and held-out images, at most")
    parser.add_argument("--out", type=Path, default=Path("runs/two-stage"), help="where the runs are")
    args = parser.parse_args(arguments)
    size = "mnist" if args.data in DIGITS else "64"
    given: dict[str, Any] = {"data": args.data, "steps": args.steps, "width": args.width, "z": args.z}
    runs: dict[str, dict[str, Any]] = {"vae-gan": CELLS["+ GAN"], "two-stage": {}}
    found: dict[str, list[dict[str, float]]] = {}
    folders: dict[str, Path] = {}
    for seed in args.seeds:
        for name, own in runs.items():
            folder = args.out / f"{name}-{seed}"
            if not trained(folder, f"{name}-{size}", {**given, **own, "seed": seed}, "reproductions.two_stage"):
                return
            for row, values in measured(folder, args.samples).items():
                found.setdefault(row, []).append(values)
                folders.setdefault(row, folder)
        text = table("images", COLUMNS, found)
        write(args.out / "table.md", lambda p, text=text: p.write_text(text))  # type: ignore[misc]
        draw(folders, args.out / "figure.png")
        print(text, flush=True)


if __name__ == "__main__":
    told(main)
