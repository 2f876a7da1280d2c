"""Estimators of codes: shapes, repeats, rows apart, what is refused, that something is learned."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import energan
from energan.estimators.aae import AdversarialAutoencoder
from energan.estimators.infogan import InfoGAN

TINY = {"steps": 2, "batch": 8, "random_state": 0}


def images(n: int = 20, seed: int = 0):
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8), dtype=np.uint8)


MODELS = {
    "InfoGAN": (InfoGAN(**TINY, categories=3, width=2, units=8), 5, None),
    "AAE": (AdversarialAutoencoder(**TINY, z=3, width=8), 3, None),
    "AAE clusters": (AdversarialAutoencoder(**TINY, z=3, width=8, clusters=4), 7, None),
    "AAE labels": (AdversarialAutoencoder(**TINY, z=3, width=8), 5, ["cat", "dog"] + ["-1"] * 18),
}
models = pytest.mark.parametrize(("model", "wide", "y"), MODELS.values(), ids=MODELS)


@models
def test_codes_and_samples_have_their_shapes_and_repeat(model, wide, y):
    X = images()
    fitted = model.fit(X, y)
    codes, drawn = fitted.transform(X[:4]), fitted.sample(5)
    assert codes.shape == (4, wide) and drawn.shape == (5, 8, 8) and drawn.dtype == np.uint8
    again = type(model)(**model.get_params()).fit(X, y)
    assert np.array_equal(again.transform(X[:4]), codes) and np.array_equal(again.sample(5), drawn)
    np.testing.assert_allclose(fitted.transform(X[2:3]), codes[2:3], rtol=1e-9)  # a row alone
    if k := wide - 3 if isinstance(model, AdversarialAutoencoder) else 3:
        np.testing.assert_allclose(codes[:, :k].sum(1), 1, rtol=1e-9)
    assert not hasattr(fitted, "score_samples")


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("AAE")])
def test_codes_are_drawn_as_rows(name: str):
    model, wide, y = MODELS[name]
    X = images()
    fitted = model.fit(X, y)
    rows = fitted.inverse_transform(fitted.transform(X[:4]))
    assert rows.shape == (4, 8, 8) and rows.dtype == np.uint8
    with pytest.raises(ValueError, match=f"codes of this estimator have {wide} numbers, not 2"):
        fitted.inverse_transform(np.zeros((3, 2)))


def test_it_learns_to_draw_rows_again_and_to_tell_classes():
    """Two kinds of rows, one label each; codes of both come back near what they were."""
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 200)
    X = np.where(y[:, None] == 1, 0.9, 0.1) + 0.02 * random.standard_normal((200, 6))
    few = np.where(np.arange(200) < 6, y, -1)
    settings = {"width": 32, "batch": 50, "lr": 2e-3, "random_state": 0}
    model = AdversarialAutoencoder(z=2, steps=300, **settings).fit(X, few)
    assert (model.predict(X) == y).mean() > 0.97
    plain = AdversarialAutoencoder(z=2, steps=300, **settings).fit(X)
    error = np.abs(plain.inverse_transform(plain.transform(X)) - X).mean()
    assert error < 0.5 * np.abs(X - X.mean(0)).mean()


@pytest.mark.parametrize(
    ("made", "y", "said"),
    [
        (AdversarialAutoencoder(**TINY, prior="cauchy"), None, "prior must be"),
        (AdversarialAutoencoder(**TINY, prior="mixture"), None, "z is 2"),
        (AdversarialAutoencoder(**TINY, clusters=1), None, "two or more"),
        (AdversarialAutoencoder(**TINY, clusters=3), [0, 1] * 10, "leave clusters at 0"),
        (AdversarialAutoencoder(**TINY, z=2, clusters=3, prior="mixture"), None, "leave prior"),
        (AdversarialAutoencoder(**TINY), [1] * 20, "one class only"),
        (InfoGAN(**TINY, categories=1), None, "categories must be 2 or more"),
        (InfoGAN(**TINY, information=-1), None, "information must be 0 or above"),
    ],
)
def test_what_cannot_be_used_is_refused(made, y, said: str):
    with pytest.raises(ValueError, match=said):
        made.fit(images(), y)


def test_what_was_not_learned_is_refused():
    with pytest.raises(ValueError, match="neither y nor clusters"):
        MODELS["AAE"][0].fit(images()).predict(images())
    with pytest.raises(ValueError, match="needs images"):
        InfoGAN(**TINY).fit(np.zeros((10, 4)))


def test_both_are_of_the_package():
    assert (energan.InfoGAN, energan.AdversarialAutoencoder) == (InfoGAN, AdversarialAutoencoder)


@parametrize_with_checks([AdversarialAutoencoder(steps=2, width=4, z=2, random_state=0)])
def test_scikit_learn_s_own_checks(estimator, check):
    check(estimator)
