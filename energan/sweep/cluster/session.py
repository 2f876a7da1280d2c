"""A cluster that has been joined: groups of trials, as tasks of Ray's, while it has room for them.

It is told nothing but trials, and tells the command by a pipe:

    ("ready",)                   it is in the cluster, and there is room for a trial
    ("room", n)                  n groups of trials may begin; it gets a list of them, fewer once there are no more
    ("ask", trial, step, cost)   whether a trial stops early; it gets the answer
    ("answer", answer)           what a task returned (node.py)
    ("rows", rows)               of trials whose process died twice
    ("warning", text)
    ("refused", text)            it ends: why, in a sentence
    ("over",)                    it ends: all trials have a row

How Ray tells deaths apart: NodeDiedError is a node's, which never counts; ObjectLostError is one of a node that had
the answer and had not sent it. WorkerCrashedError and OutOfMemoryError are of the process of a task. A node that is
told to stop ends its processes first, so such a death counts only where all nodes are still there.
"""

import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, final

from energan.sweep.cluster import node
from energan.sweep.plan.trials import Trial
from energan.sweep.playing.executors import LOOK_SECONDS, TRIES

COUNT_SECONDS = 1.0  # between two counts of the cluster's nodes


@final
class Wanted(NamedTuple):
    """What the session is to do.

    address   of the cluster, or LOCAL
    cpus      threads of a trial
    gpus      its share of a GPU; 0 for none
    sheets    whether sheets are kept, and run folders
    modules   the user's own recipe, as files
    play_all  module and name of what plays trials on a node
    scratch   a folder that is removed in the end
    """

    address: str
    cpus: int
    gpus: float
    sheets: bool
    runs: bool
    modules: dict[str, bytes]
    play_all: tuple[str, str]
    scratch: Path


@final
class _Task(NamedTuple):
    """A group of trials under way, and the nodes that the cluster had when it was sent."""

    group: list[Trial]
    nodes: frozenset[str]


@final
class Session:
    """Trials on a cluster that has been joined."""

    def __init__(self, ray: Any, pipe: Connection, wanted: Wanted) -> None:
        self._ray, self._pipe, self._wanted = ray, pipe, wanted
        node.travel_as_code()
        self._answer = ray.remote(
            num_cpus=wanted.cpus, num_gpus=wanted.gpus, max_retries=0, max_calls=0, scheduling_strategy="SPREAD"
        )(node.answer)
        self._fitness = node.fitness()
        self._running: dict[Any, _Task] = {}
        self._questions: Any = None  # an actor, once a trial may be stopped early
        self._again: list[list[Trial]] = []  # whose node or process died
        self._died: dict[int, int] = {}  # how often the process of a trial by itself did
        self._counted, self._nodes, self._places = 0.0, frozenset[str](), 0

    def has_room(self) -> bool:
        """Whether a trial can be played at all. Tells it."""
        self._count()
        self._pipe.send(("ready",) if self._places else ("refused", self._nobody_has_room()))
        return self._places > 0

    def play(self) -> None:
        """Plays what the command has, until it has no more, or closes the pipe."""
        more, warned = True, False
        while more or self._running or self._again:
            self._count()
            free = self._places - len(self._running)
            while free > 0 and self._again:
                self._send(self._again.pop())
                free -= 1
            if free > 0 and more:
                self._pipe.send(("room", free))
                groups = self._pipe.recv()
                more = len(groups) == free
                for group in groups:
                    self._send(group)
            if not self._places and not warned:  # nodes went
                self._pipe.send(("warning", f"{self._nobody_has_room()}; waiting for one"))
                warned = True
            if self._pipe.poll():
                self._pipe.recv()  # EOFError: it is closed
            self._answer_questions()
            self._wait()
        self._pipe.send(("over",))

    def _count(self) -> None:
        """Counts the nodes, and how many groups they have room for, every second."""
        if time.monotonic() - self._counted < COUNT_SECONDS:
            return
        alive = [one for one in self._ray.nodes() if one["Alive"]]
        self._nodes = frozenset(one["NodeID"] for one in alive)
        self._places = sum(room(one["Resources"], self._wanted.cpus, self._wanted.gpus) for one in alive)
        self._counted = time.monotonic()

    def _nobody_has_room(self) -> str:
        largest = [one["Resources"] for one in self._ray.nodes() if one["Alive"]]
        shown = ", ".join(f"{told.get('CPU', 0):g} and {told.get('GPU', 0):g}" for told in largest[:8])
        asked = f"{self._wanted.cpus} CPUs" + (f" and {self._wanted.gpus:g} GPUs" if self._wanted.gpus else "")
        return f"no node of the cluster has room for a trial of {asked}: the CPUs and GPUs of its nodes are {shown}"

    def _send(self, group: list[Trial]) -> None:
        if group[0].halving and self._questions is None:
            self._questions = self._beside_this(node.Questions)
        order = {
            "fitness": self._fitness,
            "paths": named_paths(group),
            "trials": [{**trial._asdict(), "halving": trial.halving and tuple(trial.halving)} for trial in group],
            "questions": self._questions,
            "sheets": self._wanted.sheets,
            "runs": self._wanted.runs,
            "cpus": self._wanted.cpus,
            "gpu": self._wanted.gpus > 0,
            "play_all": self._wanted.play_all,
        }
        self._running[self._answer.remote(order)] = _Task(group, self._nodes)

    def _beside_this(self, kind: type) -> Any:
        """An actor on this process' own node, with which it lives."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=False)
        return self._ray.remote(kind).options(num_cpus=0, scheduling_strategy=here).remote()

    def _answer_questions(self) -> None:
        """Asks the command what nodes want to know."""
        if self._questions is None:
            return
        for number, step, cost in self._ray.get(self._questions.open.remote()):
            self._pipe.send(("ask", number, step, cost))
            self._questions.answer.remote(number, step, self._pipe.recv())

    def _wait(self) -> None:
        """Waits a moment for a task that ends."""
        if not self._running:
            time.sleep(LOOK_SECONDS)
            return
        done, _ = self._ray.wait([*self._running], num_returns=1, timeout=LOOK_SECONDS)
        for reference in done:
            self._end(reference, self._running.pop(reference))

    def _end(self, reference: Any, task: _Task) -> None:
        """Tells what a task returned, or plays it once more where its node died, or its process for the first time."""
        errors = self._ray.exceptions
        try:
            self._pipe.send(("answer", self._ray.get(reference)))
        except (errors.NodeDiedError, errors.ObjectLostError):
            self._again.append(task.group)
        except (errors.WorkerCrashedError, errors.OutOfMemoryError) as error:
            self._counted = 0.0
            self._count()
            if task.nodes - self._nodes:  # a node went, and this process may have been one of its own
                self._again.append(task.group)
            elif len(task.group) > 1:
                self._again += [[trial] for trial in task.group]
            else:
                self._died_once_more(task.group[0], isinstance(error, errors.OutOfMemoryError))

    def _died_once_more(self, trial: Trial, memory: bool) -> None:
        self._died[trial.number] = self._died.get(trial.number, 0) + 1
        if self._died[trial.number] < TRIES:
            self._again.append([trial])
            return
        how = "was ended by Ray for want of memory" if memory else "died"
        self._pipe.send(("rows", [trial.row("failed", f"its process {how}, twice")]))


def named_paths(trials: Sequence[Trial]) -> list[str]:
    """The files and folders of this machine that the arguments of trials name in full, as --data ./pictures does."""
    values = {value for trial in trials for value in trial.arguments.values() if isinstance(value, str)}
    return sorted(value for value in values if value.startswith("/") and Path(value).exists())


def room(resources: dict[str, float], cpus: int, gpus: float) -> int:
    """How many trials a node of these resources has room for. A share of a GPU is of one GPU."""
    by_cpu = int(resources.get("CPU", 0)) // cpus
    if not gpus:
        return by_cpu
    return min(by_cpu, int(resources.get("GPU", 0)) * int(1 / gpus))
