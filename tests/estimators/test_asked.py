"""Estimators that are fitted with y: what is drawn is what is asked for, by the labels as they were given."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray as Array
from sklearn.base import clone

from energan.estimators.asked import WIDE, Classes, Told
from energan.estimators.dcgan import DCGAN
from energan.estimators.ebgan import EBGAN
from energan.networks.conv import autoencoder

TINY: dict[str, Any] = {"steps": 2, "width": 2, "z": 3, "batch": 8, "random_state": 0}
BOTH = pytest.mark.parametrize("tiny", [EBGAN(**TINY, margin=1.0), DCGAN(**TINY)], ids=["EBGAN", "DCGAN"])
NAMES = np.array(["<b>", "=1+1", "ünïcode 🐈"])


def images(n: int = 24) -> Array:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8), dtype=np.uint8)


@BOTH
@pytest.mark.parametrize(
    "names", [NAMES, np.array([7, 3, 5]), np.array([True, False, True])], ids=["str", "int", "bool"]
)
def test_samples_are_asked_for_by_the_labels_of_y(tiny: Any, names: Array) -> None:
    y = np.resize(names, 24)
    model = clone(tiny).fit(images(), y)
    classes = np.unique(names)
    assert model.classes_.tolist() == classes.tolist() and model.class_counts_.sum() == 24
    each = {label: model.sample(4, y=label) for label in classes.tolist()}
    wanted = [classes[i % len(classes)] for i in range(4)]
    mixed = model.sample(y=wanted)
    for i, label in enumerate(wanted):
        assert np.array_equal(mixed[i], each[label][i])  # the noise of the place, the class that was asked
    first, second = list(each.values())[:2]
    assert not np.array_equal(first, second)
    assert np.array_equal(model.sample(300, y=wanted[0])[:4], each[wanted[0]])  # more of them continue


@BOTH
def test_without_y_classes_are_drawn_as_often_as_they_were_given(tiny: Any) -> None:
    y = np.array(["a"] * 20 + ["b"] * 4)
    model = clone(tiny).fit(images(), y)
    drawn, as_a, as_b = model.sample(300), model.sample(300, y="a"), model.sample(300, y="b")
    of_a = (drawn == as_a).all(axis=(1, 2))
    of_b = (drawn == as_b).all(axis=(1, 2))
    assert (of_a | of_b).all() and 0.75 < of_a.mean() < 0.9  # 5 of 6
    assert np.array_equal(model.sample(5), drawn[:5])


@BOTH
def test_rows_without_a_label_are_left_out(tiny: Any) -> None:
    X, y = images(), np.array([0, 1, -1] * 8)
    told = clone(tiny).fit(X, y)
    alone = clone(tiny).fit(X[y != -1], y[y != -1])
    assert told.classes_.tolist() == [0, 1] and told.class_counts_.tolist() == [8, 8]
    assert np.array_equal(told.sample(3, y=1), alone.sample(3, y=1))


@BOTH
def test_a_fit_without_y_draws_no_classes(tiny: Any) -> None:
    model = clone(tiny).fit(images(), np.array([0, 1] * 12))
    model.fit(images())
    assert not hasattr(model, "classes_") and not hasattr(model, "class_counts_")
    assert np.array_equal(model.sample(3), clone(tiny).fit(images()).sample(3))
    with pytest.raises(ValueError, match="fit was given none"):
        model.sample(3, y=0)


@BOTH
@pytest.mark.parametrize(
    ("n", "y", "message"),
    [
        (2, "cat", "fit saw no class 'cat', only 'a', 'b'"),
        (2, ["a"], "y asks for 1 samples and n_samples for 2"),
        (None, ["a", None], "fit saw no class None"),
        (None, [["a"], ["b"]], "fit saw no class|shape|broadcast"),
        (0, "a", "n_samples must be"),
        (None, [], "n_samples"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(tiny: Any, n: int | None, y: Any, message: str) -> None:
    model = clone(tiny).fit(images(), ["a", "b"] * 12)
    with pytest.raises(ValueError, match=message):
        model.sample(n, y=y)


@BOTH
@pytest.mark.parametrize("y", [[0.5] * 24, [0] * 23, [-1] * 24, [None] * 24, [0] + [-1] * 23, [[0, 1]] * 24])
def test_labels_that_cannot_be_used_leave_the_estimator_as_it_was(tiny: Any, y: Any) -> None:
    model = clone(tiny)
    with pytest.raises(ValueError):  # some are scikit-learn's sentences
        model.fit(images(), y)
    assert not hasattr(model, "networks_")


def test_a_table_is_drawn_by_class_too_and_scored_by_the_class_that_suits_it() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = EBGAN(**TINY, margin="auto").fit(X, ["x", "y"] * 20)
    assert model.sample(6, y="y").shape == (6, 3) and model.margin_ > 0
    m = model._model()
    pixels = torch.rand(5, 1, 1, 3) * 2 - 1
    each = [(m.nets["D"](pixels, torch.eye(2)[[c]].expand(5, -1))[0] - pixels).flatten(1).norm(dim=1) for c in (0, 1)]
    torch.testing.assert_close(m.energy(pixels), torch.stack(each).amin(0))
    assert model.predict(X).shape == (40,)


def test_an_auto_encoder_that_is_told_reconstructs_the_image_alone() -> None:
    D = Told(autoencoder.Autoencoder(channels=1 + 3, maps=[2, 4]), classes=3, width=0, axis=1)
    x, c = torch.rand(4, 1, 8, 8), torch.eye(3)[[0, 1, 2, 0]]
    reconstruction, code = D(x, c)
    whole, same = D.net(torch.cat([x, c[:, :, None, None].expand(-1, -1, 8, 8)], 1))
    assert reconstruction.shape == x.shape and torch.equal(reconstruction, whole[:, :1]) and torch.equal(code, same)


def test_many_classes_get_an_embedding() -> None:
    many = Classes(np.arange(WIDE + 1), torch.arange(WIDE + 1))
    assert (many.width, many.inputs) == (WIDE, WIDE) and Classes(np.arange(WIDE), torch.arange(WIDE)).inputs == WIDE
    y = np.arange(60) % 20
    model = DCGAN(**TINY).fit(images(60), y)
    assert model.networks_["G"].embedding.weight.shape == (WIDE, 20)
    assert model.sample(y=[19, 0]).shape == (2, 8, 8)


@BOTH
def test_a_conditional_estimator_is_pickled_and_copied(tiny: Any) -> None:
    model = clone(tiny).fit(images(), ["a", "b"] * 12)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert np.array_equal(again.sample(3, y="b"), model.sample(3, y="b"))


def test_bright_and_dark_are_drawn_when_they_are_asked_for() -> None:
    y = np.resize(["bright", "dark"], 128)
    X = np.random.default_rng(0).integers(0, 60, (128, 8, 8)) + np.where(y == "bright", 190, 0)[:, None, None]
    settings = {**TINY, "steps": 80, "width": 8, "batch": 32, "lr": 2e-3}
    model = DCGAN(**settings).fit(X.astype(np.uint8), y)
    assert model.sample(20, y="bright").mean() > 127 > model.sample(20, y="dark").mean()
