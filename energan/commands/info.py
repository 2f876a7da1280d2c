"""The commands `list` and `doctor`."""

import os
import shutil

from energan.recipes.catalog import RECIPES
from energan.utils.console import as_text, first_line, say
from energan.utils.hardware import environment, native_bf16, pick_device, pick_precision


def recipes(*, json: bool = False) -> int:
    """What can be trained: recipes, and the images that have a name.

    Args:
        json: Print JSON instead of a table.
    """
    from energan.data import NAMED

    told = {name: first_line(make) for name, make in RECIPES.items()}
    if json:
        say(as_text({"recipes": told, "data": sorted(NAMED)}))
        return 0
    for name, line in told.items():
        say(f"{name:28}{line}")
    say(f"\nnamed images: {', '.join(sorted(NAMED))}; or your own folder, .zip, .npz, .parquet")
    return 0


def doctor(*, json: bool = False) -> int:
    """What this machine offers: processor, precision, threads, GPU, compiler, caches, versions.

    Args:
        json: Print JSON instead of a table.
    """
    found = machine_facts()
    if json:
        say(as_text(found))
        return 0
    for key, value in found.items():
        told = [f"{k} {v}" for k, v in value.items()] if isinstance(value, dict) else value
        say(f"{key:16}{', '.join(told) if isinstance(told, list) else told}")
    return 0


def machine_facts() -> dict[str, object]:
    """`energan doctor`: what training here will run on, and where things are kept."""
    import torch

    from energan.utils.files import cache_dir

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
