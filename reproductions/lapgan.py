"""A Laplacian pyramid of GANs beside GANs of one stage, at equal steps and about as many weights  (arXiv:1506.05751).

    python -m reproductions.lapgan --seeds 0 1 --out runs/lapgan [--only LAPGAN ...] [--steps 3000]
    python -m reproductions.lapgan --data emoji-noto --steps 2000 --out runs/lapgan-emoji

"GAN, dense" is the authors' own comparison: the pyramid's coarsest nets on whole images, which is a pyramid of one
level. "GAN, convolutional" has DCGAN's nets. A cell is a run folder, OUT/NAME-SEED; finished ones are kept.
OUT/table.md has means and deviations over the seeds that are there: the weights of all generators and of all
discriminators, distance of samples to held-out images, with precision and recall, and of digits two likelihoods by
Parzen windows, in nats:

    Parzen             of images in windows around samples, as of any GAN (metrics/parzen.py)
    Parzen by levels   log q_K(c_K) + sum over k < K of log q_k(d_k | c_k+1), as the authors' (their appendix A)

There c_k are the means of blocks of an image, d_k what they leave of the next finer ones, in an orthonormal basis, in
which the likelihood of images is the product. q_k are windows around what G_k draws for the true low-pass image, at the
coarsest level around samples. Widths are chosen on other held-out images than those that are measured. So a level is
never asked for what the level below drew: it is not the likelihood of the samples, and no GAN of one stage has it.
OUT/figure.png shows samples, and of a pyramid what each level makes of the one before.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

import energan
from energan.data.pixels import to_bytes
from energan.engine.game import Batch, Players
from energan.games.gan.lapgan import down, stages, up
from energan.inference.model import Model
from energan.lab.figures import panels, save
from energan.metrics.parzen import VALIDATION, parzen
from energan.utils.files import write, write_json
from energan.utils.image_files import save_sheet
from reproductions.cells import of_samples, real_images, table, told, trained
from reproductions.vae_gan import DIGITS

DENSE, CONVOLUTIONAL = "GAN, dense", "GAN, convolutional"
CELLS = ("LAPGAN", DENSE, CONVOLUTIONAL)
COLUMNS = ("weights of G", "weights of D", "FID", "precision", "recall")
LIKELIHOODS = ("Parzen", "Parzen by levels")
SHOWN = 32
WIDTHS = tuple(0.02 * 1.3**i for i in range(20))  # of windows, pixels from 0 to 1: 0.02 to 2.9


def file_of(name: str) -> str:
    """
    >>> file_of("GAN, dense")
    'gan-dense'
    """
    return name.lower().replace(", ", "-")


def runs(data: str, width: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """Cell -> its recipe and settings. At a width of 16 all G have about as many weights.

    >>> [recipe for recipe, settings in runs("mnist", 16).values()]
    ['lapgan-mnist', 'lapgan-mnist', 'fgan-mnist']
    """
    if data in DIGITS:
        return {
            "LAPGAN": ("lapgan-mnist", {"width": width}),
            DENSE: ("lapgan-mnist", {"levels": 1, "size_g": 320, "size_d": 288}),
            CONVOLUTIONAL: ("fgan-mnist", {"divergence": "gan", "width": round(width * 1.6)}),
        }
    return {
        "LAPGAN": ("lapgan-64", {"width": width}),
        DENSE: ("lapgan-64", {"levels": 1, "size_g": 110, "size_d": 100}),
        CONVOLUTIONAL: ("dcgan-64", {"width": 2 * width, "lr": 5e-4}),
    }


def weights(model: Model, letters: str) -> int:
    """How many weights the players have whose names begin with one of the letters."""
    return sum(w.numel() for name, net in model.nets.items() if name[0] in letters for w in net.parameters())


def middle(images: Tensor) -> Tensor:
    """Bytes (n, c, h, w) -> pixels from 0 to 1; of digits padded to 32 x 32 their 28 x 28."""
    edge = 2 if images.shape[-1] == 32 else 0
    return images[:, :, edge : images.shape[2] - edge, edge : images.shape[3] - edge].float() / 255


# ---- the likelihood by levels ----


def details(images: Tensor) -> Tensor:
    """What the means of 2 x 2 pixels leave of images (n, c, h, w): (n, 3 c h w / 4), in an orthonormal basis."""
    a, b, c, d = (images[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1))
    return torch.stack([a + b - c - d, a - b + c - d, a - b - c + d], 1).flatten(1) / 2


def window(samples: Tensor, row: Tensor) -> Tensor:
    """log of the mean of Gaussian windows of each of WIDTHS around samples (m, d), at row (d,): (widths,) in nats."""
    squares = (samples.double() - row.double()).square().sum(1)
    sigma = torch.tensor(WIDTHS, dtype=torch.float64)
    near = torch.logsumexp(-squares[:, None] / (2 * sigma**2), 0) - math.log(len(samples))
    return near - len(row) * (sigma.log() + math.log(2 * math.pi) / 2)


@torch.no_grad()
def by_levels(model: Model, images: Tensor, draws: int) -> Tensor:
    """Log-densities of images (n, c, h, w), pixels from 0 to 1, by level and width of the windows: (K + 1, widths, n).

    draws: what each G_k draws for each image. The coarsest level first. Unit: nats.
    """
    K, noise = len(model.nets) // 2 - 1, torch.Generator(model.device).manual_seed(0)
    p, game = Players(model.nets), model.game
    finer = [images]
    for _ in range(K):
        finer.append(down(finer[-1]))

    def drawn(k: int, low: Tensor | None, n: int) -> Tensor:
        """What level k draws, pixels from 0 to 1, times 2^k: of them the map from images is orthonormal."""
        z = game.noise[f"z_{k}"](noise, n)
        given = () if low is None else (low.to(model.device).expand(n, -1, -1, -1),)
        image = getattr(p, f"G_{k}")(z, *given)
        image = image if low is None else image + given[0]
        return 2**k * (image.float().cpu() + 1) / 2

    coarsest = drawn(K, None, 10 * draws).flatten(1)
    found = [torch.stack([window(coarsest, 2**K * row) for row in finer[K].flatten(1)], 1)]
    for k in reversed(range(K)):
        rows = 2**k * details(finer[k])
        low = up(2 * finer[k + 1] - 1)
        each = [window(details(drawn(k, x[None], draws)), row) for x, row in zip(low, rows, strict=True)]
        found.append(torch.stack(each, 1))
    return torch.stack(found)


def likelihood(densities: Tensor, validation: int) -> float:
    """Mean over the images after the first `validation`, on which each level's width is chosen, nats."""
    best = densities[:, :, :validation].mean(2).argmax(1)
    return float(torch.stack([level[i, validation:] for level, i in zip(densities, best, strict=True)]).sum(0).mean())


# ---- the cells ----


def pyramid(model: Model, n: int) -> Tensor:
    """Bytes: a row of n samples at each level, the coarsest first, each pixel as large as it is there."""
    noise = {k: v[:n] for k, v in zip(model.generator.inputs, model.noise(n, model.noise_of_seed(1)), strict=True)}
    with torch.no_grad():
        images = stages(Players(model.nets), Batch(noise), len(model.nets) // 2 - 1)
    side = images[-1].shape[2:]
    return torch.cat([to_bytes(interpolate(x.float(), side).clamp(-1, 1)).cpu() for x in images])


def measured(folder: Path, n: int, draws: int, training: bool) -> dict[str, float]:
    """The columns of a finished cell; measured once, and a sheet of samples."""
    path = folder / f"lapgan-{n}-{draws}{'-training' if training else ''}.json"  # other counts give other numbers
    if not path.is_file():
        model, (images, network) = energan.load(folder), real_images(folder, n, training)
        rows: dict[str, float] = {"weights of G": weights(model, "G"), "weights of D": weights(model, "DV")}
        rows |= of_samples(model, images, network)
        if network == "mnist":
            held, other = middle(images)[VALIDATION:], middle(images)[:VALIDATION]
            if len(held) < 2:
                held = other = middle(images)
            rows["Parzen"] = parzen(middle(model.sample(n, seed=1)), other, held)[0]
            if "G_1" in model.nets:
                few = min(len(images), 3 * draws)
                rows["Parzen by levels"] = likelihood(by_levels(model, middle(images[:few]), draws), few // 3)
        levels = [pyramid(model, SHOWN // 4)] if "G_1" in model.nets else []
        save_sheet(torch.cat([model.sample(SHOWN, seed=1), *levels]), folder / "sheet.png", SHOWN // 4)
        write_json(path, rows)
    found: dict[str, float] = json.loads(path.read_text())
    return found


def draw(folders: dict[str, Path], path: Path) -> None:
    """A panel for each cell, of its first seed."""
    from PIL import Image

    figure, axes = panels(1, len(folders), 3.2, 3.2)
    for ax, (name, folder) in zip(axes, folders.items(), strict=True):
        ax.imshow(Image.open(folder / "sheet.png"), cmap="gray")
        ax.set_title(f"{name}: samples{', and their levels' if name == 'LAPGAN' else ''}", fontsize=8)
        ax.axis("off")
    save(figure, path)


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--only", nargs="+", choices=CELLS, default=CELLS, help="by default all")
    parser.add_argument("--data", default="mnist", help="mnist and its like, or images of 64 x 64")
    parser.add_argument("--steps", type=int, default=3000, help="of each cell")
    parser.add_argument("--batch", type=int, default=64, help="images a turn")
    parser.add_argument("--width", type=int, default=16, help="feature maps of the convolutional nets")
    parser.add_argument("--training", action="store_true", help="measure by training images: to choose settings")
    parser.add_argument("--samples", type=int, default=10_000, help="and held-out images, at most")
    parser.add_argument("--draws", type=int, default=200, help="of each level for each image, for Parzen by levels")
    parser.add_argument("--out", type=Path, default=Path("runs/lapgan"), help="where the cells are")
    args = parser.parse_args(arguments)
    columns = (*COLUMNS, *(LIKELIHOODS if args.data in DIGITS else ()))
    found: dict[str, list[dict[str, float]]] = {}
    folders: dict[str, Path] = {}
    for seed in args.seeds:
        for name in args.only:
            recipe, own = runs(args.data, args.width)[name]
            folder = args.out / f"{file_of(name)}-{seed}"
            given = {"data": args.data, "steps": args.steps, "batch": args.batch, "seed": seed, **own}
            if not trained(folder, recipe, given, "reproductions.lapgan"):
                return
            found.setdefault(name, []).append(measured(folder, args.samples, args.draws, args.training))
            folders.setdefault(name, folder)
            text = table("GANs", columns, found)
            write(args.out / "table.md", lambda p, text=text: p.write_text(text))  # type: ignore[misc]
            draw(folders, args.out / "figure.png")
            print(text, flush=True)


if __name__ == "__main__":
    told(main)
