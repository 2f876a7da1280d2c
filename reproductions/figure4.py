"""The best GAN, EBGAN and EBGAN-PT of the paper's grid search (arXiv:1609.03126, figure 4), side by side over seeds.

    python -m reproductions.figure4 --steps 10000 --seeds 3 --out runs/figure4

Trains each configuration for the same number of steps and measures 10,000 samples by the paper's modified score
I = E KL(p(y) || p(y|x)), MNIST-IS and MNIST-FID. The paper shows pictures and histograms only, so there are no numbers
to stand beside. Finished cells are kept in results.jsonl: the command again does only what is missing.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from energan import metrics
from energan.data import Batches
from energan.engine import Trainer
from energan.inference.snapshot import snapshot
from energan.recipes.build import build
from energan.utils.image_files import save_sheet

SYSTEMS: dict[str, tuple[str, dict[str, float]]] = {
    "GAN (a)": ("gan-mnist", {}),
    "EBGAN (b)": ("ebgan-mnist", {}),
    "EBGAN-PT (c)": ("ebgan-mnist", {"pt": 0.1}),
}
SHOWN = ("MNIST-I", "MNIST-IS", "MNIST-FID", "MNIST-precision", "MNIST-recall", "digits covered")


def cell(name: str, seed: int, steps: int, out: Path) -> dict[str, Any]:
    """Trains one configuration with one seed; its metrics, and a sheet of its samples."""
    recipe, arguments = SYSTEMS[name]
    run = build(recipe, seed=seed, steps=steps, **arguments)
    data = run.training_set()
    one = Trainer(run.game, Batches(data.images, data.labels, run.batch, seed), seed=seed, precision=run.precision)
    started = time.monotonic()
    logs = {}
    for _ in range(steps):
        logs = one.step()
    seconds = time.monotonic() - started
    samples = snapshot(one, data.images, run.batch).sample(10000, seed=1)
    save_sheet(samples[:64], out / f"{recipe}{'-pt' if arguments else ''}-{seed}.png")
    values = metrics.evaluate(samples, run.test_set().images, "mnist")
    last = {k: float(v) for k, v in logs.items()}
    return {"system": name, "seed": seed, "steps": steps, "seconds": seconds, "metrics": values, "logs": last}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/figure4"))
    arguments = parser.parse_args()
    path = arguments.out / "results.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = [d for d in done if d["steps"] == arguments.steps]
    for seed in range(arguments.seeds):
        for name in SYSTEMS:
            if not any((d["system"], d["seed"]) == (name, seed) for d in done):
                done.append(cell(name, seed, arguments.steps, arguments.out))
                path.open("a").write(json.dumps(done[-1]) + "\n")
    print("| system | seeds | " + " | ".join(SHOWN) + " | ms/step |\n" + "|---" * (len(SHOWN) + 3) + "|")
    for name in SYSTEMS:
        mine = [d for d in done if d["system"] == name and d["seed"] < arguments.seeds]
        values = {k: [d["metrics"][k] for d in mine] for k in SHOWN}
        told = [f"{mean(v):.2f} ± {stdev(v) if len(v) > 1 else 0:.2f}" for v in values.values()]
        rate = mean(1e3 * d["seconds"] / d["steps"] for d in mine)
        print(f"| {name} | {len(mine)} | " + " | ".join(told) + f" | {rate:.1f} |")


if __name__ == "__main__":
    main()
