"""What a critic's estimate says of the samples (Arjovsky et al. 2017, arXiv:1701.07875, figures 3 to 6), on MNIST.

    python -m reproductions.wasserstein --steps 1000 --out runs/wasserstein

The critic's estimate of the distance beside MNIST-FID over training, for WGAN and WGAN-GP with convolutional nets;
and GAN, WGAN and WGAN-GP with a generator of four fully connected layers and no batch norm anywhere, which the paper
says GAN fails with. A step is one turn of G; the critics of WGAN and WGAN-GP have five turns in it (WGAN's 100 in each
of the first 25 and every 500th), GAN's D one. Finished cells are kept: the command again does only what is missing.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from energan import metrics
from energan.data import Batches, load
from energan.engine import Trainer
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.gan.gan import gan
from energan.inference.snapshot import snapshot
from energan.metrics.features.catalog import describe
from energan.networks.conv import wgan_gp
from energan.recipes.build import build
from energan.utils.image_files import save_sheet

WIDTH, LOOKS, SAMPLES = 32, 20, 2000
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "WGAN": ("wgan-mnist", {}),
    "WGAN-GP": ("wgan-gp-mnist", {}),
    "WGAN, MLP generator, no batch norm": ("wgan-mnist", {"generator": "mlp", "norm": False}),
    "WGAN-GP, MLP generator, no batch norm": ("wgan-gp-mnist", {"generator": "mlp"}),
    "GAN, MLP generator, no batch norm": ("", {}),
}


def plain_gan(seed: int) -> Game:
    """The same nets as WGAN's without batch norm, by the GAN game."""
    with seeded(seed):
        G, D = wgan_gp.mlp_generator(128, (1, 28, 28)), wgan_gp.Critic(width=WIDTH)
    adam = Adam(2e-4, 0.5)
    return gan(G, D, 128, optimizer_G=adam, optimizer_D=adam)


def cell(name: str, seed: int, steps: int, out: Path) -> dict[str, Any]:
    """Trains one; (step, critic's estimate or D's loss, MNIST-FID) on the way, and a sheet of the last samples."""
    recipe, arguments = CELLS[name]
    game = build(recipe, seed=seed, **arguments).game if recipe else plain_gan(seed)
    batch = build(recipe, seed=seed).batch if recipe else 64
    data = load("mnist", "train")
    real = describe(load("mnist", "test").images[:SAMPLES], "mnist")
    one = Trainer(game, Batches(data.images, None, batch, seed), seed=seed, precision="bf16")
    key = "f/W" if recipe else "D/loss"
    seconds, seen, estimates = 0.0, [], []
    for _ in range(LOOKS):
        started = time.monotonic()
        for _ in range(steps // LOOKS):
            estimates.append(float(one.step()[key]))
        seconds += time.monotonic() - started
        samples = snapshot(one, data.images, batch).sample(SAMPLES, seed=1)
        found = metrics.evaluate(samples, real, "mnist")
        middle = float(torch.tensor(estimates[-steps // LOOKS :]).median())
        seen.append({"step": one.t, key: middle, "MNIST-FID": found["MNIST-FID"], "MNIST-IS": found["MNIST-IS"]})
        print(name, seen[-1], flush=True)
    save_sheet(samples[:64], out / f"{name.lower().replace(', ', '-').replace(' ', '-')}-{seed}.png")
    return {"system": name, "seed": seed, "steps": steps, "seconds": seconds, "seen": seen}


def draw(done: list[dict[str, Any]], path: Path) -> None:
    """Estimate and MNIST-FID over training, one panel a system."""
    from energan.lab.figures import FAKE, REAL, panels, save

    figure, axes = panels(1, len(done), 3.2, 2.8)
    for left, d in zip(axes, done, strict=True):
        steps = [s["step"] for s in d["seen"]]
        key = next(k for k in d["seen"][0] if k in ("f/W", "D/loss"))
        right = left.twinx()
        left.plot(steps, [s[key] for s in d["seen"]], color=REAL)
        right.plot(steps, [s["MNIST-FID"] for s in d["seen"]], color=FAKE)
        right.set_yscale("log")
        left.set_title(d["system"].replace(", MLP", ",\nMLP"), fontsize=9)
        left.set_xlabel("steps of G")
        left.set_ylabel("critic's estimate" if key == "f/W" else "D's loss", color=REAL)
        right.set_ylabel("MNIST-FID", color=FAKE)
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/wasserstein"))
    arguments = parser.parse_args()
    path = arguments.out / "results.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = [d for d in done if (d["steps"], d["seed"]) == (arguments.steps, arguments.seed)]
    for name in CELLS:
        if not any(d["system"] == name for d in done):
            done.append(cell(name, arguments.seed, arguments.steps, arguments.out))
            path.open("a").write(json.dumps(done[-1]) + "\n")
    print(
        "| system | rank correlation | least MNIST-FID | last MNIST-FID | last MNIST-IS | ms/step |\n"
        + "|---" * 6
        + "|"
    )
    for d in done:
        key = next(k for k in d["seen"][0] if k in ("f/W", "D/loss"))
        pair = torch.tensor([[s[key], s["MNIST-FID"]] for s in d["seen"]]).argsort(0).argsort(0).double()
        correlation = float(torch.corrcoef(pair.T)[0, 1])
        distances = [s["MNIST-FID"] for s in d["seen"]]
        print(
            f"| {d['system']} | {correlation:.2f} | {min(distances):.2f} | {distances[-1]:.2f} "
            f"| {d['seen'][-1]['MNIST-IS']:.2f} | {1e3 * d['seconds'] / d['steps']:.0f} |"
        )
    draw(done, arguments.out / "wasserstein.png")


if __name__ == "__main__":
    main()
