"""What is added to a GAN, each addition alone beside a plain one, on digits.

    python -m reproductions.techniques --seeds 0 1 2 --out runs/techniques [--only plain ...] [--steps 3000]

The improved GAN's techniques (arXiv:1606.03498, section 3), and what the recipes add to a critic: two of its turns, a
gradient penalty (R1, one-sided, DRAGAN), packs of two images (PacGAN). DCGAN's nets on digits padded to 32 x 32; the
same batches and rates in all cells, no averaging of weights (which is what historical averaging is after; its weight is
ours, the paper states none). Virtual batch norm is in G alone, as in the paper. Under a penalty D has no batch norm:
`no-batch-norm` is that D without a penalty. OUT/table.md has means and deviations over the seeds that are there of
10,000 samples, OUT/figure.png samples of the first seed. A cell is a run folder, OUT/CELL-SEED, and finished ones are
kept. One cell alone:

    energan train reproductions.techniques:technique --name minibatch-discrimination --out runs/minibatch
"""

import argparse
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Game, Logs, Move, Players
from energan.engine.noise import normal
from energan.engine.optimizers import HistoricalAveraging
from energan.evaluation import evaluate
from energan.experiment import Experiment
from energan.games.gan.gan import gan
from energan.losses import adversarial
from energan.losses.matching import feature_matching
from energan.networks.conv import dcgan
from energan.networks.layers import BatchNorm, MinibatchDiscrimination, initialise
from energan.networks.layers.normalisation import Virtual, VirtualBatchNorm
from energan.recipes.common import AdamOptions, Data, DcganPair, GeneratorTraining, experiment, padded_digits
from energan.recipes.critic_options import PLAIN, CriticOptions
from energan.utils.errors import UserError
from energan.utils.files import write
from energan.utils.specification import recorded, trusting
from reproductions.cells import draw_sheets, table, told, trained

Name = Literal[
    "plain", "feature-matching", "minibatch-discrimination", "historical-averaging", "label-smoothing",
    "virtual-batch-norm",
]  # fmt: skip
NAMES: tuple[Name, ...] = Name.__args__  # type: ignore[attr-defined]
CELLS: dict[str, dict[str, Any]] = {
    **{name: {"name": name} for name in NAMES},
    "two-turns-of-D": {"critic_steps": 2},
    "packs-of-two": {"pack": 2},
    "no-batch-norm": {"gradient_penalty": "r1", "penalty": 0.0},
    "R1": {"gradient_penalty": "r1"},
    "one-sided": {"gradient_penalty": "one-sided"},
    "DRAGAN": {"gradient_penalty": "dragan"},
}
MODULE = "reproductions.techniques"
RECIPE = f"{MODULE}:technique"
COLUMNS = ("MNIST-FID", "MNIST-IS", "MNIST-precision", "MNIST-recall", "digits covered")
SAMPLES = 10_000
REFERENCE = 64  # noises of virtual batch norm's reference batch


class Read(NamedTuple):
    logits: Tensor  # (n,)
    features: Tensor  # (n, features), in front of the last layer


@recorded
class Reader(nn.Module):
    """DCGAN's D, images (n, c, 32, 32) -> Read."""

    def __init__(self, D: dcgan.Discriminator) -> None:
        super().__init__()
        self.D = D

    def forward(self, x: Tensor) -> Read:
        maps = self.D.maps(x)
        return Read(self.D.read(maps), maps.flatten(1))


@recorded
class Comparing(nn.Module):
    """DCGAN's D with minibatch discrimination in front of its last layer: images (n, c, 32, 32) -> logits (n,)."""

    def __init__(self, D: dcgan.Discriminator) -> None:
        super().__init__()
        features = 16 * D.features
        self.D, self.compare = D, MinibatchDiscrimination(features)
        self.last = initialise(nn.Linear(features + self.compare.kernels, 1), 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.compare(self.D.maps(x).flatten(1))).squeeze(1)


def matching_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    """L_G = ||E f(x) - E f(G(z))||^2, section 3.1."""
    loss = feature_matching(p.D(b.x).features, p.D(p.G(b.z)).features)
    return loss, {"loss": loss}


def critic_loss(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    """L_D of the GAN, of a D that also returns features."""
    loss = adversarial.discriminator(p.D(b.x).logits, p.D(p.G(b.z).detach()).logits)
    return loss, {"loss": loss}


@recorded
def matched(game: Game) -> Game:
    """The GAN whose G matches features."""
    return game._replace(
        turns={"D": (Move(critic_loss, min=("D",)),), "G": (Move(matching_loss, min=("G",)),)},
        energy=lambda p, b: -p.D(b.x).logits.float(),
    )


@recorded
def virtual(G: nn.Module, z: int) -> nn.Module:
    """G with virtual batch norm for batch norm, its reference batch of noises (z,) drawn here."""
    for part in list(G.modules()):
        for name, layer in part.named_children():
            if isinstance(layer, BatchNorm):
                setattr(part, name, VirtualBatchNorm(len(layer.weight), 0.02))
    return Virtual(G, torch.randn(REFERENCE, z))


def technique(
    *,
    name: Name = "plain",
    data: Data = "mnist",
    weight: float = 1e-3,
    smoothing: float = 0.1,
    networks: DcganPair = DcganPair(width=16),
    critics: CriticOptions = CriticOptions(),
    adam: AdamOptions = AdamOptions(lr=5e-4),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=750),
) -> Experiment:
    """A GAN of DCGAN's nets on digits, with one of the improved GAN's techniques, or more of its critic, or neither.

    Args:
        name: Of the technique; plain: none.
        weight: Of historical averaging, beside the loss.
        smoothing: Of label smoothing: the target of real images is 1 less this.
    """
    if name != "plain" and critics != PLAIN:
        raise UserError(f"one addition at a time: {name}, or flags of the critic")
    G, D = networks.build(training, critics=critics)
    optimizer: Any = adam.optimizer(training.steps)
    with training.seeded():
        if name == "virtual-batch-norm":
            G = virtual(G, networks.z)
        if name == "minibatch-discrimination":
            D = Comparing(D)
    if name == "feature-matching":
        D = Reader(D)
    if name == "historical-averaging":
        optimizer = HistoricalAveraging(optimizer, weight)
    smoothed = smoothing if name == "label-smoothing" else 0.0
    game = gan(G, D, normal(networks.z), smoothing=smoothed, optimizer_G=optimizer, optimizer_D=optimizer)
    game = matched(game) if name == "feature-matching" else critics.game(game)
    return experiment(game, "gan", data, padded_digits, training)


def measured(folder: Path) -> dict[str, float]:
    """What 10,000 samples of a finished cell are measured as; once, and kept."""
    if not (folder / "evaluation.json").is_file():
        evaluate(folder, n=SAMPLES, finish=True)
    metrics: dict[str, float] = json.loads((folder / "evaluation.json").read_text())["metrics"]
    return {column: metrics[column] for column in COLUMNS}


def draw(folders: dict[str, Path], path: Path) -> None:
    """The last sheet of samples of each cell."""
    draw_sheets({name: max(folder.glob("samples/*.png")) for name, folder in folders.items()}, path, 2.4, 2.6)


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, and writes table and figure of what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--only", nargs="+", choices=list(CELLS), default=list(CELLS), help="by default all")
    parser.add_argument("--steps", type=int, default=3000, help="of each cell")
    parser.add_argument("--width", type=int, default=16, help="of the nets")
    parser.add_argument("--data", default="mnist", help="mnist and its like")
    parser.add_argument("--out", type=Path, default=Path("runs/techniques"), help="where the cells are")
    args = parser.parse_args(arguments)
    given: dict[str, Any] = {"data": args.data, "steps": args.steps, "width": args.width}
    given["save_every"] = max(1, args.steps // 4)
    with trusting(MODULE):  # the nets of this file
        for seed in args.seeds:
            for name in args.only:
                folder = args.out / f"{name}-{seed}"
                if not trained(folder, RECIPE, {**given, **CELLS[name], "seed": seed}, MODULE):
                    return
                measured(folder)
                print(tell(args.out), flush=True)


def tell(out: Path) -> str:
    """The table of the cells that are measured, which is written beside the figure of their first seeds."""
    there = {name: sorted(out.glob(f"{name}-[0-9]*/evaluation.json")) for name in CELLS}
    folders = {name: [path.parent for path in paths] for name, paths in there.items() if paths}
    text = table("cell", COLUMNS, {name: [measured(f) for f in each] for name, each in folders.items()})
    write(out / "table.md", lambda path: path.write_text(text))
    draw({name: each[0] for name, each in folders.items()}, out / "figure.png")
    return text


if __name__ == "__main__":
    told(main)
