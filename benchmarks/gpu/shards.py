"""The check in several processes at once: a GPU has room for small nets of all of them, and the processor has cores."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from benchmarks.gpu.outcome import Item, Setting
from benchmarks.gpu.report import Result, tell

LAST = 15.0  # seconds for a process that is interrupted to write what it has found

SPLIT = {"command": 2, "graph of many": 3, "graph": 2, "many as one": 2, "recipe": 2}  # among several processes
FIRST = ("command", "compiled", "deterministic", "graph of many", "ranks")  # groups whose process takes longest


def shards(chosen: Sequence[Item]) -> list[list[Item]]:
    """The items by what one process checks: a group, or a part of a large one."""
    parts: dict[tuple[str, int], list[Item]] = {}
    for i, item in enumerate(chosen):
        parts.setdefault((item.group, i % SPLIT.get(item.group, 1)), []).append(item)
    order = [*FIRST, *dict.fromkeys(item.group for item in chosen)]
    return [parts[key] for key in sorted(parts, key=lambda key: (order.index(key[0]), key[1]))]


@final
@dataclass(frozen=True)
class Running:
    """A process that checks a shard, the files that it writes: results, and what it says."""

    shard: Sequence[Item]
    process: "subprocess.Popen[bytes]"
    found: Path
    said: Path


def begin(shard: Sequence[Item], at: Setting, number: int, jobs: int) -> Running:
    """The shard's process. A signal of the terminal's does not reach it: this process hands it on."""
    found, said = at.folder / f"{number}.json", at.folder / f"{number}.txt"
    titles = "|".join(re.escape(item.title) for item in shard)
    flags = ["--jobs", "1", "--device", at.device, "--only", f"^({titles})$", "--json", str(found)]
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    with said.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gpu", "check", *flags], cwd=Path(__file__).parents[2], stdout=file,
            stderr=file, env={"OMP_NUM_THREADS": threads, **os.environ}, start_new_session=True,
        )  # fmt: skip
    return Running(shard, process, found, said)


def end(running: Running, *, stopped: bool = False) -> list[Result]:
    """The results of a shard whose process has ended. Unless it was stopped, items without a result are faults."""
    written = json.loads(running.found.read_text())["items"] if running.found.is_file() else []
    done = [Result(**each) for each in written]
    named = {(result.group, result.name) for result in done}
    last = " ".join(running.said.read_text(errors="replace").split())[-300:]
    why = f"its process ended with {running.process.returncode} before that: {last}"
    lost = [] if stopped else [item for item in running.shard if (item.group, item.name) not in named]
    return [*done, *(Result(item.group, item.name, "fault", None, None, 0.0, why) for item in lost)]


def side_by_side(chosen: Sequence[Item], at: Setting, jobs: int, results: list[Result]) -> None:
    """Adds the results of all items, of which so many processes check a shard each at one time."""
    waiting, running = list(enumerate(shards(chosen))), list[Running]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, shard = waiting.pop(0)
                running.append(begin(shard, at, number, jobs))
            for each in [each for each in running if each.process.poll() is not None]:
                running.remove(each)
                found = end(each)
                results += found
                for result in found:
                    tell(result)
            time.sleep(0.1)
    finally:  # where this is interrupted, what they have found until then
        for each in running:
            each.process.send_signal(signal.SIGINT)
        for each in running:
            try:
                each.process.wait(LAST)
            except subprocess.TimeoutExpired:
                each.process.kill()
                each.process.wait()
            results += end(each, stopped=True)
