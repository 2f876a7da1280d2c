"""Anomaly detection: how well an EBGAN-PT's energy tells what it was not trained on.

    python -m reproductions.anomaly [--steps 1000] [--digit-steps 1000] [--seeds 2] [--json]

Two questions, as AUROC (0.5 is chance, 1 perfect; outliers are the positives):

    MNIST or not      trained on MNIST's training images; its test images against Fashion-MNIST's
    an unseen digit   trained on nine digits; their test images against those of the tenth, for each of the ten

The EBGAN's energy stands beside two honest baselines that are cheaper: the same auto-encoder, from the same weights and
for as many steps, on real images alone (appendix E of arXiv:1609.03126; by its own turns, so it saw as many real
images), and what takes no training at all: the distance to the mean image, and PCA's reconstruction error.

The first uses the demo's convolutional networks, the second the paper's fully connected ones, made small, since ten
models are trained for each row and seed. Images are padded to 32 x 32; energies are the norm (eq. 13).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from energan.data import Batches, ImageSet, load, pad, to_unit
from energan.engine import Trainer
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.energy.autoencoder import autoencoder as autoencoder_game
from energan.games.energy.ebgan import ebgan_pt
from energan.inference.snapshot import snapshot
from energan.networks.conv import autoencoder, dcgan
from energan.networks.dense import mlp
from energan.utils.hardware import environment, pick_precision

BATCH, Z, MARGIN = 64, 100, 10.0
COMPONENTS = 64  # of PCA
ENERGIES = ("EBGAN-PT", "auto-encoder alone")
SIMPLE = ("PCA reconstruction error", "distance to the mean image")

Scores = dict[str, Float[Tensor, " n"]]  # by method: how unlike the training images
Nets = Callable[[], tuple[nn.Module, nn.Module, float]]  # G, D, learning rate


def convolutional() -> tuple[nn.Module, nn.Module, float]:
    """As the demo recipe has them."""
    G = dcgan.Generator(Z, channels=1, size=32, width=32)
    return G, autoencoder.Autoencoder(channels=1, maps=(32, 64, 128)), 2e-4


def connected() -> tuple[nn.Module, nn.Module, float]:
    """As figure 4 (b) of the paper, with narrower and fewer layers."""
    G = mlp.Generator(Z, (1, 32, 32), layers=3, size=400)
    return G, mlp.Autoencoder((1, 32, 32), layers=2, size=256), 1e-3


def games(nets: Nets, seed: int) -> dict[str, Game]:
    """Both games with the same first weights of D."""
    pair = []
    for _ in ENERGIES:
        with seeded(seed):
            pair.append(nets())
    (G, D, lr), (_, alone, _) = pair
    adam = Adam(lr, beta1=0.5)
    playing = ebgan_pt(G, D, Z, margin=MARGIN, optimizer_G=adam, optimizer_D=adam)
    return dict(zip(ENERGIES, (playing, autoencoder_game(alone, optimizer_D=adam)), strict=True))


def trained(
    nets: Nets, train: UInt8[Tensor, "n c h w"], test: UInt8[Tensor, "m c h w"], steps: int, seed: int
) -> Scores:
    """The energies of `test` after training each game on `train`."""
    scores: Scores = {}
    precision = pick_precision("auto", "cpu")
    for name, game in games(nets, seed).items():
        one = Trainer(game, Batches(train, None, BATCH, seed), seed=seed, precision=precision)
        for _ in range(steps):
            one.step()
        scores[name] = snapshot(one, train, BATCH, seed).score(test)
    return scores


def simple(train: UInt8[Tensor, "n c h w"], test: UInt8[Tensor, "m c h w"], seed: int) -> Scores:
    """The same without any training: how far from the mean image, and from the plane of the leading components."""
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:20000]
    X, Y = (to_unit(images).flatten(1).numpy() for images in (train[chosen], test))
    pca = PCA(COMPONENTS, svd_solver="covariance_eigh").fit(X)
    error = np.linalg.norm(Y - pca.inverse_transform(pca.transform(Y)), axis=1)
    return dict(zip(SIMPLE, map(torch.from_numpy, (error, np.linalg.norm(Y - pca.mean_, axis=1))), strict=True))


def compare(nets: Nets, train: Tensor, inliers: Tensor, outliers: Tensor, steps: int, seed: int) -> dict[str, float]:
    """AUROC of each method."""
    test, truth = torch.cat([inliers, outliers]), [0] * len(inliers) + [1] * len(outliers)
    scores = trained(nets, train, test, steps, seed) | simple(train, test, seed)
    return {name: float(roc_auc_score(truth, score.numpy())) for name, score in scores.items()}


def measure(steps: int, digit_steps: int, seeds: int) -> dict[str, list[dict[str, float]]]:
    """For each question, the AUROC of each method for each seed."""
    train, test, fashion = (
        pad(load(name, split), 32) for name, split in (("mnist", "train"), ("mnist", "test"), ("fashion-mnist", "test"))
    )
    results: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds):
        found = compare(convolutional, train.images, test.images, fashion.images, steps, seed)
        results.setdefault("MNIST or not", []).append(found)
        said(f"seed {seed}: MNIST or not", found)
        for digit in range(10):
            (rest, _), (inliers, outliers) = split(train, digit), split(test, digit)
            found = compare(connected, rest, inliers, outliers, digit_steps, seed)
            results.setdefault(f"unseen {digit}", []).append(found)
            said(f"seed {seed}: unseen {digit}", found)
    unseen = [results[f"unseen {digit}"] for digit in range(10)]
    results["an unseen digit, mean of ten"] = [
        {name: float(np.mean([digit[seed][name] for digit in unseen])) for name in unseen[0][seed]}
        for seed in range(seeds)
    ]
    return results


def split(data: ImageSet, digit: int) -> tuple[Tensor, Tensor]:
    """The images of the other digits, and those of this one."""
    assert data.labels is not None
    return data.images[data.labels != digit], data.images[data.labels == digit]


def said(what: str, found: Mapping[str, float]) -> None:
    print(f"{what}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()), file=sys.stderr, flush=True)


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Markdown; mean ± standard deviation over seeds where there are several."""
    names = (*ENERGIES, *SIMPLE)
    lines = ["| AUROC | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for question, runs in results.items():
        cells = []
        for name in names:
            values = [run[name] for run in runs]
            spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}")
        lines.append(f"| {question} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m reproductions.anomaly", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=1000, help="training steps of 'MNIST or not'")
    parser.add_argument("--digit-steps", type=int, default=1000, help="training steps of each 'unseen digit'")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="every number, and the machine, instead of a table")
    given = parser.parse_args()
    start = time.monotonic()
    results = measure(given.steps, given.digit_steps, given.seeds)
    seconds = time.monotonic() - start
    if given.json:
        record: dict[str, Any] = {"seconds": seconds, **vars(given), "auroc": results, "environment": environment()}
        print(json.dumps(record, indent=2))
    else:
        print(table(results))
        print(f"\n{given.seeds} seeds, {given.steps} and {given.digit_steps} steps of {BATCH} images; {seconds:.0f} s.")


if __name__ == "__main__":
    main()
