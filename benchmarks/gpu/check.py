"""Whether all that Energan does is right on a GPU: every game, the engine, the command line, estimators, ranks.

    python -m benchmarks.gpu check [--device cuda|cpu] [--only REGEX] [--json FILE] [--jobs N] [--list]

Numbers of the device are compared with the CPU's in float64 (outcome.py says how far apart rounding may put them), and
what a user can do is done once. Prints a table; FILE gets every item, with tracebacks. With --device cpu the same items
run without a GPU: fp32 against fp64, and no graphs.

Exit codes: 0; 1 for a fault; 2 for a wrong flag; 130 when it was interrupted, after a table of what was done.
"""

import argparse
import math
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.engine import machine
from benchmarks.gpu import commands, engine, faces, games
from benchmarks.gpu.outcome import Item, Setting, SkippedError
from benchmarks.gpu.report import Result, table, tell
from benchmarks.gpu.shards import side_by_side
from energan.utils.checks import at_least
from energan.utils.errors import UserError
from energan.utils.files import write_json
from energan.utils.hardware import pick_device

STOPPED = 130
MOST = 8  # processes at once by default: each has its own copy of CUDA's context


def items() -> list[Item]:
    """Everything that is checked, what is quick and basic first."""
    return [*games.items(), *engine.items(), *faces.items(), *commands.items()]


def run(item: Item, at: Setting) -> Result:
    """The item's result; an exception is a fault."""
    began = time.perf_counter()

    def result(kind: str, reason: str = "", trace: str = "", **found: Any) -> Result:
        seconds = time.perf_counter() - began
        values: dict[str, Any] = {"deviation": None, "tolerance": None, **found}
        return Result(item.group, item.name, kind, seconds=seconds, reason=reason, trace=trace, **values)

    try:
        finding = item.run(at)
        at.wait()
    except SkippedError as why:
        return result("skipped", str(why))
    except Exception as error:  # whatever goes wrong in one item, the others are still to be checked
        words = " ".join(str(error).split())[:300]
        said = words if isinstance(error, AssertionError | UserError) else f"{type(error).__name__}: {words}"
        return result("fault", said or "AssertionError", traceback.format_exc())
    return result("fault" if finding.fault else "right", finding.fault, **finding._asdict())


@contextmanager
def surroundings(device: str) -> Iterator[Setting]:
    """A folder that goes, caches within it, and products of float32 numbers in float32."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    names = ("ENERGAN_CACHE", "ENERGAN_STATE")
    kept = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        os.environ.update({name: str(Path(folder, name.lower())) for name in names})
        try:
            yield Setting(device, Path(folder))
        finally:
            torch.set_float32_matmul_precision(before[0])
            torch.backends.cudnn.allow_tf32 = before[1]
            for name, value in kept.items():
                os.environ.pop(name, None)
                os.environ.update({name: value} if value is not None else {})


def check(chosen: Sequence[Item], device: str, jobs: int, results: list[Result]) -> None:
    """Adds the result of each item to `results`, as it is known."""
    with surroundings(device) as at:
        if jobs > 1:
            side_by_side(chosen, at, jobs, results)
            return
        for item in chosen:
            results.append(run(item, at))
            tell(results[-1])


def _plain(result: Result) -> dict[str, Any]:
    """As JSON has it, which knows no NaN."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(result).items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks, prints, writes. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu")
    parser.add_argument("--only", default="", metavar="REGEX", help="the items whose titles it is found in")
    parser.add_argument("--json", default="", metavar="FILE", help="where every item is written")
    parser.add_argument("--list", action="store_true", help="print the items' titles, and check none")
    parser.add_argument(
        "--jobs", type=int, default=max(1, min(MOST, (os.cpu_count() or 1) // 2)), help="processes at once"
    )
    args = parser.parse_args(arguments)
    try:
        chosen = [item for item in items() if re.search(args.only, item.title)]
        device = args.device if args.list else pick_device(args.device)
        if not chosen:
            raise UserError(f"`only` {args.only!r} is found in no item; --list prints them")
        at_least(1, jobs=args.jobs)
        if args.json and not args.list:  # not found out after all has been checked
            write_json(Path(args.json), {})
    except re.error as error:
        print(f"benchmarks.gpu: --only {args.only!r} is not a regular expression ({error})", file=sys.stderr)
        return 2
    except UserError as error:
        print(f"benchmarks.gpu: {error.with_flags()}", file=sys.stderr)
        return 2
    if args.list:
        print("\n".join(item.title for item in chosen))
        return 0
    results: list[Result] = []
    began, stopped = time.perf_counter(), False
    try:
        check(chosen, device, args.jobs, results)
    except KeyboardInterrupt:
        stopped = True
    order = [item.title for item in chosen]
    results.sort(key=lambda result: order.index(f"{result.group}: {result.name}"))  # not as they came in
    faults, seconds = sum(r.result == "fault" for r in results), time.perf_counter() - began
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"
    facts = {**machine(compile=False), "device": name}
    if args.json:  # first: whoever reads the table may have enough of it
        about = {"machine": facts, "seconds": seconds, "stopped": stopped, "faults": faults}
        write_json(Path(args.json), {**about, "items": [_plain(r) for r in results]})
    print(f"{', '.join(f'{k}: {v}' for k, v in facts.items())}\n\n{table(results)}\n")
    of = f"{len(results)} of {len(chosen)} items" if stopped else f"{len(results)} items"
    print(
        f"{of} in {seconds:.0f} s, {faults or 'no'} fault{'s' * (faults != 1)}{', interrupted' * stopped}", flush=True
    )
    return STOPPED if stopped else int(faults > 0)
