"""What a page had is gone when it was closed: what was scored, drawn or dropped on it, however often."""

import gc
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nicegui", reason="needs energan[studio]")

from nicegui import Client, ui

from energan.studio.pages.closed import give_back
from energan.studio.pages.judge.comparing import comparing
from energan.studio.pages.judge.pictures import Given
from energan.studio.pages.judge.scoring import Scoring, scoring
from energan.studio.pages.play.pictures import dropped


class Held:
    """What a page has."""


def pages(tmp_path: Any) -> dict[str, tuple[type, Callable[[], object]]]:
    studio: Any = SimpleNamespace(data=(), uploads=tmp_path, runs=SimpleNamespace(folder=tmp_path))

    def drops() -> None:
        held = Held()

        async def take(image: Any) -> None:
            vars(held)["image"] = image

        dropped(SimpleNamespace(studio=studio), "Your picture", take)  # type: ignore[arg-type]
        vars(ui.context.client)["held"] = held

    return {
        "score": (Scoring, lambda: scoring(studio, ["run"], "run")),
        "compare": (Given, lambda: comparing(studio)),
        "drop": (Held, drops),
    }


@pytest.mark.parametrize("name", ["score", "compare", "drop"])
def test_what_a_page_had_is_gone_when_it_was_closed(name: str, tmp_path: Any) -> None:
    kind, draw = pages(tmp_path)[name]
    before = {id(each) for each in gc.get_objects() if type(each) is kind}
    client = Client(ui.page(f"/{name}"), request=None)
    with client:
        draw()
    there = [weakref.ref(each) for each in gc.get_objects() if type(each) is kind and id(each) not in before]
    assert there
    client.delete()
    del client
    give_back()
    assert not [each for each in there if each() is not None]
