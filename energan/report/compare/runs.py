"""The page of several runs: what differs in their settings, their curves over each other, metrics and samples.

It reads the run folders and nothing else, and runs nothing that they name.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from energan import capabilities
from energan.html import charts, formatting
from energan.html.pictures import Picture, picture, sheets
from energan.report import glossary
from energan.report.compare.page import write_page
from energan.report.page import metric_meaning
from energan.runs.reader import Json, Logged, RunFiles, mapping, number, read, without
from energan.utils.errors import UserError, printable

MOST = 2 * len(charts.OVERLAID)  # runs of one page: as many as there are curves that can be told apart

SHEET_BYTES = 600_000  # of all sheets together

MEASURED = ("step", "network", "samples", "reference", "seed")  # what metrics depend on


class Row(NamedTuple):
    """A line of a table: what it is of, and each run's value, as it is shown and as its folder has it.

    better: "lower", "higher" or "" of a metric. best: the place of the best run, -1 for none.
    """

    name: str
    values: tuple[str, ...]
    raw: tuple[object, ...]
    better: str = ""
    best: int = -1


class Compared(NamedTuple):
    """Several runs side by side, by what their folders say; each sequence and each row has a place for each run.

    comparable: whether all were measured alike, so that the best of a metric can be told.
    """

    names: list[str]
    runs: list[RunFiles]
    about: list[Json]
    settings: list[Row]
    metrics: list[Row]
    comparable: bool
    measured: list[Row]


def compared_runs(runs: Sequence[Path], read: Callable[[Path], RunFiles] = read) -> Compared:
    """Reads several runs, and says what differs in their settings, and how they were measured.

    Args:
        runs: Run folders, two or more; what one lacks is shown as absent.
        read: What reads a run folder.

    Raises:
        UserError: for fewer than two runs and for more than 12, for one that is named twice, for a folder that is no
            run or one from a newer Energan.
    """
    if not 2 <= len(runs) <= MOST:
        raise UserError(f"one page compares 2 to {MOST} runs, not {len(runs)}")
    folders = [run.resolve() for run in runs]
    if twice := next((runs[i] for i, run in enumerate(folders) if run in folders[:i]), None):
        raise UserError(f"{twice} is named twice")
    read_runs = [read(run) for run in runs]
    names = _names(folders)
    about = [_about(name, run) for name, run in zip(names, read_runs, strict=True)]
    metrics, comparable = _metrics(read_runs)
    return Compared(names, read_runs, about, _settings(read_runs), metrics, comparable, _measured(read_runs))


def write_runs(compared: Compared, path: Path) -> Path:
    """Writes the page of several runs, and returns its path. UserError where it cannot be written."""
    names, runs = compared.names, compared.runs
    values = {
        **compared._asdict(),
        "runs": compared.about,
        "curves": _curves(names, [run.logged("logs") for run in runs], [run.game for run in runs]),
        "measures": _measures(names, runs),
        **_samples(names, runs),
    }
    return write_page(path, "compare_runs.html", values)


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with as much of their paths as tells them apart."""
    depth = 1
    while depth < 9 and len({folder.parts[-depth:] for folder in folders}) < len(folders):
        depth += 1
    return [printable("/".join(folder.parts[-depth:])) for folder in folders]


def _about(name: str, run: RunFiles) -> Json:
    status = mapping(run.config.get("status"))
    return {
        "name": name,
        "recipe": _plain(run.config.get("recipe")),
        "state": _plain(status.get("state")),
        "message": _plain(status.get("message") or ""),
        "step": status.get("step"),
        "steps": run.config.get("steps"),
        "seconds": formatting.duration(status.get("seconds")),
    }


def _flat(value: object, name: str) -> dict[str, object]:
    """The entries of a JSON object, however deep, by their names joined with dots."""
    if not isinstance(value, dict) or not value:
        return {name: value}
    return {k: v for key, each in value.items() for k, v in _flat(each, f"{name}.{key}" if name else str(key)).items()}


def _setting(run: RunFiles) -> dict[str, object]:
    """Everything that was chosen, or that a result may depend on."""
    config, game = run.config, run.game
    data, machine = mapping(config.get("data")), mapping(config.get("environment"))
    known: dict[str, object] = {
        "recipe": config.get("recipe"),
        "system": game.get("name"),
        **mapping(config.get("arguments")),
        **{name: config[name] for name in glossary.SETTINGS if name in config},
        **{f"data: {name}": data.get(name) for name in glossary.DATA},
        **_flat(game.get("hyperparameters"), "game"),
        **{f"optimizer of {k}": mapping(v).get("optimizer") for k, v in mapping(game.get("players")).items()},
        **{f"parameters of {k}": mapping(v).get("parameters") for k, v in mapping(game.get("players")).items()},
        "energan": config.get("energan"),
        **{name: machine.get(name) for name in ("cpu", "gpu", "threads", "torch")},
    }
    return known


def _settings(runs: Sequence[RunFiles]) -> list[Row]:
    """What is not the same in all runs."""
    each = [_setting(run) for run in runs]
    rows = []
    for name in dict.fromkeys(name for known in each for name in known):
        values = tuple(_plain(known.get(name)) if name in known else "–" for known in each)
        if len(set(values)) > 1:
            rows.append(Row(printable(name.replace("_", " ")), values, tuple(known.get(name) for known in each)))
    return rows


def _plain(value: object) -> str:
    """On one line, and short: a hash is told from another by its first letters."""
    text = printable(formatting.plain(value))
    return text if len(text) <= 120 else f"{text[:117]}..."


def _metrics(runs: Sequence[RunFiles]) -> tuple[list[Row], bool]:
    """The metrics of evaluation.json, and whether all were measured alike: then the best of each is told."""
    each = [run.json("evaluation.json") for run in runs]
    values = [mapping(evaluation.get("metrics")) for evaluation in each]
    alike = {
        (*(formatting.plain(e.get(key)) for key in ("network", "samples", "reference")), _images(run))
        for e, run in zip(each, runs, strict=True)
        if e
    }
    comparable = len(alike) < 2
    rows = []
    for name in dict.fromkeys(name for known in values for name in known):
        better, _ = metric_meaning(name)
        numbers = [number(known.get(name)) for known in values]
        known_ones = [(v, place) for place, v in enumerate(numbers) if v is not None]
        best = -1
        if comparable and better and len(known_ones) > 1 and len({v for v, _ in known_ones}) > 1:
            best = (min if better == "lower" else max)(known_ones)[1]
        shown = tuple(formatting.figure(v) for v in numbers)
        rows.append(Row(printable(name), shown, tuple(numbers), better, best))
    return rows, comparable


def _images(run: RunFiles) -> str:
    """What tells a run's images from others of their name: what they hold, and the size that networks see."""
    data = mapping(run.config.get("data"))
    return formatting.plain([data.get("sha256"), data.get("shape")])


def _measured(runs: Sequence[RunFiles]) -> list[Row]:
    """By what the metrics were measured."""
    each = [run.json("evaluation.json") for run in runs]
    facts = {name: tuple(e.get(name) for e in each) for name in MEASURED}
    rows = [Row(name, tuple(map(_plain, values)), values) for name, values in facts.items()]
    return [row for row in rows if set(row.values) != {"–"}]


def _curves(names: Sequence[str], logs: Sequence[Sequence[Logged]], games: Sequence[Json]) -> list[charts.Chart]:
    """A chart a quantity: first those of several runs, by how many; then the others."""
    keys: dict[str, int] = {}
    for lines in logs:
        for key in {key: None for line in lines for key in line.values}:
            keys[key] = keys.get(key, 0) + 1
    plain = [key.split("/", 1)[-1] for key in keys]
    meanings = {str(k): str(v) for game in games for k, v in mapping(game.get("meanings")).items()}
    drawn = []
    for key in sorted(keys, key=lambda key: -keys[key]):
        turn, _, rest = key.partition("/")
        name = rest or turn
        title = name if plain.count(name) == 1 else f"{name}, {turn}’s turn"
        meaning = f"{meanings[name]}." if name in meanings else charts.UNKNOWN
        drawn.append(charts.overlaid(printable(title), list(zip(names, logs, strict=True)), key, meaning))
    return drawn


def _measures(names: Sequence[str], runs: Sequence[RunFiles]) -> list[charts.Chart]:
    """Metrics during training, where one run has them at two steps or more."""
    own = {name for each in capabilities.CAPABILITIES.values() for name in each.own}
    logs = [without(run.logged("metrics"), own) for run in runs]
    drawn = []
    for key in dict.fromkeys(key for lines in logs for line in lines for key in line.values):
        if max(sum(key in line.values for line in lines) for lines in logs) > 1:
            better, says = metric_meaning(key)
            meaning = f"{says[:1].upper()}{says[1:]}." + (f" {better.capitalize()} is better." if better else "")
            drawn.append(charts.overlaid(printable(key), list(zip(names, logs, strict=True)), key, meaning))
    return drawn


def _samples(names: Sequence[str], runs: Sequence[RunFiles]) -> dict[str, object]:
    """The sheets of the last step that all runs have, and each run's last where that is another."""
    found = [{sheet.step: sheet.path for sheet in sheets(run.path / "samples")} for run in runs]
    most = SHEET_BYTES // (2 * len(runs))
    common = set.intersection(*(set(each) for each in found)) if found else set()
    step = max(common, default=None)
    last = [max(each, default=None) for each in found]

    def shown(at: Sequence[int | None]) -> list[tuple[str, int | None, Picture | None]]:
        pictures = [None if s is None else picture(each[s], most) for s, each in zip(at, found, strict=True)]
        return list(zip(names, at, pictures, strict=True))

    same = shown([step] * len(runs)) if step is not None else []
    return {"same": same, "step": step, "last": [] if last == [step] * len(runs) else shown(last)}
