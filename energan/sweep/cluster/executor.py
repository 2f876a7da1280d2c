"""The executor of `--on ray`, in the process of the command."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import islice
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, final

from energan.sweep.cluster.luggage import modules, unpack
from energan.sweep.cluster.process import LOCAL, scratch_folder, serve
from energan.sweep.cluster.session import Wanted
from energan.sweep.plan.halving import Ask, never
from energan.sweep.plan.trials import Result, Trial
from energan.sweep.playing.executors import LOOK_SECONDS
from energan.sweep.playing.play import Keep, Stop
from energan.sweep.playing.together import groups, play_all
from energan.utils.console import warn
from energan.utils.errors import UserError

ADVICE = "`ray start --head` tells the address of a cluster, whose port is 6379 unless it was chosen"

SETTINGS = b"\x04"  # the kind of the first frame that a server of gRPC's sends, as its client does
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00" + SETTINGS + b"\x00" * 5

ANSWER_SECONDS = 5  # that a cluster's machine has to take a connection
JOIN_SECONDS = 45  # that Ray has to join it
END_SECONDS = 10  # that Ray has to end


@final
class Cluster:
    """A cluster of Ray's: as many groups of trials are under way as it has room for, and it may grow and shrink."""

    def __init__(self, pipe: Connection, process: BaseProcess, name: str, keep: Keep, together: int) -> None:
        self._pipe, self._process, self._name = pipe, process, name
        self._keep, self._together = keep, together
        self._alike: dict[str, tuple[str, str]] = {}  # how what must be alike is, and on which node

    def rows(self, trials: Iterator[Trial], stop: Stop, ask: Ask = never) -> Iterator[Result]:
        waiting = groups(trials, self._together)
        while not stop():
            if (told := self.told(LOOK_SECONDS)) is None:
                continue
            match told:
                case ("room", n):
                    self._answer([*islice(waiting, n)])
                case ("ask", number, step, cost):
                    self._answer(ask(number, step, cost))
                case ("answer", answer):
                    yield from self._rows_of(answer)
                case ("rows", rows):
                    yield from rows
                case ("warning", text):
                    warn(text)
                case ("over",):
                    return

    def told(self, seconds: float) -> tuple[Any, ...] | None:
        """What the session tells next; None if it is nothing for so long.

        Raises:
            UserError: The session ended, of itself or because Ray ended it: then the cluster is lost.
        """
        connection.wait([self._pipe, self._process.sentinel], timeout=seconds)
        try:
            if not self._pipe.poll():
                if self._process.is_alive() or self._pipe.poll():
                    return None
                raise EOFError
            told = self._pipe.recv()
        except (EOFError, OSError):
            raise UserError(f"{self._name} ended: once there is one again, the same command goes on") from None
        if told[0] == "refused":
            raise UserError(told[1])
        return told

    def _answer(self, what: Any) -> None:
        with suppress(OSError):  # the session ended: it will be told
            self._pipe.send(what)

    def _rows_of(self, answer: dict[str, Any]) -> list[Result]:
        """The rows of a task's trials, once what they left is written. UserError for a node that differs."""
        if "unfit" in answer:
            raise UserError(answer["unfit"])
        for key, (what, how, remedy) in answer["alike"].items():
            before, where = self._alike.setdefault(key, (how, answer["node"]))
            if before != how:
                raise UserError(
                    f"the node {answer['node']} would give other numbers than {where}: {what} is {how}, "
                    f"there {before}; {remedy}"
                )
        rows: list[Result] = answer["rows"]
        if answer["left_out"]:
            shown = ", ".join(str(row["trial"]) for row in rows)
            warn(f"the files of trial {shown} have {answer['left_out'] / 2**20:,.0f} MiB, too many to travel: left out")
        unpack(self._keep.folder, [row["trial"] for row in rows], answer["files"])
        return rows


@contextmanager
def joined(
    recipe: str,
    keep: Keep,
    *,
    address: str = "",
    cpus: int = 1,
    gpus: float = 0.0,
    together: int = 1,
    play_by: Callable[..., list[Result]] = play_all,
) -> Iterator[Cluster]:
    """The executor, in a cluster until the block ends.

    Args:
        recipe: Of all trials; a user's own travels to the nodes.
        keep: What is kept of trials, and where.
        address: "host:port", "auto" or "ray://host:port" of a cluster; "" for a Ray of this machine's own.
        cpus: Threads of a trial.
        gpus: Its share of a GPU, up to 1; 0 for none.
        together: Trials of one shape that are one program, at most.
        play_by: A function of a module that nodes have, as `play_all`.

    Raises:
        UserError: Ray is not installed; there is no such cluster, or it has another Ray, or room for no trial.
    """
    if find_spec("ray") is None:
        raise UserError("`on` ray needs the package ray: pip install 'energan[cluster]'")
    check_address(address)
    scratch = scratch_folder()
    wanted = Wanted(
        address or LOCAL, cpus, gpus, keep.sheets, keep.runs, modules(recipe), (play_by.__module__, play_by.__name__),
        scratch,
    )  # fmt: skip
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, wanted), daemon=False)
    name = f"the cluster at {address}" if address else "the Ray that this command started"
    try:
        process.start()
        theirs.close()
        cluster = Cluster(ours, process, name, keep, together)
        if cluster.told(JOIN_SECONDS) is None:
            raise UserError(f"{name} does not answer: see that `ray status` works there, or choose another `address`")
        yield cluster
    finally:
        ours.close()
        if process.pid is not None:
            process.join(END_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
        shutil.rmtree(scratch, ignore_errors=True)


def check_address(address: str) -> None:
    """UserError for an address that is none, or where no Ray can be: Ray itself would try for a minute."""
    if address in ("", "auto"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"`address` {address} is none: write host:port, ray://host:port or auto")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS) as there:
            if os.environ.get("RAY_USE_TLS", "0") in ("", "0"):
                there.sendall(HTTP2)
                speaks = there.recv(9)[3:4] == SETTINGS
            else:
                speaks = True
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UserError(f"`address` {address}: nobody answers there ({reason}); {ADVICE}") from None
    if not speaks:
        raise UserError(f"`address` {address}: what answers there is no Ray; {ADVICE}")
