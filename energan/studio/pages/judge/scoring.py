"""Pictures, scored by a run: histogram, threshold, and the pictures with where they are odd."""

from typing import Any

from nicegui import ui

from energan.studio.pages.frame import complain, told
from energan.studio.pages.judge.details import details
from energan.studio.pages.judge.judged import At, Judged, at, histogram, judged
from energan.studio.pages.judge.pictures import Given, heat_layer, picture, shown
from energan.studio.runs import running
from energan.studio.studio import Studio
from energan.utils.errors import UserError

SHOWN = 24  # pictures at a time

STEPS = 400  # of the threshold's slider

SORTED = {"unusual": "most unusual first", "usual": "most usual first", "name": "by name"}

COLOURS = ("#3f7fbf", "#2f9e6e", "#e07b39")


def scoring(studio: Studio, runs: list[str], run: str) -> None:
    """Draws the part. runs: those that score; run: the one that is chosen at first, "" for none."""
    state = Scoring(studio)
    with ui.element("section").classes("judge-part"):
        if not runs:
            ui.label(f"No run in {studio.runs.folder} scores images: train one that has an energy.")
            return
        with ui.element("div").classes("studio-row"):
            state.run = ui.select(runs, label="Run", value=run if run in runs else runs[0], with_input=len(runs) > 10)
            state.run.props("outlined dense").classes("judge-run")
            state.checkpoint = ui.select({"": "newest", "best": "best"}, label="Checkpoint", value="")
            state.checkpoint.props("outlined dense").classes("judge-checkpoint")
        ui.label(
            "The energy of a picture says how unlike the run’s training images it is: the higher, the odder. "
            "Only energies of one run can be compared."
        ).classes("studio-quiet")
        state.given = Given(studio, "Pictures", state.score)
        with ui.row().classes("items-center"):
            state.button = ui.button("Score", on_click=state.score).props("no-caps")
            state.busy = ui.spinner(size="md")
            state.busy.set_visibility(False)
        state.results = ui.element("div").classes("judge-results")
        if run and run not in runs:
            complain(f"{run} does not score images")


class Scoring:
    """What one client scored, and how it is shown."""

    run: ui.select
    checkpoint: ui.select
    given: Given
    button: ui.button
    busy: ui.spinner
    results: ui.element
    slider: ui.slider
    chart: ui.echart
    words: ui.label
    cards: ui.element
    pages: ui.pagination | None

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.judged: Judged | None = None
        self.scored_by = ("", "", 0)  # the run, the checkpoint's file, and when that was written
        self.marks: list[tuple[float, ui.element]] = []
        self.threshold = 0.0
        self.by = "unusual"
        self.working = False

    async def score(self) -> None:
        """Scores what is given."""
        if self.working:
            return
        self.working = True
        self.button.disable()
        self.busy.set_visibility(True)
        try:
            await told(self._score)()
        finally:
            self.working = False
            self.button.enable()
            self.busy.set_visibility(False)

    async def _score(self) -> None:
        run, checkpoint = str(self.run.value), str(self.checkpoint.value or "")
        path, given = self.studio.runs.path(run), self.given
        source = await self.studio.work(given.source)

        def work() -> tuple[Judged, tuple[str, str, int]]:
            with self.studio.models.use(path, checkpoint) as opened, given.reading():
                made = judged(opened.model, path, opened.checkpoint, source, calibrate=not running(path))
            by = run, str(opened.checkpoint), opened.written
            return made._replace(said=[given.plain(line) for line in made.said]), by

        found, by = await self.studio.compute(work)
        self.judged, self.scored_by = found, by
        usual, (low, high) = found.found.usual, found.span
        self.threshold = usual.threshold if usual else high
        self.results.clear()
        with self.results:
            self._summary(found, low, high)
            self._pictures(found)
        await self._show()

    # ------------------------------------------------------------------------------------------ energies

    def _summary(self, found: Judged, low: float, high: float) -> None:
        every = [each["name"] for each in histogram(found.sets)]
        with ui.element("div").classes("judge-legend"):
            for name, colour in zip(every, COLOURS[-len(every) :], strict=True):
                ui.label(name).style(f"--colour: {colour}")
        self.chart = ui.echart(_chart(found, self.threshold)).classes("judge-chart")
        names = ", ".join(every)
        self.chart.props["role"], self.chart.props["aria-label"] = "img", f"Histogram of energies of {names}"
        least, greatest, margin = _bounds(low, high, self.threshold)
        with ui.element("div").classes("judge-threshold"):
            ui.label("Threshold").props('aria-hidden="true"')
            self.slider = ui.slider(
                min=least, max=greatest, step=margin / 2, value=self.threshold,
                on_change=lambda event: self._moved(float(event.value)),
            ).props('aria-label="Threshold"')  # fmt: skip
            if found.found.usual is not None:
                rate = ui.input("False alarms at most", value="", placeholder="1%").props("outlined dense")
                rate.on("keydown.enter", lambda: self._rate(rate.value))
                ui.button("Set", on_click=lambda: self._rate(rate.value)).props("flat dense no-caps")
        self.words = ui.label(at(found, self.threshold).words).props('role="status"').classes("judge-words")
        with ui.expansion("What was said").classes("w-full"):
            for line in found.said:
                ui.label(line).classes("studio-quiet")
        for line in found.said:
            if line.startswith("warning: "):
                ui.label(line.removeprefix("warning: ")).classes("judge-warning")

    def _moved(self, threshold: float) -> None:
        assert self.judged is not None
        self.threshold = threshold
        told_at: At = at(self.judged, threshold)
        self.words.set_text(told_at.words)
        self.chart.options["series"][-1]["markLine"]["data"][0]["xAxis"] = threshold
        self.chart.update()
        self._mark()

    def _rate(self, text: str) -> None:
        assert self.judged is not None and self.judged.found.usual is not None
        try:
            self.slider.set_value(self.judged.found.usual.normal.threshold(text or "1%"))
        except UserError as error:
            complain(str(error))

    # ------------------------------------------------------------------------------------------ pictures

    def _pictures(self, found: Judged) -> None:
        n = len(found.found.energies)
        with ui.element("div").classes("studio-row items-center"):
            order = ui.select(SORTED, label="Order", value=self.by, on_change=self._sorted)
            order.props("outlined dense").classes("judge-order")
            if found.top is not None:
                with ui.element("div").classes("judge-opacity"):
                    ui.label("Where it is odd").props('aria-hidden="true"')
                    opacity = ui.slider(min=0, max=1, step=0.05, value=0.7).props('aria-label="Where it is odd"')
                    opacity.on(
                        "update:model-value",
                        js_handler="(v) => document.documentElement.style.setProperty('--heat', v)",
                    )
            ui.button("Download scores.csv", on_click=self._download).props("outline no-caps")
        if found.top is not None:
            ui.label(
                f"Colours: black is 0, the brightest an energy of {found.top:.4g} a pixel and above, in all alike."
            ).classes("studio-quiet")
        self.pages = None
        if n > SHOWN:
            self.pages = ui.pagination(1, -(-n // SHOWN), direction_links=True, on_change=told(lambda _: self._show()))
            self.pages.props("max-pages=7")
        self.cards = ui.element("div").classes("judge-cards")

    async def _sorted(self, event: Any) -> None:
        self.by = event.value
        await told(self._show)()

    async def _show(self) -> None:
        """Draws the pictures of the page that is looked at."""
        found = self.judged
        assert found is not None
        first = SHOWN * ((self.pages.value if self.pages else 1) - 1)
        rows = found.order(self.by)[first : first + SHOWN]
        images, columns = found.found.data.images[rows], found.found.columns

        run, checkpoint, written = self.scored_by

        def work(top: float) -> list[str]:
            with self.studio.models.use(self.studio.runs.path(run), checkpoint) as opened:
                if opened.written != written:
                    raise UserError(f"{run} has saved another {opened.checkpoint.stem} since: score the pictures again")
                return [heat_layer(each, top) for each in opened.model.map_pixels(images)]

        layers = await self.studio.compute(work, found.top) if found.top is not None else [""] * len(rows)
        addresses = await self.studio.work(lambda: [picture(image) for image in images])
        if found is not self.judged:
            return  # others were scored meanwhile
        self.cards.clear()
        self.marks = []
        with self.cards:
            for i, address, layer in zip(rows, addresses, layers, strict=True):
                self._card(i, address, layer, {name: column[i] for name, column in columns.items()})
        self._mark()

    def _card(self, i: int, address: str, layer: str, row: dict[str, Any]) -> None:
        name = str(row["file"]) or f"image {i}"
        energy = float(row["energy"])
        with ui.element("button").classes("judge-card").props('type="button"') as card:
            with ui.element("span").classes("judge-stack"):
                shown(address, name)
                if layer:
                    shown(layer, "", "judge-heat").props('aria-hidden="true"')
            ui.label(name).classes("judge-name")
            ui.label(f"energy {energy:.4g}").classes("studio-quiet")
            if row.get("class"):
                ui.label(f"most like {row['class']}").classes("studio-quiet")
            mark = ui.label("outlier").classes("judge-mark")
        self.marks.append((energy, mark))
        card.on("click", told(lambda: self._open(i, name, address, layer, row)))

    async def _open(self, i: int, name: str, address: str, layer: str, row: dict[str, Any]) -> None:
        assert self.judged is not None
        await details(
            self.studio, self.scored_by[0], self.judged.found.data.images[i], name, address, layer, row,
        )  # fmt: skip

    def _mark(self) -> None:
        for energy, mark in self.marks:
            mark.set_visibility(energy > self.threshold)

    async def _download(self) -> None:
        assert self.judged is not None
        ui.download.content(await self.studio.work(self.judged.csv), "scores.csv", "text/csv")


def _bounds(low: float, high: float, threshold: float) -> tuple[float, float, float]:
    """From where to where the threshold can be moved, all energies and itself between, and the margin at both ends."""
    margin = (high - low or 1.0) / STEPS
    return min(low, threshold) - margin, max(high, threshold) + margin, margin


def _chart(found: Judged, threshold: float) -> dict[str, Any]:
    """The histogram for echarts. Names are values of JSON, and shown as text."""
    series: list[dict[str, Any]] = [
        {
            "type": "line", "step": "middle", "symbol": "none", "name": each["name"], "data": each["points"],
            "lineStyle": {"width": 1.5, "color": colour}, "itemStyle": {"color": colour},
            "areaStyle": {"opacity": 0.25, "color": colour},
        }
        for each, colour in zip(histogram(found.sets), COLOURS[-len(found.sets) :], strict=True)
    ]  # fmt: skip
    series[-1]["markLine"] = {
        "symbol": "none", "silent": True, "data": [{"xAxis": threshold}],
        "label": {"formatter": "threshold", "color": "#888"}, "lineStyle": {"color": "#888", "width": 2},
    }  # fmt: skip
    least, greatest, _ = _bounds(*found.span, threshold)
    quiet = {"axisLabel": {"color": "#888"}, "nameTextStyle": {"color": "#888"}, "splitLine": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 55, "right": 20, "top": 44, "bottom": 45},
        "legend": {"show": False},  # what stands above wraps on a narrow screen
        "xAxis": {
            "type": "value", "name": "energy", "nameLocation": "middle", "nameGap": 28, **quiet,
            "min": least, "max": greatest,  # which are no round numbers, and have no label
            "axisLabel": {"color": "#888", "showMinLabel": False, "showMaxLabel": False},
        },
        "yAxis": {"type": "value", "name": "density", **quiet},
        "series": series,
    }  # fmt: skip
