"""Pictures of pictures, where the truth is known: pix2pix and its ablation, and CycleGAN, from which pairs are hidden.

    python -m reproductions.translation --task line-emoji --steps 3000 --out runs/line-emoji
    python -m reproductions.translation --task noto-twemoji --steps 4000 --out runs/noto-twemoji

Tasks are named sets of pairs, split by code point or character. line-emoji and zi2zi: the losses of pix2pix's table 1
(arXiv:1611.07004), whose FCN score, a network that reads what was made, is here a search: the share of made pictures
that are nearer to their own true picture than to all other held-out ones, in MobileNetV2's features. noto-twemoji:
CycleGAN (arXiv:1703.10593), which never sees which picture belongs to which, both ways, beside pix2pix, which does; a
row xy is from Noto to Twemoji, yx back.

A cell is a run folder, OUT/NAME-SEED; finished ones are kept. OUT/table.md has means and deviations over the seeds that
are there, of the test split; its first row is the input as it is. OUT/figure.png shows the first seed's pictures.
"""

import argparse
from pathlib import Path
from typing import Any

from energan.capabilities.translation.compared import closeness
from energan.data.image_set import fixed_subset
from energan.data.pairs.domains import Domains
from energan.data.pairs.load import load_domains
from energan.evaluation import evaluate
from energan.lab.figures import panels, save
from energan.metrics.features.catalog import NETWORKS
from energan.utils.files import write
from reproductions.cells import table, told, trained

PIX2PIX: dict[str, dict[str, Any]] = {
    "L1": {"adversarial": 0.0},
    "GAN": {"l1": 0.0, "conditional": False},
    "cGAN": {"l1": 0.0},
    "L1 + GAN": {"conditional": False},
    "L1 + cGAN": {},
}
UNPAIRED = ("pix2pix", "pix2pix back", "CycleGAN")
TASKS = {"line-emoji": (3, 3), "zi2zi": (1, 1), "icons-filled": (1, 1), "noto-twemoji": (3, 3)}  # channels of x and y
COLUMNS = ("L1", "PSNR", "SSIM", "feature distance", "found %", "cycle error")


def cells(task: str, blocks: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """The recipe and the arguments of each cell."""
    if task != "noto-twemoji":
        return {name: ("pix2pix", given) for name, given in PIX2PIX.items()}
    pairs: dict[str, Any] = {"reverse": True}
    return {
        "pix2pix": ("pix2pix", {}),
        "pix2pix back": ("pix2pix", pairs),
        "CycleGAN": ("cyclegan", {"blocks": blocks}),
    }


def file_of(name: str) -> str:
    """
    >>> file_of("L1 + cGAN")
    'l1-cgan'
    """
    return name.lower().replace(" + ", "-").replace(" ", "-")


def rows_of(name: str, metrics: dict[str, float]) -> dict[str, dict[str, float]]:
    """A row for each way.

    >>> rows_of("CycleGAN", {"L1 xy": 0.1, "L1 yx": 0.2})
    {'CycleGAN xy': {'L1': 0.1}, 'CycleGAN yx': {'L1': 0.2}}
    """
    ways = [way for way in ("xy", "yx") if any(key.endswith(f" {way}") for key in metrics)]
    if not ways:
        return {name: metrics}
    return {
        f"{name} {way}": {key.removesuffix(f" {way}"): v for key, v in metrics.items() if key.endswith(f" {way}")}
        for way in ways
    }


def unchanged(task: str) -> dict[str, dict[str, float]]:
    """A row of the inputs as they are, for each way: as if nothing had been made of them."""
    x, y = TASKS[task]
    data = load_domains(task, "test", domains=Domains(channels=x, outputs=y))
    assert data.targets is not None
    rows = fixed_subset(len(data.images), NETWORKS["mobilenetv2"].samples)  # as many as cells are measured on
    x, y = data.images[rows], data.targets[rows]
    if task != "noto-twemoji":
        return {"input": closeness(x, y, "mobilenetv2")}
    return {"input xy": closeness(x, y, "mobilenetv2"), "input yx": closeness(y, x, "mobilenetv2")}


def draw(folders: dict[str, Path], path: Path) -> None:
    """A panel for each cell: held-out pictures, what is made of them, what they should be."""
    from PIL import Image

    figure, axes = panels(-(-len(folders) // 2), 2, 5, 4)
    for ax, (name, folder) in zip(axes, folders.items(), strict=False):
        ax.imshow(Image.open(folder / "translations.png"), cmap="gray")
        ax.set_title(name, fontsize=8)
    for ax in axes:
        ax.axis("off")
    save(figure, path)


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=tuple(TASKS), default="line-emoji", help="a named set of pairs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--only", nargs="+", choices=(*PIX2PIX, *UNPAIRED), help="by default all of the task")
    parser.add_argument("--steps", type=int, default=3000, help="of each cell")
    parser.add_argument("--batch", type=int, default=4, help="pairs a step of pix2pix; CycleGAN has one of each")
    parser.add_argument("--width", type=int, default=32, help="of pix2pix's nets; CycleGAN's have half as many")
    parser.add_argument("--blocks", type=int, default=4, help="residual blocks of CycleGAN's generators")
    parser.add_argument("--out", type=Path, required=True, help="where the cells are")
    args = parser.parse_args(arguments)
    found = {name: [row] for name, row in unchanged(args.task).items()}
    folders: dict[str, Path] = {}
    channels, outputs = TASKS[args.task]
    for seed in args.seeds:
        for name, (recipe, own) in cells(args.task, args.blocks).items():
            if args.only and name not in args.only:
                continue
            folder = args.out / f"{file_of(name)}-{seed}"
            unpaired = recipe == "cyclegan"
            given = {
                "data": args.task, "channels": channels, "outputs": outputs, "steps": args.steps, "save_every": 500,
                "batch": 1 if unpaired else args.batch, "width": args.width // 2 if unpaired else args.width,
                "seed": seed, **own,
            }  # fmt: skip
            if not trained(folder, recipe, given, "reproductions.translation"):
                return
            for row, values in rows_of(name, evaluate(folder)["metrics"]).items():
                found.setdefault(row, []).append(values)
            folders.setdefault(name, folder)
            text = table(args.task, COLUMNS, found)
            write(args.out / "table.md", lambda p, text=text: p.write_text(text))  # type: ignore[misc]
            draw(folders, args.out / "figure.png")
            print(text, flush=True)


if __name__ == "__main__":
    told(main)
