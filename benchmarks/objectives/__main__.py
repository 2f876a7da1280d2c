"""What a step of every game costs beside the loop that one would write by hand for it.

    python -m benchmarks.objectives [--steps 30] [--only NAME] [--precision fp32|bf16] [--json]

Each game of energan.games has a row, the classifiers from few labels in benchmarks.few_labels, DGN-AM and the PPGNs
in benchmarks.plug_and_play: a step by Trainer against the same step in plain PyTorch, on one pair of nets:
DCGAN's generator and a critic without batch norm (for energies, EBGAN's auto-encoder), width 32, on 64 images of
32 x 32 (SGAN and the classifier: the nets of SGAN's authors, 28 x 28; latent discriminators: a second critic, of a
small encoder's codes). Both sides start from the same weights, see the same batches and the same noise; a test holds
them to the same updates. By hand means what one writes for speed: fused optimizers, no graph of G where D learns, D
frozen where G does, every output computed once. They step alternately (A B, B A, ...); the ratio is the median over the
pairs.

A step is what the game's order says: f-GAN's, BEGAN's and unrolled GAN's (K = 5) is one turn of all players, WGAN's and
WGAN-GP's five turns of the critic and one of G (without WGAN's long first ones).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.engine import alternate, machine, table
from benchmarks.objectives.rows import ROWS, sides


def main(arguments: Sequence[str] | None = None) -> None:
    """Times and prints; `arguments` are the command line's where none are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30, help="pairs of steps that are timed")
    parser.add_argument("--only", choices=tuple(ROWS), help="one game")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--json", action="store_true", help="print JSON instead of markdown")
    args = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for name in [args.only] if args.only else ROWS:
        one, hand = sides(name, args.precision)
        ours, theirs, ratio = alternate(one.step, partial(ROWS[name].step, hand), args.steps)
        rows.append({"game": name, "precision": args.precision, "energan ms": ours, "by hand ms": theirs,
                     "energan / by hand": ratio})  # fmt: skip
        print(rows[-1], file=sys.stderr, flush=True)
    facts = machine(compile=False)
    if args.json:
        print(json.dumps({"machine": facts, "rows": rows}, indent=2))
    else:
        print(f"{', '.join(f'{k}: {v}' for k, v in facts.items())}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
