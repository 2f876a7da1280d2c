"""Checks a built site: `python docs/mkdocs/check.py site`. A fault fails.

Every link, anchor and picture inside the site leads somewhere, and no page loads anything from outside: scripts,
styles, fonts, pictures and frames are the site's own. Links to other sites are counted, and not followed.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

LOADED = {  # tag -> the attribute by which it loads
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src",
    "object": "data", "track": "src",
}  # fmt: skip
LINKED_ONLY = {"canonical", "next", "prev", "alternate"}  # of <link>: a browser loads none of these
IN_STYLES = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


class Page(HTMLParser):
    """The places that a page has, what it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and not LINKED_ONLY & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))
        if tag in LOADED and LOADED[tag] in given:
            self.loads.append(given[LOADED[tag]])
        self.loads += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]
        self.loads += [a or b for a, b in IN_STYLES.findall(given.get("style", ""))]
        self.style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self.style:
            self.loads += [a or b for a, b in IN_STYLES.findall(data)]


class Checked(NamedTuple):
    """What is wrong, and how many links lead elsewhere."""

    faults: list[str]
    outside: int


def outside(address: str) -> bool:
    return bool(urlsplit(address).scheme or urlsplit(address).netloc)


def check(site: Path) -> Checked:
    """The faults of all pages and styles below a folder."""
    pages = {path.resolve(): Page(path.read_text()) for path in sorted(site.rglob("*.html"))}
    faults: list[str] = []
    elsewhere = 0
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for address in page.loads:
            if address.startswith("data:"):
                continue
            if outside(address):
                faults.append(f"{name} loads {address}")
            elif not place(path, address, site).is_file():
                faults.append(f"{name} loads {address}, which is not there")
        for address in page.links:
            if outside(address):
                elsewhere += 1
                continue
            target, anchor = place(path, address, site), unquote(urlsplit(address).fragment)
            if not target.is_file():
                faults.append(f"{name} links to {address}, which is not there")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                faults.append(f"{name} links to {address}, whose page has no such place")
    for path in sorted(site.rglob("*.css")):
        for found in IN_STYLES.findall(path.read_text()):
            address = found[0] or found[1]
            if outside(address) and not address.startswith("data:"):
                faults.append(f"{path.relative_to(site)} loads {address}")
    return Checked(faults, elsewhere)


def place(page: Path, address: str, site: Path) -> Path:
    """The file that an address on a page names."""
    path = unquote(urlsplit(address).path)
    if not path:
        return page
    target = (site.resolve() / path.lstrip("/") if path.startswith("/") else page.parent / path).resolve()
    return target / "index.html" if target.is_dir() else target


if __name__ == "__main__":
    found = check(Path(sys.argv[1]))
    print(*found.faults, sep="\n")
    print(f"{len(found.faults)} faults; {found.outside} links lead to other sites, and were not followed")
    sys.exit(bool(found.faults))
