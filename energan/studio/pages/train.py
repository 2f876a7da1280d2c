"""A training, from a form of its recipe's own flags, on a built-in set, a folder, or pictures that are dropped here."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nicegui import events, ui

from energan.data.named.catalog import NAMED
from energan.recipes.build import FILES, build, find_recipe
from energan.recipes.catalog import RECIPES
from energan.studio.dropped import Dropped
from energan.studio.fields import Field, checked, fields_of, words_of
from energan.studio.pages.frame import complain, frame, later, told
from energan.studio.studio import Studio
from energan.utils.arguments import description
from energan.utils.errors import UserError

USUAL = "ebgan-pt-mnist"

FIRST = ("steps", "batch", "lr", "width", "size", "channels", "classes", "labels", "seed")  # shown before the others

FILE = 2**26  # bytes of one file that is dropped

LARGEST = 2**53  # of whole numbers, but for seeds

SEEDS = ("seed", "label_seed")  # which the recipe checks


def train(studio: Studio) -> None:
    """Registers the page."""

    @ui.page("/train")
    def page(recipe: str = USUAL) -> None:
        with frame("/train"):
            chosen = ui.select(
                list(RECIPES), value=recipe if recipe in RECIPES else USUAL, label="Recipe", with_input=True
            )
            chosen.classes("w-full")
            body = ui.element("div").classes("studio-form")

            def draw() -> None:
                body.clear()
                recipe = str(chosen.value)
                with body:
                    later(lambda: studio.work(_free, studio, recipe), lambda name: _form(studio, recipe, name))

            chosen.on_value_change(draw)
            draw()


def _form(studio: Studio, recipe: str, free: str) -> None:
    """The form of a recipe. free: a name that no run has."""
    function = find_recipe(recipe)
    fields = fields_of(function)
    filled: dict[str, Callable[[], str | bool]] = {}
    ui.label(description(function)).classes("studio-quiet whitespace-pre-line")
    name = ui.input("Name of the run", value=free).classes("w-full")
    for field in (f for f in fields if f.name in ("data", "target")):
        filled[field.name] = _source(studio, field)
    rest = [f for f in fields if f.name not in filled]
    first = [f for f in rest if f.name in FIRST]
    with ui.element("div").classes("studio-fields"):
        filled |= {f.name: _input(f) for f in first}
    with ui.expansion("All other settings").classes("w-full"), ui.element("div").classes("studio-fields"):
        filled |= {f.name: _input(f) for f in rest if f not in first}
    line = ui.label().classes("studio-quiet studio-line")

    def words() -> list[str]:
        return words_of(fields, {key: value() for key, value in filled.items()})

    async def begin() -> None:
        given = words()
        await studio.work(_check, studio, recipe, given)
        called = name.value or ""
        if called == free:  # other pages may have offered it, too
            called = await studio.work(_free, studio, recipe)
        await studio.work(studio.trainings.ask, called, ["train", recipe, *given])
        ui.navigate.to(f"/run/{quote(called)}")

    def show() -> None:
        try:
            line.set_text(shlex.join(["energan", "train", recipe, *words(), "--out", name.value or ""]))
        except UserError as error:
            line.set_text(str(error))

    ui.button("Train", on_click=told(begin)).classes("self-start")
    ui.timer(0.5, show)


def _free(studio: Studio, recipe: str) -> str:
    taken = {*studio.runs.names(), *studio.trainings.active()}
    return next(name for n in range(1, 10**6) if (name := f"{recipe}-{n}") not in taken)


def _source(studio: Studio, field: Field) -> Callable[[], str]:
    """Where images are: a built-in set, a folder that the server was told of, or what is dropped; in a word."""
    folders = [str(folder) for folder in studio.data]
    own = Dropped(studio.runs.folder / ".studio" / "data")
    with ui.element("div").classes("studio-row w-full"):
        kept = [str(path) for path in own.kept()]
        choices = [*NAMED, *folders, *kept]
        text = ui.select(
            choices, label=field.name, value=field.default or None, with_input=True, new_value_mode="add-unique"
        )
        text.classes("grow").tooltip(field.help)

        async def dropped(event: events.MultiUploadEventArguments) -> None:
            folder = None
            for file in event.files:
                try:
                    folder = await own.keep(file)
                except UserError as error:
                    complain(str(error))
                    break
            if folder:
                text.set_options([*NAMED, *folders, str(folder)], value=str(folder))
                ui.notify(f"{len(own)} files in {folder}")

        ui.upload(label=f"or drop pictures or a .zip ({field.name})", multiple=True, auto_upload=True,
                  max_file_size=FILE, on_multi_upload=dropped).classes("grow")  # fmt: skip
    return lambda: str(text.value or "")


def _input(field: Field) -> Callable[[], str | bool]:
    label = field.name.strip("_").replace("_", " ")
    if field.kind == "switch":
        switch = ui.switch(label, value=field.default == "True").tooltip(field.help)
        return lambda: bool(switch.value)
    if field.kind == "choice":
        select = ui.select(list(field.choices), label=label, value=field.default or None).tooltip(field.help)
        return lambda: str(select.value or "")
    text = ui.input(label, value=field.default).tooltip(field.help)
    return lambda: str(text.value or "")


def _check(studio: Studio, recipe: str, words: list[str]) -> None:
    """UserError for words that the recipe's flags do not take, and for values of which nothing can be trained.

    It is the recipe that says so, as it would in its own process, which may have to wait for its turn.
    """
    arguments = checked(find_recipe(recipe), words)
    _check_paths(studio, arguments)
    for name, value in arguments.items():
        if isinstance(value, int) and value >= LARGEST and name not in SEEDS:
            raise UserError(f"{name.strip('_').replace('_', ' ')} is {value}, which is too large a number")
    build(recipe, **{name: value for name, value in arguments.items() if value != "auto"})


def _check_paths(studio: Studio, arguments: Mapping[str, Any]) -> None:
    """UserError where a file or folder is named, by whatever field, that the server was not told of.

    That holds for links in them, too, and for what is at another address.
    """
    from energan.studio.sources import check_links, roots_of

    allowed = roots_of(studio)
    for name in FILES:
        value = arguments.get(name)
        if not isinstance(value, str) or not value or value in NAMED:
            continue
        if value.startswith("hf:"):
            raise UserError(f"{value} is at another address, which the studio does not ask: train it in a terminal")
        path = Path(value).expanduser().resolve()
        if not any(path.is_relative_to(folder) for folder in allowed):
            raise UserError(f"{value} is below no folder that the studio was told of: start it with --data {value}")
        check_links(path, allowed)
