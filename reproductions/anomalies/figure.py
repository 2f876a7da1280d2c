"""Where detectors see a defect: images, the truth, and the maps of three detectors.

python -m reproductions.anomalies.figure [--out docs/results/anomalies.png] [--seed 0]
"""

import argparse
from pathlib import Path

import torch

from energan.data.decoding.fitting import refit
from energan.inference.pictures.heat import heat, top_of_scale
from energan.utils.image_files import save_sheet
from reproductions.anomalies.methods import METHODS
from reproductions.anomalies.tasks import TASKS
from reproductions.cells import told

SHOWN = 5  # images of a task
TEXTURES = ("wood, defects", "brick (photograph), defects")
DETECTORS = ("energy of features", "energy of pixels", "nearest patches")


def rows(name: str, seed: int) -> list[torch.Tensor]:
    """Of one task, a row each: images, masks, and the maps of each detector, whose colours are by its own scale."""
    task = TASKS[name](seed)
    assert task.masks is not None
    odd, masks = task.odd[:SHOWN], task.masks[:SHOWN]
    found = [odd.expand(-1, 3, -1, -1), 255 * masks[:, None].expand(-1, 3, -1, -1).to(torch.uint8)]
    for method in DETECTORS:
        maps = METHODS[method](task.train, task.side, seed)(torch.cat([task.normal, odd])).maps
        assert maps is not None
        values = maps().float()
        found.append(torch.stack([heat(each, top_of_scale(values)) for each in values[-SHOWN:]]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m reproductions.anomalies.figure")
    parser.add_argument("--out", type=Path, default=Path("docs/results/anomalies.png"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    beside = [torch.cat(pair) for pair in zip(*(rows(name, given.seed) for name in TEXTURES), strict=True)]
    images = torch.stack([torch.from_numpy(refit(x.numpy(), 64, 3)) for x in torch.cat(beside)])
    save_sheet(images, given.out, len(TEXTURES) * SHOWN)


if __name__ == "__main__":
    told(main)
