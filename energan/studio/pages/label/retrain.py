"""The training with the labels of now, and the error of each round on the same held-out images."""

from typing import Any
from urllib.parse import quote

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.label.asked import Pool, classes_of_test
from energan.studio.pages.label.labelling import Labelling
from energan.studio.pages.label.rounds import (
    CHOICES,
    Round,
    command,
    failed,
    next_number,
    rounds,
    run_name,
    trains_again,
)
from energan.studio.pages.label.table import Table
from energan.studio.pages.typed import whole
from energan.studio.sources import named_images
from energan.studio.studio import Studio
from energan.studio.trainings import ERROR
from energan.utils.errors import UserError

EVERY = 2.0  # seconds after which the rounds are looked at again

LAST = 300  # characters of what a training that failed said


class Retrain:
    """What one client sees of the rounds.

    Args:
        studio: The server's.
        run: The run that was chosen; "" for none.
        pool: The images.
        table: The labels.
        labelling: The part that gives them.
    """

    def __init__(self, studio: Studio, run: str, pool: Pool, table: Table, labelling: Labelling) -> None:
        self.studio, self.run, self.pool, self.table, self.labelling = studio, run, pool, table, labelling
        self.seen: list[Round] = []
        self.asked = ""  # the training that was asked for here

    def draw(self) -> None:
        """Draws the part."""
        with ui.element("section").classes("label-retrain"):
            ui.label("Train again with these labels").classes("text-lg")
            with ui.element("div").classes("studio-row items-center"):
                if not self.run:
                    self.system = ui.select(list(CHOICES), label="System", value=CHOICES[0]).props("outlined dense")
                    self.features = ui.checkbox("sees features, for photographs (ladder)")
                    self.test = ui.input("Test images", placeholder="class folders; empty: those held out")
                    self.test.props("outlined dense")
                self.steps = ui.number("Steps", min=1, precision=0, placeholder="as before" if self.run else "usual")
                self.steps.props("outlined dense clearable")
                self.button = ui.button("Train again", on_click=told(self._train)).props("no-caps")
            self.state = ui.label("").props('role="status"')
            self.error = ui.label("").classes("judge-warning")
            self.error.set_visibility(False)
            self.chart = ui.echart(_chart([])).classes("label-chart")
            self.chart.props["role"] = "img"
            self.list = ui.element("div").classes("label-rounds")
        ui.timer(EVERY, self._look)

    async def _train(self) -> None:
        given = {"steps": 0 if self.steps.value is None else whole(self.steps.value, "how many steps there are", 1)}
        self.button.disable()
        try:
            words, name = await self.studio.work(self._command, given)
            await self.studio.work(self.studio.trainings.ask, name, words)
        finally:
            self.button.enable()
        self.asked = name
        self.state.set_text(f"{name} was asked for")
        self.error.set_visibility(False)
        await self._look()

    def _command(self, given: dict[str, Any]) -> tuple[list[str], str]:
        labels = self.table.begin(self.pool.labels)
        if len(set(labels.values())) < 2:
            raise UserError("label images of two classes or more first")
        if self.run and not trains_again(self.studio.runs, self.run):
            raise UserError(f"`energan classify` did not make {self.run}, so it is not known how to train it again")
        n = next_number(self.studio.runs, self.table)
        name = run_name(self.table, n)
        if any(name == other for other in self.studio.trainings.active()):
            raise UserError(f"{name} trains already")
        if not self.run:
            test = named_images(self.studio, self.test.value) if (self.test.value or "").strip() else ""
            given = given | {"system": str(self.system.value), "features": bool(self.features.value), "test": test}
        measured = classes_of_test(given["test"]) if given.get("test") else self.pool.measured
        if lacking := [name for name in measured if name not in set(labels.values())]:
            raise UserError(
                f"no image has the label {', '.join(lacking[:5])} yet, of which there are images that the error is "
                "measured on: label some first"
            )
        words = command(self.studio.runs, self.pool.source, self.table.copy(n, self.pool.labels), run=self.run, **given)
        return words, name

    async def _look(self) -> None:
        found = await self.studio.work(rounds, self.studio.runs, self.table, self.run)
        found = found + await self.studio.work(failed, self.studio.trainings, self.table)
        active = await self.studio.work(self.studio.trainings.active)
        if self.asked and self.asked not in active:
            await self._ended(found)
        elif self.asked:
            training = active[self.asked]
            told_of = next((each.told for each in found if each.run == self.asked), "begins")
            self.state.set_text(f"{self.asked}: {'waits for its turn' if training.waits else told_of}")
        if found != self.seen:
            self.seen = found
            self._draw(found)

    async def _ended(self, found: list[Round]) -> None:
        name, self.asked = self.asked, ""
        done = next((each for each in found if each.run == name), None)
        if done is not None and done.told.startswith("finished"):
            error = f"; error {done.error:.2f} % of {done.images} images" if done.error is not None else ""
            self.state.set_text(f"{name} is trained, with {done.labels} labels{error}.")
            return
        said = (await self.studio.work(self.studio.trainings.said, name)).strip().splitlines()
        self.state.set_text(f"{name} ended without a result.")
        if said and said[-1].startswith(ERROR):
            return  # which stands below, with those that failed before
        self.error.set_text((said[-1] if said else "it said nothing")[:LAST])
        self.error.set_visibility(True)

    def _draw(self, found: list[Round]) -> None:
        measured = [each for each in found if each.error is not None]
        self.chart.options.clear()
        self.chart.options.update(_chart(measured))
        self.chart.update()
        words = ", ".join(f"{each.error:.2f} % with {each.labels} labels" for each in measured)
        self.chart.props["aria-label"] = f"Error: {words}" if words else "No error is known yet"
        self.chart.set_visibility(bool(measured))
        self.list.clear()
        with self.list:
            if found and not measured:
                ui.label("No error is known: there are no labelled test images.").classes("studio-quiet")
            if len({each.images for each in measured}) > 1:
                ui.label("Not all errors are of the same images: they cannot be compared.").classes("judge-warning")
            for each in found:
                if each.told.startswith("failed: "):
                    ui.label(f"{each.run} {each.told}").classes("judge-warning")
                    continue
                with ui.element("div").classes("studio-row items-center"):
                    error = f"error {each.error:.2f} % of {each.images}" if each.error is not None else "no error known"
                    ui.label(f"{each.run}: {each.labels} labels, {error}; {each.told}").classes("label-round")
                    if each.run != self.run and each.told.startswith("finished"):
                        ui.link("label what it is least sure of", f"/label?run={quote(each.run)}")


def _chart(measured: list[Round]) -> dict[str, Any]:
    quiet = {"axisLabel": {"color": "#888"}, "nameTextStyle": {"color": "#888"}, "splitLine": {"show": False}}
    return {
        "animation": False,
        "grid": {"left": 55, "right": 30, "top": 30, "bottom": 45},
        "xAxis": {
            "type": "value", "name": "labels", "nameLocation": "middle", "nameGap": 28, "min": 0, "minInterval": 1,
            **quiet,
        },
        "yAxis": {"type": "value", "name": "error, %", "min": 0, **quiet},
        "tooltip": {"trigger": "axis"},
        "series": [{
            "type": "line", "name": "error, %", "symbolSize": 8, "lineStyle": {"color": "#3f7fbf"},
            "itemStyle": {"color": "#3f7fbf"}, "data": [[each.labels, each.error] for each in measured],
        }],
    }  # fmt: skip
