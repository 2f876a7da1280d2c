"""The first GAN on MNIST by its own measure (Goodfellow et al. 2014, arXiv:1406.2661, table 1: 225 ± 2).

    python -m reproductions.parzen --steps 20000 --seeds 1 --out runs/parzen

Nets, dropout, optimizers and data as theirs (the recipe maxout-gan-mnist): trained on the first 50,000
images; every `--save-every` steps 10,000 samples, the window's width chosen on 1,000 validation images, the mean
log-likelihood of the 10,000 test images in nats (metrics/neighbours.py, `parzen`). The authors trained for hundreds of
epochs and took the best of several runs; the budget here is what --steps says. Finished cells are kept in
results.jsonl: the command again does only what is missing.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energan.data import Batches, load
from energan.data.pixels import to_unit
from energan.engine import Trainer
from energan.engine.noise import uniform
from energan.engine.optimizers import AnnealedSGD
from energan.engine.rng import seeded
from energan.games.gan.gan import gan
from energan.inference.snapshot import snapshot
from energan.metrics.parzen import parzen
from energan.networks.dense import maxout
from energan.utils.image_files import save_sheet

TRAIN, VALIDATION, SAMPLES = 50_000, 1_000, 10_000


def rows(images: Tensor) -> Tensor:
    """Pixels in [0, 1], (n, 784)."""
    return images.flatten(1).float() / 255


def cell(seed: int, steps: int, save_every: int, out: Path) -> dict[str, Any]:
    """One model; the likelihoods seen on the way."""
    images, test = load("mnist", "train").images, load("mnist", "test").images
    train, validation = images[:TRAIN], images[TRAIN : TRAIN + VALIDATION]
    with seeded(seed):
        G = maxout.Generator(mean=to_unit(train).mean(0))
        D = maxout.Discriminator()
    sgd = AnnealedSGD(0.1)
    game = gan(
        G, D, uniform(100, low=-(3**0.5), high=3**0.5), simultaneous=True,
        optimizer_G=sgd,
        optimizer_D=sgd.with_settings(lr=sgd.lr / 2, floor=sgd.floor / 2),  # the authors halve D's loss
    )  # fmt: skip
    one = Trainer(game, Batches(train, None, 100, seed), seed=seed, precision="fp32")
    seconds, seen = 0.0, []
    for _ in range(steps // save_every):
        started = time.monotonic()
        for _ in range(save_every):
            one.step()
        seconds += time.monotonic() - started
        samples = snapshot(one, train, 100).sample(SAMPLES, seed=1)
        save_sheet(samples[:64], out / f"{seed}-{one.t:06d}.png")
        likelihood, error, sigma = parzen(rows(samples), rows(validation), rows(test))
        seen.append({"step": one.t, "log-likelihood": likelihood, "error": error, "sigma": sigma})
        print(f"seed {seed} step {one.t}: {likelihood:.1f} ± {error:.1f} nats, sigma {sigma:.3f}", flush=True)
    return {"seed": seed, "steps": steps, "seconds": seconds, "seen": seen}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--save-every", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/parzen"))
    arguments = parser.parse_args()
    path = arguments.out / "results.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = [d for d in done if d["steps"] == arguments.steps]
    for seed in range(arguments.seeds):
        if not any(d["seed"] == seed for d in done):
            done.append(cell(seed, arguments.steps, min(arguments.every, arguments.steps), arguments.out))
            path.open("a").write(json.dumps(done[-1]) + "\n")
    last = torch.tensor([d["seen"][-1]["log-likelihood"] for d in done], dtype=torch.float64)
    spread = float(last.std()) if len(last) > 1 else 0.0
    print(
        f"{arguments.steps} steps, {len(last)} seeds: {float(last.mean()):.1f} ± {spread:.1f} nats (published: 225 ± 2)"
    )


if __name__ == "__main__":
    main()
