"""Who may ask the studio: a browser that has the token, at this address, from the studio's own pages."""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import Any, final
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "energan-studio"

LONGEST = 2**28  # bytes of a request: a folder of pictures is dropped in several

KEPT = "/%:@!$&'()*+,;="  # of a path, besides letters and digits: all that an address may have there

STRANGER = (
    "Open the link that energan studio printed: it has a token. If the studio was started again, open the link that it "
    "printed then; links and tabs of before are no longer valid."
)

PAGE = """<!doctype html>
<html lang="en"><meta name="viewport" content="width=device-width"><title>Energan studio</title>
<body style="font: 1.1rem/1.5 sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem"><p>{}</p></body></html>
"""

HEADERS = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # scripts in the page are the framework's own; nothing is asked of another address
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        b"frame-ancestors 'none'; form-action 'self'; base-uri 'self'",
    ),
)


@final
class Guard:
    """An ASGI application that passes on what may be asked, and answers 403 to all else.

    `?token=…` of a link sets a cookie, which every other request must have; the address in the bar then has no token.
    The Host must be this address (another name that leads here would be another's page: DNS rebinding), and so must
    the Origin, where a browser sends one.

    Args:
        app: What is guarded.
        token: What the link has.
        port: The port of this address.
    """

    def __init__(self, app: App, token: str, port: int) -> None:
        self.app, self.token = app, token
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self.cookie = f"{COOKIE}-{port}"  # browsers share cookies between ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), None)
        if headers.get("host") not in self.hosts or not self._own(headers):
            return await refuse(scope, send, "this page belongs to another address")
        if scope["type"] == "http" and given is not None and self._right(given):
            return await self._enter(scope, [pair for pair in query if pair[0] != "token"], send)
        if not self._has_cookie(scope):
            return await refuse(scope, send, STRANGER)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LONGEST:
            return await refuse(scope, send, "more than 256 MiB at once: send fewer pictures", 413)
        return await self.app(scope, bounded(receive), with_headers(send))

    def _own(self, headers: dict[str, str]) -> bool:
        origin = headers.get("origin")
        return origin is None or origin.removeprefix("http://") in self.hosts

    def _has_cookie(self, scope: Scope) -> bool:
        """Whether any cookie of the name has the token, whatever other programs of this machine have set beside it."""
        texts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
        pairs = (pair.strip().partition("=") for text in texts for pair in text.split(";"))
        return any(name == self.cookie and self._right(value) for name, _, value in pairs)

    def _right(self, token: str) -> bool:
        return secrets.compare_digest(token.encode("latin-1", "replace"), self.token.encode())

    async def _enter(self, scope: Scope, query: list[tuple[str, str]], send: Send) -> None:
        """Sets the cookie, and sends the browser to the same page without the token."""
        asked = scope.get("raw_path") or scope["path"].encode()
        path = "/" + quote(asked, safe=KEPT).lstrip("/")  # as it was asked for, but never //elsewhere
        there = path + (f"?{urlencode(query)}" if query else "")
        cookie = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", there.encode()), (b"set-cookie", cookie.encode()), (b"content-length", b"0"), *HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def refuse(scope: Scope, send: Send, sentence: str, status: int = 403) -> None:
    """Answers with a sentence; closes a websocket before it opens."""
    if scope["type"] == "websocket":
        return await send({"type": "websocket.close", "code": 1008, "reason": sentence})
    body = PAGE.format(escape(sentence)).encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def bounded(receive: Receive) -> Receive:
    """The same, but a request's body ends where it is longer than may be, whatever its header said."""
    seen = 0

    async def received() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > LONGEST:
                return {"type": "http.disconnect"}
        return message

    return received


def with_headers(send: Send) -> Send:
    """The same, with HEADERS on every answer."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name for name, _ in HEADERS}
            message["headers"] = [*(h for h in message.get("headers", []) if h[0].lower() not in names), *HEADERS]
        await send(message)

    return sent
