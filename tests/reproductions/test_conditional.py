"""The conditional systems' table: the two AUROC of an energy E(x, y), by energies that are known."""

import pytest
import torch

from reproductions import conditional

CLASSES = 3


class Told:
    """A model of three classes, of which only `match` is asked."""

    asked_width = classes = CLASSES


def match(_: object, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """-E(x, y): an image's value, and 10 more for each class that lies between its own and y."""
    value, own = images.flatten(1)[:, 0].float(), images.flatten(1)[:, 1]
    return -(value[:, None] + 10 * ((torch.arange(len(classes)) - own[:, None]) % CLASSES))


def images(values: list[int], own: list[int]) -> torch.Tensor:
    return torch.tensor([[value, y, 0, 0] for value, y in zip(values, own, strict=True)]).view(-1, 1, 2, 2).byte()


def test_others_are_told_by_the_least_energy_and_wrong_classes_by_that_of_the_pair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conditional, "match", match)
    digits, labels = images([1, 2, 3], [0, 1, 2]), torch.tensor([0, 1, 2])
    found = conditional.areas(Told(), digits, labels, images([0, 4, 5], [0, 0, 0]))  # type: ignore[arg-type]
    # of the 9 pairs of a digit and another, the other has the higher energy in 6
    assert found["AUROC, no digit"] == pytest.approx(6 / 9)
    assert found["AUROC, wrong class"] == 1.0


def test_a_wrong_label_turns_it_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "match", match)
    digits, labels = images([1, 2, 3], [0, 1, 2]), torch.tensor([2, 0, 1])
    found = conditional.areas(Told(), digits, labels, images([0], [0]))  # type: ignore[arg-type]
    assert found["AUROC, wrong class"] == 0.0  # the next class is the image's own
