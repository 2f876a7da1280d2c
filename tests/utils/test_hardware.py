"""Memory that is kept: fewer page faults, nothing where the C library has no such setting; and devices by name."""

import ctypes
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
import torch

from energan.utils import hardware
from energan.utils.errors import UserError
from energan.utils.hardware import keep_memory, share_memory, trim_memory

FAULTS = """
import resource
from energan.utils import hardware
from energan.utils.errors import UserError
from energan.utils.hardware import keep_memory, share_memory
KEEP and keep_memory()
SHARE and share_memory()
for step in range(41):
    if step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(6_000_000) for _ in range(4)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool, share: bool = False) -> int:
    """Page faults of forty steps that take and free 24 MB each."""
    command = [sys.executable, "-c", FAULTS.replace("KEEP", str(keep)).replace("SHARE", str(share))]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_what_is_freed_is_used_again_without_the_system() -> None:
    assert faults(keep=True) < 500
    assert faults(keep=False) > 20_000
    assert faults(keep=True, share=True) < 500  # a server's threads, too


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in (AttributeError, OSError, TypeError):

        def library(_: None, error: type[Exception] = missing) -> None:
            raise error

        monkeypatch.setattr(ctypes, "CDLL", library)
        assert keep_memory() is False and share_memory() is False
        trim_memory()


@pytest.mark.parametrize("device", ["cpu:x", "cpu:", "cuda:77", "cudax", "tpu", ""])
def test_a_device_that_cannot_be_used_is_refused(device: str) -> None:
    with pytest.raises(UserError, match="device"):
        hardware.pick_device(device)


@pytest.mark.parametrize(
    ("work", "own", "threads", "passed", "said"),
    [
        ((10.0, 10.0), 18.0, 2, 10.0, ""),  # nearly all of it is this process
        ((10.0, 10.0), 2.0, 2, 10.0, "other programs keep 1.8 of 2 processors at work, and this one's 2 threads"),
        ((10.0, 10.0), 2.0, 2, 0.1, ""),  # too soon to tell
        ((10.0, 0.0), 0.0, 2, 10.0, "OMP_NUM_THREADS=1 may be"),
        ((10.0, 10.0), 2.0, 1, 10.0, ""),  # one thread waits for nobody
        ((0.0, 0.0), 0.0, 2, 10.0, ""),
    ],
)
def test_others_that_need_the_processors_are_told(
    monkeypatch: pytest.MonkeyPatch, work: tuple[float, float], own: float, threads: int, passed: float, said: str
) -> None:
    """`work`: seconds that each of two processors worked; `own`: those of this process."""
    now = {"work": (0.0, 0.0), "own": 0.0, "clock": 100.0}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [SimpleNamespace(user=s, idle=7.0) for s in now["work"]])
    monkeypatch.setattr(os, "times", lambda: (now["own"], 0.0, 0.0, 0.0, 1.0))
    monkeypatch.setattr(time, "monotonic", lambda: now["clock"])
    told = hardware.watched_processors()
    now.update(work=work, own=own, clock=100.0 + passed)
    assert (said in told()) if said else told() == ""
