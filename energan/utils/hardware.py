"""The machine: devices, precision, memory, and what a run records of them."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from energan.utils.errors import UserError
from energan.utils.version import __version__

Precision = Literal["auto", "bf16", "fp32"]

BF16_UNITS = ("avx512_bf16", "amx_bf16", "bf16")  # torch's names of x86's and ARM's bfloat16 units

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENAS = -1, -3, -8  # of mallopt, in glibc's malloc.h

PACKAGES = ("torch", "numpy", "pillow", "safetensors", "torchmetrics", "scikit-learn")


def pick_device(device: str) -> str:
    """The device to use: for "auto", CUDA where there is one, else the CPU. UserError for a device that is missing."""
    import torch

    device = str(device)  # a torch.device, from Python
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"`device` {device}: torch {torch.__version__} sees no CUDA device here; use `device` cpu")
    if device.split(":", maxsplit=1)[0] not in ("cpu", "cuda"):
        raise UserError(f"`device` {device}: not a device this project runs on; use cpu, cuda or auto")
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:  # torch does not know it, or there are not so many
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"`device` {device} cannot be used: {reason}; choose cpu, cuda or auto") from error
    return device


def pick_precision(precision: str, device: str) -> str:
    """The precision to train in: for "auto", bf16 where the device multiplies bfloat16 natively, else fp32."""
    if precision != "auto":
        return precision
    return "bf16" if native_bf16(device) else "fp32"


def native_bf16(device: str) -> bool:
    """Whether bfloat16 products have hardware units (elsewhere they are emulated, and slower than float32)."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device)[0] >= 8
    units = torch.cpu.get_capabilities()
    return any(units.get(name, False) for name in BF16_UNITS)


@contextmanager
def deterministic(on: bool = True) -> Iterator[None]:
    """Inside the block, torch uses deterministic algorithms alone, in the whole process: a GPU repeats its bits.

    It is for a GPU: on the CPU a step repeats its bits anyway. cuBLAS reads its setting once, at its first product, so
    the block comes before.

    Args:
        on: False: nothing is changed.

    Raises:
        UserError: An operation within the block has no deterministic form.
    """
    if not on:
        yield
        return
    import torch

    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        reason = str(error).split(". ", maxsplit=1)[0]
        raise UserError(f"`deterministic` cannot be kept here: {reason}; leave it out") from error
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = benchmark


def cpu_name() -> str:
    """The processor's name, as Linux has it; elsewhere what Python knows of it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor()


def keep_memory() -> bool:
    """Tells glibc's malloc not to return freed memory to the system. Returns whether it could be set.

    By default glibc returns large blocks at once and gets them anew, page by page and zeroed: some 4,000 faults in a
    step of five million weights, a sixth of its time (docs/results/speed.md). The peak stays the same.
    """
    most = 2**31 - 1
    return _set_malloc({MMAP_THRESHOLD: most, TRIM_THRESHOLD: most})


def share_memory() -> bool:
    """Lets all threads take memory from two of glibc's arenas, for a server. Returns whether it could be set.

    Each thread would have its own, whose free memory no other thread uses.
    """
    return _set_malloc({ARENAS: 2})


def trim_memory() -> None:
    """Returns the free memory of glibc's malloc to the system; elsewhere nothing is done."""
    import ctypes

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _set_malloc(numbers: dict[int, int]) -> bool:
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return False
    return all(bool(mallopt(name, value)) for name, value in numbers.items())


def available_memory() -> int:
    """Bytes that this process may still take: of the machine's memory, and of its control group's."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and (most := limit.read_text().strip()) != "max":
        free = min(free, int(most) - int(used.read_text()))
    return free


def fits_in_memory(name: str, n: int, size: int) -> None:
    """UserError unless n things of `size` bytes, whose parameter is `name`, would fit into the memory that is free."""
    if n * size > (free := available_memory()):
        raise UserError(f"`{name}` {n} would take {n * size / 2**30:,.1f} GiB of memory; {free / 2**30:.1f} are free")


def peak_memory() -> int:
    """The largest resident size of this process so far, in bytes."""
    import resource  # psutil has the peak on Windows only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def environment() -> dict[str, object]:
    """Software and hardware, as a run records them."""
    import torch

    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "energan": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": packages,
    }
