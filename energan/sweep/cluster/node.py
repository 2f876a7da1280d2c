"""What a task of Ray's does: checks that the node is fit, plays trials, and returns what they leave as plain data.

These functions travel to the node as code, not by name, so that they can say that its Energan is missing or another.
So this file imports nothing of Energan outside its functions.
"""

import asyncio
import hashlib
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

LARGEST = 2**30  # bytes of the files that the trials of one task leave

LEFT = re.compile(r"sheets/\d{6,}\.png|runs/\d{6,}/(run\.json|checkpoints/[0-9a-z]{1,40}\.safetensors)")

Answer = dict[str, Any]

_known: list[dict[str, str]] = []  # on a node: the fitness of this process, found out once


def fitness() -> dict[str, str]:
    """What must be the same on the command's machine and on a node, lest their numbers differ."""
    from energan.utils import version

    return {
        "Energan": version.__version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "torch": metadata.version("torch").partition("+")[0],  # for a CPU, or for a kind of GPU
        "Energan's code": code_of(Path(version.__file__).parents[1]),
    }


def code_of(folder: Path) -> str:
    """A digest of the Python files in the folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def unfit(expected: dict[str, str]) -> str:
    """Why this node cannot play trials for a command of that fitness; "" if it can."""
    name = platform.node()
    try:
        found = _known[0] if _known else fitness()
        _known[:] = [found]
    except Exception as error:  # whatever is installed there
        reason = " ".join(str(error).split())[:200]
        return f"the node {name} has no Energan that works ({reason}): install it there, as on this machine"
    for what, here in expected.items():
        if found.get(what) != here:
            there = found.get(what)
            return f"the node {name} has another {what} ({there}, here {here}), and so other numbers: install the same"
    return ""


def _lacks(paths: Sequence[str]) -> str:
    """Says which of these this node has not: its trials would be refused, though other nodes can play them."""
    lacking = [path for path in paths if not Path(path).exists()]
    return f"the node {platform.node()} has no {lacking[0]}: copy it there, to the same place" if lacking else ""


def answer(order: dict[str, Any]) -> Answer:
    """Plays the trials of an order.

    order["fitness"]    of the command's machine
    order["paths"]      files and folders of the command's machine that the trials name
    order["trials"]     as plain dictionaries
    order["questions"]  who says whether a trial stops early (`Questions`), or None
    order["sheets"]     whether to keep sheets, and order["runs"], run folders
    order["cpus"]       threads to use
    order["gpu"]        whether Ray gave a GPU; otherwise none is used, even if there is one
    order["play_all"]   the module and the name of what plays them

    Returns {"unfit": a sentence}, or
        "node"   the node's name
        "rows"   of the trials
        "files"  {name in the sweep's folder: content}, "left_out", the bytes of files that are too large to travel
        "alike"  what must be the same on all nodes: {key: (what, how it is there, what to do where it is not)}
    """
    os.environ["OMP_NUM_THREADS"] = str(order["cpus"])  # which torch reads when it is imported
    if not order["gpu"]:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if wrong := unfit(order["fitness"]) or _lacks(order["paths"]):
        return {"unfit": wrong}
    from importlib import import_module

    import torch

    from energan.sweep.plan.halving import Halving
    from energan.sweep.plan.trials import Trial
    from energan.sweep.playing.play import Keep
    from energan.utils.hardware import keep_memory

    keep_memory()
    torch.set_num_threads(order["cpus"])
    if order["gpu"]:
        _take_gpu()
    module, name = order["play_all"]
    trials = [
        Trial(**trial | {"halving": trial["halving"] and Halving(*trial["halving"])}) for trial in order["trials"]
    ]
    for trial in trials:
        if trial.identity != trial.computed_identity():
            return {"unfit": f"the node {platform.node()} was sent another trial than it got: {trial.number}"}
    with TemporaryDirectory(prefix="energan-") as scratch:
        keep = Keep(Path(scratch), order["sheets"], order["runs"])
        rows = getattr(import_module(module), name)(trials, keep, ask=_ask(order["questions"]))
        files, left_out = _files(Path(scratch))
    if order["gpu"] and torch.cuda.is_initialized():
        torch.cuda.empty_cache()  # other tasks may share it
    return {
        "node": platform.node(),
        "rows": rows,
        "files": files,
        "left_out": left_out,
        "alike": _alike(order["trials"]),
    }


def _ask(questions: Any) -> Callable[[int, int, float], bool]:
    """Asks the command, by way of an actor of Ray's."""
    if questions is None:
        return lambda number, step, cost: False
    import ray

    return lambda number, step, cost: bool(ray.get(questions.ask.remote(number, step, cost)))


class Questions:
    """An actor: nodes ask here whether a trial stops early, and the session takes the question to the command."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int], tuple[float, list[asyncio.Future[bool]]]] = {}

    async def ask(self, number: int, step: int, cost: float) -> bool:
        """The answer, once there is one."""
        answer = asyncio.get_running_loop().create_future()
        self._open.setdefault((number, step), (cost, []))[1].append(answer)
        return await answer

    async def open(self) -> list[tuple[int, int, float]]:
        """What has no answer yet."""
        return [(number, step, cost) for (number, step), (cost, _) in self._open.items()]

    async def answer(self, number: int, step: int, stops: bool) -> None:
        """Tells whoever asked this; a trial that is played anew may ask twice."""
        for waiting in self._open.pop((number, step), (0.0, []))[1]:
            if not waiting.done():
                waiting.set_result(stops)


def _take_gpu() -> None:
    """Makes the GPU that Ray gave this task torch's current one, if the node really has it.

    Ray leaves all GPUs visible (session.py asks for that): a process outlives its tasks, and torch reads which GPUs are
    visible once.
    """
    import ray
    import torch

    place = place_of(ray.get_gpu_ids(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    if place < torch.cuda.device_count():
        torch.cuda.set_device(place)


def place_of(given: Sequence[int | str], visible: str | None) -> int:
    """Torch's number of the GPU that Ray calls given[0], where CUDA_VISIBLE_DEVICES is `visible`."""
    name = str(given[0])
    return visible.split(",").index(name) if visible and name in visible.split(",") else int(name)


def _files(folder: Path) -> tuple[dict[str, bytes], int]:
    """The files that trials left, and how many bytes are left out, for there are more than LARGEST."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    named = {path.relative_to(folder).as_posix(): path for path in found}
    wanted = {name: path for name, path in named.items() if LEFT.fullmatch(name)}
    size = sum(path.stat().st_size for path in wanted.values())
    return ({}, size) if size > LARGEST else ({name: path.read_bytes() for name, path in wanted.items()}, 0)


def _alike(trials: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str, str]]:
    """What nodes may differ in without a word, so that their numbers could not be compared."""
    from energan.sweep.playing.play import images_read
    from energan.utils.hardware import pick_device, pick_precision

    found = {
        key: (f"images {name}", f"sha256 {digest[:12]}", "copy the same to all nodes")
        for key, (name, digest) in images_read().items()
    }
    for trial in trials:
        device, precision = trial["arguments"].get("device"), trial["arguments"].get("precision")
        if device == "auto":
            found["device"] = "`device`", pick_device("auto"), "name one by its flag"
        if precision == "auto":
            found["precision"] = "`precision`", pick_precision("auto", pick_device(device or "cpu")), "name one"
    return found


def travel_as_code() -> None:
    """From now on, Ray sends what is in this file as code."""
    import ray.cloudpickle

    _known.clear()  # it travels, too
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
