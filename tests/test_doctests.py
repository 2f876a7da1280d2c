"""Every example in a docstring runs and prints what it says."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "energan").rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    results = doctest.testmod(
        import_module(module), extraglobs={"torch": torch}, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert results.attempted and not results.failed


@pytest.mark.parametrize("path", sorted((ROOT / "energan" / "losses").glob("[!_]*.py")), ids=lambda path: path.stem)
def test_every_public_loss_has_an_example(path: Path) -> None:
    name = f"energan.losses.{path.stem}"
    tests = doctest.DocTestFinder().find(import_module(name))
    assert [t.name for t in tests if not t.examples and "._" not in t.name and t.name != name] == []
