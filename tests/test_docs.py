"""The README and the documentation run as they stand: each page from top to bottom, in a folder of its own.

A block of Python continues the ones above it. Of a shell block, `energan` lines run through the command line's own
`main`; others must be one of the few that TOLD checks. `<!-- not run: reason -->` right above a block exempts it.
The pages of systems show trainings of minutes to hours: tests/docs/test_systems.py looks whether their flags exist.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from energan.cli import main
from energan.estimators import base_classifier

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
RUN = [page for page in PAGES if page.parent.name != "systems"]
SHELL, PYTHON = ("bash", "sh", "console"), ("python",)
EXEMPT = 15  # blocks that are not run, on all pages together; each says why

BLOCK = re.compile(r"^(?:<!-- not run: (?P<why>.+?) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    page: Path
    line: int
    kind: str
    text: str
    why: str | None  # it is not run


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(page, text[: found.start("text")].count("\n") + 1, found["kind"], found["text"], found["why"])
        for found in BLOCK.finditer(text)
    ]


def commands(text: str) -> list[list[str]]:
    """The commands of a shell block, without comments and prompts; a backslash joins lines."""
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line.removeprefix("$ "), comments=True))]


def make_target(words: list[str]) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(words[1:]) <= set(targets), f"make has no target {words[1:]}"


def install(words: list[str]) -> None:
    assert words[1] == "install"
    project = (ROOT / "pyproject.toml").read_text()
    for extra in re.findall(r"energan\[(\w+)\]", " ".join(words)):
        assert re.search(rf"^{extra} = \[", project, re.M), f"there is no extra {extra}"


def module(words: list[str]) -> None:
    """`python -m a.b`: the module is there (what it does takes minutes)."""
    assert words[1] == "-m"
    path = ROOT.joinpath(*words[2].split("."))
    assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), f"there is no {words[2]}"


def run(words: list[str]) -> None:
    assert main(words[1:]) == 0, f"{shlex.join(words)} did not end with 0"


TOLD: dict[str, Callable[[list[str]], None]] = {
    "energan": run,
    "make": make_target,
    "pip": install,
    "python": module,
    "git": lambda words: None,
    "cd": lambda words: None,
}


@pytest.fixture(autouse=True)
def folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a folder of its own; classifiers read as many rows at once as users' do: the README's have 60,000."""
    monkeypatch.setattr(base_classifier, "CHUNK", 250)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # where a reader's Python looks for a file of his own
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_runs_from_top_to_bottom(page: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.why:
            continue
        try:
            if block.kind in PYTHON:
                # compiled at its place in the page, so that a traceback points there
                exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
            elif block.kind in SHELL:
                for words in commands(block.text):
                    assert words[0] in TOLD, f"{words[0]} is not a command that this test knows"
                    TOLD[words[0]](words)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{page.name}, the block at line {block.line}: {error!r}") from error


def test_exempt_blocks_are_counted() -> None:
    exempt = [block for page in RUN for block in blocks(page) if block.why]
    assert len(exempt) == EXEMPT, [f"{block.page.name}:{block.line}: {block.why}" for block in exempt]


def test_no_block_escapes() -> None:
    """Every fence is opened, closed, and of a kind that is run, or that is no code."""
    for page in PAGES:
        text = page.read_text()
        fences = re.findall(r"^\s*```(\w*)$", text, re.M)
        assert len(fences) % 2 == 0 and text.count("```") == len(fences), f"{page.name} has an odd fence"
        opened = fences[::2]
        assert {kind for kind in opened if kind} <= {*SHELL, *PYTHON, "json", "text"}, page.name
        assert len(blocks(page)) == sum(bool(kind) for kind in opened), f"{page.name} has a fence that is not read"
        assert text.count("<!-- not run") == sum(bool(block.why) for block in blocks(page)), page.name


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"""(?:\]\(|<img src=")([^)#"]+)(?:#[^)]*)?[)"]""", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("energan list  # says\n", [["energan", "list"]]),
        ("# only a remark\n\n$ energan sample 'my run' \\\n  --n 3\n", [["energan", "sample", "my run", "--n", "3"]]),
    ],
)
def test_shell_blocks_are_read(text: str, expected: list[list[str]]) -> None:
    assert commands(text) == expected


def test_a_wrong_page_fails(tmp_path: Path) -> None:
    page = tmp_path / "wrong.md"
    for text in (
        "```python\nassert 1 == 2\n```\n",
        "```bash\nenergan sample nowhere\n```\n",
        "```bash\nenergan list --nonsense\n```\n",
        "```bash\nmake coffee\n```\n",
        "```bash\npip install 'energan[warp]'\n```\n",
        "```sh\nrm -r runs\n```\n",
    ):
        page.write_text(f"# A page\n\n{text}")
        assert len(blocks(page)) == 1
        with pytest.raises(AssertionError, match=r"wrong\.md, the block at line 4"):
            test_a_page_runs_from_top_to_bottom(page)
    page.write_text("<!-- not run: hours -->\n```python\nassert 1 == 2\n```\n")
    test_a_page_runs_from_top_to_bottom(page)
