"""What `make docs` builds: nothing is broken, and nothing is fetched by a reader's browser."""

from pathlib import Path

import pytest
from check import check

ROOT = Path(__file__).parents[2]


def site(folder: Path, **pages: str) -> Path:
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<!doctype html><html><body>{body}</body></html>")
    return folder


def test_a_sound_site(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    site(
        tmp_path,
        one='<h1 id="top">1</h1><a href="two.html#there">x</a><a href="#top">y</a><a href="https://example.org">z</a>',
        two='<p id="there"><img src="a.png"><img src="data:image/png;base64,"><link rel="canonical" href="https://x/">',
    )
    assert check(tmp_path) == ([], 1)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">x</a>', "links to gone.html, which is not there"),
        ('<a href="#gone">x</a>', "links to #gone, whose page has no such place"),
        ('<img src="gone.png">', "loads gone.png, which is not there"),
        ('<script src="https://cdn.example/x.js"></script>', "loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "loads //fonts.example/x.css"),
        ('<p style="background: url(https://x.example/a.png)">', "loads https://x.example/a.png"),
        ("<style>@import 'https://x.example/a.css';</style>", "loads https://x.example/a.css"),
        ('<img srcset="https://x.example/a.png 2x">', "loads https://x.example/a.png"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, body: str, fault: str) -> None:
    assert check(site(tmp_path, page=body)).faults == [f"page.html {fault}"]


def test_a_style_that_loads_from_outside_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@font-face { src: url('https://fonts.example/a.woff2') }")
    assert check(tmp_path).faults == ["a.css loads https://fonts.example/a.woff2"]
