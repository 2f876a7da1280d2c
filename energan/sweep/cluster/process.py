"""The process beside the command that speaks to Ray: it joins a cluster or starts one, and plays a session.

It ends, and with it what is played, when the command closes the pipe or dies.
"""

import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from energan.sweep.cluster.session import Session, Wanted
from energan.sweep.playing.executors import LOOK_SECONDS
from energan.sweep.playing.lanes import end_with_parent

LOCAL = "local"  # the address of a Ray of this machine's own, which this process starts and ends
STORE = 2**28  # bytes of its shared memory, for what trials leave
LOST_SECONDS = 20  # without the cluster's head, after which Ray ends this process
TOKEN = (
    "the cluster asks for a token, and this is not it: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a copy of "
    "the file ~/.ray/auth_token of the machine that `ray start --head` was called on"
)


def serve(pipe: Connection, wanted: Wanted) -> None:
    """The process."""
    os.setsid()  # Ctrl-C is the command's
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, args=(10 * LOOK_SECONDS,), daemon=True).start()
    heard = wanted.scratch / "heard"
    _silence(heard)
    ray: Any = None
    try:
        ray = _joined(wanted)
        _silence(Path(os.devnull))
        session = Session(ray, pipe, wanted)
        if session.has_room():
            session.play()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the command is done with it
    except BaseException as error:  # of Ray's, which has no common class
        needs_token = heard.exists() and b"InvalidAuthToken" in heard.read_bytes()
        with suppress(OSError):
            pipe.send(("refused", f"Ray: {TOKEN if needs_token else _first_sentence(error)}"))
    finally:
        pipe.close()
        if ray is not None:
            ray.shutdown()
        shutil.rmtree(wanted.scratch, ignore_errors=True)


def _silence(path: Path) -> None:
    """What this process says, and Ray within it, goes there."""
    with path.open("ab") as file, Path(os.devnull).open("rb") as nothing:
        for descriptor, to in enumerate((nothing, file, file)):
            os.dup2(to.fileno(), descriptor)


def _joined(wanted: Wanted) -> Any:
    """The module ray, in the cluster. Raises what Ray raises."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(LOST_SECONDS))
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"  # nodes have the environment that they were started in
    there: dict[str, Any] = (
        {"include_dashboard": False, "object_store_memory": STORE} if wanted.address == LOCAL else {}
    )
    if wanted.address == LOCAL:
        os.environ.pop("RAY_ADDRESS", None)
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # no cluster of several machines: it listens to this one
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # and to this user
        os.environ |= {"RAY_worker_niceness": "0"}  # of Ray's own it is 15: whatever else runs would come first
        os.environ["PYTHONPATH"] = os.pathsep.join(place for place in sys.path if place)
        there |= {"num_cpus": processors(), "_temp_dir": str(wanted.scratch)}
    sys.argv = [""]  # Ray would add the script's folder to the paths of all nodes
    os.chdir(wanted.scratch)  # as it would this one
    environment: dict[str, Any] = {}
    if wanted.gpus:
        environment["env_vars"] = {"RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1"}  # node.py chooses
    if wanted.modules:
        staged = wanted.scratch / "modules"
        for name, content in wanted.modules.items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_bytes(content)
        environment["working_dir"] = str(staged)
    import ray

    if not wanted.address.startswith("ray://"):
        there |= {"log_to_driver": False, "logging_level": "CRITICAL"}
    ray.init(address=wanted.address, runtime_env=environment, **there)
    return ray


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def scratch_folder() -> Path:
    """A new folder, whose path is short: Ray makes sockets below it, whose paths may have some 100 characters."""
    short = len(tempfile.gettempdir()) < 24
    return Path(tempfile.mkdtemp(prefix="energan-ray-", dir=None if short or os.name != "posix" else "/tmp"))


def _first_sentence(error: BaseException) -> str:
    """What an error says, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ", maxsplit=1)[0][:300].rstrip(".")
