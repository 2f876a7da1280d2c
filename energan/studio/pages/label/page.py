"""The page: what is labelled is chosen, then labelled; at its end the classifier is trained again."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nicegui import ui

from energan.studio.pages.frame import complain, frame, later, told
from energan.studio.studio import Studio
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from energan.studio.pages.label.asked import Originals, Pool
    from energan.studio.pages.label.table import Table

NO_RUN = "no run: a folder of images"


def label(studio: Studio) -> None:
    """Registers the page. run: a classifier; images: a folder, in the place of a run."""

    @ui.page("/label")
    def page(run: str = "", images: str = "") -> None:
        with frame("/label"):
            ui.add_head_html('<link rel="stylesheet" href="/static/label.css"><script src="/static/label.js"></script>')
            later(lambda: studio.work(_classifiers, studio), lambda found: _choice(studio, *found, run, images))


def _choice(studio: Studio, runs: list[str], others: dict[str, str], run: str, images: str) -> None:
    """What is labelled is chosen here, and then labelled below. run, images: of the address.

    others: runs that cannot be chosen, with the set that they were trained on.
    """
    from energan.studio.pages.label.asked import pool_of_images, pool_of_run
    from energan.studio.sources import named_images

    with ui.element("div").classes("studio-row items-center"):
        choices = {"": NO_RUN, **{name: name for name in runs}}
        first = "" if images or not runs else runs[0]
        chosen = ui.select(choices, label="Classifier", value=run if run in runs else first)
        chosen.props("outlined dense").classes("label-run")
        field = ui.input("Images", value=images, placeholder="a folder or .zip").props("outlined dense")
        field.bind_visibility_from(chosen, "value", lambda value: not value)
        button = ui.button("Begin").props("no-caps")
        busy = ui.spinner(size="md")
        busy.set_visibility(False)
    if others:
        words = ", ".join(f"{name} ({of})" for name, of in others.items())
        ui.label(
            f"Not offered: {words}. A built-in set has no files that a table of labels could name: train a classifier "
            "on a folder, by labelling it here."
        ).classes("studio-quiet")
    if run in others:
        complain(f"{run} was trained on {others[run]}, which has no files: name a folder of images to label")
    place = ui.element("div").classes("label-place")

    async def begin() -> None:
        run, source = str(chosen.value or ""), ""
        if run:
            pool = await studio.work(pool_of_run, studio.runs.path(run))
        else:
            if not (field.value or "").strip():
                raise UserError("name a folder of images to label, or choose a classifier")
            source = await studio.work(named_images, studio, str(field.value))
            pool = await studio.work(pool_of_images, source)
        opened = await studio.compute(_opened, studio, pool)
        here = f"/label?run={quote(run)}" if run else f"/label?images={quote(source)}"
        ui.run_javascript(f"history.replaceState(null, '', {json.dumps(here)})")
        place.clear()
        with place:
            await _labelling(studio, run, pool, *opened)

    async def pressed(*_: Any) -> None:
        button.disable()
        busy.set_visibility(True)
        try:
            await told(begin)()
        finally:
            button.enable()
            busy.set_visibility(False)

    button.on_click(pressed)
    if (run and run in runs) or images:
        ui.timer(0.1, pressed, once=True)


def _classifiers(studio: Studio) -> tuple[list[str], dict[str, str]]:
    """The runs that classify files; and those that classify a built-in set without files, with its name.

    Imports, in a thread, what takes long: the server begins without torch.
    """
    from energan.runs.reader import mapping
    from energan.studio.pages.label.asked import without_files
    from energan.studio.sources import serving

    names = serving(studio.runs, "predict")
    sets = {name: without_files(mapping(studio.runs.about(name).config.get("arguments"))) for name in names}
    return [name for name in names if not sets[name]], {name: of for name, of in sets.items() if of}


def _opened(studio: Studio, pool: "Pool") -> "tuple[Table, dict[str, str], Originals]":
    from energan.studio.pages.label.asked import Originals
    from energan.studio.pages.label.table import table_of

    table = table_of(studio.runs.folder, pool.source)
    return table, table.begin(pool.labels), Originals(pool.source)


async def _labelling(
    studio: Studio, run: str, pool: "Pool", table: "Table", labels: dict[str, str], originals: "Originals"
) -> None:
    """Both parts: one that asks, one that trains."""
    from energan.studio.pages.label.labelling import Labelling
    from energan.studio.pages.label.retrain import Retrain

    labelling = Labelling(studio, run, pool, table, labels, originals)
    await labelling.draw()
    Retrain(studio, run, pool, table, labelling).draw()
