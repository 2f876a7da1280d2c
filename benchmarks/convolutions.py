"""The own ways of 4c2s convolutions (networks/layers/strided.py) against torch's: a pass by its shape, a recipe's step.

    python -m benchmarks.convolutions [--pairs 20] [--recipes ebgan-pt-mnist dcgan-64:batch=64] [--passes]

Both take turns within one process (A B, B A), in bfloat16 on a processor; `ours / torch` is the median of the pairs'
ratios, with its quartiles. `taken` says whether the layers take their own way at that shape. Steps are on noise.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks.engine import machine, milliseconds, table
from energan.bench.timing import images_of, quartiles, warmed_up
from energan.networks.layers import strided
from energan.recipes.build import build

PASSES = (  # n, channels of the larger maps, of the smaller, side of the smaller
    (64, 32, 64, 8), (64, 64, 128, 4), (64, 128, 256, 4), (64, 64, 128, 8), (64, 128, 256, 8), (64, 64, 128, 16),
    (64, 256, 512, 4), (64, 1, 32, 16), (64, 3, 32, 32), (64, 3, 64, 32),
)  # fmt: skip
RECIPES = ("ebgan-pt-mnist:batch=64", "lsgan-mnist", "dcgan-64:batch=64,width=32", "ebgan-pt-64:batch=32", "fastgan-64")


def compared(ours: Callable[[], object], torchs: Callable[[], object], pairs: int) -> dict[str, Any]:
    """Medians of both, and the ratios' median and quartiles."""
    times = []
    for i in range(pairs + 2):
        first, second = (torchs, ours) if i % 2 else (ours, torchs)
        pair = milliseconds(first), milliseconds(second)
        times.append(pair[::-1] if i % 2 else pair)
    low, middle, high = quartiles([a / b for a, b in times[2:]])
    ms = [quartiles(list(side))[1] for side in zip(*times[2:], strict=True)]
    return {"torch ms": ms[1], "ours ms": ms[0], "ours / torch": middle, "quartiles": f"{low:.3f} to {high:.3f}"}


def passes(pairs: int) -> list[dict[str, Any]]:
    """A row for the gradient of each shape's weight, and for what goes to few channels."""
    rows = []
    for n, a, b, side in PASSES:
        memory = torch.channels_last
        x, dy, w = (
            torch.randn(shape).bfloat16().to(memory_format=memory)
            for shape in ((n, a, 2 * side, 2 * side), (n, b, side, side), (b, a, 4, 4))
        )
        torchs = partial(strided._BACKWARD, dy, x, w, None, [2, 2], [1, 1], [1, 1], False, [0, 0], 1)
        what = {"the weight's gradient": (1, partial(strided._patches_product, x, dy), strided._by_patches(x, dy))}
        if a <= strided.FEW:
            what["to few channels"] = (0, partial(strided._to_few, dy, w), True)
        for name, (place, ours, taken) in what.items():
            theirs = partial(torchs, [i == place for i in range(3)])
            with torch.no_grad():
                row = compared(ours, theirs, pairs)
            shape = f"{n} x {a} x {2 * side} x {2 * side}, {b} x {side} x {side}"
            rows.append({"pass": name, "maps": shape, **row, "taken": "yes" if taken else "no"})
    return rows


def steps(recipes: Sequence[str], pairs: int) -> list[dict[str, Any]]:
    """A row for a step of each recipe, "name" or "name:argument=value,..."."""
    rows, taken = [], strided._by_us
    for each in recipes:
        name, _, given = each.partition(":")
        arguments = {
            key: json.loads(value) for key, _, value in (pair.partition("=") for pair in given.split(",") if pair)
        }
        run, data, _ = images_of(partial(build, name), {"precision": "bf16", **arguments})
        bench = warmed_up(run, data)

        def step(by_us: Callable[[torch.Tensor], bool], bench: Any = bench) -> None:
            strided._by_us = by_us
            bench.step()

        try:
            rows.append({"recipe": each, **compared(partial(step, taken), partial(step, lambda x: False), pairs)})
        finally:
            strided._by_us = taken
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Times and prints; `arguments` are the command line's where none are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20, help="pairs that are timed of each row")
    parser.add_argument("--recipes", nargs="*", default=RECIPES, metavar="RECIPE[:KEY=VALUE,...]")
    parser.add_argument("--passes", action="store_true", help="passes alone")
    args = parser.parse_args(arguments)
    print(", ".join(f"{k}: {v}" for k, v in machine(False).items()))
    print(f"\n{table(passes(args.pairs))}", flush=True)
    if not args.passes:
        print(f"\n{table(steps(args.recipes, args.pairs))}")


if __name__ == "__main__":
    main()
