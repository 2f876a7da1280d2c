"""The websocket of a game: the browser says that it has drawn, and is sent what is newest, once there is something."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from energan.studio.pages.toy.session import Session, Sessions

if TYPE_CHECKING:
    from fastapi import WebSocket

ENDED = 4000  # code of the closing whose reason is to be shown

QUIET = 2.0  # seconds after which the browser is asked whether it is still there; a server that ends waits for it


async def feed(socket: "WebSocket", session: Session) -> None:
    """Sends openings (text) and frames (bytes) of the session; empty text where there was nothing new for a while."""
    opened = number = 0
    with session.watched() as news:
        while True:
            await socket.receive_text()
            session.hear()
            while not session.over and session.newest()[2] == number:
                news.clear()
                if session.newest()[2] != number:
                    break
                try:
                    await asyncio.wait_for(news.wait(), QUIET)
                except TimeoutError:
                    break
            if session.over:
                return await socket.close(ENDED, session.over)
            now, text, latest, data = session.newest()
            if latest == number:
                await socket.send_text("")
                continue
            if now != opened:
                await socket.send_text(text)
            await socket.send_bytes(data)
            opened, number = now, latest


def register(sessions: Sessions) -> None:
    """Registers the path of all games' websockets; a game is found by its key, which only its page was told."""
    from fastapi import WebSocket, WebSocketDisconnect
    from nicegui import app

    @app.websocket("/toy/frames/{key}")
    async def frames(socket: WebSocket, key: str) -> None:
        await socket.accept()
        session = sessions.find(key)
        with suppress(WebSocketDisconnect, RuntimeError):  # the browser has gone, while it was waited for or sent to
            if session is None:
                return await socket.close(ENDED, "This game has ended: start anew.")
            await feed(socket, session)

    app.on_shutdown(sessions.close)
