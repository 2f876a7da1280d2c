"""A picture, large, with where it is odd and the training images that are nearest to it."""

from typing import TYPE_CHECKING, Any

from nicegui import ui

from energan.inference.calibration import percent
from energan.studio.pages.judge.judged import nearest
from energan.studio.pages.judge.pictures import picture, shown
from energan.studio.studio import Studio
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor


async def details(
    studio: Studio, run: str, image: "UInt8[Tensor, 'c h w']", name: str, address: str, layer: str, row: dict[str, Any]
) -> None:
    """Opens the dialog. row: of the table of scores."""
    with ui.dialog() as dialog, ui.card().classes("judge-details"):
        with ui.row().classes("items-center justify-between w-full"):
            ui.label(name).classes("text-lg judge-name")
            ui.button("Close", on_click=dialog.close).props("flat dense no-caps")
        with ui.element("div").classes("studio-row"):
            with ui.element("span").classes("judge-stack judge-large"):
                shown(address, name)
                if layer:
                    shown(layer, "", "judge-heat").props('aria-hidden="true"')
            with ui.column():
                ui.label(f"energy {float(row['energy']):.6g}")
                if "score" in row:
                    ui.label(f"{percent(float(row['score']))} of normal images have less")
                if row.get("label"):
                    ui.label(f"label {row['label']}")
                if row.get("class"):
                    ui.label(f"most like {row['class']}")
        ui.label("Nearest training images, by pixels")
        place = ui.element("div").classes("judge-cards")
        with place:
            ui.spinner()
    dialog.on("hide", dialog.delete)
    dialog.open()
    try:
        found = await studio.compute(nearest, studio.runs.path(run), image)
        addresses = await studio.work(lambda: [picture(each) for each in found.images])
    except UserError as error:
        place.clear()
        with place:
            ui.label(str(error)).classes("studio-quiet")
        return
    place.clear()
    with place:
        for each, title, distance in zip(addresses, found.names, found.distances, strict=True):
            with ui.element("div").classes("judge-card"):
                shown(each, title)
                ui.label(title).classes("judge-name")
                ui.label(f"{distance:.3g} levels apart" if distance else "the same pixels").classes("studio-quiet")
