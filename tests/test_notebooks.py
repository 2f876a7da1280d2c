"""The notebooks run from top to bottom at small length, are sound files, and hold nothing of who ran them.

Cells run here, in one namespace, without a kernel. `%pip` is left out, `!energan` goes through the command line's own
`main`, and what a cell ends with is shown as a notebook would. Where nbclient is installed, a slow test runs them in a
kernel.
"""

import ast
import json
import re
import shlex
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib import pyplot

from energan.cli import main

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 300_000  # bytes
KEYS = {
    "markdown": {"cell_type", "id", "metadata", "source"},
    "code": {"cell_type", "execution_count", "id", "metadata", "outputs", "source"},
}
OUTPUTS = {"stream", "display_data", "execute_result"}  # and no errors
PRIVATE = re.compile(r"/(?:home|root|tmp|Users|work|opt|mnt|content)/|\b(?:token|localhost|127\.0\.0\.1)\b")


def cells(path: Path, kind: str = "code") -> list[str]:
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def as_python(source: str) -> str:
    """A cell's source with IPython's own lines as Python."""
    lines = []
    for line in source.splitlines():
        indent, rest = re.match(r"(\s*)(.*)", line).groups()
        if rest.startswith("!"):
            lines.append(f'{indent}run_command(f"""{rest[1:]}""")')
        else:
            lines.append(f"{indent}pass" if rest.startswith("%pip ") else line)
    return "\n".join(lines)


def run_command(line: str) -> None:
    words = shlex.split(line)
    assert words[0] == "energan" and main(words[1:]) == 0, line


def shown(value: Any) -> str | bytes:
    """What a notebook shows of a value."""
    for name in ("_repr_html_", "_repr_png_"):
        if (method := getattr(value, name, None)) and (page := method()):
            return page
    return repr(value)


def run_notebook(path: Path, display: Callable[[Any], object]) -> None:
    names: dict[str, Any] = {"__name__": "__main__", "run_command": run_command}
    for number, source in enumerate(cells(path), 1):
        where = f"{path.name}, code cell {number}"
        tree = ast.parse(as_python(source), where)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        try:
            exec(compile(tree, where, "exec"), names)
            if (
                last is not None
                and (value := eval(compile(ast.Expression(last.value), where, "eval"), names)) is not None
            ):
                display(value)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{where}: {error!r}") from error


@pytest.fixture
def a_readers_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("QUICK", "1")
    monkeypatch.setattr("energan.commands.from_python.cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(matplotlib.rcParams, "backend", "agg", raising=False)
    yield
    pyplot.close("all")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("a_readers_folder")
def test_a_notebook_runs_from_top_to_bottom(path: Path) -> None:
    pages: list[str | bytes] = []
    run_notebook(path, lambda value: pages.append(shown(value)))
    assert pages or pyplot.get_fignums()  # pictures came out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_sound_and_says_nothing_of_who_ran_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    book = json.loads(text)
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5) and set(book) == {
        "cells", "metadata", "nbformat", "nbformat_minor"
    }  # fmt: skip
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each) for each in ids)
    assert set(book["metadata"]) == {"kernelspec", "language_info"}
    for cell in book["cells"]:
        assert set(cell) == KEYS[cell["cell_type"]] and cell["metadata"] == {}
        assert {output["output_type"] for output in cell.get("outputs", ())} <= OUTPUTS, "a cell failed"
    assert not (found := PRIVATE.search(text)), found
    assert len(text.encode()) <= LARGEST
    assert text == json.dumps(book, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_its_badge_and_how_to_install_it(path: Path) -> None:
    said, code = cells(path, "markdown"), cells(path)
    assert re.match(rf"# {path.stem[0]}\. .+\n\n\[!\[Open in Colab\]\(.+colab.+/notebooks/{path.name}\)\n", said[0])
    assert "energan[train] @ git+https://github.com/" in code[0]
    assert said[-1].count("## What this does not show")
    assert "QUICK" in code[1]


def test_the_page_lists_all_notebooks() -> None:
    page = (FOLDER.parent / "docs" / "notebooks.md").read_text()
    assert len(NOTEBOOKS) == 6 and all(f"notebooks/{path.name}" in page for path in NOTEBOOKS)


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("nbclient") and find_spec("ipykernel")), reason="no nbclient and ipykernel")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("a_readers_folder")
def test_a_notebook_runs_in_a_kernel(path: Path, tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
