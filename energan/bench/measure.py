"""`energan bench`: a recipe's step on this machine, beside the least time that the machine's ceilings allow it.

1. The step at the middle of the run is timed, and each of its turns.
2. Its operations are counted (operations.py), each timed by itself; the floor is worked out (roofline.py).
3. Other settings are tried, in turns with the recipe's own, so that a slow moment of the machine hits both.
"""

from collections.abc import Mapping
from typing import Any

import torch

from energan.bench.alternatives import attempt, changes
from energan.bench.operations import Step
from energan.bench.roofline import BEYOND, Machine, ceilings, floor, fused_floor, grouped
from energan.bench.timing import Make, count, images_of, quartiles, turns, warmed_up
from energan.data import ImageSet
from energan.experiment import Experiment
from energan.utils.checks import at_least
from energan.utils.hardware import deterministic, environment, peak_memory
from energan.utils.others import others_since, use_now

WORTH = 1.03  # times the images/s, from which a change is reported

LARGE = 0.3  # share of a step, from which a gap gets advice


def measure(make: Make, arguments: Mapping[str, Any], *, repeats: int, alternatives: bool) -> dict[str, Any]:
    """The results of `energan bench`, as in its JSON (docs/bench.md). UserError as the recipe's, and for `repeats`."""
    at_least(1, repeats=repeats)
    run, data, words = images_of(make, arguments)
    with deterministic(run.deterministic):
        return _measured(make, arguments, run, data, words, repeats, alternatives)


def _measured(
    make: Make,
    arguments: Mapping[str, Any],
    run: Experiment,
    data: ImageSet,
    words: str,
    repeats: int,
    alternatives: bool,
) -> dict[str, Any]:
    before = use_now()
    base = warmed_up(run, data)
    times = [base.seconds() for _ in range(repeats)]
    there = base.one.device
    peak = torch.cuda.max_memory_allocated(there) if there.type == "cuda" else peak_memory()
    low, middle, high = quartiles(times)
    durations = turns(run, data, repeats)
    machine = ceilings(run.device)
    step = count(run, data)
    groups = grouped(machine, step, middle)
    asked = dict(arguments) | {"data": arguments.get("data") or run.source}
    tried = []
    if alternatives:
        again = lambda **changed: make(**{**asked, **changed})  # noqa: E731
        tried = [attempt(base, groups, machine, again, data, change, repeats) for change in changes(run)]
    results = {
        "machine": {k: environment()[k] for k in ("cpu", "cores", "gpu", "torch", "energan")}
                   | {"others": others_since(before)},
        "run": {"system": run.system, "precision": run.precision, "device": run.device, "batch": run.batch,
                "compiled": run.compile, "threads": machine.threads, "step": base.t, "order": base.order,
                "data": words},
        "ceilings": {"operations_per_second": machine.products,
                     "bytes_per_second": [{"moved": n, "rate": rate} for n, rate in machine.memory]},
        "step": {"seconds": middle, "quartiles": [low, high], "images_per_second": run.batch / middle,
                 "peak_memory": peak, **_counted(machine, step, base.order, middle)},
        "turns": {turn: {"seconds": seconds, "times": base.order.count(turn),
                         **_counted(machine, step, [turn], seconds)} for turn, seconds in durations.items()},
        "groups": [{**g._asdict(), "gap": g.gap} for g in groups],
        "tried": [t._asdict() for t in tried],
    }  # fmt: skip
    return results | {"advice": advice(results)}


def _counted(machine: Machine, step: Step, chosen: list[str], seconds: float) -> dict[str, Any]:
    """The work of some turns, its two floors, and the share of each floor that was reached."""
    operations = [op for op in step.operations if op.turn in chosen]
    least, fused = floor(machine, operations), fused_floor(machine, step, chosen)
    return {
        "operations": len(operations), "flops": sum(op.flops for op in operations),
        "moved": sum(op.moved for op in operations), "floor": least, "fused_floor": fused,
        "floor_products": floor(machine, [op for op in operations if op.flops]),
        "share": least / seconds, "fused_share": fused / seconds,
    }  # fmt: skip


def advice(results: Mapping[str, Any]) -> list[str]:
    """Advice, a sentence each: flags that were measured to be faster, and remedies of the largest gaps."""
    step = results["step"]["seconds"]
    sentences = []
    for t in sorted((t for t in results["tried"] if t["ratio"]), key=lambda t: -t["ratio"][1]):
        if t["ratio"][1] >= WORTH:
            note = " (another experiment, for what else is set)" if "batch" in t["flags"] else ""
            sentences.append(f"{t['flags']} gives {t['ratio'][1]:.2f} times the images/s{note}.")
    if results["tried"] and not sentences:
        sentences.append(f"Nothing that was tried is more than {WORTH - 1:.0%} faster.")
    shares = {g["group"]: g["gap"] / step for g in results["groups"]}
    if shares[BEYOND] > LARGE:
        sentences.append(
            f"{shares[BEYOND]:.0%} of the step is no operation's own time: a larger --batch does more at once."
        )
    if shares["elementwise"] + shares["normalisation"] > LARGE and not results["run"]["compiled"]:
        sentences.append("Elementwise work and normalisation are a large gap, which --compile closes by fusing them.")
    return sentences
