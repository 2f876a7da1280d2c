"""A client's game in a thread of its own, and the bound on how many there are.

The thread plays up to a number of steps a frame, makes the frame, and keeps the newest only. A browser asks for the
next frame when it has drawn the last: one that is slow is sent fewer, and none waits in a queue.
"""

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NamedTuple, final

from energan.studio.pages.toy.frames import frame, opening
from energan.studio.pages.toy.system import Pair
from energan.utils.errors import UserError

MOST = 8  # games at a time

SILENT = 300.0  # seconds without a word of the browser after which a game ends

UNSEEN = 5.0  # seconds without a word after which it waits, as if paused; and may be ended for another's sake

AT_ONCE = 100  # steps that may be asked for at once

ENDED_BY_SILENCE = "This game ended after 5 minutes in which nobody looked: start anew."


SLOWEST = 5  # frames a second to which their number falls for the sake of steps


class Speed(NamedTuple):
    """`steps` steps in each frame, up to `frames` frames a second; fewer steps where else SLOWEST would not be had."""

    steps: int
    frames: int

    def __str__(self) -> str:
        if self.steps == 1:
            return f"1 step a frame, {'1 frame' if self.frames == 1 else f'{self.frames} frames'} a second"
        return f"up to {self.steps} steps a frame, {SLOWEST} to {self.frames} frames a second"

    def until(self, now: float, drawing: float) -> float:
        """When the steps of a frame that begins now are to end. drawing: seconds that the frame then takes."""
        return now + 1 / min(SLOWEST, self.frames) - drawing


SPEEDS = tuple(Speed(*each) for each in ((1, 1), (1, 5), (1, 20), (2, 20), (5, 20), (10, 20), (25, 20), (100, 20)))


@final
class Session:
    """A game that is played in a thread until it is ended, or nobody has looked for a while.

    Args:
        pair: What is played first.
        ended: Called with the session when it has ended.
    """

    def __init__(self, pair: Pair, ended: Callable[["Session"], None] = lambda session: None) -> None:
        self.key = secrets.token_urlsafe(16)
        self.over = ""  # why it has ended
        self.watchers = 0
        self.heard = time.monotonic()
        self.playing, self.speed = False, SPEEDS[2]
        self._ended = ended
        self._changed = threading.Condition()
        self._wishes: list[tuple[Callable[[], None], Future[None]]] = []
        self._steps = 0  # asked for one by one
        self._news: list[Callable[[], None]] = []
        self._pair = self._shown = pair
        self._drawing = 0.0  # seconds that the last frame took
        self._newest = 1, opening(pair), 1, frame(pair)
        self._thread = threading.Thread(target=self._run, name="energan-toy", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ what the page asks for

    def begin(self, pair: Pair) -> "Future[None]":
        """Plays this in the place of what was played."""

        def begun() -> None:
            self._pair = pair

        return self.wish(begun)

    def wish(self, change: Callable[[], None]) -> "Future[None]":
        """Calls `change` in the thread, between two steps, and then shows what there is. UserError if it has ended."""
        done: Future[None] = Future()
        with self._alive():
            self._wishes.append((change, done))
        return done

    def step(self, steps: int = 1) -> None:
        """Plays so many steps."""
        with self._alive():
            self.playing = False
            self._steps = min(AT_ONCE, self._steps + steps)

    def play(self, playing: bool) -> None:
        """Plays on, or pauses."""
        with self._alive():
            self.playing = playing

    @contextmanager
    def _alive(self) -> Iterator[None]:
        with self._changed:
            if self.over:
                raise UserError(self.over)
            self.heard = time.monotonic()
            yield
            self._changed.notify_all()

    def end(self, why: str = "This game has ended: start anew.") -> None:
        """Ends the thread, soon."""
        with self._changed:
            self.over = self.over or why
            self._changed.notify_all()
        self._tell()

    def join(self) -> None:
        self._thread.join(10)

    # ------------------------------------------------------------------ what a browser is sent

    @contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set whenever there is something new, or the game has ended."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def news() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

        with self._changed:
            self._news.append(news)
            self.watchers += 1
        try:
            yield event
        finally:
            with self._changed:
                self._news.remove(news)
                self.watchers -= 1

    def hear(self) -> None:
        """Notes that the browser is there, and has drawn what it was sent."""
        with self._changed:
            waited = time.monotonic() - self.heard > UNSEEN
            self.heard = time.monotonic()
            if waited:
                self._changed.notify_all()

    def newest(self) -> tuple[int, str, int, bytes]:
        """The opening's number, the opening, the frame's number, the frame: they belong together."""
        with self._changed:
            return self._newest

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        due = 0.0
        try:
            while not self.over:
                due = self._turn(due)
        except Exception:
            logging.getLogger("energan.studio").exception("a toy game broke off")
            self.end("This game broke off by an error of the program: start anew.")
        with self._changed:
            for _, done in self._wishes:
                done.set_exception(UserError(self.over))
        self._ended(self)

    def _turn(self, due: float) -> float:
        """Does what is asked for, plays a frame if one is due, waits. Returns when the next frame is due."""
        with self._changed:
            wishes, self._wishes, steps, self._steps = self._wishes, [], self._steps, 0
            speed, now = self.speed, time.monotonic()
            plays = self.playing and now - self.heard < UNSEEN
        before = self._pair, self._pair.t
        for change, done in wishes:
            try:
                change()
            except UserError as error:
                done.set_exception(error)
            else:
                done.set_result(None)
        if steps and self._pair is before[0]:  # they were asked of the game before
            self._pair.play(steps)
        elif plays and now >= due:
            due = max(due + 1 / speed.frames, now)
            end = speed.until(now, self._drawing)
            self._pair.play(speed.steps, lambda: time.monotonic() >= end)
        if wishes or (self._pair, self._pair.t) != before:
            self._show()
        if self._pair.over:
            self.playing = False
        if time.monotonic() - self.heard > SILENT:
            self.end(ENDED_BY_SILENCE)
        with self._changed:
            rest = due - time.monotonic() if self.playing and plays else 1.0
            if rest > 0:
                self._changed.wait_for(lambda: self._wishes or self._steps or self.over or self._resumed(plays), rest)
        return due

    def _show(self) -> None:
        opened, text, number, _ = self._newest
        if self._pair is not self._shown:
            self._shown, opened, text = self._pair, opened + 1, opening(self._pair)
        begun = time.monotonic()
        made = opened, text, number + 1, frame(self._pair)
        self._drawing = time.monotonic() - begun
        with self._changed:
            self._newest = made
        self._tell()

    def _resumed(self, played: bool) -> bool:
        return not played and self.playing and time.monotonic() - self.heard < UNSEEN

    def _tell(self) -> None:
        with self._changed:
            listeners = list(self._news)
        for news in listeners:
            news()


@final
class Sessions:
    """The games of all clients, by key; at most MOST."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[str, Session] = {}

    def open(self, pair: Pair) -> Session:
        """A game of its own. UserError where there are too many, all looked at."""
        with self._lock:
            self._all = {key: session for key, session in self._all.items() if not session.over}
            if len(self._all) >= MOST:
                self._forget_one()
            session = Session(pair, self._drop)
            self._all[session.key] = session
        return session

    def _forget_one(self) -> None:
        """Ends the game that was left longest ago."""
        left = [s for s in self._all.values() if not s.watchers and time.monotonic() - s.heard > UNSEEN]
        if not left:
            raise UserError(
                f"{MOST} toy games are open already, as many as may be: close one, and load this page again"
            )
        oldest = min(left, key=lambda session: session.heard)
        oldest.end("This game was left, and ended for another’s sake: start anew.")
        del self._all[oldest.key]

    def find(self, key: str) -> Session | None:
        with self._lock:
            return self._all.get(key)

    def _drop(self, session: Session) -> None:
        with self._lock:
            self._all.pop(session.key, None)

    def __len__(self) -> int:
        return len(self._all)

    def close(self) -> None:
        """Ends all."""
        with self._lock:
            every = list(self._all.values())
        for session in every:
            session.end()
        for session in every:
            session.join()
