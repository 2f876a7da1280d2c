"""The reproduction of LAPGAN in a few steps, and its likelihood by levels by hand."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from energan.engine.noise import uniform
from energan.games.gan.lapgan import down, lapgan
from energan.inference.model import Model
from reproductions import lapgan as reproduction


def test_a_pyramid_is_shown_beside_one_stage(tmp_path: Path) -> None:
    small = ["--data", "digits", "--width", "2", "--steps", "2", "--batch", "8", "--samples", "40", "--draws", "4"]
    reproduction.main([*small, "--only", "LAPGAN", reproduction.DENSE, "--out", str(tmp_path)])
    assert (tmp_path / "figure.png").stat().st_size > 1000
    first, second = ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows(tmp_path))
    assert first[0] == "LAPGAN" and second[0] == reproduction.DENSE
    assert "–" not in first and second[-1] == "–" and "–" not in second[:-1]


def rows(out: Path) -> list[str]:
    return (out / "table.md").read_text().splitlines()[2:]


def test_means_and_details_are_an_orthonormal_basis() -> None:
    x = torch.rand(5, 3, 8, 8, dtype=torch.float64)
    both = torch.cat([2 * down(x).flatten(1), reproduction.details(x)], 1)
    assert both.shape == (5, 3 * 64)
    torch.testing.assert_close(both.square().sum(1), x.flatten(1).square().sum(1))
    torch.testing.assert_close(torch.pdist(both), torch.pdist(x.flatten(1)))


class Constant(nn.Module):
    """The same image whatever it is told, as much as z is off 0."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, z: Tensor, low: Tensor | None = None) -> Tensor:
        like = torch.zeros(len(z), 1, 4, 4) if low is None else low
        return self.value + 0 * like


def test_the_likelihood_by_levels_by_hand() -> None:
    """Levels that draw one image each: a Gaussian of an image's means, and one of its details."""
    G = (Constant(0.0), Constant(0.5))
    game = lapgan(G, (nn.Identity(), nn.Identity()), (uniform(1, 8, 8), uniform(3)))
    nets = {"G_0": G[0], "G_1": G[1], "D_0": nn.Identity(), "D_1": nn.Identity()}
    x = torch.full((2, 1, 8, 8), 0.75) + torch.tensor([0.0, 0.1])[:, None, None, None]
    found = reproduction.by_levels(Model(game, nets, "cpu", (1, 8, 8)), x, draws=3)
    s = torch.tensor(reproduction.WIDTHS, dtype=torch.float64)
    for place, off in enumerate((0.0, 0.1)):  # 0.5 is 0.75 of 0 to 1; a mean counts twice in the basis
        coarse = -16 * (2 * off) ** 2 / (2 * s**2) - 16 * (s * math.sqrt(2 * math.pi)).log()
        torch.testing.assert_close(found[0, :, place], coarse, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found[1, :, place], -48 * (s * math.sqrt(2 * math.pi)).log())
    assert reproduction.likelihood(found, 1) == pytest.approx(
        float(found[1, 0, 1] + found[0, found[0, :, 0].argmax(), 1])
    )
