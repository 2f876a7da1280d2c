"""The commands `list` and `doctor`."""

import os
import shutil

from energan.recipes.catalog import RECIPES
from energan.utils.console import as_text, first_line, say
from energan.utils.files import cache_dir
from energan.utils.hardware import environment, native_bf16, pick_device, pick_precision


def recipes(*, json: bool = False) -> int:
    """List the recipes and the built-in datasets.

    Args:
        json: Print JSON instead of a table.
    """
    from energan.data import NAMED

    summaries = {name: first_line(recipe) for name, recipe in RECIPES.items()}
    if json:
        say(as_text({"recipes": summaries, "data": sorted(NAMED)}))
        return 0
    for name, summary in summaries.items():
        say(f"{name:28}{summary}")
    say(f"\nbuilt-in datasets: {', '.join(sorted(NAMED))}; or your own folder, .zip, .npz, .parquet")
    return 0


def doctor(*, json: bool = False) -> int:
    """Tell what this machine offers: processor, precision, threads, GPU, compiler, caches, versions.

    Args:
        json: Print JSON instead of a table.
    """
    import torch

    device, cache = pick_device("auto"), cache_dir()
    free = shutil.disk_usage(next(p for p in (cache, *cache.parents) if p.exists())).free
    facts = {
        **environment(),
        "device": device,
        "precision": f"{pick_precision('auto', device)} ({'native' if native_bf16(device) else 'no native'} bfloat16)",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
        "compiler": shutil.which("g++") or "none (--compile needs g++)",
        "cache": f"{cache} ({free / 2**30:.0f} GiB free)",
        "cached": sorted(p.name for p in cache.iterdir()) if cache.exists() else [],
    }
    if json:
        say(as_text(facts))
        return 0
    for key, value in facts.items():
        items = [f"{k} {v}" for k, v in value.items()] if isinstance(value, dict) else value
        say(f"{key:16}{', '.join(items) if isinstance(items, list) else items}")
    return 0
