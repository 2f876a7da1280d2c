"""The toy game: its numbers are Trainer's, its frames tell what there is, its thread ends; and its page."""

import asyncio
import base64
import json
import re
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from browser import eventually
from torch import Tensor

pytest.importorskip("nicegui", reason="needs energan[studio]")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from energan.data import toys
from energan.engine import Trainer, leaves
from energan.engine.game import Batch
from energan.engine.rng import seeded
from energan.lab.modes.systems import SYSTEMS
from energan.studio.pages.toy import session as sessions
from energan.studio.pages.toy.controls import number, whole
from energan.studio.pages.toy.feed import ENDED, feed
from energan.studio.pages.toy.frames import arrows, frame, heights, opening, places
from energan.studio.pages.toy.points import DRAWN, MOST, SHOWN, distribution, offered, received, shown
from energan.studio.pages.toy.session import Session, Sessions, Speed
from energan.studio.pages.toy.system import ARROWS, SIDE, Pair, System, settings_of, square
from energan.studio.pages.toy.words import WORDS, address_of, words_of
from energan.utils.errors import UserError
from tests.studio.conftest import Server

SMALL = {"batch": 4, "width": 4}


def pair(*names: str, seed: int = 0, points: str = "ring") -> Pair:
    target = distribution(points)
    some, extent = shown(target)
    return Pair(list(names or ("GAN",)), target, settings_of(seed, **SMALL), some, extent)


def by_trainer(name: str, seed: int, steps: int, target: toys.Distribution) -> tuple[Trainer, dict[str, Tensor]]:
    """What the engine gives by itself."""
    settings = settings_of(seed, **SMALL)
    with seeded(seed):
        game = SYSTEMS[name](settings)
    trainer = Trainer(game, toys.source(target, settings.batch, seed), seed=seed)
    logs: dict[str, Tensor] = {}
    for _ in range(steps):
        logs = trainer.step()
    return trainer, logs


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_has_the_numbers_of_trainer_whatever_is_looked_at(name: str) -> None:
    game = pair(name, seed=3)
    for _ in range(3):
        game.step()
        assert game.systems[0].look() is not None
    trainer, logs = by_trainer(name, 3, 3, toys.ring())
    assert game.systems[0].logs == {key: float(value) for key, value in logs.items()}
    ours, theirs = (dict(leaves(each.state())) for each in (game.systems[0].trainer, trainer))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_both_sides_play_the_same_points_with_one_seed_and_are_in_step() -> None:
    game = pair("GAN", "WGAN", seed=5)
    game.play(2)
    for system in game.systems:
        trainer, _ = by_trainer(system.name, 5, 2, toys.ring())
        assert torch.equal(system.trainer.nets["G"].net[0].weight, trainer.nets["G"].net[0].weight)  # type: ignore[index,union-attr]
    assert torch.equal(game.systems[0].trainer.data(7)["x"], game.systems[1].trainer.data(7)["x"])
    assert [game.t, *(system.trainer.t for system in game.systems)] == [2, 2, 2]


def test_a_rate_of_zero_holds_a_player_and_a_rate_given_back_changes_nothing() -> None:
    system = pair().systems[0]
    before = {who: [w.clone() for w in net.parameters()] for who, net in system.trainer.nets.items()}
    system.set_rate("G", 0.0)
    system.step()
    moved = {
        who: any(not torch.equal(a, b) for a, b in zip(before[who], net.parameters(), strict=True))
        for who, net in system.trainer.nets.items()
    }
    assert moved == {"G": False, "D": True}
    other = pair().systems[0]
    other.set_rate("G", 0.5)
    other.set_rate("G", other._first["G"])
    other.step()
    trainer, _ = by_trainer("GAN", 0, 1, toys.ring())
    assert torch.equal(next(other.trainer.nets["G"].parameters()), next(trainer.nets["G"].parameters()))


def test_half_the_rate_is_half_the_first_step() -> None:
    whole_one, half = (pair().systems[0] for _ in range(2))
    half.set_rate("D", whole_one.rates["D"] / 2)
    start = next(half.trainer.nets["D"].parameters()).detach().clone()
    for system in (whole_one, half):
        system.step()
    far, near = (next(s.trainer.nets["D"].parameters()).detach() - start for s in (whole_one, half))
    torch.testing.assert_close(near, far / 2, rtol=1e-3, atol=1e-7)  # Adam's first step is as long as its rate


def test_a_hyperparameter_counts_from_the_next_step_on() -> None:
    system = pair("EBGAN").systems[0]
    system.set_hyperparameter("margin", 0.0)
    system.step()
    assert system.logs["D/[m-E(G(z))]+"] == 0.0
    system.set_hyperparameter("margin", 100.0)
    system.step()
    assert system.logs["D/[m-E(G(z))]+"] == pytest.approx(100 - system.logs["D/E(G(z))"], rel=1e-5)


def test_the_field_is_the_reading_and_arrows_are_its_gradient() -> None:
    system = pair("WGAN").systems[0]
    look = system.look()
    assert look is not None
    x = square(system.extent, SIDE)
    assert torch.equal(look.field, system.trainer.nets["f"](x).detach())
    assert x[0].tolist() == pytest.approx([-system.extent] * 2) and x[1, 0] > x[0, 0]  # row by row from below
    middle = square(system.extent * (1 - 1 / ARROWS), ARROWS)[40].double()
    f = system.trainer.nets["f"].double()
    ahead, behind = (f(middle + sign * torch.eye(2, dtype=torch.float64) * 1e-6).detach() for sign in (1, -1))
    torch.testing.assert_close(look.gradients[40].double(), (ahead - behind) / 2e-6, rtol=1e-3, atol=1e-5)


def test_an_energy_is_an_error_and_a_score_is_high_for_real() -> None:
    for name, errors in (("EBGAN", True), ("GAN", False)):
        system = pair(name).systems[0]
        x = torch.tensor([[0.3, -0.2]])
        game = system.trainer.game
        assert system.reads_errors is errors and game.energy is not None
        energy = game.energy(system.trainer.players, Batch({"x": x}))
        assert torch.equal(system._reading(x), energy if errors else -energy)


def test_divergence_is_told_and_the_other_side_plays_on() -> None:
    game = pair("GAN", "WGAN")
    game.systems[0].set_rate("G", 1e38)
    game.play(4)
    body = frame(game)
    told = game.systems[0].told
    assert told.startswith("GAN diverged at step") and told.endswith("Start anew, with lower rates.")
    head = json.loads(body[4 : 4 + struct.unpack("<I", body[:4])[0]])
    assert head["systems"][0] == {"logs": {}, "told": told} and head["step"] == game.t == 4
    assert head["systems"][1]["told"] == "" and not game.over
    stays = game.systems[0].trainer.t
    game.step()
    assert game.systems[0].trainer.t == stays and game.systems[1].trainer.t == 5


# ---------------------------------------------------------------- points


def test_what_is_drawn_becomes_gaussians_there() -> None:
    points = distribution(DRAWN, [(0.5, -0.5), (-1.0, 1.0)]).sample(torch.Generator().manual_seed(0), 400)
    near = torch.cdist(points, torch.tensor([[0.5, -0.5], [-1.0, 1.0]])).min(1)
    assert near.values.max() < 0.12 and 150 < int(near.indices.sum()) < 250


def test_only_toys_of_the_plane_are_offered_and_all_are_in_the_picture() -> None:
    assert "two-gaussians" not in offered() and {"ring", "grid", "swiss-roll", DRAWN} <= set(offered())
    for name in offered()[:-1]:
        points, extent = shown(distribution(name))
        assert points.shape == (SHOWN, 2) and points.abs().max() < extent


@pytest.mark.parametrize(
    "act",
    [
        lambda: distribution("two-gaussians"),
        lambda: distribution("<b>"),
        lambda: distribution(DRAWN),
        lambda: distribution(DRAWN, [(0.0, 0.0)] * (MOST + 1)),
        lambda: distribution(DRAWN, [(0.0, 1.5)]),
        lambda: distribution(DRAWN, [(0.0, float("nan"))]),
        lambda: received({"points": [[0]]}),
        lambda: received({"points": "a"}),
        lambda: received(None),
        lambda: received([["a", "b"]]),
        lambda: settings_of(seed=-1),
        lambda: settings_of(batch=1),
        lambda: settings_of(z=0),
        lambda: settings_of(width=10_000),
        lambda: System("LSGAN", toys.ring(), settings_of(), 1.0),
        lambda: pair().systems[0].set_rate("G", float("nan")),
        lambda: pair().systems[0].set_rate("G", -1.0),
        lambda: pair().systems[0].set_rate("f", 1.0),
        lambda: pair().systems[0].set_hyperparameter("smoothing", float("inf")),
        lambda: pair().systems[0].set_hyperparameter("margin", 1.0),
        lambda: number(None, "rate of G"),
        lambda: whole(2.5, "Seed"),
    ],
)
def test_bad_input_is_one_sentence(act: Callable[[], object]) -> None:
    with pytest.raises(UserError) as error:
        act()
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- frames


def test_quantised_points_come_back_and_those_outside_are_marked() -> None:
    points = torch.tensor([[-2.0, 2.0], [0.0, 0.5], [2.1, 0.0], [1.0, -float(3)]])
    data, outside = places(points, 2.0)
    read = np.frombuffer(data, "<u2").reshape(-1, 2).astype(float)
    assert outside == 2 and read[2:].tolist() == [[0, 0], [0, 0]]
    np.testing.assert_allclose(((read[:2] - 1) / 65534 * 2 - 1) * 2, points[:2], atol=2 / 65534)


def test_heights_and_arrows_have_their_scale_also_where_all_is_flat() -> None:
    data, low, high = heights(torch.tensor([-1.0, 0.0, 3.0]))
    assert (list(data), low, high) == ([0, 64, 255], -1.0, 3.0)
    assert list(heights(torch.zeros(3))[0]) == [128] * 3
    data, longest = arrows(torch.tensor([[3.0, 4.0], [0.0, -2.5]]))
    assert longest == 5.0 and np.frombuffer(data, "i1").tolist() == [76, 102, 0, -64]
    assert arrows(torch.zeros(2, 2)) == (bytes(4), 0.0)


def test_a_frame_is_a_head_and_what_the_opening_says_of_each_system() -> None:
    game = pair("GAN", "EBGAN")
    game.step()
    begun, body = json.loads(opening(game)), frame(game)
    (length,) = struct.unpack("<I", body[:4])
    head = json.loads(body[4 : 4 + length])
    each = 4 * begun["shown"] + begun["side"] ** 2 + 2 * begun["arrows"] ** 2
    assert len(body) == 4 + length + 2 * each < 12_000
    assert len(base64.b64decode(begun["points"])) == 4 * SHOWN
    assert [s["name"] for s in begun["systems"]] == ["GAN", "EBGAN"]
    assert [s["errors"] for s in begun["systems"]] == [False, True]
    assert head["step"] == 1 and head["systems"][0]["logs"].keys() == game.systems[0].logs.keys()
    for system, named in zip(game.systems, begun["systems"], strict=True):
        assert {name.partition("/")[2] for name in system.logs} <= named["meanings"].keys()


def test_each_system_has_words_of_its_own() -> None:
    assert WORDS.keys() == SYSTEMS.keys() and len({words.watch for words in WORDS.values()}) == len(WORDS)


def test_words_of_a_system_lead_to_pages() -> None:
    places = {place for words in [*WORDS.values(), words_of("unknown")] for place in words.more}
    for place in places:
        kind, _, number = place.partition(":")
        if kind == "arXiv":
            assert re.fullmatch(r"\d{4}\.\d{5}|\d{4}\.\d{4}", number)
            assert address_of(place) == f"https://arxiv.org/abs/{number}"
        else:
            assert (Path(__file__).parents[2] / place).is_file() and address_of(place).endswith(f"main/{place}")


# ---------------------------------------------------------------- the thread


def test_frames_give_way_to_steps_down_to_five_a_second() -> None:
    fast = Speed(25, 20)
    assert fast.until(10.0, drawing=0.05) == pytest.approx(10.15)
    assert Speed(1, 1).until(10.0, drawing=0.0) == 11.0
    assert str(fast) == "up to 25 steps a frame, 5 to 20 frames a second"
    assert str(Speed(1, 1)) == "1 step a frame, 1 frame a second"


@pytest.mark.parametrize(("speed", "steps", "frames"), [(Speed(1, 20), 20, 20), (Speed(25, 20), 70, 5)])
def test_faster_plays_more_steps_a_second_where_a_frame_costs_three_steps(
    speed: Speed, steps: int, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, shown, game = [0.0], [0], pair()

    def spend(seconds: float) -> None:
        now[0] += seconds

    def drawn(_: object) -> bytes:
        spend(0.03)
        shown[0] += 1
        return b""

    def played() -> None:
        spend(0.01)
        game.t += 1

    monkeypatch.setattr(sessions.threading.Thread, "start", lambda thread: None)  # turns are taken here
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sessions, "frame", drawn)
    monkeypatch.setattr(game, "step", played)
    session = Session(game)
    monkeypatch.setattr(session._changed, "wait_for", lambda holds, rest: spend(rest))
    session.speed, session.playing, due, until = speed, True, 0.0, now[0] + 1
    shown[0] = 0
    while now[0] < until - 1e-9:
        session.hear()
        due = session._turn(due)
    assert steps <= game.t <= steps + 20 and frames <= shown[0] <= frames + 1


@pytest.fixture
def games() -> Iterator[Sessions]:
    games = Sessions()
    yield games
    games.close()
    assert len(games) == 0


def step_of(session: Session) -> int:
    body = session.newest()[3]
    return int(json.loads(body[4 : 4 + struct.unpack("<I", body[:4])[0]])["step"])


def test_steps_that_are_asked_for_are_played_and_shown(games: Sessions) -> None:
    session = games.open(pair())
    session.step(3)
    eventually(lambda: step_of(session) == 3)
    session.play(True)
    eventually(lambda: step_of(session) > 5)
    session.play(False)
    time.sleep(0.2)
    stays = session.newest()[2]
    time.sleep(0.3)
    assert session.newest()[2] == stays


def test_another_game_begins_with_an_opening_of_its_own(games: Sessions) -> None:
    session = games.open(pair("GAN"))
    session.step(2)
    session.begin(pair("WGAN", seed=1)).result(30)
    eventually(lambda: session.newest()[0] == 2)
    assert json.loads(session.newest()[1])["systems"][0]["name"] == "WGAN" and step_of(session) == 0


def test_a_change_that_cannot_be_is_told_and_the_game_goes_on(games: Sessions) -> None:
    game = pair()
    session = games.open(game)
    with pytest.raises(UserError, match="rate of G"):
        session.wish(lambda: game.systems[0].set_rate("G", -1.0)).result(30)
    session.wish(lambda: game.systems[0].set_rate("G", 0.5)).result(30)
    assert game.systems[0].rates["G"] == 0.5 and not session.over


def test_a_game_that_nobody_looks_at_waits_and_then_ends(games: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "UNSEEN", 0.0)
    session = games.open(pair())
    session.play(True)
    time.sleep(0.2)
    assert step_of(session) == 0
    monkeypatch.setattr(sessions, "SILENT", 0.0)
    eventually(lambda: session.over and not len(games))
    assert session.over == sessions.ENDED_BY_SILENCE
    with pytest.raises(UserError, match="nobody looked"):
        session.play(True)


def test_an_error_of_the_program_ends_the_game_with_a_sentence(
    games: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    session = games.open(pair())
    session.wish(lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    eventually(lambda: session.over)
    assert "error of the program" in session.over and "ZeroDivisionError" in caplog.text


def test_one_game_too_many_is_refused_unless_another_was_left(games: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    first = games.open(pair())
    games.open(pair())
    with pytest.raises(UserError, match="2 toy games are open already"):
        games.open(pair())
    first.heard -= 2 * sessions.UNSEEN
    games.open(pair())
    assert len(games) == 2 and "for another’s sake" in first.over and games.find(first.key) is None


def test_a_slow_browser_is_sent_the_newest_frame_and_none_waits(games: Sessions) -> None:
    sent: list[Any] = []

    async def watch() -> None:
        asked: asyncio.Queue[str] = asyncio.Queue()
        socket = SimpleNamespace(receive_text=asked.get, send_text=None, send_bytes=None, close=None)
        for name in ("send_text", "send_bytes", "close"):

            async def note(*given: Any, name: str = name) -> None:
                sent.append((name, *given))

            setattr(socket, name, note)
        session = games.open(pair())
        task = asyncio.create_task(feed(socket, session))  # type: ignore[arg-type]
        asked.put_nowait("next")
        while len(sent) < 2:
            await asyncio.sleep(0.01)
        session.step(3)  # nobody has asked meanwhile
        while step_of(session) < 3:
            await asyncio.sleep(0.01)
        session.step(4)
        while step_of(session) < 7:
            await asyncio.sleep(0.01)
        assert len(sent) == 2
        asked.put_nowait("next")
        while len(sent) < 3:
            await asyncio.sleep(0.01)
        session.end("the end")
        asked.put_nowait("next")
        await asyncio.wait_for(task, 30)
        assert not session.watchers

    asyncio.run(watch())
    assert [name for name, *_ in sent] == ["send_text", "send_bytes", "send_bytes", "close"]
    assert b'"step":0' in sent[1][1] and b'"step":7' in sent[2][1] and sent[3][1:] == (ENDED, "the end")


# ---------------------------------------------------------------- the page


def press(browser: webdriver.Chrome, element: WebElement) -> None:
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def button(browser: webdriver.Chrome, text: str) -> None:
    press(browser, next(b for b in browser.find_elements(By.TAG_NAME, "button") if text in b.text))


def choose(browser: webdriver.Chrome, label: str, text: str) -> None:
    press(browser, next(s for s in browser.find_elements(By.CSS_SELECTOR, ".q-select") if label in s.text))
    options: list[Any] = []
    eventually(lambda: options.extend(browser.find_elements(By.CSS_SELECTOR, ".q-menu .q-item")) or options)
    next(option for option in options if option.text.strip() == text).click()


def label_of(browser: webdriver.Chrome, side: int) -> str:
    canvas = browser.find_elements(By.CSS_SELECTOR, ".toy-picture canvas")[side]
    return canvas.get_attribute("aria-label") or ""


def fill(browser: webdriver.Chrome, label: str, text: str) -> None:
    field = browser.find_element(By.CSS_SELECTOR, f"input[aria-label='{label}']")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text, Keys.ENTER)


@pytest.mark.browser
def test_the_page_plays_steps_draws_and_tells(studio_server: Server, studio_browser: webdriver.Chrome) -> None:
    browser = studio_browser
    browser.get(f"{studio_server.address}/toy")
    eventually(lambda: label_of(browser, 1).startswith("WGAN-GP at step 0"))
    button(browser, "Step")
    eventually(lambda: label_of(browser, 0).startswith("GAN at step 1:"))
    curves = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".toy-curve")]
    _, logs = by_trainer_as_page("GAN")
    assert f"D/loss {float(logs['D/loss']):.4g}" in curves  # the number that Python gives
    fill(browser, "rate of G", "1e38")
    button(browser, "Play")
    eventually(lambda: "GAN diverged at step" in label_of(browser, 0))
    assert "diverged" in browser.find_element(By.CSS_SELECTOR, ".toy-told").text
    choose(browser, "System 2", "none")
    choose(browser, "Points", DRAWN)
    sheet = browser.find_element(By.CSS_SELECTOR, ".toy-drawing canvas")
    eventually(sheet.is_displayed)
    sheet.send_keys(Keys.ARROW_RIGHT, " ", Keys.ARROW_UP, " ", Keys.BACKSPACE)
    eventually(lambda: not browser.find_element(By.CSS_SELECTOR, ".toy-told").text)
    painted = "return [...arguments[0].getContext('2d').getImageData(0, 0, 360, 360).data].some((v) => v)"
    assert browser.execute_script(painted, sheet)
    fill(browser, "Units a layer", "9999")
    notes = (By.CSS_SELECTOR, ".q-notification")
    eventually(lambda: any("more than the 256" in note.text for note in browser.find_elements(*notes)))
    fill(browser, "Units a layer", "9998")
    eventually(lambda: "9,998" in "".join(note.text for note in browser.find_elements(*notes)))
    eventually(lambda: len(browser.find_elements(*notes)) == 1)  # one at a time
    button(browser, "Step")
    eventually(lambda: not browser.find_elements(*notes))


def by_trainer_as_page(name: str) -> tuple[Trainer, dict[str, Tensor]]:
    settings = settings_of()
    with seeded(settings.seed):
        game = SYSTEMS[name](settings)
    trainer = Trainer(game, toys.source(toys.ring(), settings.batch, settings.seed), seed=settings.seed)
    return trainer, trainer.step()
