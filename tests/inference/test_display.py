"""What notebooks show of models, sets and pictures."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import energan
from energan.data import ImageSet
from energan.games.gan.lsgan import lsgan
from energan.inference.model import Model
from energan.utils.display import block, embedded
from energan.utils.errors import UserError


def model(side: int = 8, **options: Any) -> Model:
    G = nn.Sequential(nn.Linear(4, side**2), nn.Unflatten(1, (1, side, side)), nn.Dropout(), nn.Tanh())
    D = nn.Sequential(nn.Flatten(), nn.Linear(side**2, 1), nn.Flatten(0))
    return Model(lsgan(G, D, z=4), {"G": G, "D": D}, shape=(1, side, side), **options)


def test_a_model_is_shown_with_what_it_is_and_its_samples():
    page = model(about={"trained on": "<b>cats</b> =1+1 🐈"})._repr_html_()
    assert "&lt;b&gt;cats&lt;/b&gt; =1+1 🐈" in page and "<b>" not in page
    assert "1 x 8 x 8" in page and "G (320 weights), D (65 weights)" in page and "sample(16, seed=0)" in page
    assert page.count("data:image/png;base64,") == 1 and "<script" not in page


def test_showing_a_model_changes_nothing():
    shown = model()
    state, before = torch.get_rng_state(), shown.sample(3)
    assert shown._repr_html_() == shown._repr_html_()
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(shown.sample(3), before)
    assert shown.calibrated(2.0).about == shown.about


def test_a_model_that_cannot_draw_now_says_why():
    shown = model()
    shown.nets["G"].train()
    assert "no samples: G of this model is in training mode" in shown._repr_html_()
    silent = Model(shown.game._replace(sample=None), shown.nets)
    assert "<img" not in silent._repr_html_()


def test_a_large_model_draws_fewer():
    assert "sample(4, seed=0)" in model(side=130)._repr_html_()


def test_a_set_is_shown_with_its_classes_and_its_first_images():
    images = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)
    names = ("<i>", *"abcdefghijklmnop")
    page = ImageSet(images, torch.arange(20) % 17, "=1+1", names, "a & b", "", ("x.png: broken",))._repr_html_()
    assert "&lt;i&gt; (2), a (2)" in page and "and 5 more" in page and "a &amp; b" in page
    assert "1 files, such as x.png: broken" in page and "the first 16" in page
    assert "<img" not in ImageSet(images[:0], None, "none", (), "", "", ())._repr_html_()


@pytest.mark.parametrize("images", [
    torch.zeros(4, 3, 5, 6, dtype=torch.uint8), np.zeros((4, 5, 6, 3), np.uint8), torch.rand(4, 3, 5, 6),
    [Image.new("RGB", (6, 5))] * 4, [torch.zeros(3, 5, 6, dtype=torch.uint8)] * 4,
    ImageSet(torch.zeros(4, 3, 5, 6, dtype=torch.uint8), None, "four", (), "", "", ()),
])  # fmt: skip
def test_pictures_of_any_images(images: object):
    picture = energan.show(images, columns=4, scale=1)
    assert (picture.size, picture.mode) == ((27, 5), "RGB")


def test_pictures_show_the_pixels():
    pixels = np.array([[[0, 255], [255, 0]], [[9, 9], [9, 9]]], np.uint8)
    picture = energan.show(pixels, columns=2, scale=2)
    assert picture.size == (10, 4) and np.array(picture)[0].tolist() == [0, 0, 255, 255, 128, 128, 9, 9, 9, 9]
    assert energan.show(pixels / 255, value_range=(0, 1), scale=1, columns=2).getpixel((1, 0)) == 255
    assert energan.show(pixels[0]).size == (16, 16)  # one image, enlarged
    assert energan.show(pixels, n=1, scale=1).size == (2, 2)
    assert energan.show(Image.new("P", (3, 3)), scale=1).mode == "RGB"


@pytest.mark.parametrize(("images", "words"), [
    ("text", "no image"), (np.zeros(3), "no image"), (np.full((1, 4, 4), np.nan), "NaN"),
    (np.zeros((2, 9, 5, 5)), "no images"), ([np.zeros((4, 4)), np.zeros((5, 5))], "several sizes"),
    (np.zeros((3, 2, 4, 5)), "2 channels"),
])  # fmt: skip
def test_what_is_no_picture(images: object, words: str):
    with pytest.raises(UserError, match=words):
        energan.show(images)
    with pytest.raises(UserError, match="columns must be 1"):
        energan.show(np.zeros((4, 4, 4)), columns=0)


def test_a_block_escapes_all_text():
    page = block("<a>", [("<b>", "<c>")], [embedded(Image.new("L", (2, 2)), '<d> "')], ["<e>"])
    assert not any(f"<{letter}>" in page for letter in "abcde") and 'width="16"' in page


def test_scikit_learn_shows_estimators_itself():
    assert "sk-" in energan.EBGAN()._repr_html_()
