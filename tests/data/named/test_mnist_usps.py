"""MNIST's digits as USPS's look: boxes, thickness, and the set."""

import numpy as np
import pytest
import torch

from energan.data import ImageSet, load
from energan.data.named.digits.mnist_usps import fitted, mnist_usps, thicker
from energan.utils.errors import UserError


def digits(images: torch.Tensor, labels: torch.Tensor | None) -> ImageSet:
    return ImageSet(images, labels, "few digits", tuple("0123456789"), "made here", "", ())


def test_a_digit_fills_its_picture_in_the_middle():
    tall = np.zeros((28, 28), np.uint8)
    tall[2:26, 20:26] = 200  # 24 x 6: four times as tall as wide
    image = fitted(tall)[0]
    assert image.shape == (16, 16) and (image[:, 6:10] == 200).all() and image.sum() == 200 * 16 * 4
    wide = fitted(tall.T)[0]
    assert np.array_equal(wide, image.T)
    small = np.zeros((28, 28), np.uint8)
    small[5, 5] = 255
    assert (fitted(small) == 255).all()  # a dot fills it too
    assert not fitted(np.zeros((28, 28), np.uint8)).any()


def test_half_of_the_digits_are_thicker():
    stroke = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    stroke[..., 4:24, 13:15] = 255  # 20 x 2
    images, labels = mnist_usps(digits(stroke.repeat(400, 1, 1, 1), torch.arange(400) % 10), "train")
    kinds = {x.tobytes() for x in images}
    assert kinds == {fitted(x).tobytes() for x in (stroke[0, 0].numpy(), thicker(stroke[0, 0].numpy()))}
    heavy = images.mean((1, 2, 3)) > images.mean()
    assert 150 < heavy.sum() < 250 and labels.tolist() == (torch.arange(400) % 10).tolist()
    again, _ = mnist_usps(digits(stroke.repeat(400, 1, 1, 1), torch.arange(400) % 10), "test")
    assert not np.array_equal(images, again)  # other ones


def test_only_grey_labelled_digits_are_taken():
    grey = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    for data in (digits(grey, None), digits(grey.repeat(1, 3, 1, 1), torch.zeros(2, dtype=torch.int64))):
        with pytest.raises(UserError, match="grey images with labels are needed"):
            mnist_usps(data, "train")


def test_the_set_has_mnists_labels_and_another_look():
    data, mnist = load("mnist-usps", "test"), load("mnist", "test")
    assert data.images.shape == (10_000, 1, 16, 16) and torch.equal(data.labels, mnist.labels)
    filled = (data.images > 0).any(3).all(2) | (data.images > 0).any(2).all(2)
    assert filled.float().mean() > 0.95  # from side to side, one way or the other
    assert tuple(load("mnist-usps", "test", size=28, progress=False).images.shape[1:]) == (1, 28, 28)
