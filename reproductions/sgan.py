"""Stacked GANs on MNIST: do they draw the class that is asked for, and do they use their noise?  (arXiv:1612.04357)

    python -m reproductions.sgan --steps 3000 --seeds 3 --out runs/sgan

Independent and joint training, each with and without the entropy losses; joint training with the discriminators of the
script for independent training; and with an encoder whose features have the scale of the authors'. Of 10,000 samples,
as many of each class: conditional accuracy under the project's own classifier, which no training saw, and MNIST-FID.
Use of noise: mean distance of two images (pixels in [0, 1]) of one class and one z_1 with z_0 redrawn, and of one class
and one z_0 with z_1 redrawn, beside that of two real images of one class. Finished cells are kept, and `--part 1/2`
does every second of the others; the table and the figure are of what is there.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from energan import metrics
from energan.capabilities.inversion.measure import diversity
from energan.data import load
from energan.data.pixels import to_bytes
from energan.engine import Trainer
from energan.inference.chunks import CHUNK
from energan.inference.model import Model
from energan.inference.snapshot import snapshot
from energan.lab.figures import panels, save, spread
from energan.metrics.features.mnist_classifier import mnist_classifier
from energan.metrics.features.train_mnist_classifier import accuracy
from energan.recipes.build import build, find_recipe
from energan.utils.arguments import parameters
from energan.utils.files import write, write_json
from energan.utils.image_files import save_images

CELLS: dict[str, dict[str, Any]] = {
    "independent": {"joint_from": 1.0},
    "independent, no entropy": {"joint_from": 1.0, "entropy": 0.0},
    "joint": {"joint_from": 0.0},
    "joint, no entropy": {"joint_from": 0.0, "entropy": 0.0},
    "joint, the other script's D": {"joint_from": 0.0, "script": "independent"},
    "joint, features as the authors'": {"joint_from": 0.0, "feature_square": 0.8},
}
RECIPE = "sgan-mnist"
COLUMNS = {"accuracy %": 1, "MNIST-FID": 1, "z_0 redrawn": 2, "z_1 redrawn": 2, "ms/step": 0}  # and their digits
CLASSES, HELD, REDRAWN, ROWS = 10, 10, 10, 4  # noises that are held per class, and redrawn for each; rows shown


@torch.no_grad()
def drawn(model: Model, c: Tensor, z_1: Tensor, z_0: Tensor) -> Tensor:
    """uint8 images of classes (n,) and noises (n, d)."""
    noise = [part.split(CHUNK) for part in (torch.eye(CLASSES)[c], z_1, z_0)]
    return torch.cat([to_bytes(model.generator(*chunk)) for chunk in zip(*noise, strict=True)])


def redrawn(model: Model, which: str, z: int) -> tuple[Tensor, Tensor]:
    """Images with one noise held and the other redrawn, and which of them share class and held noise."""
    g = torch.Generator().manual_seed(2)
    groups = torch.arange(CLASSES * HELD).repeat_interleave(REDRAWN)
    held, new = torch.rand(CLASSES * HELD, z, generator=g)[groups], torch.rand(len(groups), z, generator=g)
    noise = (held, new) if which == "z_0" else (new, held)
    return drawn(model, groups // HELD, *noise), groups


def recipe_arguments(name: str, seed: int, steps: int, width: int, entropy: float) -> dict[str, Any]:
    """All that the cell's recipe is given, its defaults too: a default of then is not one of now."""
    own = {"steps": steps, "seed": seed, "width": width, "entropy": entropy, **CELLS[name]}
    given: dict[str, Any] = json.loads(json.dumps({**parameters(find_recipe(RECIPE)), **own}, default=str))
    return given


def cell(name: str, seed: int, steps: int, width: int, samples: int, entropy: float, out: Path) -> dict[str, Any]:
    """Trains one and measures it; the images of the figure are kept beside."""
    run = build(RECIPE, **recipe_arguments(name, seed, steps, width, entropy))
    data = run.training_set()
    assert run.initialise
    run.initialise(data)
    one = Trainer(run.game, run.batches(data), seed=seed, precision=run.precision, device=run.device)
    started = time.monotonic()
    for _ in range(steps):
        logs = one.step()
    seconds = time.monotonic() - started
    model = snapshot(one, data.images, run.batch)
    z = model.noise(1, torch.Generator())[1].shape[1]
    c, g = torch.arange(samples) % CLASSES, torch.Generator().manual_seed(1)
    images = drawn(model, c, torch.rand(samples, z, generator=g), torch.rand(samples, z, generator=g))
    found = {
        "accuracy %": 100 * accuracy(mnist_classifier(), images, c),
        "MNIST-FID": metrics.evaluate(images, run.test_set().images, "mnist")["MNIST-FID"],
        "ms/step": 1e3 * seconds / steps,
    }
    shown = []
    for which in ("z_0", "z_1"):
        apart, groups = redrawn(model, which, z)
        found[f"{which} redrawn"] = diversity(apart, groups)
        shown.append(apart.unflatten(0, (CLASSES, HELD, REDRAWN))[:, 0, :ROWS].transpose(0, 1).flatten(0, 1))
    save_images(torch.cat(shown), out / f"{name}-{seed}.npz")
    return {
        "system": name, "seed": seed, "samples": samples,
        "arguments": recipe_arguments(name, seed, steps, width, entropy),
        "found": found,
        "logs": {k: float(v) for k, v in logs.items()},
    }  # fmt: skip


def table(done: list[dict[str, Any]]) -> str:
    """Markdown: a row for each system, mean ± standard deviation over seeds."""
    lines = [f"| system | seeds | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for name in CELLS:
        if found := [d["found"] for d in done if d["system"] == name]:
            values = (spread([f[key] for f in found], digits) for key, digits in COLUMNS.items())
            lines.append(f"| {name} | {len(found)} | {' | '.join(values)} |")
    test = load("mnist", "test")
    assert test.labels is not None
    lines += ["", f"Two real images of one class: {diversity(test.images, test.labels):.2f} apart."]
    return "\n".join(lines) + "\n"


def draw(done: list[dict[str, Any]], out: Path) -> None:
    """A row for each system, of its first seed; a column for each digit: z_0 redrawn on the left, z_1 on the right."""
    import numpy as np

    names = [name for name in CELLS if any(d["system"] == name for d in done)]
    figure, axes = panels(len(names), 2, 4.0, 1.9)
    for i, name in enumerate(names):
        seed = min(d["seed"] for d in done if d["system"] == name)
        both = np.load(out / f"{name}-{seed}.npz")["images"].reshape(2, ROWS, CLASSES, 28, 28)
        for j, which in enumerate(("z_0", "z_1")):
            ax = axes[2 * i + j]
            ax.imshow(both[j].transpose(0, 2, 1, 3).reshape(ROWS * 28, -1), cmap="gray", vmin=0, vmax=255)
            ax.set_title(f"{name}: ${which}$ redrawn", fontsize=9)
            ax.axis("off")
    save(figure, out / "sgan.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--entropy", type=float, default=10.0, help="weight of the entropy losses, where they are")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--part", default="1/1", help="k/n: the k-th of n parts of the cells")
    parser.add_argument("--out", type=Path, default=Path("runs/sgan"))
    arguments = parser.parse_args()
    settings = {k: getattr(arguments, k) for k in ("steps", "width", "samples", "entropy")}
    k, n = map(int, arguments.part.split("/"))
    cells = [(name, seed) for seed in range(arguments.seeds) for name in CELLS]

    def path(name: str, seed: int) -> Path:
        return arguments.out / f"{name}-{seed}.json"

    def finished(name: str, seed: int) -> list[dict[str, Any]]:
        there = [json.loads(path(name, seed).read_text())] if path(name, seed).exists() else []
        given = recipe_arguments(name, seed, arguments.steps, arguments.width, arguments.entropy)
        return [d for d in there if d.get("arguments") == given and d["samples"] == arguments.samples]

    for name, seed in cells[k - 1 :: n]:
        if not finished(name, seed):
            write_json(path(name, seed), cell(name, seed, **settings, out=arguments.out))
    done = [d for one in cells for d in finished(*one)]
    text = table(done)
    print(text)
    write(arguments.out / "sgan.md", lambda p: p.write_text(text))
    draw(done, arguments.out)


if __name__ == "__main__":
    main()
