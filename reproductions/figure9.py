"""EBGAN under eight margins (arXiv:1609.03126, figure 9), trained as one batched program.

    python -m reproductions.figure9 --steps 2000 --out docs/figure9.png

m = 1, 2, 4, 6, 8, 12, 16, 32 with nLayerG 5, nLayerD 2, sizeD 1024, no dropout, Adam .001 (the paper's sizeG is 1600;
--size-g sets it). All models share the seed of their weights and the order of their data: only m differs.
"""

import argparse
import time
from pathlib import Path

import torch

from energan import metrics
from energan.data import Batches
from energan.engine import Ensemble
from energan.inference.model import Model
from energan.networks.layers import measure_batch_norm
from energan.recipes.build import build
from energan.utils.image_files import save_sheet

MARGINS = (1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0)
COLUMNS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--size-g", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/figure9.png"))
    arguments = parser.parse_args()

    settings = {"steps": arguments.steps, "seed": arguments.seed, "size_g": arguments.size_g}
    run_of = [build("ebgan-mnist", margin=m, **settings) for m in MARGINS]
    run, n = run_of[0], len(MARGINS)
    data, real = run.training_set(), run.test_set().images
    source = Batches(data.images, data.labels, run.batch, run.seed)
    many = Ensemble([r.game for r in run_of], [source] * n, seeds=[run.seed] * n, precision="fp32")
    started = time.monotonic()
    logs: dict[str, torch.Tensor] = {}
    for t in range(arguments.steps):
        logs = many.step()
        if t % 100 == 99:
            rate = (t + 1) / (time.monotonic() - started)
            print(f"step {t + 1}  {rate:.2f} steps/s of {n} models  E(x) {logs['D/E(x)'].tolist()}", flush=True)

    sheets = []
    names = ("MNIST-I", "MNIST-IS", "MNIST-FID", "digits covered")
    print("| margin | E(x) | E(G(z)) | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 3) + "|")
    for i, r in enumerate(run_of):
        nets = {name: player.net for name, player in r.game.players.items()}
        for name, net in nets.items():
            net.load_state_dict(many.players(i).weights(name), strict=False)
        model = Model(r.game, nets)
        generator = torch.Generator().manual_seed(1)
        draw = model.generator
        measure_batch_norm(nets.values(), lambda d=draw, g=generator, m=model: d(*m.noise(run.batch, g)), 16)
        samples = model.sample(5000, seed=1)
        sheets.append(samples[:COLUMNS])
        values = metrics.evaluate(samples, real[:5000], "mnist")
        energies = [float(logs[k][i]) for k in ("D/E(x)", "D/E(G(z))")]
        told = [f"{v:.2f}" for v in energies + [values[k] for k in names]]
        print(f"| {MARGINS[i]:g} | " + " | ".join(told) + " |", flush=True)
    save_sheet(torch.cat(sheets), arguments.out, columns=COLUMNS)


if __name__ == "__main__":
    main()
