"""What can be changed of one system as it plays: learning rates, and the numbers of the game."""

from collections.abc import Awaitable, Callable
from functools import partial

from nicegui import ui

from energan.studio.pages.frame import told
from energan.studio.pages.toy.system import System
from energan.utils.errors import UserError

Change = Callable[[Callable[[], None]], Awaitable[None]]  # makes a change between two steps


def controls(system: System, change: Change) -> None:
    """A field for each rate and each hyperparameter of the system."""
    meanings = system.trainer.game.meanings
    for who, rate in system.rates.items():
        _number(f"rate of {who}", rate, "the learning rate of this player", partial(system.set_rate, who), change)
    for which, value in system.hyperparameters.items():
        setter = partial(system.set_hyperparameter, which)
        _number(which, value, meanings.get(which, "a number of this game"), setter, change)


def _number(label: str, value: float, meaning: str, setter: Callable[[float], None], change: Change) -> None:
    @told
    async def changed() -> None:
        await change(partial(setter, number(field.value, label)))

    field = ui.number(label, value=value, format="%.6g").props("outlined dense step=any")
    field.classes("toy-number").on("change", changed)  # when it is left, or by Enter: not while one types
    with field:
        ui.tooltip(meaning)


def number(value: object, label: str) -> float:
    """The value as a number. UserError where a field is empty."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{label} is a number")
    return float(value)


def whole(value: object, label: str) -> int:
    """The value as a whole number. UserError where it is none."""
    given = number(value, label)
    if not given.is_integer():
        raise UserError(f"{label} is a whole number, not {given:g}")
    return int(given)
