"""Whether all that Energan does is right on a GPU: every game, the engine, the command line, estimators, ranks.

    python -m benchmarks.gpu check [--device cuda|cpu] [--only REGEX] [--json FILE]

Numbers of the device are compared with the CPU's in float64 (outcome.py says how far apart rounding may put them), and
what a user can do is done once. Prints a table; FILE gets every item, with tracebacks. With --device cpu the same items
run without a GPU: fp32 against fp64, and no graphs.

Exit codes: 0; 1 for a fault; 2 for a wrong flag; 130 when it was interrupted, after a table of what was done.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import torch

from benchmarks.engine import machine
from benchmarks.gpu import commands, engine, faces, games
from benchmarks.gpu.outcome import Item, Setting, SkippedError
from energan.utils.errors import UserError
from energan.utils.files import write_json
from energan.utils.hardware import pick_device

STOPPED = 130
LONG = 5.0  # seconds of an item that are told while others still run
PATIENCE = 300  # seconds for an item in a process of its own


@final
@dataclass(frozen=True)
class Result:
    """What became of an item: "right", "fault" or "skipped"; where it is not right, why."""

    group: str
    name: str
    result: str
    deviation: float | None
    tolerance: float | None
    seconds: float
    reason: str = ""
    note: str = ""
    trace: str = ""


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


# ---- items in processes of their own ----


def begin(item: Item, at: Setting) -> "tuple[subprocess.Popen[str], Path]":
    """The process of an item that runs beside the others, and the file that it will write."""
    found = at.folder / f"{re.sub(r'[^a-z]+', '-', item.title)}.json"
    flags = ["--alone", "--device", at.device, "--only", f"^{re.escape(item.title)}$", "--json", str(found)]
    command = [sys.executable, "-m", "benchmarks.gpu", "check", *flags]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True), found


def end(item: Item, process: "subprocess.Popen[str]", found: Path) -> Result:
    """The result of an item that ran beside the others."""
    try:
        said, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        said = f"took more than {PATIENCE} seconds"
    if found.is_file():
        return Result(**json.loads(found.read_text())["items"][0])
    last = " ".join(said.split())[-300:]
    return Result(item.group, item.name, "fault", None, None, 0.0, f"its process ended with {process.returncode}: {last}")


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


def check(chosen: Sequence[Item], device: str, results: list[Result], *, alone: bool) -> None:
    """Adds the result of each item to `results`, as it is known."""
    with surroundings(device) as at:
        apart = {item: begin(item, at) for item in chosen if item.apart and not alone}
        try:
            for item in chosen:
                if item not in apart:
                    results.append(run(item, at))
                    _tell(results[-1])
            for item, (process, found) in apart.items():
                results.append(end(item, process, found))
                _tell(results[-1])
        finally:
            for process, _ in apart.values():
                process.terminate()
                process.wait()


def _tell(result: Result) -> None:
    if result.result == "fault" or result.seconds > LONG:
        words = f"{result.group}: {result.name}: {result.result} after {result.seconds:.1f} s"
        print(f"{words}{': ' * bool(result.reason)}{result.reason}", file=sys.stderr, flush=True)


# ---- what is shown ----


def table(results: Sequence[Result]) -> str:
    """A markdown table: a row a group of items that are right, and one for each item that is not; notes below it."""
    lines = ["| item | result | worst deviation | may be | seconds |", "|---|---|---|---|---|"]
    notes: dict[str, list[str]] = {}
    for group in dict.fromkeys(r.group for r in results):
        mine = [r for r in results if r.group == group]
        right, others = [r for r in mine if r.result == "right"], [r for r in mine if r.result != "right"]
        if right:
            lines.append(_row(f"{group}: {_counted(right)}", "right", right))
        lines += [_row(f"{group}: {r.name}", f"{r.result}: {r.reason}".replace("|", "\\|"), [r]) for r in others]
        for r in right:
            if r.note:
                notes.setdefault(f"{group}: {r.note}", []).append(r.name)
    told = [f"- {note} ({', '.join(names)})" for note, names in notes.items()]
    return "\n".join([*lines, *([""] if told else []), *told])


def _counted(results: Sequence[Result]) -> str:
    return results[0].name if len(results) == 1 else f"{len(results)} items"


def _row(words: str, result: str, of: Sequence[Result]) -> str:
    seconds = f"{sum(r.seconds for r in of):.1f}"
    measured = [r for r in of if r.deviation is not None and r.tolerance is not None]
    if not measured:
        return f"| {words} | {result} | – | – | {seconds} |"
    worst = max(measured, key=lambda r: (r.deviation or 0.0) / (r.tolerance or 1.0))
    whose = f" ({worst.name})" if len(of) > 1 else ""
    return f"| {words} | {result} | {worst.deviation:.1e}{whose} | {worst.tolerance:.1e} | {seconds} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks, prints, writes. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu")
    parser.add_argument("--only", default="", metavar="REGEX", help="the items whose titles it is found in")
    parser.add_argument("--json", default="", metavar="FILE", help="where every item is written")
    parser.add_argument("--list", action="store_true", help="print the items' titles, and check none")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # in this process, all of them
    args = parser.parse_args(arguments)
    try:
        chosen = [item for item in items() if re.search(args.only, item.title)]
        device = args.device if args.list else pick_device(args.device)
        if not chosen:
            raise UserError(f"`only` {args.only!r} is found in no item; --list prints them")
    except (UserError, re.error) as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return 2
    if args.list:
        print("\n".join(item.title for item in chosen))
        return 0
    results: list[Result] = []
    began, stopped = time.perf_counter(), False
    try:
        check(chosen, device, results, alone=args.alone)
    except KeyboardInterrupt:
        stopped = True
    faults, seconds = sum(r.result == "fault" for r in results), time.perf_counter() - began
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"
    facts = {**machine(compile=False), "device": name}
    print(f"{', '.join(f'{k}: {v}' for k, v in facts.items())}\n\n{table(results)}\n")
    of = f"{len(results)} of {len(chosen)} items" if stopped else f"{len(results)} items"
    print(f"{of} in {seconds:.0f} s, {faults or 'no'} fault{'s' * (faults != 1)}{', interrupted' * stopped}", flush=True)
    if args.json:
        about = {"machine": facts, "seconds": seconds, "stopped": stopped, "faults": faults}
        write_json(Path(args.json), {**about, "items": [asdict(r) for r in results]})
    return STOPPED if stopped else int(faults > 0)
