"""DomainAdversarialClassifier: what the target is, what is refused, that it adapts."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from energan import DomainAdversarialClassifier
from energan.estimators.base import prepare

TINY = DomainAdversarialClassifier(hidden=(6,), steps=3, batch=8, random_state=0)


@pytest.mark.slow  # which takes many steps; what classifiers share is checked of the ladder
@parametrize_with_checks(
    [clone(TINY).set_params(hidden=(32,), steps=150, lr=0.1)],
    expected_failed_checks=lambda _: {
        "check_classifiers_classes": "its second problem calls a class -1, which is no label here"
    },
)
def test_what_scikit_learn_checks_of_every_classifier(estimator, check) -> None:
    check(estimator)


def rows(n: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 5))


@pytest.mark.parametrize("names", [(3, 8), ("cat", "dog"), (0.0, 1.0)], ids=["integers", "text", "whole floats"])
def test_the_target_is_what_is_given_and_what_has_no_label(names: tuple) -> None:
    X, others, y = rows(), rows(12, 1), np.array(names)[np.arange(20) % 2]
    given = clone(TINY).fit(X, y, target=others)
    joined = np.concatenate([y, np.array([-1] * 12).astype(y.dtype)])
    unlabelled = clone(TINY).fit(np.concatenate([X, others]), joined)
    assert (given.predict_proba(others) == unlabelled.predict_proba(others)).all()
    assert given.classes_.tolist() == list(names) and given.transduction_.shape == (32,)
    assert (given.transduction_[:20] == y).all()
    assert (given.predict_proba(others) != clone(TINY).fit(X, y, target=others + 1).predict_proba(others)).any()


@pytest.mark.parametrize("hidden", [0, 3, 12])
def test_what_is_drawn_as_target_is_of_it_alone(hidden: int) -> None:
    labels = torch.where(torch.arange(20) < hidden, -1, torch.arange(20) % 2)
    source = TINY._batches(prepare(TINY, rows(), flat=True), labels, 2)
    drawn = torch.cat([source.chosen(k)["unlabelled"] for k in range(20)])
    assert set(drawn.tolist()) == set(range(hidden or 20))  # without any there is nothing to adapt to


def test_a_probability_is_the_softmax_of_the_classifier_of_features() -> None:
    X = np.random.default_rng(0).integers(0, 256, (20, 4, 4), dtype=np.uint8)
    model = clone(TINY).fit(X, np.arange(20) % 3, target=255 - X)
    with torch.no_grad():
        seen = torch.tensor(X.reshape(20, 1, 1, 16) / 127.5 - 1, dtype=torch.float32)
        share = model.networks_["C"](model.networks_["E"](seen)).softmax(1)
    np.testing.assert_allclose(model.predict_proba(X), share.numpy(), rtol=1e-4)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (rows()[:, :4], r"a row of target has the shape \(4,\), and one of X \(5,\)"),
        (np.zeros((3, 5), np.uint8), "X is float64 and target uint8: bring both to one scale"),
        (np.full((3, 5), np.nan), "NaN"),
    ],
)
def test_a_target_of_another_shape_or_scale_is_refused(target: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        clone(TINY).fit(rows(), np.arange(20) % 2, target=target)


@pytest.mark.parametrize("change", [{"weight": -1}, {"momentum": 1.0}, {"hidden": ()}, {"lr": 0}])
def test_numbers_that_cannot_be_used_are_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        clone(TINY).set_params(**change).fit(rows(), np.arange(20) % 2)


def test_it_adapts() -> None:
    """Two classes that x_0 and x_1 tell apart; in the target x_0 is shifted, and says nothing."""
    random = np.random.default_rng(0)
    y = np.arange(600) % 2
    source, target = (random.normal(0, 0.3, (600, 2)) + np.stack([2 * y - 1, 2 * y - 1], 1) for _ in range(2))
    target[:, 0] -= 2.5 * y  # the other class' side
    settings = {"hidden": (16,), "steps": 600, "batch": 64, "lr": 0.05, "random_state": 0}
    alone, adapted = (
        DomainAdversarialClassifier(weight=weight, **settings).fit(source, y, target=target) for weight in (0.0, 1.0)
    )
    assert alone.score(source, y) > 0.95 and adapted.score(source, y) > 0.95
    assert adapted.score(target, y) > alone.score(target, y) + 0.1
