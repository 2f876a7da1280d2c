"""How fast training is on this GPU: each system's step eager, replayed from a graph, compiled; many models at once; peers.

    python -m benchmarks.gpu speed [--device cuda|cpu] [--only REGEX] [--seconds S] [--json FILE] [--peers FOLDER] [--list]

Settings that are compared play in turns in one process, on the same batches, which are on the device. The most valuable
comparisons come first; what the budget does not reach is said. --device cpu plays toys: it shows that all of it runs.

What each column is: benchmarks/README.md.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import machine
from benchmarks.gpu.jobs import Here, Job, Row, jobs, reason
from benchmarks.gpu.tables import report
from benchmarks.gpu.turns import Clock, OutOfTime, free, limited
from energan.utils.errors import UserError
from energan.utils.files import replacing
from energan.utils.signals import interruptible

SECONDS = 170.0  # of everything, but imports

SHARE = 100  # a comparison's timing is a hundredth of the budget

MOST = 1.5  # seconds of a comparison's timing

PATIENCE = 3  # times its `needs`, after which a job is given up


def main(arguments: Sequence[str] | None = None) -> int:
    """Times and prints. Returns the exit code: 0, 2 for what cannot be asked, 130 where it was stopped."""
    given = _parser().parse_args(arguments)
    try:
        device = machine.usable(given.device)
        if given.seconds <= 0:
            raise UserError(f"--seconds {given.seconds:g} must be above 0")
        chosen = _chosen(device, given.only, given.peers)
    except UserError as error:
        print(f"benchmarks.gpu speed: {error}", file=sys.stderr)
        return 2
    if given.list:
        print("\n".join(job.label for job in chosen))
        return 0
    return _run(device, chosen, given.seconds, given.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto", help="cuda, cpu (toys), or auto")
    parser.add_argument("--only", default="", metavar="REGEX", help="the comparisons whose line in --list it matches")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for everything; %(default)g by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there, after each comparison")
    parser.add_argument(
        "--peers", type=Path, metavar="FOLDER", help="checkouts in it, by name: PyTorch-GAN, torchgan, R3GAN"
    )
    parser.add_argument("--list", action="store_true", help="say what would be compared, in order, and end")
    return parser


def _chosen(device: str, only: str, peers: Path | None) -> list[Job]:
    """The comparisons in their order: the peers' come before those that compile. UserError where there is none."""
    from benchmarks.gpu.contests import contests

    ours = jobs(device)
    first = next(i for i, job in enumerate(ours) if any("compiled" in setting for setting in job.settings))
    every = [*ours[:first], *contests(peers, device), *ours[first:]]
    try:
        found = [job for job in every if re.search(only, job.label)]
    except re.error as error:
        raise UserError(f"--only {only!r} is not a regular expression ({error})") from error
    if not found:
        raise UserError(f"--only {only!r} matches no comparison; --list shows all")
    return found


def _run(device: str, chosen: Sequence[Job], seconds: float, path: Path | None) -> int:
    clock = Clock(seconds)
    results: dict[str, Any] = {"machine": machine.facts(device), "seconds": seconds, "rows": [], "stopped": False}
    results["machine"]["commit"] = machine.commit(Path(__file__).parent)
    try:
        with interruptible():
            ceilings = machine.measured(device)
            results["ceilings"] = ceilings.described()
            here = Here(torch.device(device), ceilings, clock, min(MOST, seconds / SHARE), {})
            for job in chosen:
                for row in played(job, here):
                    results["rows"].append(row)
                    print(f"{seconds - clock.left():5.0f} s  {told(row)}", file=sys.stderr, flush=True)
                _write(path, results)
    except KeyboardInterrupt:
        results["stopped"] = True
    results["took"] = seconds - clock.left()
    _write(path, results)
    print(report(results))
    return 130 if results["stopped"] else 0


def played(job: Job, here: Here) -> Iterator[Row]:
    """The job's rows; where it fails or the time is over, a row for each setting that is missing, with the reason."""
    left, seen = here.clock.left(), set()
    needs = job.needs if here.device.type == "cuda" else 0.0
    why = ""
    if left <= needs:
        why = f"not reached: of the budget {max(left, 0):.0f} s were left" + (
            f", and it needs {needs:g}" if needs else ""
        )
    else:
        patience = min(left, PATIENCE * job.needs) if needs else left
        try:
            with limited(patience):
                for row in job.play(here):
                    seen.add(row["setting"])
                    yield row
        except OutOfTime as error:
            why = str(error)
        except Exception as error:  # out of memory, a layer that this GPU has no kernel for: the other jobs go on
            why = reason(error)
        _recover(here.device)
    for setting in job.settings:
        if why and setting not in seen:
            yield {"table": job.table, "what": job.what, "setting": setting, "why": why}


def _recover(device: torch.device) -> None:
    """Leaves nothing of a job behind. RuntimeError where the GPU answers no more."""
    torch._dynamo.reset()
    free(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def told(row: Mapping[str, Any]) -> str:
    """A row in a line, as it is measured."""
    head = f"{row['table']}: {row['what']}, {row['setting']}"
    return f"{head}: {row['why']}" if "why" in row else f"{head}: {1e3 * row['seconds'][1]:.4g} ms"


def _write(path: Path | None, results: Mapping[str, Any]) -> None:
    if path is not None:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
