"""Memory that is kept: fewer page faults, nothing where the C library has no such setting; and devices by name."""

import ctypes
import subprocess
import sys

import pytest

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
