"""The pieces of the page, from a run folder, rendered with those of templates/ and with uPlot."""

import base64
import hashlib
from collections.abc import Callable
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from energan import capabilities
from energan.capabilities.learned.section import learned
from energan.html import charts, formatting
from energan.html.pictures import picture, sheets
from energan.report import glossary
from energan.runs.copies import refuse_copy
from energan.runs.reader import Logged, RunFiles, mapping, number, read, sequence, without
from energan.training.verdict import verdict_of
from energan.utils.files import write

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE = "report.html"
STYLES = ("html/vendor/uPlot.min.css", "report/templates/page.css")
SCRIPTS = ("html/vendor/uPlot.iife.min.js", "report/templates/page.js")
LICENCE = "html/vendor/LICENSE"  # of uPlot: each copy of it, and so each page, must hold it


def write_report(run: Path) -> Path:
    """Writes RUN/report.html, one self-contained page, and returns its path.

    Images, styles and scripts are inside; the page asks the network for nothing, and its content security policy
    forbids that. At most 20 sample sheets are taken in, and large pictures are made smaller, so that the page stays
    below 1.5 MB. What the folder lacks is named in its place.

    Raises UserError for a folder that is no run, for one from a newer Energan, and where nothing can be written.
    """
    refuse_copy(run, PAGE)
    return write(run / PAGE, partial(_write_text, report_html(run)))


def report_html(run: Path | RunFiles) -> str:
    """The page that `write_report` writes. UserError for a folder that is no run, and for one from a newer Energan."""
    return _render(run if isinstance(run, RunFiles) else read(run))


def _write_text(html: str, path: Path) -> int:
    return path.write_text(html, encoding="utf-8", errors="replace")  # half a character of a stranger's name


@cache
def _environment() -> "Environment":
    """It keeps the templates compiled, for the reports after the first one."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("energan.report", "templates"), PackageLoader("energan.capabilities", "")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": formatting.figure,
        "duration": formatting.duration, "size": formatting.size, "plain": formatting.plain,
    }  # fmt: skip
    return environment


def _render(folder: RunFiles) -> str:
    from markupsafe import Markup

    here = files("energan")
    style, script = (
        "\n".join(here.joinpath(name).read_text(encoding="utf-8") for name in names) for names in (STYLES, SCRIPTS)
    )
    script = f"/*! {here.joinpath(LICENCE).read_text(encoding='utf-8')} */\n{script}"
    page = _environment().get_template("page.html")
    return page.render(
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **_pieces(folder),
    )


def _pieces(folder: RunFiles) -> dict[str, object]:
    """Everything that the template shows, by name."""
    config, run, game = folder.config, folder.path, folder.game
    numbers, players, meanings = (mapping(game.get(key)) for key in ("hyperparameters", "players", "meanings"))
    had = capabilities.of_run(folder)
    every = [section for each in had if each.sections for section in each.sections(folder)] + learned(folder)
    sections = list({section.id: section for section in reversed(every)}.values())[::-1]  # of one id, the first
    words = next((each.sheets for each in had if each.sheets), None)
    all_sheets = sheets(run / "samples") if words else []
    final = next(((s.step, p) for s in reversed(all_sheets) if (p := picture(s.path))), None)
    own = {name for each in had for name in each.own}
    metrics = without(folder.logged("metrics"), own)
    logs = folder.logged("logs")
    return {
        "run": run.resolve().name,
        "config": config,
        "game": game,
        "players": {name: mapping(p) for name, p in players.items()},
        "turns": {name: sequence(moves) for name, moves in mapping(game.get("turns")).items()},
        "arguments": mapping(config.get("arguments")),
        "hyperparameters": [(name, value, meanings.get(name, "")) for name, value in numbers.items()],
        "settings": [(name.replace("_", " "), config.get(name), note) for name, note in glossary.SETTINGS.items()],
        "data": mapping(config.get("data")),
        "described": [(name, mapping(config.get("data")).get(name), note) for name, note in glossary.DATA.items()],
        "skipped": sequence(mapping(config.get("data")).get("skipped")),
        "environment": {k: v for k, v in mapping(config.get("environment")).items() if k != "packages"},
        "packages": mapping(mapping(config.get("environment")).get("packages")),
        "status": mapping(config.get("status")),
        "state": glossary.STATES.get(str(mapping(config.get("status")).get("state")), "Its state is unknown."),
        "summary": _summary(folder),
        "facts": _facts(folder),
        "sheets": words,
        "final": final,
        "unread": [s.path.name for s in all_sheets if s.step > (final[0] if final else -1)],
        "real": picture(run / "real.png"),
        "augmented": picture(run / "augmented.png"),
        "early": [section for section in sections if not section.late],
        "late": [section for section in sections if section.late],
        "evaluation": _evaluation(folder, metrics),
        "curves": charts.curves(logs, numbers, meanings),
        "rate": _rate(folder.rates),
        "metrics": _metrics(metrics, metric_meaning),
        "diagnosis": _metrics(folder.logged("diagnosis"), _diagnosis_meaning),
        "verdict": verdict_of(folder, folder.path),
        "origin": mapping(config.get("restarted_from")),
        "checkpoints": [(p.name, p.lstat().st_size) for p in sorted((run / "checkpoints").glob("*.safetensors"))],
        "every": folder.every,
        "unread_bytes": folder.unread_bytes,
        "unread_names": folder.unread("logs") + folder.unread("metrics"),
        "last_step": logs[-1].step if logs else None,
    }


def _summary(folder: RunFiles) -> str:
    """One sentence: what was trained, on what, how long."""
    config = folder.config
    data, status = mapping(config.get("data")), mapping(config.get("status"))
    taught = "labels" in data  # its batches have labelled images and as many unlabelled ones
    game = folder.game.get("name")
    shape = " × ".join(formatting.plain(n) for n in sequence(data.get("shape")))
    n, batch, step = number(data.get("n")), number(config.get("batch")), number(status.get("step"))
    # The title above is the recipe's name, and need not be said twice.
    sentence = f"{str(game).upper()} trained" if game and game != config.get("recipe") else "Trained"
    sentence += f" on {data.get('name') or 'unnamed data'}"
    if n is not None:
        labels = number(mapping(config.get("arguments")).get("labels")) if taught else None  # 0: all that there are
        labelled = f", {formatting.figure(labels)} of them labelled" if labels else ""
        sentence += f" ({formatting.figure(n)} images{f' of {shape}' if shape else ''}{labelled})"
    if step is not None:
        sentence += f" for {formatting.figure(step)} steps"
        if step != config.get("steps") and number(config.get("steps")) is not None:
            sentence += f" of {formatting.figure(config.get('steps'))}"
        if batch is not None:
            sentence += f" of {formatting.figure(batch)} {'labelled and as many unlabelled ' if taught else ''}images"
        passes = step * batch / n if batch is not None and n else None
        sentence += f", {formatting.figure(passes)} times through the data" if passes else ""
    if number(status.get("seconds")) is not None:
        sentence += f", in {formatting.duration(status['seconds'])}"
    where = " in ".join(str(config[k]) for k in ("device", "precision") if config.get(k))
    return f"{sentence}{f' on {where}' if where else ''}."


def _facts(folder: RunFiles) -> list[tuple[str, str]]:
    """The run at a glance: (name, value) of what is known."""
    config, status = folder.config, mapping(folder.config.get("status"))
    speeds = [v for v in (number(line.values.get("images_per_second")) for line in folder.rates) if v is not None]
    players = mapping(mapping(config.get("game")).get("players"))
    counts = {name: number(mapping(player).get("parameters")) for name, player in players.items()}
    facts = {
        "run": folder.path.resolve().name,
        "started": formatting.moment(config["created"]) if config.get("created") else None,
        "seed": formatting.plain(config["seed"]) if "seed" in config else None,
        "median speed": f"{formatting.figure(round(median(speeds)))} images/s" if speeds else None,
        "peak memory": formatting.size(status["peak_memory_bytes"]) if status.get("peak_memory_bytes") else None,
        **{f"parameters of {name}": formatting.figure(n) for name, n in counts.items() if n is not None},
    }
    return [(name, value) for name, value in facts.items() if value]


def _evaluation(folder: RunFiles, metrics: list[Logged]) -> dict[str, object] | None:
    """The metrics of `energan evaluate`, else the last that training measured."""
    evaluation = folder.json("evaluation.json")
    values, step = mapping(evaluation.get("metrics")), evaluation.get("step")
    final = bool(values)
    if not values and metrics:
        values, step = dict(metrics[-1].values), metrics[-1].step
    if not values:
        return None
    had = [each for each in capabilities.of_run(folder) if each.summary and not each.own]
    summaries = [summary for each in had if final and each.summary and (summary := each.summary(evaluation))]
    return {
        "rows": [(name, value, *metric_meaning(name)) for name, value in values.items()],
        "step": step,
        "final": final,
        "what": " and ".join(summaries),
        "network": (evaluation if final else folder.config).get("network"),
    }


def metric_meaning(name: str) -> tuple[str, str]:
    """(which way is better, what it says) of a metric such as "MNIST-FID" or "FID-MobileNetV2"; empty if unknown."""
    meanings = {word: meaning for each in capabilities.CAPABILITIES.values() for word, meaning in each.metrics.items()}
    if name in meanings:
        return meanings[name]
    words = name.replace("_", "-").replace(" ", "-").split("-")
    return next((meaning for word, meaning in meanings.items() if word in words), ("", ""))


def _rate(rates: list[Logged]) -> charts.Chart | None:
    if not any("images_per_second" in line.values for line in rates):
        return None
    meaning = "Training images per second, by the wall clock; measuring and saving slow it for a moment."
    return charts.single("Speed", "images_per_second", rates, meaning)


def _diagnosis_meaning(name: str) -> tuple[str, str]:
    """(which way is better, what it says) of a quantity that training is judged by."""
    return next(
        (each.diagnosis[name] for each in capabilities.CAPABILITIES.values() if name in each.diagnosis), ("", "")
    )


def _metrics(metrics: list[Logged], meaning_of: Callable[[str], tuple[str, str]]) -> list[charts.Chart]:
    """One chart for each metric that was measured at two steps or more."""
    names = dict.fromkeys(name for line in metrics for name in line.values)
    shown = []
    for name in names:
        if sum(name in line.values for line in metrics) > 1:
            better, says = meaning_of(name)
            meaning = f"{says[:1].upper()}{says[1:]}." + (f" {better.capitalize()} is better." if better else "")
            shown.append(charts.single(name, name, metrics, meaning if says else "A metric of this run."))
    return shown
