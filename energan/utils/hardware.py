"""What this machine offers, and what a run records of it."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from energan.utils.errors import UserError
from energan.utils.version import __version__

Precision = Literal["auto", "bf16", "fp32"]

PACKAGES = ("torch", "numpy", "pillow", "safetensors", "torchmetrics", "scikit-learn")


def pick_device(device: str) -> str:
    """ "auto" is CUDA where there is one, else the processor. UserError for a device that is not there."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"--device {device}: torch {torch.__version__} sees no CUDA device here; use --device cpu")
    if device.split(":", maxsplit=1)[0] not in ("cpu", "cuda"):
        raise UserError(f"--device {device}: not a device this project runs on; use cpu, cuda or auto")
    return device


def pick_precision(precision: str, device: str) -> str:
    """ "auto" is bf16 where the processor multiplies bfloat16 natively, else fp32."""
    if precision != "auto":
        return precision
    return "bf16" if native_bf16(device) else "fp32"


def native_bf16(device: str) -> bool:
    """Whether bfloat16 products have hardware units (elsewhere they are emulated, and slower than float32)."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability()[0] >= 8
    flags = _cpuinfo("flags").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags or "bf16" in _cpuinfo("Features").split()


def _cpuinfo(key: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), "")


def keep_memory() -> bool:
    """Lets this process keep the memory that it frees, for its next use, until it ends; whether that could be set.

    glibc gives large blocks back to the system at once and gets them anew, page by page and zeroed: some 4,000 faults
    in a step of five million weights, a sixth of its time (docs/results.md). The peak is what it was.
    """
    import ctypes

    trim_threshold, mmap_threshold = -1, -3  # glibc's malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return False
    most = 2**31 - 1
    return bool(mallopt(mmap_threshold, most) and mallopt(trim_threshold, most))


def peak_memory() -> int:
    """The largest resident size of this process so far, bytes."""
    import resource

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
        "cpu": _cpuinfo("model name") or platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": packages,
    }
