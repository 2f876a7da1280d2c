"""Run: a training run as Python and notebooks see it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from energan import capabilities
from energan.html import formatting
from energan.html.charts import curves
from energan.html.pictures import LARGEST, evenly, picture, sheets
from energan.html.pictures import Picture as Embedded
from energan.inference.model import Model
from energan.report import glossary
from energan.runs.reader import RunFiles, mapping, number, read, sequence
from energan.runs.rebuild import load
from energan.training.verdict import Verdict, not_yet, verdict_of
from energan.utils.display import Picture, block, embedded, enlarged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRAMES = 4  # sample sheets in a notebook
CHARTS = 4  # charts in a notebook; the report has all
MEASURED = 8  # metrics in a notebook
TONES = {"real": "tab:blue", "fake": "tab:orange", "line": "0.5", "a": "tab:green", "b": "tab:red", "c": "tab:purple"}


@final
class Run:
    """A training run: what it was, how it went, and its model. A notebook shows it with its curves and samples.

    Its folder is read anew each time, so a run that still trains can be looked at.

    Args:
        path: The run's folder.
        trust: Your own modules that the run names, as of `energan.load`.

    Raises:
        UserError: The folder is no run, or one of a newer Energan.

    Example:
        >>> Run("no such folder")
        Traceback (most recent call last):
        ...
        energan.utils.errors.UserError: ...
    """

    def __init__(self, path: str | Path, *, trust: Sequence[str] = ()) -> None:
        self.path, self.trust = Path(path), tuple(trust)
        read(self.path)  # refused here, and not when it is first looked at

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def record(self) -> dict[str, Any]:
        """run.json: settings, data, game, environment and state."""
        return dict(read(self.path).config)

    @property
    def state(self) -> str:
        """ "running", "finished", "finished early", "stopped" or "diverged"."""
        return str(mapping(read(self.path).config.get("status")).get("state"))

    @property
    def metrics(self) -> dict[str, float | None]:
        """What the newest measurement found, by name; each name says its feature network. Empty where there is none."""
        measured = mapping(read(self.path).json("evaluation.json").get("metrics"))
        return {str(name): number(value) for name, value in measured.items()}

    @property
    def verdict(self) -> Verdict | None:
        """How the training went, why, and what to do next; None where too few samples were looked at."""
        return verdict_of(read(self.path), self.path)

    def logged(self, name: str = "") -> dict[str, list[tuple[int, float | None]]]:
        """The quantities that were logged while it trained: (step, value) each; None where a value was not finite.

        Of a log whose lines have more than 16 MiB, each second, fourth, eighth, ... is read.

        Args:
            name: Of the quantities only those whose names contain this, such as "E(x)" or "FID".
        """
        found: dict[str, list[tuple[int, float | None]]] = {}
        run = read(self.path)
        for key in ("logs", "metrics"):
            for line in run.logged(key):
                for quantity, value in line.values.items():
                    if name in quantity:
                        found.setdefault(quantity, []).append((line.step, value))
        return found

    def model(self, checkpoint: str | int | Path | None = None, device: str = "cpu") -> Model:
        """The trained model, as `energan.load` has it: of the newest checkpoint, or "best", a step, a path."""
        return load(self.path, checkpoint=checkpoint, device=device, trust=self.trust)

    def figure(self, charts: int = CHARTS) -> "Figure":
        """The curves of what was logged, as a matplotlib figure; the report has all of them, to zoom into.

        Args:
            charts: How many at most.
        """
        from matplotlib.figure import Figure

        run = read(self.path)
        numbers, meanings = mapping(run.game.get("hyperparameters")), mapping(run.game.get("meanings"))
        drawn = [c for c in curves(run.logged("logs"), numbers, meanings) if c["finite"]][:charts]
        figure = Figure(figsize=(3.4 * max(1, len(drawn)), 2.4), layout="constrained", dpi=80)
        for axes, chart in zip(figure.subplots(1, max(1, len(drawn)), squeeze=False)[0], drawn, strict=False):
            _draw(axes, chart)
        return figure

    def _repr_html_(self) -> str:
        run = read(self.path)
        facts, notes = _facts(run, self.path), list[str]()
        pictures = _pictures(run)
        if any(line.values for line in run.logged("logs")):
            try:
                pictures.append(_embedded_figure(self.figure()))
            except ModuleNotFoundError:
                notes.append("curves need matplotlib: pip install 'energan[report]'")
        return block(f"Run {self.path}", facts, pictures, notes)


def _facts(run: RunFiles, path: Path) -> list[tuple[str, object]]:
    config, status, data = run.config, mapping(run.config.get("status")), mapping(run.config.get("data"))
    state = str(status.get("state"))
    shape = " x ".join(map(str, sequence(data.get("shape"))))
    measured = mapping(run.json("evaluation.json").get("metrics"))
    told = verdict_of(run, path)
    words = told.words if told else not_yet(config, [line for _, line in run.lines])
    seconds = formatting.duration(status.get("seconds"))
    step, steps = formatting.figure(status.get("step")), formatting.figure(config.get("steps"))
    facts: list[tuple[str, object]] = [
        ("recipe", config.get("recipe")),
        ("images", f"{data.get('name')}: {formatting.figure(data.get('n'))} of {shape}"),
        ("state", f"{glossary.STATES.get(state, state)} {status.get('message') or ''}".strip()),
        ("trained", f"step {step} of {steps}, {seconds}"),
    ]
    facts += [("verdict", words)] if words else []
    if measured:
        shown = [f"{name} {formatting.figure(value)}" for name, value in [*measured.items()][:MEASURED]]
        facts.append(("measured", ", ".join(shown)))
    if (path / "report.html").is_file():
        facts.append(("report", path / "report.html"))
    return facts


def _pictures(run: RunFiles) -> list[Picture]:
    """The training images, and sheets of samples over time, where what it draws was looked at."""
    drawn = any(each.sheets for each in capabilities.of_run(run))
    all_sheets = sheets(run.path / "samples") if drawn else []
    chosen = [all_sheets[i] for i in evenly(len(all_sheets), FRAMES)]
    named = [("training images", run.path / "real.png"), *((f"step {s.step:,}", s.path) for s in chosen)]
    found = [(words, picture(path, LARGEST // 2)) for words, path in named]
    return [_scaled(each, words) for words, each in found if each is not None]


def _scaled(shown: Embedded, caption: str) -> Picture:
    times = min(1.0, 320 / max(shown.width, shown.height)) if shown.width > 320 else enlarged(shown.width, shown.height)
    return Picture(shown.uri, round(times * shown.width), round(times * shown.height), caption)


def _embedded_figure(figure: "Figure") -> Picture:
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    figure.savefig(file, format="png")
    return embedded(Image.open(file).convert("RGB").quantize(64), "what was logged", scale=1)


def _draw(axes: Any, chart: dict[str, Any]) -> None:
    """One of `html.charts`' charts."""
    from energan.utils.image_files import figure_text

    for series in chart["series"]:
        known = [(step, value) for step, value in series["points"] if value is not None]
        colour = TONES.get(series["tone"], "tab:brown")
        line = "--" if series["dashed"] else "-"
        label = figure_text(str(series["name"]), 24)
        axes.plot(*zip(*known, strict=True), line, color=colour, linewidth=1.2, label=label) if known else None
    if level := chart["level"]:
        axes.axhline(level["value"], color="0.5", linestyle=":", linewidth=1, label=figure_text(str(level["name"]), 24))
    axes.set_title(figure_text(str(chart["title"]), 40), fontsize=9)
    if chart["log"]:
        axes.set_yscale("log")
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, loc="best")
