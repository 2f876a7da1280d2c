"""The examples in docstrings run, and give what they show."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "energan").rglob("*.py")
    if ">>> " in path.read_text()
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_module(name), extraglobs={"torch": torch}, optionflags=FLAGS)
    assert result.attempted and not result.failed


def test_every_public_loss_has_an_example() -> None:
    modules = [path.stem for path in (ROOT / "energan" / "losses").glob("[!_]*.py")]
    tests = [t for m in modules for t in doctest.DocTestFinder().find(import_module(f"energan.losses.{m}"))]
    assert tests and not [t.name for t in tests if not t.examples and "._" not in t.name and t.name.count(".") > 2]
