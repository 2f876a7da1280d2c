"""The path to VAE/GAN, one loss after another: an auto-encoder, + KL, + feature matching, + GAN  (arXiv:1512.09300).

    python -m reproductions.vae_gan --seeds 0 1 2 --out runs/vae-gan [--only "+ KL" ...] [--steps 3000]
    python -m reproductions.vae_gan --data emoji-noto --steps 2500 --width 32 --out runs/vae-gan-emoji

The path is that of Jun Gao's lecture, which proposes to combine four losses; "VAE/GAN" is the paper's own, which has no
loss of pixels. A cell is a run folder, OUT/NAME-SEED, of vae-gan-mnist or, with --data of your own or emoji, of
vae-gan-64; finished ones are kept. OUT/table.md has means and deviations over the seeds that are there: distance of
samples to held-out images, with precision and recall; of held-out images and their reconstructions, drawn from the
codes' means, the pixels' RMS and the distance of features. OUT/figure.png shows images, reconstructions and samples.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

import energan
from energan.lab.figures import panels, save
from energan.utils.files import write, write_json
from energan.utils.image_files import save_sheet
from reproductions.cells import of_reconstructions, of_samples, real_images, table, told, trained

CELLS: dict[str, dict[str, float]] = {
    "auto-encoder": {"kl": 0.0, "reconstruction": 1.0, "feature": 0.0, "adversarial": 0.0},
    "+ KL": {"kl": 1.0, "reconstruction": 1.0, "feature": 0.0, "adversarial": 0.0},
    "+ feature matching": {"kl": 1.0, "reconstruction": 1.0, "feature": 1.0, "adversarial": 0.0},
    "+ GAN": {"kl": 1.0, "reconstruction": 1.0, "feature": 1.0, "adversarial": 1.0},
    "VAE/GAN": {"kl": 1.0, "reconstruction": 0.0, "feature": 1.0, "adversarial": 1.0},
}
COLUMNS = ("FID", "precision", "recall", "pixel RMS", "feature distance")
DIGITS = ("mnist", "fashion-mnist", "digits")
SHOWN = 8


def file_of(name: str) -> str:
    """
    >>> file_of("+ feature matching"), file_of("VAE/GAN")
    ('feature-matching', 'vae-gan')
    """
    return name.lower().replace("+ ", "").replace("/", "-").replace(" ", "-")


def measured(folder: Path, n: int, training: bool = False) -> dict[str, float]:
    """The columns of a finished cell; measured once, and a sheet of images, reconstructions and samples."""
    path = folder / ("ablation-training.json" if training else "ablation.json")
    if not path.is_file():
        model, (images, network) = energan.load(folder), real_images(folder, n, training)
        again = model.reconstruct(images)
        save_sheet(torch.cat([images[:SHOWN], again[:SHOWN], model.sample(SHOWN, seed=1)]), folder / "rows.png", SHOWN)
        write_json(path, {**of_samples(model, images, network), **of_reconstructions(images, again, network)})
    found: dict[str, float] = json.loads(path.read_text())
    return found


def draw(folders: dict[str, Path], path: Path) -> None:
    """A panel for each cell, of its first seed: held-out images, what is drawn of their codes, samples."""
    from PIL import Image

    figure, axes = panels(len(folders), 1, 5, 2.1)
    for ax, (name, folder) in zip(axes, folders.items(), strict=True):
        ax.imshow(Image.open(folder / "rows.png"), cmap="gray")
        ax.set_title(f"{name}: images, reconstructions, samples", fontsize=8)
        ax.axis("off")
    save(figure, path)


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--only", nargs="+", choices=tuple(CELLS), default=tuple(CELLS), help="by default all")
    parser.add_argument("--data", default="mnist", help="mnist and its like, or images of 64 x 64")
    parser.add_argument("--net", choices=("conv", "mlp"), default="conv", help="of digits")
    parser.add_argument("--steps", type=int, default=0, help="of each cell; 0 for the recipe's")
    parser.add_argument("--width", type=int, default=0, help="of the nets; 0 for the recipe's")
    parser.add_argument("--gamma", type=float, default=-1.0, help="below 0: the recipe's")
    parser.add_argument("--training", action="store_true", help="measure by training images: to choose settings")
    parser.add_argument("--samples", type=int, default=10_000, help="and held-out images, at most")
    parser.add_argument("--out", type=Path, default=Path("runs/vae-gan"), help="where the cells are")
    args = parser.parse_args(arguments)
    digits = args.data in DIGITS
    given: dict[str, Any] = {k: v for k, v in (("steps", args.steps), ("width", args.width)) if v}
    given |= {"data": args.data} | ({"net": args.net} if digits else {})
    given |= {"gamma": args.gamma} if args.gamma >= 0 else {}
    found: dict[str, list[dict[str, float]]] = {}
    folders: dict[str, Path] = {}
    for seed in args.seeds:
        for name in args.only:
            folder = args.out / f"{file_of(name)}-{seed}"
            recipe = "vae-gan-mnist" if digits else "vae-gan-64"
            if not trained(folder, recipe, {**given, **CELLS[name], "seed": seed}, "reproductions.vae_gan"):
                return
            found.setdefault(name, []).append(measured(folder, args.samples, args.training))
            folders.setdefault(name, folder)
            text = table("losses", COLUMNS, found)
            write(args.out / "table.md", lambda p, text=text: p.write_text(text))  # type: ignore[misc]
            draw(folders, args.out / "figure.png")
            print(text, flush=True)


if __name__ == "__main__":
    told(main)
