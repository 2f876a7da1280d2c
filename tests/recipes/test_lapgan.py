"""LAPGAN's recipes: the levels that follow from the images' size, what is refused, whose weights are averaged."""

from typing import Any

import pytest
import torch

from energan.recipes.build import build
from energan.utils.errors import UserError

SMALL: dict[str, Any] = {"width": 1, "z": 4, "size_g": 4, "size_d": 4, "steps": 4, "precision": "fp32", "device": "cpu"}


def made(recipe: str, **changes: Any):
    return build(recipe, data="nothing is loaded yet", **{**SMALL, **changes})


@pytest.mark.parametrize(
    ("recipe", "levels", "sides"),
    [("lapgan-mnist", 3, (28, 14, 7)), ("lapgan-mnist", 1, (28,)), ("lapgan-64", 4, (64, 32, 16, 8))],
)
def test_the_levels_follow_from_the_size(recipe: str, levels: int, sides: tuple[int, ...]) -> None:
    game = made(recipe, levels=levels).game
    noise = [draw(torch.Generator(), 1).shape[1:] for draw in game.noise.values()]
    assert noise == [*((1, side, side) for side in sides[:-1]), (4,)]
    assert game.players[f"G_{levels - 1}"].net(torch.zeros(1, 4)).shape[2:] == (sides[-1],) * 2
    assert set(game.players) == {f"{letter}_{k}" for letter in "GD" for k in range(levels)}


@pytest.mark.parametrize(
    ("recipe", "given", "sentence"),
    [
        ("lapgan-mnist", {"levels": 4}, "levels is at most 3 for images of 28 pixels a side: .* 9 pixels .*; got 4"),
        ("lapgan-64", {"levels": 5}, "levels is at most 4 for images of 64"),
        ("lapgan-mnist", {"levels": 0}, "levels must be 1 or more"),
        ("lapgan-mnist", {"dropout": 1.0}, "dropout"),
        ("lapgan-64", {"augment": ("cutout",)}, "augment changes whole images"),
        ("lapgan-mnist", {"embedding": 3}, "embedding says what classes are"),
    ],
)
def test_what_no_pyramid_can_be_trained_with_is_refused(recipe: str, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        made(recipe, **given)


def test_an_embedding_of_classes_is_refused() -> None:
    with pytest.raises(UserError, match="embedding is not LAPGAN's"):
        build("lapgan-mnist", data="mnist", **{**SMALL, "classes": True, "embedding": 3})


def test_each_levels_generator_is_averaged_or_none() -> None:
    assert made("lapgan-mnist", ema=0.9).ema == dict.fromkeys(("G_0", "G_1", "G_2"), 0.9)
    assert made("lapgan-mnist", ema=0.0).ema == {}
