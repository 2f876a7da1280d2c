"""The examples in docstrings give what they say."""

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest
import torch

import energan

LIBRARY = ("engine", "losses", "games")
MODULES = [
    m.name
    for m in walk_packages(energan.__path__, "energan.")
    if m.name.startswith(tuple(f"energan.{p}." for p in LIBRARY))
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    result = doctest.testmod(import_module(name), extraglobs={"torch": torch}, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_every_public_loss_has_an_example() -> None:
    without = []
    for name in MODULES:
        if name.startswith("energan.losses."):
            tests = {test.name: test for test in doctest.DocTestFinder().find(import_module(name))}
            without += [t.name for t in tests.values() if not t.examples and "._" not in t.name and t.name != name]
    assert without == []
