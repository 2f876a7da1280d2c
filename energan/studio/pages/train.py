"""A training, from a form of its recipe's own flags, on a built-in set, a folder, or pictures that are dropped here."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final
from urllib.parse import quote

from nicegui import ui

from energan.data.named.catalog import NAMED
from energan.recipes.advice import Advice, advice
from energan.recipes.build import FILES, build, find_recipe
from energan.recipes.catalog import RECIPES
from energan.studio.fields import Field, checked, fields_of, typed, words_of
from energan.studio.pages.frame import frame, later, told
from energan.studio.pages.given import Given
from energan.studio.studio import Studio
from energan.utils.arguments import description
from energan.utils.console import heard
from energan.utils.errors import UserError

USUAL = "ebgan-pt-mnist"

FOR = {  # what a few recipes are for, to begin with
    "ebgan-pt-mnist": "digits and letters",
    "dcgan-64": "photographs and pictures",
    "ebgan-pt-64": "photographs and pictures",
    "conditional-dcgan-mnist": "digits, of a class that is asked for",
    "infogan-mnist": "digits, with codes",
    "ppgn-h-mnist": "digits by chains, filled in",
    "ladder-mnist": "tells classes of digits by few labels",
    "ladder-features": "tells classes of photographs by few labels",
    "autoencoder": "outliers in pictures",
    "feature-autoencoder": "outliers in photographs",
    "pix2pix": "pairs of pictures, the one to the other",
    "cyclegan": "two sets of pictures, the one to the other",
}

FIRST = ("steps", "batch", "lr", "width", "size", "channels", "classes", "labels", "seed")  # shown before the others

SHEETS = 5  # that a training has at least, by the default of save_every

SOURCES = ("data", "target")  # flags that name images

LARGEST = 2**53  # of whole numbers, but for seeds

SEEDS = ("seed", "label_seed")  # which the recipe checks


def train(studio: Studio) -> None:
    """Registers the page."""

    @ui.page("/train")
    def page(recipe: str = USUAL) -> None:
        with frame("/train"):
            marked = {name: f"{name} · {FOR[name]}" if name in FOR else name for name in RECIPES}
            chosen = ui.select(marked, value=recipe if recipe in RECIPES else USUAL, label="Recipe", with_input=True)
            chosen.classes("w-full")
            form = Form(studio, chosen)
            body = ui.element("div").classes("studio-form")

            def draw() -> None:
                if chosen.value is None:
                    return  # what was typed is no recipe
                form.leave()
                body.clear()
                recipe = str(chosen.value)
                with body:
                    later(lambda: studio.work(_free, studio, recipe), lambda free: form.build(recipe, free))

            form.rebuild = draw
            chosen.on_value_change(draw)
            draw()


@final
class Form:
    """The form of one recipe after another. What was filled in stays where the next recipe has a field of that name.

    Args:
        studio: The server's.
        chosen: In which the recipe is chosen.
    """

    def __init__(self, studio: Studio, chosen: ui.select) -> None:
        self.studio, self.chosen = studio, chosen
        self.fields: list[Field] = []
        self.filled: dict[str, Callable[[], str | bool]] = {}
        self.kept: dict[str, str | bool] = {}  # what was filled in by hand, or is advised
        self.name: ui.input | None = None
        self.free = self.given_name = ""
        self.rebuild: Callable[[], None] = lambda: None
        self.sources = {name: Given(studio, self.advise) for name in SOURCES}

    def leave(self) -> None:
        """Keeps what was filled in."""
        for field in self.fields:
            if field.name in SOURCES:
                continue
            value = self.filled[field.name]()
            if field.name == "save_every" and value == self.suggested:
                continue
            if value != (field.default == "True" if field.kind == "switch" else field.default):
                self.kept[field.name] = value
            else:
                self.kept.pop(field.name, None)
        self.fields = []
        if self.name is not None:
            self.given_name = self.name.value if self.name.value != self.free else ""

    def build(self, recipe: str, free: str) -> None:
        """Draws the form. free: a name that no run has."""
        self.function = find_recipe(recipe)
        self.recipe, self.free, self.fields = recipe, free, fields_of(self.function)
        self.filled = {}
        ui.label(description(self.function)).classes("studio-quiet whitespace-pre-line")
        self.name = ui.input("Name of the run", value=self.given_name or free).classes("w-full")
        for field in (f for f in self.fields if f.name in SOURCES):
            self.filled[field.name] = self.sources[field.name].build(field)
        self.advised = ui.element("div").classes("studio-advice")
        rest = [f for f in self.fields if f.name not in self.filled]
        first = [f for f in rest if f.name in FIRST]
        self.inputs: dict[str, ui.input] = {}
        with ui.element("div").classes("studio-fields"):
            self.filled |= {f.name: self._input(f) for f in first}
        with (
            ui.expansion("All other settings").classes("w-full"),
            ui.element("div").classes("studio-fields w-full"),
        ):
            self.filled |= {f.name: self._input(f) for f in rest if f not in first}
        self.suggested = next((f.default for f in self.fields if f.name == "save_every"), "")
        self.line = ui.label().classes("studio-quiet studio-line")
        ui.button("Train", on_click=told(self.begin)).classes("self-start")
        ui.timer(0.5, self.show)

    def words(self) -> list[str]:
        return words_of(self.fields, {key: value() for key, value in self.filled.items()})

    async def begin(self) -> None:
        given, name = self.words(), str(self.name.value or "") if self.name else ""
        await self.studio.work(_check, self.studio, self.recipe, given)
        if name == self.free:  # other pages may have offered it, too
            name = await self.studio.work(_free, self.studio, self.recipe)
        await self.studio.work(self.studio.trainings.ask, name, ["train", self.recipe, *given])
        ui.navigate.to(f"/run/{quote(name)}")

    def show(self) -> None:
        """Shows the command that is typed, once save_every fits to the steps."""
        self._suggest()
        name = str(self.name.value or "") if self.name else ""
        try:
            self.line.set_text(shlex.join(["energan", "train", self.recipe, *self.words(), "--out", name]))
        except UserError as error:
            self.line.set_text(str(error))

    def _suggest(self) -> None:
        """A short training has sheets to look at: save_every, until it is typed, is a fifth of the steps at most."""
        every, steps = self.inputs.get("save_every"), self.inputs.get("steps")
        if every is None or steps is None or every.value != self.suggested:
            return
        default = next(f.default for f in self.fields if f.name == "save_every")
        self.suggested = often(str(steps.value or ""), default)
        every.set_value(self.suggested)

    async def advise(self) -> None:
        """Says what suits the images that were chosen, as `energan look` does."""
        source, place = self.filled["data"]() if "data" in self.filled else "", self.advised
        place.clear()
        if not source or source in NAMED:
            return
        try:
            _check_paths(self.studio, {"data": source})
            advised = await self.studio.work(_advice, source, self.studio.models.device)
        except UserError as error:
            advised = Advice(str(error))
        if place.is_deleted or self.filled["data"]() != source:
            return
        place.clear()
        with place:
            ui.label(f"Enough? {advised.enough}")
            if advised.recipe:
                for why in advised.why:
                    ui.label(why).classes("studio-quiet")
                ui.button(f"Take {advised.recipe} with these settings", on_click=lambda: self._take(advised)).props(
                    "outline no-caps"
                )

    def _take(self, advised: Advice) -> None:
        self.leave()  # what is advised goes before what was filled in
        for name, value in advised.arguments.items():
            self.kept[name] = value if isinstance(value, bool) else typed(value)
        if self.chosen.value == advised.recipe:
            self.rebuild()
        else:
            self.chosen.set_value(advised.recipe)  # which builds its form

    def _input(self, field: Field) -> Callable[[], str | bool]:
        label, value = field.name.strip("_").replace("_", " "), self.kept.get(field.name, field.default)
        with ui.element("div").classes("studio-field"):
            found = self._box(field, label, value)
            ui.label(field.help).classes("studio-help")
        return found

    def _box(self, field: Field, label: str, value: str | bool) -> Callable[[], str | bool]:
        if field.kind == "switch":
            switch = ui.switch(label, value=value in (True, "True"))
            return lambda: bool(switch.value)
        if field.kind == "choice":
            select = ui.select(list(field.choices), label=label, value=value if value in field.choices else None)
            return lambda: str(select.value or "")
        text = self.inputs[field.name] = ui.input(label, value=str(value))
        return lambda: str(text.value or "")


def often(steps: str, default: str) -> str:
    """Every how many steps a training saves: the default, or a fifth of the steps where that is less.

    >>> often("100", "250"), often("5000", "250"), often("3", "250"), often("many", "250")
    ('20', '250', '1', '250')
    """
    if not steps.strip().isdecimal() or not default.isdecimal():
        return default
    return str(min(int(default), max(1, int(steps) // SHEETS)))


def _advice(source: str, device: str) -> Advice:
    from energan.data.look import facts, look

    with heard():
        return advice(facts(look(source, "")), device)


def _free(studio: Studio, recipe: str) -> str:
    taken = {*studio.runs.names(), *studio.trainings.active()}
    return next(name for n in range(1, 10**6) if (name := f"{recipe}-{n}") not in taken)


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
