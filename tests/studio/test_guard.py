"""Without the token nothing answers; another page's requests, and another name of this address, never."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from energan.studio.guard import LONGEST, STRANGER, Guard, Message, Receive, Scope, Send, refuse

TOKEN, PORT = "s3cret-token", 7860
COOKIE = f"energan-studio-{PORT}={TOKEN}"
HERE = {"host": f"127.0.0.1:{PORT}"}


def ask(
    headers: Mapping[str, str],
    path: str = "/",
    query: str = "",
    kind: str = "http",
    body: tuple[bytes, ...] = (b"",),
    raw_path: bytes | None = None,
) -> list[Message]:
    """What the guard sends for a request; the application behind it reads the body and answers 200."""
    sent: list[Message] = []
    left = list(body)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            return await send({"type": "websocket.accept"})
        while (await receive())["type"] == "http.request" and left:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Frame-Options", b"ALLOW")]})

    async def receive() -> Message:
        part = left.pop(0) if left else b""
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": kind, "path": path, "raw_path": raw_path, "query_string": query.encode(), "method": "POST",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(Guard(app, TOKEN, PORT)(scope, receive, send))
    return sent


def status(**given: Any) -> int:
    return int(ask(**given)[0]["status"])


def test_the_link_sets_a_cookie_and_leaves_no_token_in_the_address() -> None:
    answer = ask(HERE, "/run/a b", f"x=1&token={TOKEN}")[0]
    headers = dict(answer["headers"])
    assert answer["status"] == 303 and headers[b"location"] == b"/run/a%20b?x=1"
    assert headers[b"set-cookie"] == f"{COOKIE}; Path=/; HttpOnly; SameSite=Strict".encode()
    assert status(headers={**HERE, "cookie": f"a=b; {COOKIE}"}) == 200


@pytest.mark.parametrize("path", ["//elsewhere.org/x", "/\\elsewhere.org", "\\\\elsewhere.org"])
def test_the_link_leads_nowhere_else(path: str) -> None:
    location = dict(ask(HERE, path, f"token={TOKEN}")[0]["headers"])[b"location"]
    assert location.startswith(b"/") and location[1:2] not in (b"/", b"\\")


@pytest.mark.parametrize(
    ("raw", "there"),
    [
        ("/run/%C3%BCn%20x", "/run/%C3%BCn%20x"),
        ("/run/a%0d%0ab%3Fc%23d%2Fe%FF", "/run/a%0d%0ab%3Fc%23d%2Fe%FF"),
        ("/run/ü\r\n?#", "/run/%C3%BC%0D%0A%3F%23"),
        ("//elsewhere.org/%5c", "/elsewhere.org/%5c"),
        ("\\\\elsewhere.org", "/%5C%5Celsewhere.org"),
    ],
)
def test_the_link_keeps_the_path_as_it_was_asked_for(raw: str, there: str) -> None:
    for given in ({"raw_path": raw.encode()}, {"path": raw}):
        headers = dict(ask(HERE, query=f"token={TOKEN}", **given)[0]["headers"])
        assert headers[b"location"] == there.encode()


@pytest.mark.parametrize(
    "other",
    [
        'prefs={"theme": "dark"}',
        "x",
        "a b=c",
        "=",
        '"',
        "a=\xff",
        f"energan-studio-{PORT}=old",
        f"energan-studio-{PORT}",
    ],
)
def test_cookies_of_other_programs_lock_nobody_out(other: str) -> None:
    for text in (f"{other}; {COOKIE}", f"{COOKIE}; {other}", f"{other};{COOKIE};"):
        assert status(headers={**HERE, "cookie": text}) == 200
    assert status(headers={**HERE, "cookie": other}) == 403


@pytest.mark.parametrize(
    "headers",
    [
        HERE,
        {**HERE, "cookie": f"energan-studio-{PORT}=wrong"},
        {**HERE, "cookie": f"energan-studio-{PORT}="},
        {**HERE, "cookie": f"energan-studio-1={TOKEN}"},
        {**HERE, "cookie": "\x00;=;\xff"},
        {**HERE, "cookie": COOKIE, "origin": "http://elsewhere.org"},
        {**HERE, "cookie": COOKIE, "origin": "null"},
        {**HERE, "cookie": COOKIE, "origin": f"http://127.0.0.1:{PORT + 1}"},
        {**HERE, "cookie": COOKIE, "origin": f"https://127.0.0.1:{PORT}"},
        {"host": f"elsewhere.org:{PORT}", "cookie": COOKIE},
        {"host": "127.0.0.1", "cookie": COOKIE},
        {"cookie": COOKIE},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_all_others_are_refused(headers: dict[str, str], kind: str) -> None:
    answer = ask(headers, kind=kind)[0]
    assert answer.get("status", 403) == 403 and answer["type"] in ("http.response.start", "websocket.close")


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "ünïcode", "%00"])
def test_a_wrong_token_of_a_link_is_refused(token: str) -> None:
    assert status(headers=HERE, query=f"token={token}") == 403


def test_the_studio_s_own_pages_are_answered() -> None:
    own = {**HERE, "cookie": COOKIE, "origin": f"http://127.0.0.1:{PORT}"}
    assert status(headers=own) == 200
    assert ask(own, kind="websocket") == [{"type": "websocket.accept"}]
    assert status(headers={**own, "host": f"localhost:{PORT}", "origin": f"http://localhost:{PORT}"}) == 200


def test_every_answer_forbids_frames_and_other_addresses() -> None:
    for headers in (HERE, {**HERE, "cookie": COOKIE}):
        sent = [(name.lower(), value) for name, value in ask(headers)[0]["headers"]]
        assert [value for name, value in sent if name == b"x-frame-options"] == [b"DENY"]
        assert b"connect-src 'self'" in dict(sent)[b"content-security-policy"]


def test_a_request_is_bounded_whatever_its_header_says() -> None:
    own = {**HERE, "cookie": COOKIE}
    assert status(headers={**own, "content-length": str(LONGEST + 1)}) == 413
    assert status(headers={**own, "content-length": "-1"}) == 413
    half = bytes(LONGEST // 2)
    assert status(headers=own, body=(half, half, b"x", b"never read")) == 200  # the application saw it end


def test_what_is_refused_is_told_on_a_page_for_any_screen() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(refuse({"type": "http"}, send, "<b> & another"))
    body = sent[1]["body"]
    assert b"width=device-width" in body and b"<p>&lt;b&gt; &amp; another</p>" in body
    assert (b"content-length", str(len(body)).encode()) in sent[0]["headers"]
    assert STRANGER.encode() in ask(HERE)[1]["body"] and "started again" in STRANGER
