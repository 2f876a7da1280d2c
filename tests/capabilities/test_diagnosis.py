"""What a verdict is made of, on images whose distances are known."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import arguments

from energan.capabilities.capability import Preview
from energan.capabilities.drawing.diagnosis import Diagnosis, packed
from energan.capabilities.energies import preview as energies
from energan.metrics.two_sample import inhomogeneity
from energan.recipes.build import build


def test_the_coefficient_by_hand() -> None:
    # E|X-Y| = (1 + 3 + 1 + 1) / 4 = 1.5, E|X-X'| = 2, E|Y-Y'| = 2
    x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [3.0]])
    found = inhomogeneity(x, y)
    assert found.coefficient == pytest.approx(1 - 4 / 3) and found.spread == 1
    found = inhomogeneity(torch.zeros(3, 1), torch.ones(2, 1))
    assert found.coefficient == 1 and found.spread == 1  # both are of no width
    assert inhomogeneity(torch.zeros(2, 1), torch.tensor([[0.0], [1.0]])).spread == math.inf


@given(st.integers(0, 100), st.floats(0.1, 100))
def test_the_coefficient_knows_no_scale_and_no_order(seed: int, scale: float) -> None:
    g = torch.Generator().manual_seed(seed)
    x, y = torch.randn(20, 3, generator=g), torch.randn(30, 3, generator=g) + 1
    found = inhomogeneity(x, y)
    assert inhomogeneity(x * scale, y * scale).coefficient == pytest.approx(found.coefficient, abs=1e-6)
    assert inhomogeneity(y, x).coefficient == pytest.approx(found.coefficient, abs=1e-9)
    assert found.coefficient <= 1


def test_packing_counts_what_is_left() -> None:
    assert packed(torch.zeros(5, 2), 0.1) == 1
    assert packed(torch.arange(5.0)[:, None], 0.9) == 5
    assert packed(torch.arange(5.0)[:, None], 1.0) == 3  # 0 takes 1 away, 2 takes 3


class Drawn:
    """A model that draws given images, and whose energy is their brightness."""

    def __init__(self, images: torch.Tensor, game: Any) -> None:
        self.images, self.game = images, game

    def sample(self, n: int, seed: int = 0, conditions: Any = None) -> torch.Tensor:
        return self.images[torch.arange(n) % len(self.images)]

    def score(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((1, 2, 3))


def preview(images: torch.Tensor, samples: torch.Tensor, tmp_path: Any, step: int = 100) -> Preview:
    run = build("lsgan-mnist", **arguments("lsgan-mnist", tmp_path / "run"))
    nothing: Any = lambda *given: None  # noqa: E731
    return Preview(
        run, Drawn(samples, run.game), images, False, nothing, nothing, nothing, nothing, data=nothing, step=step  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(256, (60, 1, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_copies_noise_and_one_image_are_told_apart(images: torch.Tensor, tmp_path: Any) -> None:
    run = preview(images, images, tmp_path)
    of_copies = Diagnosis(run.experiment, "").measure(run)
    assert of_copies["copies"] == 1 and of_copies["train distance"] < 1e-5 and of_copies["distinct"] == 1
    assert abs(of_copies["distance"]) < 0.02 and of_copies["spread"] == pytest.approx(1, abs=0.05)
    one = Diagnosis(run.experiment, "").measure(preview(images, images[:1] // 2 + 64, tmp_path))
    assert one["spread"] == 0 and one["distinct"] < 0.05 and one["distance"] > 0.1
    other = torch.randint(256, images.shape, generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    noise = Diagnosis(run.experiment, "").measure(preview(images, other, tmp_path))
    assert noise["copies"] == 0 and noise["train distance"] > 0 and abs(noise["distance"]) < 0.02


def test_change_is_of_the_same_noise_and_not_of_the_first_look(images: torch.Tensor, tmp_path: Any) -> None:
    run = preview(images, images, tmp_path)
    diagnosis = Diagnosis(run.experiment, "")
    assert "change" not in diagnosis.measure(run)
    assert diagnosis.measure(run)["change"] == 0
    assert diagnosis.measure(preview(images, images.flip(0), tmp_path))["change"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("step, n", [(49, 60), (100, 7)])
def test_the_first_steps_and_a_handful_of_images_say_nothing(
    images: torch.Tensor, tmp_path: Any, step: int, n: int
) -> None:
    run = preview(images[:n], images, tmp_path, step)
    assert Diagnosis(run.experiment, "").measure(run) == {}


def test_the_energies_say_how_surely_they_tell_samples(images: torch.Tensor, tmp_path: Any) -> None:
    run, written = preview(images // 2, images // 2 + 128, tmp_path), []
    run.write = written.append
    energies.preview(run, None)
    assert written[1] == {"diagnosis": {"AUROC": 1.0}}
