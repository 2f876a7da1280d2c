"""A cluster of Ray's on this machine: real nodes, each with its own processes, which can be killed."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 90


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])


class Nodes:
    """A head, and nodes that join it. Each has one CPU unless it is told otherwise."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nodes-", dir="/tmp"))  # short: sockets are below it
        self.port, self.client = _free_port(), _free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'helpers'}",
        }
        self.started: list[psutil.Popen] = []

    def head(self, *flags: str) -> psutil.Popen:
        """A new head, at the address of the last one."""
        more = [
            "--head",
            f"--port={self.port}",
            f"--ray-client-server-port={self.client}",
            "--include-dashboard=false",
            f"--temp-dir={self.folder}",
        ]
        return self._start(*more, *flags)

    def node(self, *flags: str, **environment: str) -> psutil.Popen:
        """A node that joins."""
        return self._start(f"--address={self.address}", *flags, **environment)

    def _start(self, *flags: str, **environment: str) -> psutil.Popen:
        log = self.folder / f"start-{len(self.started)}.log"
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", *flags]
        with log.open("wb") as out:
            started = psutil.Popen(
                command, env=self.environment | environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        self.started.append(started)
        end = time.monotonic() + START_SECONDS
        while b"Ray runtime started" not in log.read_bytes():
            if started.poll() is not None or time.monotonic() > end:
                raise RuntimeError(log.read_text()[-3000:])
            with suppress(psutil.TimeoutExpired):
                started.wait(0.2)
        return started

    def kill(self, node: psutil.Popen, number: int = signal.SIGKILL) -> None:
        """All processes of a node at once, or its agent's alone where it is asked to end."""
        processes = [node, *(node.children(recursive=True) if node.is_running() else [])]
        for process in processes:
            if number == signal.SIGKILL or process.name() == "raylet":
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        psutil.wait_procs(processes, timeout=30)

    def workers(self, node: psutil.Popen) -> list[psutil.Process]:
        """The processes of a node that play a trial."""
        found = []
        with suppress(psutil.NoSuchProcess):  # the node went
            for child in node.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if child.name().startswith("ray::answer"):
                        found.append(child)
        return found

    def close(self) -> None:
        for node in self.started:
            with suppress(psutil.NoSuchProcess):
                self.kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)


def sweep(nodes: Nodes, out: Path, *flags: str, recipe: str = "ebgan-pt-mnist", **more: Any) -> "subprocess.Popen[str]":
    """The command `energan sweep`, with small trials, where the cluster's token is known."""
    small = ["--data", "digits", "--width", "4", "--z", "8", "--batch", "8", "--steps", "60", "--n", "64", "--quiet"]
    command = [sys.executable, "-m", "energan", "sweep", recipe, *(small if ":" not in recipe else ["--quiet"])]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    options = {"env": nodes.environment} | pipes | more
    return subprocess.Popen([*command, "--out", str(out), *flags], **options)
