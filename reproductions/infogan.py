"""InfoGAN on MNIST: L_I beside its ceiling, and what the codes turn out to be (Chen et al. 2016, arXiv:1606.03657).

    python -m reproductions.infogan --seeds 0 1 2 --out runs/infogan [--only NAME ...] [--steps 5000]

A cell is a run folder, OUT/NAME-SEED, trained by its recipe and gone on with where it stopped; finished ones are kept.
OUT/table.md has the mean and the deviation over the seeds that are there: L_I of the category (nats, the mean of the
last 500 steps; its ceiling is ln 10 = 2.303), the mean squared error of the numbers (1/3: Q reads nothing), and the
error of c1 as a classifier of the 10,000 test images, its categories named by the majority of the *training* images.
The paper: L_I soon reaches 2.30, a plain GAN with Q stays near 0 (figure 1), c1 errs in 5 % (section 7.2).

OUT/NAME-SEED/codes.png is figure 2: c1 from left to right, then each number from -2 to 2, a row of fixed noise each.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

import energan
from energan.data import ImageSet
from energan.inference.model import Model
from energan.runs.folder import RunFolder
from energan.runs.rebuild import rebuild
from energan.utils.files import write, write_json
from energan.utils.image_files import save_images
from reproductions.cells import table, told, trained

CELLS: dict[str, dict[str, Any]] = {
    "infogan": {},
    "gan-with-q": {"information": 0.0},
    "infogan-apart": {"apart": True},
    "gan-with-q-apart": {"information": 0.0, "apart": True},
    "infogan-sigma": {"deviation": "learned"},
}
MAIN = ("infogan", "gan-with-q")
COLUMNS = ("L_I", "c2 error", "c1 error %", "categories used")
LAST = 500  # steps that logs are averaged over


def majority(category: Int64[Tensor, " n"], label: Int64[Tensor, " n"], k: int, classes: int) -> Int64[Tensor, " k"]:
    """The commonest label of each category's images, (k,); of a category without images, class 0.

    >>> majority(torch.tensor([0, 0, 0, 1]), torch.tensor([2, 2, 1, 0]), 3, 3).tolist()
    [2, 0, 0]
    """
    counts = torch.zeros(k, classes, dtype=torch.int64)
    counts.index_put_((category, label), torch.ones_like(label), accumulate=True)
    return counts.argmax(1)


def read_category(model: Model, data: ImageSet) -> Int64[Tensor, " n"]:
    return model.encode(data.images)["c1"].argmax(1)


def measured(folder: Path) -> dict[str, float]:
    """The numbers of a finished cell; kept in the folder."""
    path = folder / "codes.json"
    if path.is_file():
        return {k: float(v) for k, v in json.loads(path.read_text()).items()}
    run, model = rebuild(RunFolder(folder).record), energan.load(folder)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    logs = [line["logs"] for line in lines if "logs" in line and line["step"] > run.steps - LAST]
    values = {name: sum(log[f"D/{name}"] for log in logs) / len(logs) for name in ("L_I", "c2 error")}
    training, test = run.training_set(), run.test_set()
    assert training.labels is not None and test.labels is not None
    seen, asked = read_category(model, training), read_category(model, test)
    k = int(model.noise(1, torch.Generator())[1].shape[1])
    named = majority(seen, training.labels, k, len(training.classes))
    values["c1 error %"] = 100 * float((named[asked] != test.labels).float().mean())
    values["categories used"] = float(len(seen.unique()))
    metrics = [line["metrics"] for line in lines if line.get("metrics")]
    values |= {name: v for name, v in (metrics[-1] if metrics else {}).items() if name in COLUMNS}
    save_images(traversal(model), folder / "codes.png", columns=10)
    write_json(path, values)
    return values


def traversal(model: Model, rows: int = 5) -> Float[Tensor, "n c h w"]:
    """Rows of ten images at fixed noise: of each category, then of each number from -2 to 2 (the paper's figure 2)."""
    names = ("z", "c1", "c2")
    noise = dict(zip(names, model.noise(rows, torch.Generator().manual_seed(1)), strict=True))
    each = {name: v.repeat_interleave(10, 0) for name, v in noise.items()}
    sheets = [model.decode({**each, "c1": torch.eye(each["c1"].shape[1])[:10].repeat(rows, 1)})]
    for i in range(each["c2"].shape[1]):
        c2 = each["c2"].clone()
        c2[:, i] = torch.linspace(-2, 2, 10).repeat(rows)
        sheets.append(model.decode({**each, "c2": c2}))
    return torch.cat(sheets)


def main(arguments: list[str] | None = None) -> None:
    """Trains what is missing, measures what is finished, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, a cell each")
    parser.add_argument("--only", nargs="+", choices=tuple(CELLS), default=MAIN, help="by default the two of figure 1")
    parser.add_argument("--steps", type=int, default=0, help="of each cell; 0 for the authors' 5,000")
    parser.add_argument("--data", default="", help="images, instead of MNIST")
    parser.add_argument("--width", type=int, default=0, help="feature maps; 0 for the authors' 64")
    parser.add_argument("--units", type=int, default=0, help="of the dense layers; 0 for the authors' 1024")
    parser.add_argument("--out", default="runs/infogan", help="where the cells are")
    args = parser.parse_args(arguments)
    out, found = Path(args.out), dict[str, list[dict[str, float]]]()
    given = {k: v for k in ("steps", "data", "width", "units") if (v := getattr(args, k))}
    for seed in args.seeds:
        for name in args.only:
            folder = out / f"{name}-{seed}"
            if not trained(folder, "infogan-mnist", {**CELLS[name], **given, "seed": seed}, "reproductions.infogan"):
                return
            found.setdefault(name, []).append(measured(folder))
            said = table("system", COLUMNS, found)
            write(out / "table.md", partial(Path.write_text, data=said))
            print(said, flush=True)


if __name__ == "__main__":
    told(main)
