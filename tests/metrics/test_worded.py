"""The judge of worded MNIST."""

import math

import pytest
import torch

from energan.data import load
from energan.data.named.captioned.wording import FACTS, VALUES, Facts, facts
from energan.metrics.worded import agreement, judge, measured
from energan.utils.errors import UserError


@pytest.fixture(scope="module")
def real():
    data = load("worded-mnist", "test")
    return data.images[:1000], [facts(said[0]) for said in data.captions[:1000]]


def test_real_images_obey_every_word(real):
    shares = agreement(*real)
    assert list(shares) == [*FACTS, "all"]
    assert min(shares[fact] for fact in ("colour", "slant", "position")) > 0.99
    assert shares["thickness"] > 0.97 and shares["digit"] > 0.95 and shares["all"] > 0.93


def test_words_that_are_not_asked_for_do_not_count_and_wrong_ones_do(real):
    images, true = real
    shares = agreement(images[:50], [Facts(digit=each.digit) for each in true[:50]])
    assert all(math.isnan(shares[fact]) for fact in FACTS[:-1]) and shares["digit"] == shares["all"]
    for fact in FACTS:
        wrong = [
            each._replace(**{fact: VALUES[fact][VALUES[fact].index(getattr(each, fact)) - 1]}) for each in true[:50]
        ]
        shares = agreement(images[:50], wrong)
        assert shares[fact] < 0.1 and shares["all"] < 0.1


def test_a_bar_measures_what_it_is():
    image = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    image[0, 0, 6:26, 4:7] = 200  # red, 20 high, 3 wide
    found = measured(image)
    assert found.colour.tolist() == [[255, 0, 0]] and found.slope.item() == pytest.approx(0)
    assert found.centroid.tolist() == [[5 - 15.5, 0]]
    assert found.thickness.item() == pytest.approx(2 * 60 / 46, rel=0.02)  # over half its outline of 2 * (20 + 3)
    leaning = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    for y in range(4, 28):
        leaning[0, :, y, 8 + y // 2] = 255
    assert measured(leaning).slope.item() == pytest.approx(0.5, abs=0.01)
    assert judge(leaning)[0][:4] == ("white", "thin", "left", "centre")


def test_brightness_changes_nothing(real):
    images, _ = real
    assert sum(a == b for a, b in zip(judge(images[:200]), judge(images[:200] // 2), strict=True)) >= 195


def test_no_ink_and_other_images():
    (nothing,) = judge(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    assert all(nothing)  # a word of each: no NaN on the way
    with pytest.raises(UserError, match=r"shape \(n, 3, 32, 32\)"):
        judge(torch.zeros(1, 1, 32, 32, dtype=torch.uint8))
    with pytest.raises(UserError, match="1 images were asked for by as many sentences, not 2"):
        agreement(torch.zeros(1, 3, 32, 32, dtype=torch.uint8), [Facts(), Facts()])
