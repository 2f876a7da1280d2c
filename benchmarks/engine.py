"""What the engine costs a single model, and what it gains many.

    python -m benchmarks.engine [--steps 60] [--json] [--compile] [--only one|many]

one   a step of EBGAN-PT by Trainer against the loop that one would write by hand in PyTorch: the same nets
      from the same weights, the same batches, fused Adam, zero_grad(set_to_none), autocast, channels-last, no graph
      of G in D's turn, D's weights frozen in G's. The two take steps alternately in one process (A B, B A, ...); the
      ratio is the median over the pairs, so that a slow moment of the machine hits both sides of it.
many  a step of N models by energan.engine.Ensemble against N models of One stepped by a Python loop, likewise in turns.

Times are milliseconds of one step: one turn of D and one of G.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, relu

from energan.engine import Ensemble, Trainer
from energan.engine.game import Game, Source
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.energy.ebgan import ebgan_pt
from energan.networks.conv import autoencoder, dcgan
from energan.networks.dense import mlp
from energan.utils import hardware

Z, MARGIN, PT, LR = 100, 10.0, 0.1, 1e-3
SIZE = (1, 32, 32)


class Setting(NamedTuple):
    """Nets of one model, and the batch size."""

    generator: Callable[[], nn.Module]
    discriminator: Callable[[], nn.Module]
    n: int


SINGLE = {
    "MLP of figure 4 (b): G 5 x 800, D 2 x 1024": Setting(
        lambda: mlp.Generator(Z, SIZE, layers=5, size=800), lambda: mlp.Autoencoder(SIZE, layers=2, size=1024), 128
    ),
    "convolutional: G width 32, D (32, 64, 128)": Setting(
        lambda: dcgan.Generator(Z, channels=1, size=32, width=32),
        lambda: autoencoder.Autoencoder(channels=1, maps=(32, 64, 128)),
        64,
    ),
}


class Toy(NamedTuple):
    """Nets of many small models: images of `shape`, three layers of `size` units."""

    shape: tuple[int, int, int]
    size: int


TOYS = {"2-d points, 64 units": Toy((1, 1, 2), 64), "8 x 8 images, 128 units": Toy((1, 8, 8), 128)}
COUNTS = (16, 64, 256)
TOY_Z, TOY_BATCH = 4, 32


def batches(shape: tuple[int, int, int], n: int, seed: int = 0) -> Source:
    """Eight batches of noise, made beforehand: a batch costs neither side anything."""
    g = torch.Generator().manual_seed(seed)
    kept = [{"x": torch.rand(n, *shape, generator=g) * 2 - 1} for _ in range(8)]
    return lambda k: kept[k % 8]


class ByHand:
    """EBGAN-PT as a good PyTorch programmer writes it, with nothing but PyTorch."""

    def __init__(self, setting: Setting, source: Source, precision: str, compile: bool) -> None:
        with seeded(0):
            self.G, self.D = (
                net().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
                for net in (setting.generator, setting.discriminator)
            )
        self.adam_G, self.adam_D = (torch.optim.Adam(net.parameters(), lr=LR, fused=True) for net in (self.G, self.D))
        self.source, self.generator, self.k = source, torch.Generator().manual_seed(0), 0
        self.autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")
        self.loss_D, self.loss_G = (
            (torch.compile(f, fullgraph=True, dynamic=False) for f in (self._loss_D, self._loss_G))
            if compile
            else (self._loss_D, self._loss_G)
        )

    @staticmethod
    def energy(x: Tensor, reconstruction: Tensor) -> Tensor:
        return ((reconstruction.float() - x.float()).flatten(1).square().sum(1) + 1e-12).sqrt()

    def _loss_D(self, x: Tensor, fake: Tensor) -> Tensor:
        real, unreal = self.energy(x, self.D(x)[0]), self.energy(fake, self.D(fake)[0])
        return (real + relu(MARGIN - unreal)).mean()

    def _loss_G(self, z: Tensor) -> Tensor:
        fake = self.G(z)
        reconstruction, code = self.D(fake)
        n, s = len(z), normalize(code.float().flatten(1))
        with torch.autocast("cpu", enabled=False):
            pull_away = ((s @ s.T).square().sum() - n) / (n * (n - 1))
        return self.energy(fake, reconstruction).mean() + PT * pull_away

    def step(self) -> dict[str, Tensor]:
        x = self.source(self.k)["x"]
        self.k += 1
        self.D.requires_grad_(True)
        with self.autocast:
            with torch.no_grad():
                fake = self.G(torch.randn(len(x), Z, generator=self.generator))
            loss_D = self.loss_D(x, fake)
        self.adam_D.zero_grad(set_to_none=True)
        loss_D.backward()
        self.adam_D.step()

        self.D.requires_grad_(False)
        with self.autocast:
            loss_G = self.loss_G(torch.randn(len(x), Z, generator=self.generator))
        self.adam_G.zero_grad(set_to_none=True)
        loss_G.backward()
        self.adam_G.step()
        return {"D": loss_D.detach(), "G": loss_G.detach()}


def game(generator: nn.Module, discriminator: nn.Module, z: int, margin: float = MARGIN) -> Game:
    return ebgan_pt(generator, discriminator, z, margin=margin, pt=PT, optimizer_G=Adam(LR), optimizer_D=Adam(LR))


def toy(setting: Toy, i: int) -> Game:
    with seeded(i):
        return game(
            mlp.Generator(TOY_Z, setting.shape, layers=3, size=setting.size),
            mlp.Autoencoder(setting.shape, layers=3, size=setting.size),
            TOY_Z,
            margin=1.0 + i / 10,
        )


def milliseconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - start)


def alternate(a: Callable[[], object], b: Callable[[], object], pairs: int) -> tuple[float, float, float]:
    """Median milliseconds of a and of b, and the median of a/b over the pairs; every second pair runs b first."""
    for _ in range(max(3, pairs // 10)):
        a(), b()
    times = []
    for i in range(pairs):
        if i % 2:
            second = milliseconds(b)
            times.append((milliseconds(a), second))
        else:
            times.append((milliseconds(a), milliseconds(b)))
    ratios = [x / y for x, y in times]
    return (*(statistics.median(side) for side in zip(*times, strict=True)), statistics.median(ratios))


def single(steps: int, compile: bool) -> Iterator[dict[str, Any]]:
    for name, setting in SINGLE.items():
        for precision in ("fp32", "bf16"):
            source = batches(SIZE, setting.n)
            with seeded(0):
                played = game(setting.generator(), setting.discriminator(), Z)
            one = Trainer(played, source, precision=precision, compile=compile)
            hand = ByHand(setting, source, precision, compile)
            ours, theirs, ratio = alternate(one.step, hand.step, steps)
            yield {"what": "one", "nets": name, "batch": setting.n, "precision": precision, "energan ms": ours,
                   "by hand ms": theirs, "energan / by hand": ratio}  # fmt: skip


def together(steps: int, compile: bool) -> Iterator[dict[str, Any]]:
    for name, setting in TOYS.items():
        for n in COUNTS:
            sources = [batches(setting.shape, TOY_BATCH, seed) for seed in range(n)]
            many = Ensemble([toy(setting, i) for i in range(n)], sources, seeds=range(n), compile=compile)
            ones = [Trainer(toy(setting, i), sources[i], seed=i) for i in range(n)]

            def loop(ones: list[Trainer] = ones) -> None:
                for one in ones:
                    one.step()

            loop_ms, many_ms, gain = alternate(loop, many.step, max(4, steps * 4 // n))
            yield {"what": "many", "nets": name, "batch": TOY_BATCH, "models": n, "loop ms a model": loop_ms / n,
                   "many ms a model": many_ms / n, "gain": gain}  # fmt: skip


def machine(compile: bool) -> dict[str, Any]:
    units = torch.cpu.get_capabilities()
    return {
        "processor": hardware.cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "bf16 units": [name for name in hardware.BF16_UNITS if units.get(name, False)],
        "torch": torch.__version__,
        "python": platform.python_version(),
        "compiled": compile,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """A markdown table of rows with the same keys."""

    def cell(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    keys = [k for k in rows[0] if k != "what"]
    lines = [keys, ["---"] * len(keys), *([cell(row[k]) for k in keys] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Times and prints; `arguments` are the command line's where none are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60, help="pairs of steps that are timed")
    parser.add_argument("--json", action="store_true", help="print JSON instead of markdown")
    parser.add_argument("--compile", action="store_true", help="torch.compile on all sides (but the loop of Ones)")
    parser.add_argument("--only", choices=("one", "many"), help="one half of the benchmark")
    args = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    halves = {"one": single, "many": together}
    for half in [args.only] if args.only else halves:
        for row in halves[half](args.steps, args.compile):
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    facts = machine(args.compile)
    if args.json:
        print(json.dumps({"machine": facts, "rows": rows}, indent=2))
        return
    print(", ".join(f"{k}: {v}" for k, v in facts.items()))
    for what in ("one", "many"):
        if chosen := [row for row in rows if row["what"] == what]:
            print(f"\n{table(chosen)}")


if __name__ == "__main__":
    main()
