"""What this machine offers, and what a run records of it."""

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from energan import __version__
from energan.errors import UserError

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


def doctor() -> dict[str, object]:
    """`energan doctor`: what training here will run on, and where things are kept."""
    import torch

    from energan.data.registry import cache_dir

    device, folder = pick_device("auto"), cache_dir()
    free = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
    return {
        **environment(),
        "device": device,
        "precision": f"{pick_precision('auto', device)} ({'native' if native_bf16(device) else 'no native'} bfloat16)",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
        "compiler": shutil.which("g++") or "none (--compile needs g++)",
        "cache": f"{folder} ({free / 2**30:.0f} GiB free)",
        "cached": sorted(p.name for p in folder.iterdir()) if folder.exists() else [],
    }
