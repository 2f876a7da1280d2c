"""Stacked GANs: whose discriminators, on which scale the features are, what cells record; the thesis' pictures."""

import pytest
import torch
from torch import nn

from energan.data import load
from energan.data.pixels import to_unit
from energan.recipes.build import build
from reproductions.latent import as_saved
from reproductions.sgan import CELLS, recipe_arguments

SMALL = {"width": 2, "z": 3, "steps": 4, "batch": 8}


@pytest.mark.parametrize(
    ("options", "activation"),
    [
        ({}, nn.ReLU),  # joint from the start
        ({"joint_from": 0.5}, nn.LeakyReLU),
        ({"joint_from": 1.0}, nn.LeakyReLU),
        ({"joint_from": 1.0, "script": "joint"}, nn.ReLU),
        ({"script": "independent"}, nn.LeakyReLU),
    ],
)
def test_the_script_is_that_of_the_training(options: dict, activation: type[nn.Module]) -> None:
    D_1 = build("sgan-mnist", **SMALL, **options).game.players["D_1"].net
    assert type(D_1.trunk[1]) is activation


def test_features_are_brought_to_the_scale_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from energan.recipes.conditional import sgan as recipe

    monkeypatch.setattr("energan.recipes.plug_and_play.encoder.initialiser", lambda *given: None)
    monkeypatch.setattr(recipe, "LOOKED_AT", 100)
    run = build("sgan-mnist", **SMALL, feature_square=0.8)
    data = load("digits", "train", size=28, channels=1)
    assert run.initialise
    run.initialise(data)
    E_0 = run.game.players["E_0"].net
    with torch.no_grad():
        square = E_0(to_unit(data.images)).square().mean()
    assert float(square) == pytest.approx(0.8, rel=0.1)  # of 100 images there, of all here
    assert build("sgan-mnist", **SMALL).initialise is None


def test_cells_of_the_reproduction_record_all_that_their_recipe_is_given() -> None:
    given = [recipe_arguments(name, 0, 5, 2, 10.0) for name in CELLS]
    assert all({"script", "feature_square", "condition", "lr"} <= set(each) for each in given)
    assert len({str(sorted(each.items())) for each in given}) == len(CELLS)


def test_the_thesis_pictures_are_black_below_the_mean_and_white_from_there_on_by_a_deviation() -> None:
    pixels = torch.tensor([0, 33, 34, 72, 111, 112, 255], dtype=torch.uint8).view(1, 1, 1, 7)
    assert as_saved(pixels).flatten().tolist() == [0, 0, 2, 126, 252, 255, 255]
