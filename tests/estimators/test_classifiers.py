"""Classifiers from few labels with scikit-learn's face: its checks, labels of -1, what is learned, interruptions."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray as Array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import energan
from energan.data.few_labels import balanced_subset
from energan.engine import Trainer
from energan.estimators.classifiers import EBGANLadderClassifier, ImprovedGANClassifier, LadderClassifier

TINY: dict[str, Any] = {"steps": 3, "hidden": (6, 5), "batch": 8, "random_state": 0}
DRAWS: dict[str, Any] = {"z": 3, "width": 4}  # of those with a generator
DRAWING = [EBGANLadderClassifier(**TINY, **DRAWS), ImprovedGANClassifier(**TINY, **DRAWS)]
MODELS = [LadderClassifier(**TINY), *DRAWING]
EACH = pytest.mark.parametrize("tiny", MODELS, ids=lambda m: type(m).__name__)
EACH_DRAWING = pytest.mark.parametrize("tiny", DRAWING, ids=lambda m: type(m).__name__)
MINUS_ONE = {"check_classifiers_classes": "its second problem calls a class -1, which is no label here"}


def images(*shape: int, kind: str = "uint8") -> Array:
    X = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return X if kind == "uint8" else (X / 255).astype(np.float32)


def labels(n: int, hidden: int = 0, names: tuple[Any, ...] = (3, 5, 8)) -> Array:
    """Of n rows, the first `hidden` without."""
    y = np.array(names)[np.arange(n) % len(names)]
    y[:hidden] = -1
    return y


@parametrize_with_checks([clone(MODELS[0]).set_params(hidden=(50, 20))], expected_failed_checks=lambda _: MINUS_ONE)
def test_what_scikit_learn_checks_of_every_classifier(estimator: Any, check: Callable[[Any], None]) -> None:
    passes(estimator, check)


@pytest.mark.slow  # all but the networks is shared with the first
@parametrize_with_checks(
    [clone(m).set_params(hidden=(50, 20)) for m in DRAWING], expected_failed_checks=lambda _: MINUS_ONE
)
def test_what_it_checks_of_the_others(estimator: Any, check: Callable[[Any], None]) -> None:
    passes(estimator, check)


def passes(estimator: Any, check: Callable[[Any], None]) -> None:
    """The check, for which accuracy takes more steps."""
    asks_for_accuracy = check.func.__name__ == "check_classifiers_train"  # type: ignore[attr-defined]
    check(estimator.set_params(steps=40, batch=100) if asks_for_accuracy else estimator)


@EACH
@pytest.mark.parametrize("shape", [(20, 5, 6), (20, 5, 6, 3), (20, 3, 5, 6), (20, 4)])
@pytest.mark.parametrize("kind", ["uint8", "unit"])
def test_images_and_tables_get_probabilities(tiny: Any, shape: tuple[int, ...], kind: str) -> None:
    X, y = images(*shape, kind=kind), labels(20, hidden=9)
    model = clone(tiny).fit(X, y)
    share = model.predict_proba(X)
    assert share.shape == (20, 3)
    assert (share >= 0).all()
    np.testing.assert_allclose(share.sum(1), 1, rtol=1e-12)
    assert model.classes_.tolist() == [3, 5, 8]
    assert (model.predict(X) == np.array([3, 5, 8])[share.argmax(1)]).all()
    assert model.n_features_in_ == shape[1]
    assert model.score(X, model.predict(X)) == 1


@EACH
def test_a_probability_is_the_softmax_of_the_network_on_flat_pixels(tiny: Any) -> None:
    X = images(20, 5, 6)
    model = clone(tiny).fit(X, labels(20))
    with torch.no_grad():
        read = model.networks_["D"](torch.tensor(X.reshape(20, 1, 1, 30) / 127.5 - 1, dtype=torch.float32))
    logits = read if torch.is_tensor(read) else read.logits
    np.testing.assert_allclose(model.predict_proba(X), logits.softmax(1).numpy(), rtol=1e-4)
    unit = clone(tiny).fit(X / 255, labels(20))
    np.testing.assert_allclose(unit.predict_proba(X / 255), model.predict_proba(X), rtol=1e-3)


@EACH
def test_a_probability_does_not_depend_on_the_other_rows(tiny: Any) -> None:
    X = images(20, 5, 6)
    model = clone(tiny).fit(X, labels(20, hidden=5))
    np.testing.assert_allclose(
        np.concatenate([model.predict_proba(x[None]) for x in X]), model.predict_proba(X), rtol=1e-12
    )


@EACH
@pytest.mark.parametrize(
    "names", [(3, 5, 8), ("cat", "dog", "pig"), (0.0, 1.0, 2.0)], ids=["integers", "text", "whole floats"]
)
def test_labels_are_integers_or_text(tiny: Any, names: tuple[Any, ...]) -> None:
    X, y = images(20, 5, 6), labels(20, hidden=6, names=names)
    model = clone(tiny).fit(X, y)
    assert model.classes_.tolist() == list(names)
    numbers = clone(tiny).fit(X, labels(20, hidden=6))
    assert (model.predict_proba(X) == numbers.predict_proba(X)).all()
    assert (model.predict(X) == np.array(names)[numbers.predict_proba(X).argmax(1)]).all()


@EACH
def test_the_transduction_has_the_given_labels_and_predicts_the_others(tiny: Any) -> None:
    X, y = images(20, 5, 6), labels(20, hidden=12)
    model = clone(tiny).fit(X, y)
    assert (model.transduction_[12:] == y[12:]).all()
    assert (model.transduction_[:12] == model.predict(X)[:12]).all()


@EACH
@pytest.mark.parametrize("hidden", [0, 10, 18])
@pytest.mark.parametrize(("n", "batch"), [(20, 100), (20, 7), (20, 2)])
def test_few_labels_small_batches_and_all_labels(tiny: Any, hidden: int, n: int, batch: int) -> None:
    model = clone(tiny).set_params(batch=batch).fit(images(n, 4), labels(n, hidden, names=("a", "b")).astype(object))
    assert np.isfinite(model.predict_proba(images(n, 4))).all()


def test_the_last_rows_count_where_they_fill_no_batch() -> None:
    """Sorted by class, the third class is all in the rows behind the last whole batch; it is measured all the same."""
    random = np.random.default_rng(0)
    X = np.concatenate([random.normal(centre, 0.3, (n, 4)) for centre, n in (((0, 0, 3, 0), 50), ((3, 0, 0, 0), 50))])
    X = np.concatenate([X, random.normal((0, 6, 0, 6), 0.3, (40, 4))])
    y = np.repeat([0, 1, 2], [50, 50, 40])
    order = random.permutation(140)
    for rows in (np.arange(140), order):
        model = LadderClassifier(hidden=(20,), costs=(10, 1, 0.1), steps=60, lr=1e-2, random_state=0)
        assert model.fit(X[rows], y[rows]).score(X, y) > 0.95


@EACH
def test_two_rows_are_enough(tiny: Any) -> None:
    assert clone(tiny).fit(images(2, 4), [0, 1]).predict(images(2, 4)).shape == (2,)


@EACH
def test_features_that_do_not_vary_are_no_trouble(tiny: Any) -> None:
    for X in (np.zeros((20, 4)), np.zeros((20, 5, 6), np.uint8)):
        assert np.isfinite(clone(tiny).fit(X, labels(20)).predict_proba(X)).all()


@EACH
def test_unlabelled_rows_are_learned_from(tiny: Any) -> None:
    X, y = images(20, 5, 6), labels(20, hidden=10)
    other = X.copy()
    other[:10] = 255 - other[:10]
    assert (clone(tiny).fit(X, y).predict_proba(X) != clone(tiny).fit(other, y).predict_proba(X)).any()


@pytest.fixture(scope="module")
def digits() -> tuple[Array, Array, Array]:
    """Images, labels of which 100 are kept, all labels."""
    data = load_digits()
    few = balanced_subset(torch.from_numpy(data.target), 100, classes=10, seed=0)
    return data.images, few.labels.numpy(), data.target


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (LadderClassifier(hidden=(200, 100), steps=150), 0.9),
        (EBGANLadderClassifier(hidden=(200, 100), steps=150, z=20, width=50), 0.87),
        (ImprovedGANClassifier(hidden=(200, 100), steps=150, z=20, width=50), 0.87),
    ],
    ids=["ladder", "EBGAN-LN", "improved GAN"],
)
def test_a_hundred_labels_of_the_digits(model: Any, least: float, digits: tuple[Array, Array, Array]) -> None:
    X, y, target = digits
    hidden = y == -1
    model.set_params(random_state=0, precision="fp32").fit(X, y)
    assert model.score(X[hidden], target[hidden]) > least
    assert (model.transduction_[hidden] == model.predict(X[hidden])).all()


@EACH
def test_the_same_random_state_gives_the_same_classifier_bit_for_bit(tiny: Any) -> None:
    X, y = images(20, 5, 6), labels(20, hidden=5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second = clone(tiny).fit(X, y), clone(tiny).fit(X, y)
    assert first.predict_proba(X).tobytes() == second.predict_proba(X).tobytes()
    other = clone(tiny).set_params(random_state=1).fit(X, y)
    assert (other.predict_proba(X) != first.predict_proba(X)).any()
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()


@EACH_DRAWING
@pytest.mark.parametrize("shape", [(20, 5, 6), (20, 5, 6, 3), (20, 3, 5, 6), (20, 4)])
@pytest.mark.parametrize("kind", ["uint8", "unit"])
def test_samples_look_like_rows_of_x(tiny: Any, shape: tuple[int, ...], kind: str) -> None:
    X = images(*shape, kind=kind)
    model = clone(tiny).fit(X, labels(20, hidden=5))
    samples = model.sample(300)
    assert samples.shape == (300, *shape[1:])
    # a table of bytes has numbers in between, as far as its dtype holds them
    assert samples.dtype == X.dtype
    assert X.min() <= samples.min() < samples.max() <= X.max()
    assert (samples[:5] == model.sample(5)).all()
    assert (samples[:5] != model.sample(5, random_state=1)).any()


def test_a_sample_is_an_image_of_the_layout_that_x_has() -> None:
    X = np.zeros((20, 5, 6, 3), np.uint8)
    X[..., 1] = images(20, 5, 6)
    last = EBGANLadderClassifier(**TINY, **DRAWS).fit(X, labels(20))
    with torch.no_grad():
        last.networks_["G"].net[-2].weight.zero_()
        last.networks_["G"].net[-2].bias.copy_(torch.from_numpy(X[0].ravel() / 127.5 - 1).atanh().clamp(-9, 9))
    assert (last.sample(1)[0] == X[0]).all()


@EACH
def test_each_parameter_reaches_the_training(tiny: Any) -> None:
    X, y = images(40, 5, 6), labels(40, hidden=20)
    share = clone(tiny).fit(X, y).predict_proba(X)
    changes = {
        "hidden": (6, 4), "costs": "gamma", "sigma": 0.5, "margin": 100.0, "weight": 10.0, "z": 4, "width": 5,
        "steps": 4, "batch": 9, "lr": 1e-2, "random_state": 1,
        "noise": (0.3, 0.4),
    }  # fmt: skip
    for name, value in changes.items():
        if name in tiny.get_params():
            other = clone(tiny).set_params(**{name: value}).fit(X, y)
            assert (other.predict_proba(X) != share).any(), name


def test_the_costs_of_a_ladder_by_name_and_one_by_one() -> None:
    X, y = images(20, 4), labels(20, hidden=5)
    share = {
        c: LadderClassifier(**TINY, costs=c).fit(X, y).predict_proba(X) for c in ("full", "bottom", "gamma", "none")
    }
    assert len({s.tobytes() for s in share.values()}) == 4
    same = LadderClassifier(**TINY, costs=(1000, 10, 0.1, 0.1)).fit(X, y)
    assert (same.predict_proba(X) == share["full"]).all()
    noisier = LadderClassifier(**TINY, costs="none", sigma=0.5).fit(X, y)  # the authors' baseline
    assert (noisier.predict_proba(X) == share["none"]).all()


def test_the_margin_and_the_weight_of_an_ebgan_are_in_proportion_to_the_pixels() -> None:
    model = EBGANLadderClassifier(**TINY, **DRAWS)
    assert model._game(model._networks(torch.zeros(1, 1, 28, 28), 10)).hyperparameters == {
        "margin": 16.0, "weight": pytest.approx(1000 / 784), "sigma": 0.3, "sigma_x": 0.3, "switch": 1.0,
    }  # fmt: skip
    game = model.set_params(steps=90)._game(model._networks(torch.zeros(1, 1, 1, 196), 10))
    assert game.hyperparameters["margin"] == 4
    assert game.hyperparameters["weight"] == pytest.approx(1000 / 196)
    assert [game.turns_at(t) for t in (29, 30)] == [("D", "G"), ("L",)]
    rates = [game.players[name].optimizer.schedule(t) for name in "GD" for t in (59, 60, 75, 90)]
    assert rates == [1, 1, 0.5, 0] * 2
    assert (
        model.set_params(margin=3)._game(model._networks(torch.zeros(1, 1, 1, 196), 10)).hyperparameters["margin"] == 3
    )


@EACH
def test_parameters_set_later_speak_of_the_next_fit(tiny: Any) -> None:
    X, y = images(20, 4), labels(20)
    model = clone(tiny).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(hidden=(3,), batch=4, **({"z": 9} if "z" in tiny.get_params() else {"costs": "unheard of"}))
    assert (model.predict_proba(X) == before).all()
    if "z" in tiny.get_params():
        assert model.sample(2).shape == (2, 4)


@EACH
@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_and_a_pickle_do_the_same(tiny: Any, again: Callable[[Any], Any]) -> None:
    X, y = images(20, 5, 6), labels(20, hidden=5, names=("a", "b"))
    model = clone(tiny).fit(X, y)
    other = again(model)
    assert (other.predict_proba(X) == model.predict_proba(X)).all()
    assert other.get_params() == model.get_params()
    assert (other.transduction_ == model.transduction_).all()


@EACH
def test_it_stands_in_pipelines_and_searches(tiny: Any) -> None:
    X, y = images(40, 4), labels(40, names=("a", "b"))
    pipeline = make_pipeline(StandardScaler(), clone(tiny)).fit(X, y)
    assert pipeline.predict_proba(X).shape == (40, 2)
    search = GridSearchCV(clone(tiny), {"hidden": [(3,), (4, 3)]}, cv=2, scoring="accuracy").fit(X, y)
    assert search.best_params_["hidden"] in [(3,), (4, 3)]


@EACH
def test_an_interrupted_fit_leaves_the_estimator_as_it_was(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = images(20, 5, 6), labels(20)
    fresh, fitted = clone(tiny), clone(tiny).fit(X, y)
    before, attributes = fitted.predict_proba(X), set(vars(fitted))
    step = Trainer.step

    def interrupted(one: Trainer) -> Any:
        if one.t == 1:
            raise KeyboardInterrupt
        return step(one)

    monkeypatch.setattr(Trainer, "step", interrupted)
    for model in (fresh, fitted):
        with pytest.raises(KeyboardInterrupt):
            model.fit(images(20, 9), labels(20, names=("a", "b")))
    monkeypatch.undo()
    with pytest.raises(NotFittedError):
        fresh.predict(X)
    assert (fitted.predict_proba(X) == before).all()
    assert set(vars(fitted)) == attributes
    assert fitted.classes_.tolist() == [3, 5, 8]


@EACH
@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.full(20, -1), "every one is -1"),
        (np.full(20, "-1"), "every one is -1"),
        (np.where(np.arange(20) < 9, -1, 4), "one class only, 4: a classifier needs two or more"),
        (np.arange(20) / 7, "Unknown label type"),
        (np.where(np.arange(20) < 9, np.nan, 1.0), "NaN"),
        (np.arange(19), "inconsistent numbers of samples"),
        (np.zeros((20, 2)), "1d array"),
        (None, "requires y"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(tiny: Any, y: Any, words: str) -> None:
    model = clone(tiny)
    with pytest.raises(ValueError, match=words):
        model.fit(images(20, 4), y)
    assert not [name for name in vars(model) if name.endswith("_")]


@EACH
def test_data_that_cannot_be_used_is_refused(tiny: Any) -> None:
    X = images(20, 5, 6, kind="unit")
    for spoiled, words in (
        (np.where(X > 0.9, np.nan, X), "NaN"), (np.where(X > 0.9, np.inf, X), "infinity"), (X[:, None, None], "shape"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            clone(tiny).fit(spoiled, labels(20))
    with pytest.raises(ValueError, match="1 sample"):
        clone(tiny).fit(X[:1], [0])
    model = clone(tiny).fit(X, labels(20))
    for other in (images(20, 6, 5), images(20, 5, 7), images(20, 5, 6, 3), images(20, 30)):
        with pytest.raises(ValueError, match=r"features|fit saw"):
            model.predict(other)


OUT_OF_RANGE = [
    ("steps", 0), ("batch", 1), ("lr", 0.0), ("lr", float("nan")), ("precision", "fp8"), ("hidden", (5, 0)),
    ("sigma", -0.1), ("weight", -1.0), ("z", 0), ("width", 0), ("margin", 0.0), ("margin", "large"),
    ("noise", (-0.1, 0.5)), ("steps", "3"), ("steps", 2.5), ("steps", None), ("batch", 2.5), ("lr", "a"), ("z", 1.5),
    ("width", "a"), ("hidden", 5), ("hidden", (5.5,)), ("weight", "a"), ("margin", ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tiny", "name", "value"), [(m, *case) for m in MODELS for case in OUT_OF_RANGE if case[0] in m.get_params()]
)
def test_parameters_out_of_range_are_named(tiny: Any, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be"):
        clone(tiny).set_params(**{name: value}).fit(images(20, 4), labels(20))


@pytest.mark.parametrize(
    ("costs", "words"),
    [("most", "there are no costs 'most'"), ((1, 2), "needs as many costs"), ((1, 2, 3, -4), ">= 0")],
)
def test_costs_that_a_ladder_cannot_have_are_refused(costs: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LadderClassifier(**TINY, costs=costs).fit(images(20, 4), labels(20))


@EACH
def test_a_device_that_is_not_there_is_refused(tiny: Any) -> None:
    with pytest.raises(ValueError, match="tpu"):
        clone(tiny).set_params(device="tpu").fit(images(20, 4), labels(20))


@EACH
def test_divergence_is_said(tiny: Any) -> None:
    with pytest.raises(ValueError, match="training diverged"):
        clone(tiny).set_params(lr=1e38, steps=4, precision="fp32").fit(images(20, 4), labels(20))


@EACH
def test_progress_is_shown_only_if_asked_for(
    tiny: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energan.utils.console.LINE_SECONDS", 0.0)
    clone(tiny).fit(images(20, 4), labels(20))
    assert capfd.readouterr() == ("", "")
    clone(tiny).set_params(verbose=1).fit(images(20, 4), labels(20))
    assert "training" in capfd.readouterr().err


def test_the_package_offers_them() -> None:
    assert [getattr(energan, type(m).__name__) for m in MODELS] == [type(m) for m in MODELS]
