"""The page of the toy game."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, final

from nicegui import ui

from energan.lab.modes.systems import SYSTEMS
from energan.studio.pages.frame import complain, frame, told
from energan.studio.pages.toy.controls import Change, controls, whole
from energan.studio.pages.toy.feed import register
from energan.studio.pages.toy.points import DRAWN, distribution, offered, received, shown
from energan.studio.pages.toy.session import SPEEDS, Session, Sessions
from energan.studio.pages.toy.system import LARGEST, Pair, System, settings_of
from energan.studio.pages.toy.words import TERMS, address_of, words_of
from energan.studio.studio import Studio
from energan.utils.errors import UserError

FIRST = ("GAN", "WGAN-GP")  # that a new page shows

NONE = ""  # no second system


def toy(studio: Studio) -> None:
    """Registers the page, and the websocket of its games."""
    sessions = Sessions()
    register(sessions)

    @ui.page("/toy")
    def page() -> None:
        ui.add_head_html('<link rel="stylesheet" href="/static/toy.css"><script src="/static/toy.js"></script>')
        with frame("/toy"):
            here = _Page(studio, sessions)
            ui.context.client.on_delete(here.leave)
            ui.timer(0, here.start, once=True)
            ui.timer(1.0, here.refresh)


@final
class _Page:
    """One client's page: its fields, and its game."""

    def __init__(self, studio: Studio, sessions: Sessions) -> None:
        self.studio, self.sessions = studio, sessions
        self.session: Session | None = None
        self.drawn: list[tuple[float, float]] = []
        self.one_by_one = asyncio.Lock()  # starts
        self.left = False
        ui.label(
            "A generator learns points in the plane against a critic, on the engine that trains everything else here. "
            "Blue: the points. Red: samples. The field is what the critic says of each place."
        ).classes("studio-quiet toy-about")
        self._buttons()
        self._fields()
        self.message = ui.label("").props('role="status"').classes("toy-message")
        with ui.element("div").classes("toy-stage"):
            self._drawing()
            with ui.element("div").classes("toy-sides"):
                self.sides = [_Side(i, name, self.start) for i, name in enumerate(FIRST)]
        with ui.expansion("What the words mean").classes("w-full toy-terms"):
            for term, meaning in TERMS.items():
                ui.label(f"{term}: {meaning}")

    # ------------------------------------------------------------------ what is on the page

    def _buttons(self) -> None:
        with ui.element("div").classes("studio-row toy-buttons"):
            self.step_button = ui.button("Step", icon="skip_next", on_click=told(self._step)).props("outline no-caps")
            self.play_button = ui.button("Play", icon="play_arrow", on_click=told(self._play)).props("no-caps")
            ui.button("Slower", icon="remove", on_click=lambda: self._faster(-1)).props("outline no-caps")
            ui.button("Faster", icon="add", on_click=lambda: self._faster(1)).props("outline no-caps")
            self.speed = ui.label().classes("toy-speed").props('aria-live="polite"')
            self.anew = ui.button("Start anew", icon="replay", on_click=self.start).props("outline no-caps")
        with ui.element("div").classes("studio-row toy-counts"):
            self.step_number = ui.label("step 0").classes("toy-step")
            for key, label in (("field", "Critic’s field"), ("arrows", "Gradients"), ("points", "Points")):
                box = ui.checkbox(label, value=True)
                box.on_value_change(lambda event, key=key: self._show(key, bool(event.value)))
            self.measured = ui.label("").classes("studio-quiet")
        self._speed = SPEEDS.index(next(speed for speed in SPEEDS if speed.frames == 20))
        self._faster(0)

    def _fields(self) -> None:
        names = {name: name for name in offered()}
        with ui.element("div").classes("studio-row toy-fields"):
            self.points = ui.select(names, value="ring", label="Points").props("outlined dense").classes("toy-select")
            self.points.on_value_change(self._chosen)
            self.numbers = {
                name: self._number(name, label, value, LARGEST.get(name))
                for name, label, value in (
                    ("seed", "Seed", 0), ("z", "Noise dimension", 2), ("batch", "Points a turn", 128),
                    ("width", "Units a layer", 64),
                )
            }  # fmt: skip

    def _number(self, name: str, label: str, value: int, most: int | None) -> ui.number:
        field = ui.number(label, value=value, min=0, max=most, step=1, format="%.0f").classes("toy-number")
        field.props("outlined dense").on("change", self.start)
        with field:
            ui.tooltip(f"A change of {label.lower()} starts anew, by Enter or when the field is left")
        return field

    def _drawing(self) -> None:
        with ui.element("div").classes("toy-drawing") as self.drawing:
            self.sheet = ui.element("canvas").props(
                'width=360 height=360 tabindex=0 role="application" aria-label="Draw points: with the pointer, or move '
                'by the arrow keys and put a point with space; backspace takes the last one away"'
            )
            with ui.element("div").classes("toy-drawing-words"):
                ui.label("Draw what is to be learned: with a mouse or a finger; or by arrow keys and space.")
                ui.label("Each point becomes a small Gaussian. The game starts anew whenever you let go.")
                ui.button("Clear", icon="clear", on_click=self._clear).props("outline no-caps")
        self.drawing.set_visibility(False)
        ui.on("toy-drawn", told(self._drew))

    # ------------------------------------------------------------------ what it does

    async def start(self) -> None:
        """Starts a game of what the fields say, in the place of the one there is; it plays on if that played."""
        async with self.one_by_one:
            self.anew.disable()
            try:
                await self._started()
            except UserError as error:
                complain(str(error))
            finally:
                self.anew.enable()

    async def _started(self) -> None:
        names = [side.chosen for side in self.sides if side.chosen != NONE]
        numbers = {name: whole(field.value, str(field.props["label"])) for name, field in self.numbers.items()}
        pair = await self.studio.work(_pair, names, str(self.points.value), list(self.drawn), numbers)
        if self.session is not None and not self.session.over:
            await asyncio.wrap_future(self.session.begin(pair))
        else:
            self.session = await self.studio.work(self.sessions.open, pair)
            self.session.speed = SPEEDS[self._speed]
            self._playing(False)
            self._in_browser("open", self.session.key, self._places())
        if self.left:
            return self.leave()
        systems = iter(pair.systems)
        for side in self.sides:
            side.show(next(systems) if side.chosen != NONE else None, self._change)

    def _places(self) -> dict[str, Any]:
        labels = {"step": self.step_number, "measured": self.measured, "message": self.message, "sheet": self.sheet}
        return {**{name: each.html_id for name, each in labels.items()}, "sides": [side.places for side in self.sides]}

    def _in_browser(self, function: str, *arguments: object) -> None:
        ui.context.client.run_javascript(f"energanToy.{function}({', '.join(map(json.dumps, arguments))})")

    def _game(self) -> Session:
        if self.session is None:
            raise UserError("there is no game: start anew")
        return self.session

    async def _change(self, change: Callable[[], None]) -> None:
        await asyncio.wrap_future(self._game().wish(change))

    async def _step(self) -> None:
        self._game().step()
        self._playing(False)

    async def _play(self) -> None:
        game = self._game()
        game.play(not game.playing)
        self._playing(game.playing)

    def _playing(self, playing: bool) -> None:
        self.play_button.set_text("Pause" if playing else "Play")
        self.play_button.set_icon("pause" if playing else "play_arrow")

    def refresh(self) -> None:
        """Shows whether the game plays: it stops by itself where all diverge, or nobody looks."""
        if self.session is not None:
            self._playing(self.session.playing and not self.session.over)

    def _faster(self, by: int) -> None:
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        self.speed.set_text(str(SPEEDS[self._speed]))
        if self.session is not None:
            self.session.speed = SPEEDS[self._speed]

    def _show(self, what: str, visible: bool) -> None:
        self._in_browser("show", what, visible)

    async def _chosen(self) -> None:
        by_hand = self.points.value == DRAWN
        self.drawing.set_visibility(by_hand)
        if not by_hand or self.drawn:
            await self.start()

    async def _drew(self, event: Any) -> None:
        self.drawn = received(event.args)
        if self.drawn and self.points.value == DRAWN:
            await self.start()

    def _clear(self) -> None:
        self.drawn = []
        self._in_browser("clear")

    def leave(self) -> None:
        """Ends the game of a client that has gone."""
        self.left = True
        if self.session is not None:
            self.session.end()


@final
class _Side:
    """One system: which, its picture, its curves, what can be changed, what to watch."""

    def __init__(self, number: int, name: str, chosen: Callable[[], Any]) -> None:
        options = {each: each for each in SYSTEMS} | ({NONE: "none"} if number else {})
        with ui.element("section").classes("toy-side").props(f'aria-label="System {number + 1}"'):
            self.system = ui.select(options, value=name, label=f"System {number + 1}").props("outlined dense")
            self.system.classes("toy-system").on_value_change(chosen)
            with ui.element("div").classes("toy-shown") as self.shown:
                with ui.element("div").classes("toy-picture"):
                    self.canvas = ui.element("canvas").props('width=480 height=480 role="img" aria-label="no game yet"')
                    self.told = ui.label("").classes("toy-told").props('role="status"')
                self.legend = ui.element("div").classes("toy-legend")
                self.watch = ui.label("")
                self.more = ui.element("div").classes("studio-quiet toy-more")
                self.numbers = ui.element("div").classes("studio-row toy-numbers")
                self.curves = ui.element("div").classes("toy-curves")

    @property
    def chosen(self) -> str:
        return str(self.system.value)

    @property
    def places(self) -> dict[str, str]:
        return {name: getattr(self, name).html_id for name in ("canvas", "told", "legend", "curves")}

    def show(self, system: System | None, change: Change) -> None:
        """Shows the words of the system, and what can be changed of it."""
        self.shown.set_visibility(system is not None)
        self.numbers.clear()
        self.more.clear()
        if system is not None:
            words = words_of(system.name)
            self.watch.set_text(words.watch)
            with self.more:
                ui.label("More:")
                for place in words.more:
                    ui.link(place, address_of(place), new_tab=True).props('rel="noopener noreferrer"')
            with self.numbers:
                controls(system, change)
                ui.label("A number counts from the next step on, by Enter or when its field is left.").classes(
                    "studio-quiet toy-hint"
                )


def _pair(names: list[str], points: str, drawn: list[tuple[float, float]], numbers: dict[str, int]) -> Pair:
    target = distribution(points, drawn)
    some, extent = shown(target)
    if points == DRAWN:
        extent = 1.0  # the square that it was drawn on
    return Pair(names, target, settings_of(**numbers), some, extent)
