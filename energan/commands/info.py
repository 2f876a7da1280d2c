"""The commands `list`, `info` and `doctor`."""

import os
import shutil
from pathlib import Path

from energan.recipes.catalog import RECIPES
from energan.utils.console import as_text, first_line, say
from energan.utils.files import cache_dir
from energan.utils.hardware import environment, native_bf16, pick_device, pick_precision


def recipes(*, json: bool = False, zoo: bool = False) -> int:
    """List the recipes and the built-in datasets; or the trained models of the zoo.

    Args:
        json: Print JSON instead of a table.
        zoo: List the models of the package energan-models, by the names that commands take for a run.
    """
    from energan.data import NAMED

    if zoo:
        return _zoo(json)

    summaries = {name: first_line(recipe) for name, recipe in RECIPES.items()}
    if json:
        say(as_text({"recipes": summaries, "data": sorted(NAMED)}))
        return 0
    for name, summary in summaries.items():
        say(f"{name:28}{summary}")
    say(f"\nbuilt-in datasets: {', '.join(sorted(NAMED))}; or your own folder, .zip, .npz, .parquet")
    say("trained models: energan list --zoo")
    return 0


def _zoo(json: bool) -> int:
    from energan.runs.sharing import zoo

    models = {f"zoo:{name}": model for name, model in zoo.zoo().items()}
    if json:
        say(as_text({"models": models}))
        return 0
    for name, model in models.items():
        say(f"{name:28}{model['about']}")
    say("\nenergan sample zoo:NAME --n 64 draws; every command that takes a run takes zoo:NAME")
    return 0


def info(run: str, /, *, json: bool = False) -> int:
    """Tell what a run is: its system, images and classes, how far it got, how it went, what it can do and be asked for.

    Args:
        run: The run's folder.
        json: Print JSON instead of a table.
    """
    from energan import capabilities
    from energan.explore.class_names import listed
    from energan.html.formatting import figure, plain
    from energan.runs.reader import mapping, read, sequence
    from energan.training.verdict import verdict_of

    folder = read(Path(run))
    config, data, status = folder.config, mapping(folder.config.get("data")), mapping(folder.config.get("status"))
    names = [plain(name) for name in sequence(config.get("classes"))]
    kind = mapping(folder.game.get("conditions")).get("kind")
    can = [each.verb for each in capabilities.of_run(folder)]
    asked = {"classes": "classes (sample --class), by name or number", "text": "sentences (sample --text)"}
    told = verdict_of(folder, Path(run))
    facts = {
        "recipe": config.get("recipe"),
        "system": folder.game.get("name"),
        "state": status.get("state"),
        "step": status.get("step"),
        "steps": config.get("steps"),
        "images": data.get("name"),
        "number": data.get("n"),
        "shape": data.get("shape"),
        "classes": names,
        "can": can,
        "can be asked for": None if kind is None else asked.get(str(kind), str(kind)),
        "verdict": None if told is None else told._asdict(),
    }
    if json:
        say(as_text(facts))
        return 0
    shape = " x ".join(map(plain, sequence(facts["shape"])))
    words = {
        "recipe": plain(facts["recipe"]),
        "system": plain(facts["system"]),
        "state": f"{plain(facts['state'])}, step {figure(facts['step'])} of {figure(facts['steps'])}",
        "images": f"{figure(facts['number'])} of {plain(facts['images'])}, {shape}",
        "classes": listed(names) if names else "none",
        "can": "; ".join(can) or "nothing that commands ask for",
        "can be asked for": plain(facts["can be asked for"]) if kind else "nothing",
        **({"verdict": plain(told.words)} if told else {}),
    }
    for key, value in words.items():
        say(f"{key:18}{value}")
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
