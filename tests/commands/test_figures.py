"""Figures: a stranger's names are text in them, whatever they look like."""

import warnings
from pathlib import Path

import pytest
import torch

from energan.capabilities.energies.pictures import draw_histogram

NAMES = ["u_$5_and_$9", "$\\frac{1}{$", "_hidden", "a\x1b[2J\nb", "x" * 500, "日本語", "", "\\$", "100 %", "{x} & y"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_drawn_as_it_is(name: str, tmp_path: Path) -> None:
    energies = torch.linspace(0, 1, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_histogram(tmp_path / "a.png", [("the training images", energies), (name, energies)])
    assert (tmp_path / "a.png").stat().st_size > 1000
