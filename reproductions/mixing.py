"""Do chains mix?  Plug and play's central comparison (Nguyen et al. 2017, arXiv:1612.00005, section 3), on digits.

    python -m reproductions.mixing --seeds 0 1 2 --out runs/mixing [--only "PPGN-h" ...] [--steps 400]

Ten chains of 200 steps towards each digit, by each system's own chain, whose noise of 1e-17 is none, and with noise
of so many times the root mean square of the codes where its chains end. OUT/table.md has, as means over the seeds that
are there,

    accuracy      the share of ends that the shipped classifier sees as asked for
    in a class    mean distance of two ends of one class, pixels in [0, 1] (real digits beside it)
    along         mean distance of two images of the second half of one chain: as large as the one before it if a
                  chain shows what many do, and 0 if it stands still

OUT/figure.png shows a chain towards 3 frame by frame, a row for each system and noise, of the least seed. A cell is a
run folder, OUT/NAME-SEED; finished ones are kept.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import energan
from energan.capabilities.inversion.measure import EACH, FRAMES, accuracies, diversity, mixing
from energan.data import load
from energan.data.pixels import to_bytes
from energan.inference.guided import final_images, latent_space, sample_guided
from energan.inference.model import Model
from energan.samplers.chains import Trace
from energan.utils.checks import at_least
from energan.utils.console import STOPPED, complain, say
from energan.utils.errors import UserError
from energan.utils.files import user_path, write
from energan.utils.image_files import save_sheet
from reproductions.cells import spread, trained

SYSTEMS = {
    "DGN-AM": "dgn-am-mnist",
    "PPGN-x": "ppgn-x-mnist",
    "PPGN-h": "ppgn-h-mnist",
    "Joint PPGN-h": "joint-ppgn-h-mnist",
    "Noiseless Joint PPGN-h": "noiseless-ppgn-h-mnist",
}
NOISE = (0.0, 0.05, 0.2)  # of the codes' root mean square
SHOWN = 3  # the digit whose chains are shown
COLUMNS = ("accuracy", "in a class", "along")
Values = dict[str, float]


def folder_of(out: Path, name: str, seed: int) -> Path:
    """The cell's run folder.

    >>> folder_of(Path("out"), "PPGN-h", 0).name
    'ppgn-h-0'
    """
    return out / f"{name.lower().replace(' ', '-')}-{seed}"


def chains(model: Model, asked: Tensor, noise: float, seed: int = 0) -> Trace:
    """A chain towards each class, of FRAMES images; eps3 is the noise, or, where that is 0, the system's own."""
    chain = latent_space(model).chain
    settings = chain._replace(eps3=noise) if noise else chain
    return sample_guided(model, asked, chain=settings, seed=seed, keep=max(1, chain.steps // (FRAMES - 1)))


def measured(model: Model, each: int) -> tuple[dict[float, Values], list[Tensor]]:
    """noise -> what its chains gave; and the frames of a chain for each noise."""
    asked = torch.arange(10).repeat_interleave(each)
    values, frames, scale = {}, [], 0.0
    for noise in NOISE:
        trace = chains(model, asked, noise * scale)
        scale = scale or float(trace.codes[-1].square().mean().sqrt())
        ends = final_images(trace)
        seen = accuracies(model, ends, asked, "mnist")["conditional accuracy"]
        values[noise] = {"accuracy": seen, "in a class": diversity(ends, asked), "along": mixing(trace)}
        assert trace.images is not None
        frames.append(to_bytes(trace.images[:, SHOWN * each]).cpu())
    return values, frames


def of_real(each: int) -> float:
    """The mean distance of two real digits of one class."""
    data = load("mnist", "test")
    assert data.labels is not None
    rows = torch.cat([(data.labels == c).nonzero().flatten()[:each] for c in range(10)])
    return diversity(data.images[rows], data.labels[rows])


def tell(found: dict[str, list[dict[float, Values]]], each: int) -> str:
    """The table."""
    lines = [f"| system | seeds | noise | {' | '.join(COLUMNS)} |", "|---" * (3 + len(COLUMNS)) + "|"]
    for name, seeds in found.items():
        for noise in NOISE:
            cells = [spread([values[noise][column] for values in seeds]) for column in COLUMNS]
            lines.append(f"| {name} | {len(seeds)} | {noise:g} | {' | '.join(cells)} |")
    return "\n".join(lines) + f"\n\nTwo real digits of one class: {of_real(each):.3g}.\n"


def play(given: argparse.Namespace, out: Path) -> bool:
    """Trains what is missing, and measures all. Whether it was not stopped."""
    found: dict[str, list[dict[float, Values]]] = {}
    rows: list[Tensor] = []
    for name in given.only or SYSTEMS:
        for seed in given.seeds:
            path = folder_of(out, name, seed)
            arguments: dict[str, Any] = {"data": given.data, "steps": given.steps, "save_every": given.steps}
            if not trained(path, SYSTEMS[name], arguments | {"seed": seed}, "reproductions.mixing"):
                return False
            values, frames = measured(energan.load(path), given.each)
            found.setdefault(name, []).append(values)
            if seed == given.seeds[0]:
                rows += frames
            text = tell(found, given.each)
            write(out / "table.md", lambda p, text=text: p.write_text(text, encoding="utf-8"))  # type: ignore[misc]
            save_sheet(torch.cat([row[:FRAMES] for row in rows]), out / "figure.png", columns=FRAMES)
    say(text)
    return True


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, 2 for what cannot be done, 130 after a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a training for each")
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, help="by default all")
    parser.add_argument("--steps", type=int, default=400, help="of each training")
    parser.add_argument("--each", type=int, default=EACH, help="chains towards each digit")
    parser.add_argument("--data", default="mnist", help="digits of 28 x 28 pixels")
    parser.add_argument("--out", default="runs/mixing", help="where the run folders are")
    given = parser.parse_args(arguments)
    try:
        at_least(1, steps=given.steps)
        at_least(2, each=given.each)
        return 0 if play(given, user_path(given.out)) else STOPPED
    except UserError as error:
        complain(error.with_flags())
        return 2


if __name__ == "__main__":
    sys.exit(main())
