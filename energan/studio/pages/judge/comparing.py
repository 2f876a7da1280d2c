"""Two sets of images, compared as `energan compare` does."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nicegui import ui

from energan.data.image_set import fixed_subset
from energan.metrics import LEAST_IMAGES
from energan.metrics.comparison.sets import MEASURES, Asked, Compared, compared_images
from energan.metrics.features.catalog import NETWORKS
from energan.studio.pages.frame import told
from energan.studio.pages.judge.pictures import Given, picture, shown
from energan.studio.pages.typed import whole
from energan.studio.studio import Studio
from energan.utils.console import heard

SHOWN = 12  # images of each set

MOST = 5000  # images of each set


def comparing(studio: Studio) -> None:
    """Draws the part."""
    with ui.element("section").classes("judge-part"):
        ui.label(
            f"Distances need {LEAST_IMAGES} images of each set at least; with fewer than some hundreds they say little."
        ).classes("studio-quiet")
        with ui.element("div").classes("studio-row"):
            real, fake = Given(studio, "Real images"), Given(studio, "Images to be judged")
        with ui.element("div").classes("studio-row items-center"):
            network = ui.select(list(NETWORKS), label="Network", value="mobilenetv2").props("outlined dense")
            most = ui.number("Images of each at most", value=500, min=LEAST_IMAGES, max=MOST, precision=0).props(
                "outlined dense"
            )
            most.classes("judge-order")
            seed = ui.number("Seed", value=0, min=0, precision=0).props("outlined dense")
            button = ui.button("Compare").props("no-caps")
            busy = ui.spinner(size="md")
            busy.set_visibility(False)
        results = ui.element("div").classes("judge-results")

    async def compare() -> None:
        n, number = (
            whole(most.value, "how many images of each are compared", LEAST_IMAGES, MOST),
            whole(seed.value, "the seed"),
        )
        asked = Asked(network=str(network.value), n=n, seed=number, device=studio.models.device)
        sources = [await studio.work(each.source) for each in (real, fake)]

        def work() -> Compared:
            with heard(), real.reading(), fake.reading():
                found = compared_images(sources[0], sources[1], asked)
            for side, given in (("real", real), ("fake", fake)):
                found.result[side]["name"] = given.plain(found.result[side]["name"])
            return found

        found = await studio.compute(work)
        sheets = await studio.work(_sheets, found)
        results.clear()
        with results:
            _show(studio, found, sheets)

    async def pressed() -> None:
        button.disable()
        busy.set_visibility(True)
        try:
            await told(compare)()
        finally:
            button.enable()
            busy.set_visibility(False)

    button.on_click(pressed)


def _sheets(found: Compared) -> list[list[str]]:
    return [[picture(image) for image in side.images[fixed_subset(len(side.images), SHOWN)]] for side in found.sides]


def _show(studio: Studio, found: Compared, sheets: list[list[str]]) -> None:
    result = found.result
    for sentence in result["warnings"]:
        ui.label(sentence[:1].upper() + sentence[1:]).classes("judge-warning")
    for side, words, sheet in zip(("real", "fake"), ("Real", "To be judged"), sheets, strict=True):
        ui.label(f"{words}: {result[side]['name']}, {result[side]['n']:,} images")
        with ui.element("div").classes("judge-sheet"):
            for i, address in enumerate(sheet):
                shown(address, f"{words}, image {i + 1} of those shown")
    ui.label(f"{result['size']}; network {result['network']}").classes("studio-quiet")
    equal = result["equal"]
    columns = [
        {"name": "measure", "label": "", "field": "measure", "align": "left"},
        {"name": "all", "label": "judged against real", "field": "all"},
        {"name": "half", "label": f"judged against a part of real, {equal['n']:,} each", "field": "half"},
        {"name": "floor", "label": f"another part of real against it, {equal['n']:,} each", "field": "floor"},
    ]
    rows = [
        {
            "measure": result["names"][name], "all": f"{result['scores'][name]:.4g}",
            "half": f"{equal['fake'][name]:.4g}", "floor": f"{equal['real'][name]:.4g}",
        }
        for name in MEASURES
    ]  # fmt: skip
    ui.table(rows=rows, columns=columns, row_key="measure").props("flat dense wrap-cells").classes("judge-table")
    ui.label(
        f"{result['names']['FID']} of infinitely many images, by a line through those of sub-samples: "
        f"{max(0.0, result['unbiased_fid']):.4g} (bias {result['fid_bias']:.3g})."
    ).classes("studio-quiet")

    async def download() -> None:
        ui.download.content(await studio.work(_page, found), "compare.html", "text/html")

    ui.button("Download as a page", on_click=told(download)).props("outline no-caps")


def _page(found: Compared) -> bytes:
    """The page that `energan compare --out` writes."""
    from energan.report.compare.images import write_images

    sides, features = found.sides, found.features
    images: Any = (sides[0].images, sides[1].images)
    with TemporaryDirectory() as folder:
        return write_images(Path(folder, "compare.html"), found.result, images, (features[0], features[1])).read_bytes()
