"""How fast training is on this GPU: each system's step eager, as a graph, compiled; many models at once; peers.

    python -m benchmarks.gpu speed [--device cuda|cpu] [--only REGEX] [--seconds S] [--json FILE] [--peers FOLDER]
                                   [--list]

Settings that are compared play in turns in one process, on the same batches, which are on the device. The most valuable
comparisons come first; what the budget does not reach is said. --device cpu plays toys: it shows that all of it runs.

What each column is: benchmarks/README.md.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.engine import TOYS
from benchmarks.gpu.speed import machine, many
from benchmarks.gpu.speed.contests import contests
from benchmarks.gpu.speed.jobs import COMPILED, PLAIN, TRIED, Here, Job, Row, reason, single
from benchmarks.gpu.speed.tables import report
from benchmarks.gpu.speed.turns import Clock, OutOfTime, free, limited
from benchmarks.peer_parts import commit
from energan.utils.checks import positive
from energan.utils.errors import UserError
from energan.utils.files import write_json
from energan.utils.signals import interruptible

SECONDS = 165.0  # of everything, but imports

SHARE = 100  # a comparison's timing is a hundredth of the budget

MOST = 1.5  # seconds of a comparison's timing

PATIENCE = 2  # times its `needs`, after which a job is given up

PATIENT = 20.0  # seconds that every job gets


def main(arguments: Sequence[str] | None = None) -> int:
    """Times and prints. Returns the exit code: 0; 1: the GPU failed, 2: what cannot be asked, 130: it was stopped."""
    given = _parser().parse_args(arguments)
    try:
        device = machine.usable(given.device)
        positive(seconds=given.seconds)
        chosen = _chosen(device, given.only, given.peers)
        if not given.list:
            _write(given.json, {})  # not found out when the first numbers are there
    except UserError as error:
        print(f"benchmarks.gpu speed: {error.with_flags()}", file=sys.stderr)
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
    """The comparisons that --only asks for. UserError where there is none."""
    try:
        found = [job for job in comparisons(device, peers) if re.search(only, job.label)]
    except re.error as error:
        raise UserError(f"--only {only!r} is not a regular expression ({error})") from error
    if not found:
        raise UserError(f"--only {only!r} matches no comparison; --list shows all")
    return found


def comparisons(device: str, peers: Path | None) -> list[Job]:
    """All of them, most valuable first; those that compile come last, for they take most of the time."""
    small = device == "cpu"
    singles = [
        *((key, "bf16") for key in ("demo", "64", "ladder", "mlp", "128", "latent", "improved", "wgan-gp", "256")),
        *((key, "fp32") for key in ("demo", "64", "ladder", "mlp")),
    ]
    ladders = partial(many.many, "ladder", 15, many.ladders, small=small)
    toys = [
        many.many(f"MLP, {what}", n, partial(many.toys, net), PLAIN, 8.0, small)
        for what, net in TOYS.items()
        for n in (64, 256)
    ]
    compiled = [single(*each, COMPILED, 25.0, small) for each in singles]
    return [
        *(single(*each, _settings(each[0]), 6.0, small) for each in singles),
        ladders(settings=PLAIN, needs=10.0), *toys,
        *contests(peers, device),
        *compiled[:5], ladders(settings=COMPILED, needs=30.0), *compiled[5:],
    ]  # fmt: skip


def _settings(subject: str) -> Sequence[str]:
    return (*PLAIN, TRIED) if subject in ("demo", "64", "128", "256") else PLAIN


def _run(device: str, chosen: Sequence[Job], seconds: float, path: Path | None) -> int:
    clock = Clock(seconds)
    results: dict[str, Any] = {"machine": machine.facts(device), "seconds": seconds, "rows": [], "stopped": ""}
    results["machine"]["commit"] = commit(Path(__file__).parents[3])

    def tell(row: Row) -> None:
        results["rows"].append(row)
        print(f"{seconds - clock.left():5.0f} s  {told(row)}", file=sys.stderr, flush=True)

    try:
        with interruptible():
            ceilings = machine.measured(device)
            results["ceilings"] = ceilings.described() | {"nvidia_smi": machine.nvidia_smi()}
            here = Here(torch.device(device), ceilings, clock, min(MOST, seconds / SHARE), {})
            for job in chosen:
                play(job, here, tell)
                _write(path, results)
    except KeyboardInterrupt:
        results["stopped"] = "by a signal"
    except RuntimeError as error:  # after an illegal access a GPU answers no more
        results["stopped"] = reason(error)
    results["took"] = seconds - clock.left()
    _write(path, results)
    print(report(results))
    return {"": 0, "by a signal": 130}.get(results["stopped"], 1)


def play(job: Job, here: Here, tell: Callable[[Row], None]) -> None:
    """Tells the job's rows; where it fails or the time is over, a row for each missing setting, with the reason."""
    left, seen = here.clock.left(), set()
    needs = job.needs if here.device.type == "cuda" else 0.0
    why = ""
    if left <= needs:
        wanted = f" of the {needs:g} that it is given" if needs else ""
        why = f"not reached: {max(left, 0):.0f} s of the budget were left{wanted}"
    else:
        patience = min(left, max(PATIENT, PATIENCE * needs)) if needs else left
        try:
            with limited(patience):
                for row in job.play(here):
                    seen.add(row["setting"])
                    tell(row)
        except OutOfTime as error:
            why = str(error)
        except Exception as error:  # out of memory, a layer that this GPU has no kernel for: the other jobs go on
            why = reason(error)
    for setting in job.settings:
        if why and setting not in seen:
            tell({"table": job.table, "what": job.what, "setting": setting, "why": why})
    if left > needs:
        _recover(here.device)


def _recover(device: torch.device) -> None:
    """Leaves nothing of a job behind. RuntimeError where the GPU answers no more."""
    if "torch._dynamo" in sys.modules:  # what was compiled for one job is of no use to the next
        torch._dynamo.reset()
    free(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def told(row: Mapping[str, Any]) -> str:
    """A row in a line, as it is measured."""
    named = [row["what"], *([row["precision"]] if row["table"] == "steps" and "precision" in row else [])]
    head = f"{row['table']}: {', '.join(named)}: {row['setting']}"
    return f"{head}: {row['why']}" if "why" in row else f"{head}: {1e3 * row['seconds'][1]:.4g} ms"


def _write(path: Path | None, results: dict[str, Any]) -> None:
    if path is not None:
        write_json(path, results)


if __name__ == "__main__":
    sys.exit(main())
