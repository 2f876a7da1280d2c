"""Detectors of anomalies side by side, and whether a stated rate of false alarms holds.

    python -m reproductions.anomalies [--out runs/anomalies.jsonl] [--seeds 2] [--tasks NAME ...]

AUROC of images and, where defects were painted, of pixels. Each cell (a task with a seed) is a line of the file; a cell
that is there is not played again. Settings were fixed before the first measurement, and are the same for all tasks but
for the size of what MobileNetV2 sees: 64 pixels for digits and emoji, 128 for textures.

False alarms: of each task's normal images that were neither trained on nor judged, half calibrate at 1 %, and the other
half are fresh. Then how many are called outliers is told beside the interval in which 95 % of such counts lie: a
beta-binomial's, since the threshold is drawn, too.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from energan.inference.calibration import calibration
from energan.metrics.anomalies import detection, pixel_auroc
from energan.utils.console import say
from energan.utils.files import write
from reproductions.anomalies.methods import METHODS, OURS
from reproductions.anomalies.tasks import TASKS
from reproductions.cells import spread, told

RATE = "1%"


def play(name: str, seed: int) -> dict[str, Any]:
    """One line: what all methods give on a task."""
    task = TASKS[name](seed)
    judged = torch.cat([task.normal, task.odd])
    odd = torch.arange(len(judged)) >= len(task.normal)
    line: dict[str, Any] = {"task": name, "seed": seed, "AUROC": {}, "pixel AUROC": {}, "seconds": {}, "alarms": {}}
    for method, make in METHODS.items():
        begun = time.process_time()
        detector = make(task.train, task.side, seed)
        found = detector(judged)
        line["AUROC"][method] = detection(torch.from_numpy(found.scores), odd)["AUROC"]
        if task.masks is not None and found.maps is not None:
            line["pixel AUROC"][method] = pixel_auroc(found.maps()[len(task.normal) :].float(), task.masks)
        line["seconds"][method] = round(time.process_time() - begun, 1)
        if method in OURS and len(task.pool):
            energies = torch.from_numpy(detector(task.pool).scores)
            half = len(energies) // 2
            usual = calibration(energies[:half])
            line["alarms"][method] = [int(usual.outliers(energies[half:], RATE).sum()), len(energies) - half, half]
    return line


def interval(fresh: int, normal: int) -> tuple[int, int]:
    """How many of so many fresh images are outliers at RATE, with probability 95 %, if so many calibrated.

    >>> interval(300, 300)
    (0, 9)
    """
    from scipy.stats import betabinom

    from energan.inference.calibration import rate_of

    above = int((normal + 1) * rate_of(RATE))  # the threshold's rank, from the top
    counts = betabinom(fresh, above, normal + 1 - above)
    return int(counts.ppf(0.025)), int(counts.ppf(0.975))


def tables(lines: list[dict[str, Any]]) -> str:
    """Markdown: AUROC of images, of pixels, and false alarms."""
    text = []
    for what in ("AUROC", "pixel AUROC"):
        methods = [m for m in METHODS if any(m in line[what] for line in lines)]
        text += [f"| {what} | seeds | {' | '.join(methods)} |", f"|{'---|' * (len(methods) + 2)}"]
        for task in TASKS:
            rows = [line[what] for line in lines if line["task"] == task and line[what]]
            if rows:
                cells = [spread([row[m] for row in rows if m in row]) for m in methods]
                text.append(f"| {task} | {len(rows)} | {' | '.join(cells)} |")
        text.append("")
    text += ["| false alarms stated: 1 % | seed | fresh | features | pixels | 95 % of counts |", f"|{'---|' * 6}"]
    inside = total = 0
    for line in lines:
        if line["alarms"]:
            (features, fresh, normal), (pixels, *_) = (line["alarms"][m] for m in OURS)
            low, high = interval(fresh, normal)
            inside, total = inside + (low <= features <= high) + (low <= pixels <= high), total + 2
            cells = (line["task"], line["seed"], fresh, features, pixels, f"{low} to {high}")
            text.append(f"| {' | '.join(map(str, cells))} |")
    alarms = [line["alarms"][m] for line in lines if line["alarms"] for m in OURS]
    if alarms:
        share = sum(a[0] for a in alarms) / sum(a[1] for a in alarms)
        text += ["", f"{inside} of {total} counts are inside; together {100 * share:.2f} % were false alarms."]
    seconds = {m: sum(line["seconds"][m] for line in lines) / len(lines) for m in METHODS}
    text += ["", "Mean CPU seconds: " + ", ".join(f"{m} {s:.0f}" for m, s in seconds.items()) + "."]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m reproductions.anomalies")
    parser.add_argument("--out", type=Path, default=Path("runs/anomalies.jsonl"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    given = parser.parse_args()
    lines = [json.loads(text) for text in given.out.read_text().splitlines()] if given.out.is_file() else []
    for seed in range(given.seeds):
        for name in given.tasks:
            if not any((line["task"], line["seed"]) == (name, seed) for line in lines):
                lines.append(play(name, seed))
                text = "".join(json.dumps(line) + "\n" for line in lines)
                write(given.out, lambda path, text=text: path.write_text(text))
                say(f"{name}, seed {seed}: {lines[-1]['AUROC']}")
    if lines:
        say(tables(lines))


if __name__ == "__main__":
    told(main)
