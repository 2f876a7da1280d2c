"""A run: its curves, its sheets over time, its metrics, live while it trains; stopped, resumed, restarted."""

import tempfile
from pathlib import Path
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from nicegui import app, ui

from energan.html.charts import Chart
from energan.html.formatting import duration
from energan.html.pictures import picture
from energan.report.compare.runs import compared_runs, write_runs
from energan.report.page import metric_meaning, report_html
from energan.runs.reader import mapping
from energan.runs.reader import number as finite
from energan.studio.charts import curves_of, options
from energan.studio.pages.frame import frame, later, told
from energan.studio.pages.run_state import LARGEST, Absent, State, state_of, thumbnail
from energan.studio.pages.typed import advised_rate, rate_of, whole
from energan.studio.runs import Row
from energan.studio.studio import Studio
from energan.utils.errors import UserError

EVERY = 2.0  # seconds after which a run that trains is read again

MOST_STEPS = 2**53  # of a training

STOPPED = "it was asked to stop, and has saved"


def run(studio: Studio) -> None:
    """Registers the page of a run, its report, and the page of several."""

    @ui.page("/run/{name:path}")
    def page(name: str) -> None:
        async def draw(state: State | Absent) -> None:
            shown = _Run(studio, name)
            await shown.show(state)
            ui.timer(EVERY, shown.refresh, immediate=False)

        with frame("/", name):
            later(lambda: studio.work(state_of, studio, name), draw)

    @app.get("/thumb/{name:path}")
    async def thumb(name: str) -> Response:
        """A corner of the newest sheet of samples, small; of what trains on, where there is none."""
        found = await studio.work(thumbnail, studio, name)
        return Response(found, media_type="image/png") if found else Response(status_code=404)

    @app.get("/report/{name:path}")
    async def report(name: str) -> Response:
        """Rendered anew from what was measured: a report.html that came with a run could hold any script."""
        return await _page(studio, lambda: report_html(studio.runs.read(name)))

    @app.get("/compare")
    async def compare(request: Request) -> Response:
        names = request.query_params.getlist("run")
        return await _page(studio, lambda: _compared(studio, names))


async def _page(studio: Studio, make: "object") -> Response:
    try:
        return HTMLResponse(await studio.work(make))  # type: ignore[arg-type]
    except UserError as error:
        return PlainTextResponse(f"{error}\n", 404)


def _compared(studio: Studio, names: list[str]) -> str:
    with tempfile.TemporaryDirectory(dir=studio.uploads) as folder:
        page = Path(folder, "compare.html")
        paths = [studio.runs.path(name) for name in names]
        named = dict(zip(paths, names, strict=True))
        write_runs(compared_runs(paths, read=lambda path: studio.runs.read(named[path])), page)
        return page.read_text(encoding="utf-8")


class _Run:
    """The parts of a run's page that change while it trains."""

    def __init__(self, studio: Studio, name: str) -> None:
        self.studio, self.name = studio, name
        self.seen: object = None
        self.advised = ""
        self.step_now = 0
        self.real: Path | None = None
        ui.label(name).classes("text-h5 studio-name").props('role="heading" aria-level="1"')
        self.about = ui.label().classes("studio-quiet")
        self.state = ui.label()
        self.progress = ui.linear_progress(0.0, show_value=False).props('aria-hidden="true"')
        self.verdict = ui.label()
        with ui.element("div").classes("studio-row"):
            self.stop = ui.button("Stop and save", on_click=told(self._stop))
            with self.stop:
                self.hint = ui.tooltip("")
            self.resume = ui.button("Go on", on_click=told(self._resume))
            self.until = ui.number("until step", min=1, precision=0).props("dense outlined")
            self.best = ui.button("Restart from best", on_click=told(self._restart))
            self.lr = ui.input("at rate", placeholder="as before").props("dense outlined clearable stack-label")
            with ui.element("div").classes("studio-row items-center"):
                ui.link("report", f"/report/{quote(name)}", new_tab=True)
                self.play = ui.link("play with it", f"/play/{quote(name)}")
        self.said = ui.label().classes("studio-said").props('role="status"')
        with ui.element("section").props('aria-label="Samples over time"'):
            self.sheet = ui.image().classes("studio-sheet").props('fit="contain" no-spinner')
            self.step = ui.slider(min=0, max=0, value=0, on_change=self._show_sheet)
            self.step.props('aria-label="Sheet of samples by step"')
            self.which = ui.label().classes("studio-quiet")
        self.metrics = ui.element("div")
        self.charts = ui.element("div").classes("studio-charts")
        self.sheets: list[tuple[int, Path]] = []
        self.lines: list[ui.echart] = []

    async def refresh(self) -> None:
        """Reads the folder, and shows what has changed since."""
        await self.show(await self.studio.work(state_of, self.studio, self.name))

    async def show(self, state: State | Absent) -> None:
        """Shows what was read, as far as it has changed."""
        if isinstance(state, Absent):
            return self._absent(state)
        if state.stamp == self.seen:
            return
        self.seen = state.stamp
        self._show_state(state)
        trains, said = state.row.state == "running", state.said
        ended = state.row.state.startswith("finished") or "SIGTERM" in said.strip().rpartition("\n")[2]
        self.said.set_text("" if trains or ended else said)
        self.real = state.found.path / "real.png" if "draws" in state.row.does else None
        following = self._place() >= len(self.sheets) - 1
        self.sheets = state.sheets
        self.step.props(f"max={max(0, len(self.sheets) - 1)}")
        if following and self.sheets:
            self.step.set_value(len(self.sheets) - 1)
        await self._show_sheet()
        self._show_metrics(state.row)
        self._show_charts(await self.studio.work(curves_of, state.found))

    def _absent(self, state: "Absent") -> None:
        """What is said before there is a folder: that it waits, or what its process said."""
        asked = state.asked
        self.state.set_text(state.why if asked is None else "waits for its turn" if asked.waits else "begins")
        self.said.set_text(state.said if asked is None or asked.waits else "")
        for part in (self.resume, self.until, self.best, self.lr, self.play):
            part.set_visibility(False)
        self.stop.set_visibility(asked is not None)

    def _show_state(self, state: "State") -> None:
        row, found, waits = state.row, state.found, state.waits
        config, status = found.config, mapping(found.config.get("status"))
        trains = row.state == "running"
        self.play.set_visibility("draws" in row.does)
        rates = [v for line in found.rates[-5:] if (v := finite(line.values.get("steps_per_second")))]
        left = f", about {duration((row.steps - row.step) * len(rates) / sum(rates))} left" if trains and rates else ""
        long = f"each {found.every}th line of its long log is read" if found.every > 1 else ""
        cut = "what comes after 256 MiB of its log is not" if found.unread_bytes else ""
        parts = row.recipe, row.data, row.does, config.get("command"), long, cut
        self.about.set_text(" · ".join(map(str, filter(None, parts))))
        message = STOPPED if "SIGTERM" in str(status.get("message")) else status.get("message")
        self.state.set_text(
            f"{'waits to go on' if waits else row.state}, step {row.step:,} of {row.steps:,}{left}"
            + (f": {message}" if message and not trains else "")
        )
        self.progress.set_value(min(1.0, row.step / row.steps) if row.steps else 0.0)
        self.verdict.set_text(state.verdict)
        self.stop.set_visibility(trains or waits)
        self.stop.set_enabled(state.asked is not None)
        self.hint.set_text("saves, and ends" if state.asked else "begun elsewhere: stop it there, by Ctrl-C")
        for part in (self.resume, self.until):
            part.set_visibility(not trains and not waits)
        self.best.set_visibility(state.best)
        self.lr.set_visibility(state.best)
        if self.until.value is None and row.steps:
            self.until.set_value(row.steps if row.step < row.steps else 2 * row.steps)
        self.step_now = row.step
        if (rate := advised_rate(state.verdict)) != self.advised:  # of the command that the verdict types
            self.lr.set_value(rate)
            self.advised = rate

    def _place(self) -> int:
        """The sheet that the slider is at; the last where it is at none."""
        last = max(0, len(self.sheets) - 1)
        try:
            return whole(self.step.value, "the sheet", 0, last)
        except UserError:
            return last

    async def _show_sheet(self) -> None:
        self.sheet.set_visibility(bool(self.sheets))
        self.step.set_visibility(len(self.sheets) > 1)
        if not self.sheets:
            await self._show_real()
            return
        step, path = self.sheets[self._place()]
        found = await self.studio.work(picture, path, LARGEST)
        if found is not None:
            self.sheet.set_source(found.uri)
            self.sheet.props(f'alt="samples at step {step}"')
        self.which.set_text(f"samples at step {step:,}; {len(self.sheets)} sheet{'s' * (len(self.sheets) != 1)}")

    async def _show_real(self) -> None:
        """Until there is a sheet of samples, what it trains on."""
        found = await self.studio.work(picture, self.real, LARGEST) if self.real else None
        self.sheet.set_visibility(found is not None)
        self.which.set_text("no sheet of samples yet" if self.real else "")
        if found is not None:
            self.sheet.set_source(found.uri)
            self.sheet.props('alt="images that it trains on"')
            self.which.set_text("what it trains on; there is no sheet of samples yet")

    def _show_metrics(self, row: Row) -> None:
        self.metrics.clear()
        if not row.metrics:
            return
        rows = [
            {
                "metric": name,
                "value": f"{value:.5g}",
                "better": metric_meaning(name)[0],
                "says": metric_meaning(name)[1],
            }
            for name, value in row.metrics.items()
        ]
        columns = [{"name": n, "label": n, "field": n, "align": "left"} for n in ("metric", "value", "better", "says")]
        with self.metrics:
            ui.table(rows=rows, columns=columns, row_key="metric").props("dense flat wrap-cells").classes("w-full")

    def _show_charts(self, charts: list[Chart]) -> None:
        if len(charts) != len(self.lines):
            self.charts.clear()
            with self.charts:
                self.lines = [ui.echart(options(chart)).classes("studio-chart") for chart in charts]
                for line, chart in zip(self.lines, charts, strict=True):
                    line.tooltip(str(chart["meaning"]))
            return
        for line, chart in zip(self.lines, charts, strict=True):
            line.options.clear()
            line.options.update(options(chart))
            line.update()

    async def _stop(self) -> None:
        await self.studio.work(self.studio.trainings.stop, self.name)
        ui.notify("it saves and stops")

    async def _resume(self) -> None:
        self.studio.runs.path(self.name)
        until = self.until.value
        steps = 0 if until is None else whole(until, "until which step it goes on", 1, MOST_STEPS)
        if steps and steps <= self.step_now:
            raise UserError(f"it is at step {self.step_now:,} already: name a later step to go on until")
        await self.studio.work(self.studio.trainings.resume, self.name, steps)
        self.seen = None

    async def _restart(self) -> None:
        path = self.studio.runs.path(self.name)
        words = ["restart", str(path), "--from", "best"]
        words += ["--lr", rate] if (rate := rate_of(str(self.lr.value or ""))) else []
        name = await self.studio.work(self.studio.trainings.ask_new, f"{path.name}-restarted", words)
        ui.navigate.to(f"/run/{quote(name)}")
