"""The pieces of the page, from a run folder, rendered with those of templates/ and with uPlot."""

import base64
import hashlib
from functools import partial
from importlib.resources import files
from pathlib import Path
from statistics import median

from energan.report import charts, formatting, glossary
from energan.report.chains_section import codes
from energan.report.classifier_section import classifier, is_classifier
from energan.report.pictures import frames, groups, picture, sheets
from energan.report.run_reader import Folder, Logged, mapping, number, read, sequence
from energan.utils.files import write

PAGE = "report.html"
STYLES = ("vendor/uPlot.min.css", "templates/page.css")
SCRIPTS = ("vendor/uPlot.iife.min.js", "templates/page.js")
LICENCE = "vendor/LICENSE"  # of uPlot: each copy of it, and so each page, must hold it


def write_report(run: Path) -> Path:
    """Writes RUN/report.html, one self-contained page, and returns its path.

    Images, styles and scripts are inside; the page asks the network for nothing, and its content security policy
    forbids that. At most 40 sample sheets are taken in, so that the page stays below 15 MB. What the folder lacks
    is named in its place.

    Raises UserError for a folder that is no run, for one from a newer Energan, and where nothing can be written.
    """
    folder = read(run)
    html = _render(folder)
    return write(run / PAGE, partial(_write_text, html))


def _write_text(html: str, path: Path) -> int:
    return path.write_text(html, encoding="utf-8")


def _render(folder: Folder) -> str:
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("energan.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": formatting.figure,
        "duration": formatting.duration, "size": formatting.size, "plain": formatting.plain,
    }  # fmt: skip
    here = files("energan.report")
    style, script = (
        "\n".join(here.joinpath(name).read_text(encoding="utf-8") for name in names) for names in (STYLES, SCRIPTS)
    )
    script = f"/*! {here.joinpath(LICENCE).read_text(encoding='utf-8')} */\n{script}"
    return environment.get_template("page.html").render(
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **_pieces(folder),
    )


def _pieces(folder: Folder) -> dict[str, object]:
    """Everything that the template shows, by name."""
    config, run = folder.config, folder.path
    keys = ("hyperparameters", "players", "meanings")
    numbers, players, meanings = (mapping(mapping(config.get("game")).get(key)) for key in keys)
    all_sheets = sheets(run / "samples")
    final = next(((s.step, p) for s in reversed(all_sheets) if (p := picture(s.path))), None)
    return {
        "run": run.resolve().name,
        "config": config,
        "game": mapping(config.get("game")),
        "players": {name: mapping(p) for name, p in players.items()},
        "turns": {name: sequence(moves) for name, moves in mapping(mapping(config.get("game")).get("turns")).items()},
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
        "final": final,
        "frames": frames(all_sheets),
        "sheet_count": len(all_sheets),
        "unread": [s.path.name for s in all_sheets if s.step > (final[0] if final else -1)],
        "real": picture(run / "real.png"),
        "neighbours": _neighbours(folder),
        "evaluation": _evaluation(folder),
        "classifier": classifier(folder),
        "codes": codes(folder),
        "draws": bool(all_sheets) or not is_classifier(folder) or "G" in players,
        "curves": charts.curves(folder.logs, numbers, meanings),
        "rate": _rate(folder.rates),
        "metrics": _metrics(folder.metrics),
        "histograms": charts.histograms(folder.energies, numbers),
        "checkpoints": [(p.name, p.stat().st_size) for p in sorted((run / "checkpoints").glob("*.safetensors"))],
        "last_step": folder.logs[-1].step if folder.logs else None,
    }


def _summary(folder: Folder) -> str:
    """One sentence: what was trained, on what, how long."""
    config, taught = folder.config, is_classifier(folder)
    data, status = mapping(config.get("data")), mapping(config.get("status"))
    game = mapping(config.get("game")).get("name")
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
        sentence += f", {formatting.figure(round(passes, 2))} times through the data" if passes else ""
    if number(status.get("seconds")) is not None:
        sentence += f", in {formatting.duration(status['seconds'])}"
    where = " in ".join(str(config[k]) for k in ("device", "precision") if config.get(k))
    return f"{sentence}{f' on {where}' if where else ''}."


def _facts(folder: Folder) -> list[tuple[str, str]]:
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


def _neighbours(folder: Folder) -> dict[str, object] | None:
    """The sheet of samples and their nearest training images: in strips of one sample each where that is known."""
    path = folder.path / "neighbours.png"
    whole = picture(path)
    if whole is None:
        return None
    rows = [row if isinstance(row, list) else [row] for row in sequence(folder.neighbours.get("distances"))]
    nearest = [number(row[0]) if row else None for row in rows]
    found = [d for d in nearest if d is not None]
    k, columns = len(rows[0]) if rows else 0, number(folder.neighbours.get("columns")) or 0
    strips = groups(path, int(columns), k + 1, len(rows))
    return {
        "whole": whole,
        "strips": list(zip(strips, nearest, strict=False)),
        "k": k,
        "space": folder.neighbours.get("space") or "an unnamed space",
        "searched": folder.neighbours.get("searched"),
        "least": min(found, default=None),
        "median": median(found) if found else None,
    }


def _evaluation(folder: Folder) -> dict[str, object] | None:
    """The metrics of `energan evaluate`, else the last that training measured."""
    values, when = mapping(folder.evaluation.get("metrics")), folder.evaluation
    if not values and folder.metrics:
        values, when = dict(folder.metrics[-1].values), {"step": folder.metrics[-1].step}
    if not values:
        return None
    rows = [(name, value, *glossary.metric_meaning(name)) for name, value in values.items()]
    final = when is folder.evaluation
    network = (folder.evaluation if final else folder.config).get("network")
    return {"rows": rows, "when": when, "final": final, "network": network}


def _rate(rates: list[Logged]) -> charts.Chart | None:
    if not any("images_per_second" in line.values for line in rates):
        return None
    meaning = "Training images per second, by the wall clock; measuring and saving slow it for a moment."
    return charts.single("Speed", "images_per_second", rates, meaning)


def _metrics(metrics: list[Logged]) -> list[charts.Chart]:
    """One chart for each metric that was measured at two steps or more."""
    names = dict.fromkeys(name for line in metrics for name in line.values)
    found = []
    for name in names:
        if sum(name in line.values for line in metrics) > 1:
            better, says = glossary.metric_meaning(name)
            meaning = f"{says[:1].upper()}{says[1:]}." + (f" {better.capitalize()} is better." if better else "")
            found.append(charts.single(name, name, metrics, meaning if says else "A metric of this run."))
    return found
