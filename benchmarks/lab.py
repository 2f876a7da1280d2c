"""What training a study's seeds as one program gains over training them one by one: the ring of `energan lab ring`.

    python -m benchmarks.lab [--seeds 20] [--steps 12] [--only NAME]

Each system of the study with its nets, batch and settings: a step of `Many` against a step of each of the same models
as `One` in a Python loop. They step alternately (A B, B A, ...); the gain is the median over the pairs.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.engine import alternate, machine, table
from energan.data.toys import ring, source
from energan.engine import Ensemble, Trainer
from energan.engine.rng import seeded
from energan.lab.modes.systems import SYSTEMS, Settings

DEFAULTS = {"steps": 3000, "batch": 128, "width": 64, "z": 2, "looks": 30, "seed": 0}  # the study's


def row(name: str, seeds: int, steps: int) -> dict[str, object]:
    """Both sides from the same weights and data."""
    settings = Settings(seeds=seeds, **DEFAULTS)
    games = []
    for seed in [*range(seeds), *range(seeds)]:
        with seeded(seed):
            games.append(SYSTEMS[name](settings))
    sources = [source(ring(), settings.batch, seed) for seed in range(seeds)]
    many = Ensemble(games[:seeds], sources, seeds=range(seeds))
    ones = [Trainer(game, sources[i], seed=i) for i, game in enumerate(games[seeds:])]

    def loop() -> None:
        for one in ones:
            one.step()

    loop_ms, many_ms, gain = alternate(loop, many.step, steps)
    return {"system": name, "models": seeds, "one by one, ms": loop_ms, "as one program, ms": many_ms, "gain": gain}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", choices=list(SYSTEMS), help="one system")
    given = parser.parse_args(arguments)
    rows = []
    for name in [given.only] if given.only else SYSTEMS:
        rows.append(row(name, given.seeds, given.steps))
        print(rows[-1], file=sys.stderr, flush=True)
    print(machine(compile=False))
    print(table(rows))


if __name__ == "__main__":
    main()
