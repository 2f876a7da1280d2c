"""The examples in docstrings run, and give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

import energan

PACKAGE = Path(energan.__file__).parent

SLOW: set[str] = set()  # modules whose examples take longer than a test may

MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", [name for name in MODULES if name not in SLOW])
def test_examples_of_docstrings(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), report=True)
    assert results.attempted > 0
    assert results.failed == 0
