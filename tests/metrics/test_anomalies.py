"""Detection against hand-computed values."""

import pytest
import torch

from energan.metrics.anomalies import by_kind, detection, pixel_auroc
from energan.utils.errors import UserError


def test_detection_by_hand() -> None:
    energies = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    odd = torch.tensor([False, True, False, False, True])
    found = detection(energies, odd, threshold=3.5)
    assert found["AUROC"] == pytest.approx(4 / 6)  # of 6 pairs, 4 in order
    assert found["average precision"] == pytest.approx((1 / 1 + 2 / 4) / 2)
    assert found["best F1"] == pytest.approx(2 / 3) and found["best F1 at"] in (1.5, 4.5)
    assert found["F1"] == pytest.approx(0.5) and found["found"] == 0.5 and found["false alarms"] == pytest.approx(1 / 3)
    assert set(detection(energies, odd)) == {"AUROC", "average precision", "best F1", "best F1 at"}


@pytest.mark.parametrize("odd", [[0, 0, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 1]])
def test_the_threshold_of_the_best_f1_gives_it(odd: list[int]) -> None:
    """Outliers are above a threshold, not at it."""
    energies, truth = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor(odd).bool()
    best = detection(energies, truth)
    assert detection(energies, truth, threshold=best["best F1 at"])["F1"] == pytest.approx(best["best F1"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_energies_that_are_no_numbers_are_refused(value: float) -> None:
    energies, odd = torch.tensor([1.0, value, 3.0]), torch.tensor([False, True, False])
    for measure in (
        lambda: detection(energies, odd),
        lambda: by_kind(energies, odd, ("good", "bent", "good")),
        lambda: pixel_auroc(energies.view(1, 1, 3), odd.view(1, 1, 3)),
    ):
        with pytest.raises(UserError, match="NaN or infinite"):
            measure()


def test_each_kind_stands_against_all_normal_images() -> None:
    energies = torch.tensor([1.0, 2.0, 3.0, 0.0])
    odd = torch.tensor([False, False, True, True])
    assert by_kind(energies, odd, ("good", "good", "bent", "<b>")) == {"bent": 1.0, "<b>": 0.0}


def test_pixels_by_hand() -> None:
    maps = torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])
    masks = torch.tensor([[[False, True], [False, True]]])
    assert pixel_auroc(maps, masks) == pytest.approx(3 / 4)


def test_one_kind_alone_is_refused() -> None:
    for truth in (torch.zeros(3, dtype=torch.bool), torch.ones(3, dtype=torch.bool)):
        with pytest.raises(UserError, match="some are normal and some are not"):
            detection(torch.arange(3.0), truth)
        with pytest.raises(UserError, match="some are odd and some are not"):
            pixel_auroc(torch.zeros(1, 1, 3), truth.view(1, 1, 3))
