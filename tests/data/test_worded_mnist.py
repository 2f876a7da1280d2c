"""Worded MNIST: its language, its drawings, and the judge that reads them."""

import itertools

import numpy as np
import pytest
import torch
from numpy.random import RandomState

from energan.data import load, splits_of
from energan.data.named.captioned.worded_mnist import HEIGHT, PLACES, RADII, ZERO_SHOT, draw, skeleton, worded
from energan.data.named.captioned.wording import FACTS, SAYS, VALUES, WORDS, Facts, facts, sentence, sentences
from energan.utils.errors import UserError


def all_facts() -> list[Facts]:
    return [Facts(*values) for values in itertools.product(*VALUES.values())]


def test_a_plain_sentence_says_all_and_is_read_back():
    assert all(facts(sentence(each)) == each for each in all_facts()[::17])
    assert sentence(Facts("orange", "", "", "", "1")) == "an orange one"
    assert sentence(Facts(digit="8")) == "an eight" and sentence(Facts(digit="1")) == "a one"


def test_every_sentence_says_nothing_but_what_is_true():
    left_out = dict.fromkeys(FACTS, 0)
    every = all_facts()[::13]
    for true in every:
        said = sentences(true, 5)
        assert facts(said[0]) == true and len(said) == 5
        for other in map(facts, said[1:]):
            assert other.digit == true.digit
            assert all(value in ("", getattr(true, fact)) for fact, value in other._asdict().items())
            for fact, value in other._asdict().items():
                left_out[fact] += not value
    n = 4 * len(every)
    assert left_out.pop("digit") == 0
    assert all(0.1 < count / n < 0.3 for count in left_out.values())  # DROPPED is 0.2


def test_no_phrase_hides_in_another_of_other_meaning():
    for short, long in itertools.permutations(SAYS, 2):
        assert f" {short} " not in f" {long} " or SAYS[short] == SAYS[long]
    assert sum(len(said) for of in WORDS.values() for said in of.values()) == len(SAYS)


def test_sentences_of_users_are_read():
    assert facts("  A THICK\nred Seven,  leaning left!") == Facts("red", "thick", "left", "", "7")
    assert facts("") == facts("covered in hundreds of threads") == Facts()  # "red" is no word of it
    assert facts("red and crimson") == Facts("red")
    with pytest.raises(UserError, match="two of colour, red and blue: keep one"):
        facts("a red blue seven")
    with pytest.raises(UserError, match=r"\\x1b\[2J"):
        facts("a red \x1b[2J blue")


def test_a_skeleton_is_thin_and_keeps_its_pieces_and_holes():
    shape = np.zeros((1, 28, 28), bool)
    shape[0, 4:24, 6:20] = True
    shape[0, 10:18, 11:15] = False  # a thick ring
    shape[0, 2:26, 23:27] = True  # and a thick bar
    thin = skeleton(shape)[0]
    assert 70 > thin.sum() > 40 and not (thin & ~shape[0]).any()
    blocks = thin[1:, 1:] & thin[:-1, 1:] & thin[1:, :-1] & thin[:-1, :-1]
    assert not blocks.any()
    assert thin[2:26, 23:27].any(1).sum() > 18  # the bar is still long
    assert (
        thin[14, :13].any() and thin[14, 13:20].any() and thin[:12, 13].any() and thin[15:, 13].any()
    )  # the ring closed


def bar(n: int = 1) -> np.ndarray:
    digit = np.zeros((n, 28, 28), np.uint8)
    digit[:, 4:24, 13:16] = 255
    return digit


@pytest.mark.parametrize("thickness", RADII)
def test_a_bar_is_drawn_as_wide_as_its_word(thickness, monkeypatch):
    for fact in ("thickness", "slant", "position"):
        monkeypatch.setitem(draw.__globals__["JITTER"], fact, 0.0)
    image = draw(bar(), [Facts("white", thickness, "upright", "right", "1")], RandomState(0))[0].max(0) / 240
    rows = image[12:20].sum(1)  # the width of each row, in pixels
    assert rows == pytest.approx(np.full(8, 2 * RADII[thickness]), abs=0.35)
    assert (image > 0.2).any(1).sum() == pytest.approx(HEIGHT + 2 * RADII[thickness], abs=2.1)
    x = (image.sum(0) * np.arange(32)).sum() / image.sum()
    assert x - 15.5 == pytest.approx(PLACES["right"][0], abs=0.1)


@pytest.mark.parametrize(("slant", "moves"), [("left", 1), ("upright", 0), ("right", -1)])
def test_a_bar_leans_as_its_word_says(slant, moves):
    image = draw(bar(), [Facts("red", "medium", slant, "centre", "1")], RandomState(0))[0, 0].astype(float)
    high, low = ((half.sum(0) * np.arange(32)).sum() / half.sum() for half in (image[:16], image[16:]))
    assert low - high == pytest.approx(moves * 0.45 * HEIGHT / 2, abs=0.9)  # leaning left: its foot is to the right


def test_the_same_seed_draws_the_same_and_another_another():
    asked = [Facts("red", "thin", "left", "top", "1")] * 3
    one, two, other = (draw(bar(3), asked, RandomState(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])  # no two images are alike


def test_a_picture_without_ink_is_drawn_without_a_fault():
    image = draw(np.zeros((1, 28, 28), np.uint8), [Facts("red", "thin", "left", "top", "1")], RandomState(0))
    assert image.shape == (1, 3, 32, 32) and not image.any()


def test_the_set_has_captions_and_holds_combinations_back():
    assert splits_of("worded-mnist") == ("train", "test")  # "all" has no combination that training must not see
    mnist = load("mnist", "test")
    few = mnist._replace(images=mnist.images[:300], labels=mnist.labels[:300])
    for split, unseen in (("train", False), ("test", False), ("zero-shot", True)):
        images, labels, captions, _ = worded(few, split)
        assert images.shape == (300, 3, 32, 32) and np.array_equal(labels, few.labels)
        true = [facts(said[0]) for said in captions]
        assert [int(each.digit) for each in true] == labels.tolist()
        held = [getattr(each, ZERO_SHOT[int(each.digit)][0]) == ZERO_SHOT[int(each.digit)][1] for each in true]
        assert all(held) if unseen else not any(held)
        assert all(len(said) == 5 for said in captions)


def test_it_is_loaded_by_name_and_kept_with_its_captions():
    test = load("worded-mnist", "test")
    assert test.images.shape == (10_000, 3, 32, 32) and len(test.captions) == 10_000
    assert torch.equal(test.labels, load("mnist", "test").labels)
    some = load("worded-mnist", "test", only=("7",), size=16)
    assert some.images.shape[1:] == (3, 16, 16) and len(some.captions) == len(some.images) == 1028
    assert all(facts(said[0]).digit == "7" for said in some.captions)
