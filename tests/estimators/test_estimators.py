"""The scikit-learn faces: its own checks, what rows become and come back as, energies by hand, interruptions."""

import copy
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray as Array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import energan
from energan.data import ImageSet
from energan.engine import Trainer
from energan.engine.rng import seeded
from energan.estimators.arrays import FAR, learn_frame, to_pixels, to_rows
from energan.estimators.autoencoder import AutoencoderDetector
from energan.estimators.dcgan import DCGAN
from energan.estimators.ebgan import EBGAN
from energan.networks.conv import autoencoder, dcgan
from energan.training.margin import converged_energy
from energan.utils.hardware import pick_precision

TINY: dict[str, Any] = {"steps": 2, "width": 2, "z": 3, "batch": 8, "random_state": 0}
BOTH = pytest.mark.parametrize("tiny", [EBGAN(**TINY, margin=1.0), DCGAN(**TINY)], ids=["EBGAN", "DCGAN"])


def images(*shape: int, kind: str = "uint8") -> Array:
    bytes_ = np.random.default_rng(0).integers(0, 256, shape)
    scale = {
        "uint8": lambda b: b.astype(np.uint8),
        "int64": lambda b: b,
        "unit": lambda b: b / 255,
        "signed": lambda b: (b / 127.5 - 1).astype(np.float32),
        "sixteenths": lambda b: b / 16 + 3,
    }
    return scale[kind](bytes_)


def table(n: int = 40, d: int = 5) -> Array:
    return np.random.default_rng(0).normal(size=(n, d)) * [10**i for i in range(d)] + 7


# DCGAN takes images only, for which scikit-learn has no checks; those of tables apply to EBGAN without an exception
@parametrize_with_checks(
    [
        EBGAN(steps=2, width=1, z=2, batch=8, margin=1.0),
        AutoencoderDetector(steps=2, width=1, batch=8),
    ]
)
def test_what_scikit_learn_checks_of_every_estimator(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.parametrize("kind", ["uint8", "int64", "unit", "signed", "sixteenths"])
@pytest.mark.parametrize("shape", [(9, 8, 8), (9, 5, 13), (9, 20, 11, 3), (9, 3, 20, 11), (9, 1, 1), (9, 2, 6, 6)])
def test_images_become_square_pixels_around_the_same_numbers_and_come_back(shape: tuple[int, ...], kind: str) -> None:
    X = images(*shape, kind=kind)
    frame = learn_frame(X)
    pixels = to_pixels(X, frame)
    side = pixels.shape[-1]
    assert pixels.shape == (9, frame.chw[0], side, side)
    assert side in (8, 16, 32)
    assert pixels.dtype == (torch.uint8 if kind == "uint8" else torch.float32)
    assert float(pixels.min()) >= 0
    assert float(pixels.max()) <= 255 + 1e-4
    _, h, w = frame.chw
    assert float(pixels.float().sum(dim=(2, 3)).max()) <= 255 * h * w + 1  # what surrounds them is black
    back = to_rows(pixels.float() / 127.5 - 1, frame)
    assert back.shape == X.shape
    assert back.dtype == (X.dtype if kind != "int64" else np.float64)
    np.testing.assert_allclose(back, X, atol=0 if kind == "uint8" else 1e-4)


def test_a_table_is_scaled_feature_by_feature_and_comes_back() -> None:
    X = table()
    X[:, 2] = 4.0  # does not vary
    frame = learn_frame(X)
    pixels = to_pixels(X, frame)
    assert pixels.shape == (40, 1, 1, 5)
    varying = [0, 1, 3, 4]
    np.testing.assert_allclose(pixels[:, 0, 0, varying].amin(0), 0, atol=1e-4)
    np.testing.assert_allclose(pixels[:, 0, 0, varying].amax(0), 255, rtol=1e-6)
    np.testing.assert_allclose(to_rows(pixels / 127.5 - 1, frame), X, rtol=1e-4, atol=1e-3)


def test_the_middle_of_the_range_is_grey_and_bytes_keep_their_layout() -> None:
    X = np.zeros((2, 5, 6, 3), np.uint8)
    X[0, 1, 2] = 10, 20, 30
    pixels = to_pixels(X, learn_frame(X))
    assert pixels[0, :, 1 + 1, 1 + 2].tolist() == [10, 20, 30]  # 5 x 6 in 8 x 8: the odd row comes last
    assert int(pixels.sum()) == 60
    halves = np.full((2, 8, 8), 0.5)
    assert float(to_pixels(halves, learn_frame(halves)).mean()) == 127.5


def test_floats_far_outside_the_training_range_have_finite_energies() -> None:
    X = table()
    detector = EBGAN(**TINY, margin=1.0).fit(X)
    far = X[:3] * 1e30
    assert float(to_pixels(far, detector.frame_).abs().max()) == FAR
    assert np.isfinite(detector.energy(far)).all()
    assert (detector.predict(far) == -1).all()


@BOTH
@pytest.mark.parametrize("kind", ["uint8", "int64", "unit", "signed", "sixteenths"])
@pytest.mark.parametrize("shape", [(9, 8, 8), (9, 9, 5, 3)])
def test_samples_look_like_rows_of_x(tiny: Any, shape: tuple[int, ...], kind: str) -> None:
    X = images(*shape, kind=kind)
    samples = clone(tiny).fit(X).sample(3)
    assert samples.shape == (3, *shape[1:])
    assert samples.dtype == (X.dtype if kind != "int64" else np.float64)
    low, high = {"unit": (0, 1), "signed": (-1, 1), "uint8": (0, 255)}.get(kind, (X.min(), X.max()))
    assert low <= samples.min() < samples.max() <= high


def test_samples_of_a_table_stay_within_each_feature() -> None:
    X = table().astype(np.float32)
    samples = EBGAN(**TINY, margin=1.0).fit(X).sample(300)
    assert samples.dtype == np.float32
    assert samples.shape == (300, 5)
    assert (samples >= X.min(0)).all()
    assert (samples <= X.max(0)).all()


@BOTH
def test_the_same_random_state_gives_the_same_samples_bit_for_bit(tiny: Any) -> None:
    X = images(20, 8, 8)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, second = clone(tiny).fit(X), clone(tiny).fit(X)
    assert first.sample(5).tobytes() == second.sample(5).tobytes()
    assert first.sample(5).tobytes() == first.sample(300)[:5].tobytes()  # more of them continue
    assert first.sample(5, random_state=7).tobytes() == second.sample(5, random_state=7).tobytes()
    assert first.sample(5, random_state=7).tobytes() != first.sample(5).tobytes()
    other = clone(tiny).set_params(random_state=1).fit(X)
    assert other.sample(5, random_state=7).tobytes() != first.sample(5, random_state=7).tobytes()
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()


def test_without_a_random_state_each_call_draws_anew() -> None:
    model = EBGAN(**{**TINY, "random_state": None}, margin=1.0).fit(images(20, 8, 8))
    assert model.sample(5).tobytes() != model.sample(5).tobytes()


@pytest.mark.parametrize("kind", ["l2", "ssq", "mse"])
def test_the_energy_is_the_reconstruction_error_of_the_padded_image(kind: Any) -> None:
    X = images(20, 6, 8)
    detector = EBGAN(**TINY, margin=1.0, kind=kind).fit(X)
    padded = np.zeros((20, 1, 8, 8))
    padded[:, 0, 1:7] = X
    x = torch.tensor(padded / 127.5 - 1, dtype=torch.float32)
    with torch.no_grad():
        ssq = (detector.networks_["D"](x)[0] - x).square().flatten(1).sum(1).numpy()
    expected = {"l2": ssq**0.5, "ssq": ssq, "mse": ssq / 64}[kind]
    np.testing.assert_allclose(detector.energy(X), expected, rtol=1e-4)
    np.testing.assert_allclose(detector.score_samples(X), -expected, rtol=1e-4)
    detector.set_params(kind="l2")  # parameters speak of the next fit
    np.testing.assert_allclose(detector.energy(X), expected, rtol=1e-4)


def test_layouts_of_the_same_images_give_the_same_model() -> None:
    last = images(20, 8, 8, 3)
    first = np.ascontiguousarray(last.transpose(0, 3, 1, 2))
    a, b = EBGAN(**TINY, margin=1.0).fit(last), EBGAN(**TINY, margin=1.0).fit(first)
    assert (a.energy(last) == b.energy(first)).all()
    assert (a.sample(4).transpose(0, 3, 1, 2) == b.sample(4)).all()


def test_energies_do_not_depend_on_the_other_rows() -> None:
    X = images(30, 8, 8)
    detector = EBGAN(**TINY, margin=1.0).fit(X)
    together = detector.energy(X)
    np.testing.assert_allclose([detector.energy(x[None])[0] for x in X], together, rtol=1e-5)


@pytest.mark.parametrize("contamination", [0.05, 0.3, 0.5])
def test_contamination_is_the_share_of_training_rows_called_outliers(contamination: float) -> None:
    X = table(200)
    detector = EBGAN(**TINY, margin=1.0, contamination=contamination).fit(X)
    assert np.mean(detector.predict(X) == -1) == pytest.approx(contamination, abs=0.01)
    assert (detector.decision_function(X) == detector.score_samples(X) - detector.offset_).all()


@pytest.fixture(scope="module")
def ring() -> tuple[EBGAN, Array]:
    """A detector trained on a noisy circle, and that circle."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2))
    X = X / np.linalg.norm(X, axis=1, keepdims=True) + 0.05 * rng.normal(size=X.shape)
    return EBGAN(steps=800, width=16, z=8, margin=1.0, random_state=0).fit(X), X


def test_it_draws_a_circle_and_knows_what_is_off_it(ring: tuple[EBGAN, Array]) -> None:
    detector, X = ring
    samples = detector.sample(500)
    low, high = np.quantile(np.linalg.norm(samples, axis=1), [0.1, 0.9])
    assert 0.85 < low < high < 1.15  # at first they are all at 0
    assert len(np.unique(np.arctan2(*samples.T) // (np.pi / 6))) == 12  # all around
    around = np.random.default_rng(1).uniform(-1.3, 1.3, (1000, 2))
    off = np.abs(np.linalg.norm(around, axis=1) - 1) > 0.2
    assert roc_auc_score(off, -detector.score_samples(around)) > 0.85  # .5 is chance
    assert detector.energy(X).mean() < detector.energy(around[off]).mean()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_fits_in_threads_are_the_fits_alone(precision: str) -> None:
    """Bit for bit, though another thread seeds torch's global generator and draws from it."""
    X, stop = images(32, 8, 8), threading.Event()

    def weights(seed: int) -> list[torch.Tensor]:
        kind = (DCGAN, EBGAN)[seed % 2]
        fitted = kind(**{**TINY, "steps": 4, "random_state": seed, "precision": precision}).fit(X)
        return [w for net in fitted.networks_.values() for w in net.state_dict().values()]

    def disturb() -> None:
        while not stop.is_set():
            torch.manual_seed(3)
            torch.randn(50)

    alone = [weights(seed) for seed in range(8)]
    other = threading.Thread(target=disturb)
    other.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(weights, range(8)))
    finally:
        stop.set()
        other.join()
    for one, two in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_images_in_other_units_than_those_of_fit_are_refused() -> None:
    X = images(16, 8, 8)
    of_bytes, of_floats = (EBGAN(**TINY, margin=1.0).fit(x) for x in (X, X / 255))
    assert np.allclose(of_bytes.energy(X.astype(np.float32)), of_bytes.energy(X), rtol=1e-4)
    with pytest.raises(ValueError, match="fit saw bytes from 0 to 255"):
        of_bytes.energy(X / 255)
    with pytest.raises(ValueError, match=r"fit saw images in \[0, 1\], but these are whole numbers"):
        of_floats.predict(X)
    for kind in (np.float32, np.int64):  # bytes all the same
        with pytest.raises(ValueError, match="whole numbers up to"):
            of_floats.predict(X.astype(kind))
    of_float_bytes = EBGAN(**TINY, margin=1.0).fit(X.astype(np.float64))
    with pytest.raises(ValueError, match=r"all of these numbers are in \[-1, 1\]"):
        of_float_bytes.predict(X / 255)
    assert of_float_bytes.energy(np.zeros_like(X)).shape == (16,)  # black images
    assert of_floats.energy(X / 255 * 3).shape == (16,)  # far from the training data, and no other unit


def test_the_advised_margin_is_thrice_the_converged_energy_in_the_units_of_the_energy() -> None:
    X = images(64, 8, 8)
    norm, mean = (EBGAN(**TINY, kind=kind).fit(X).margin_ for kind in ("l2", "mse"))
    assert mean == pytest.approx(norm**2 / 64)
    with seeded(int(np.random.RandomState(0).randint(2**31 - 1))):
        dcgan.Generator(3, channels=1, size=8, width=2)
        D = autoencoder.Autoencoder(channels=1, maps=(2, 4, 8))
    data = ImageSet(torch.from_numpy(X)[:, None], None, "", (), "", "", ())
    seed, precision = int(np.random.RandomState(0).randint(2**31 - 1)), pick_precision("auto", "cpu")
    alone = converged_energy(D, data, steps=2, batch=8, seed=seed, precision=precision)[-1]
    assert norm == pytest.approx(3 * alone)
    assert EBGAN(**TINY, margin=3.5).fit(X).margin_ == 3.5


def test_the_advice_does_not_touch_the_network_that_plays() -> None:
    X = images(64, 8, 8)
    advised = EBGAN(**TINY).fit(X)
    given = EBGAN(**TINY, margin=advised.margin_).fit(X)
    assert (advised.energy(X) == given.energy(X)).all()


def test_each_parameter_reaches_the_training() -> None:
    X = images(64, 8, 8)
    base = EBGAN(**TINY, margin=1.0)
    energies = base.fit(X).energy(X)
    for changed in (
        {"margin": 0.01}, {"pt": 0.0}, {"pt": 5.0}, {"kind": "mse"}, {"steps": 3}, {"batch": 16}, {"width": 3},
        {"z": 4}, {"lr": 1e-3}, {"beta1": 0.9}, {"random_state": 1},
    ):  # fmt: skip
        other = clone(base).set_params(**changed).fit(X)
        assert (other.sample(4, random_state=0) != base.sample(4, random_state=0)).any() or (
            other.energy(X) != energies
        ).any(), changed


@BOTH
@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_and_a_pickle_do_the_same(tiny: Any, again: Callable[[Any], Any]) -> None:
    X = images(20, 6, 6)
    model = clone(tiny).fit(X)
    other = again(model)
    assert (other.sample(3) == model.sample(3)).all()
    assert other.get_params() == model.get_params()
    if isinstance(model, EBGAN):
        assert (other.predict(X) == model.predict(X)).all()


@BOTH
def test_parameters_set_later_speak_of_the_next_fit(tiny: Any) -> None:
    X = images(20, 6, 6)
    model = clone(tiny).fit(X)
    before = model.sample(3)
    model.set_params(z=9, width=3, random_state=5)
    assert (model.sample(3) == before).all()
    if isinstance(model, EBGAN):
        energies = model.energy(X)
        assert (model.set_params(kind="mse", margin="auto", pt=0.0).energy(X) == energies).all()
    assert (model.fit(X).sample(3) != before).any()


@BOTH
def test_a_clone_has_the_parameters_and_nothing_learned(tiny: Any) -> None:
    model = clone(tiny).set_params(steps=1).fit(images(20, 6, 6))
    other = clone(model)
    assert other.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        other.sample(1)


def test_it_stands_at_the_end_of_a_pipeline() -> None:
    X = table()
    pipeline = make_pipeline(StandardScaler(), EBGAN(**TINY, margin=1.0)).fit(X)
    assert pipeline.score_samples(X).shape == pipeline.predict(X).shape == (40,)
    assert set(EBGAN(**TINY, margin=1.0).fit_predict(X)) == {-1, 1}


@BOTH
@pytest.mark.parametrize("n", [2, 3, 9, 17])
def test_few_rows_and_batches_that_do_not_come_out_even(tiny: Any, n: int) -> None:
    X = images(n, 8, 8)
    assert clone(tiny).fit(X).sample(1).shape == (1, 8, 8)
    if isinstance(tiny, EBGAN):
        assert np.isfinite(clone(tiny).fit(table(n)).energy(table(n))).all()


def test_arrays_that_cannot_be_written_to_and_torch_tensors(tmp_path: Path) -> None:
    X = images(20, 8, 8)
    np.save(tmp_path / "x.npy", X)
    expected = EBGAN(**TINY, margin=1.0).fit(X).energy(X)
    for same in (np.load(tmp_path / "x.npy", mmap_mode="r"), torch.from_numpy(X), X[::-1].copy()[::-1]):
        assert (EBGAN(**TINY, margin=1.0).fit(same).energy(same) == expected).all()


@BOTH
def test_an_interrupted_fit_leaves_the_estimator_as_it_was(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, fitted = clone(tiny), clone(tiny).fit(images(20, 8, 8))
    before = fitted.sample(3)
    step = Trainer.step

    def interrupted(one: Trainer) -> Any:
        if one.t == 1:
            raise KeyboardInterrupt
        return step(one)

    monkeypatch.setattr(Trainer, "step", interrupted)
    for model in (fresh, fitted):
        with pytest.raises(KeyboardInterrupt):
            model.fit(images(20, 5, 9, 3))
    monkeypatch.undo()
    with pytest.raises(NotFittedError):
        fresh.sample(1)
    assert fitted.n_features_in_ == 8
    assert (fitted.sample(3) == before).all()
    assert fresh.fit(images(20, 8, 8)).sample(2).shape == (2, 8, 8)


@BOTH
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda X: np.where(X > 0.9, np.nan, X), "NaN"),
        (lambda X: np.where(X > 0.9, np.inf, X), "infinity"),
        (lambda X: X.astype(str).astype(object) + "?", "could not convert"),
        (lambda X: X[:1], "1 sample"),
        (lambda X: X[0, 0], "1D array"),
        (lambda X: X[:, None, None], "shape"),
        (lambda X: np.repeat(X[..., None], 5, 3), "c from 1 to 4"),
    ],
)
def test_data_that_cannot_be_used_is_refused(tiny: Any, spoil: Callable[[Array], Any], words: str) -> None:
    X = images(20, 8, 8, kind="unit")
    with pytest.raises(ValueError, match=words):
        clone(tiny).fit(spoil(X))


def test_rows_of_another_shape_than_fit_saw_are_refused() -> None:
    detector = EBGAN(**TINY, margin=1.0).fit(images(20, 8, 6))
    for other in (images(20, 6, 8), images(20, 8, 7), images(20, 8, 6, 3), table(20, 8)):
        with pytest.raises(ValueError, match=r"features|fit saw"):
            detector.energy(other)
    with pytest.raises(ValueError, match="NaN"):
        detector.energy(np.full((2, 8, 6), np.nan))


def test_dcgan_has_no_scores_and_takes_no_tables() -> None:
    assert not any(hasattr(DCGAN, name) for name in ("score_samples", "energy", "predict", "decision_function"))
    with pytest.raises(ValueError, match="EBGAN takes tables"):
        DCGAN(**TINY).fit(table())


SHARED = [
    ("steps", 0), ("batch", 1), ("width", 0), ("z", 0), ("lr", 0.0), ("lr", float("nan")), ("precision", "fp8"),
]  # fmt: skip
OF_EBGAN = [
    ("margin", 0.0), ("margin", -1.0), ("margin", "large"), ("pt", -0.1), ("kind", "l1"), ("contamination", 0.0),
    ("contamination", 0.6),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [(EBGAN, *case) for case in SHARED + OF_EBGAN]
    + [(DCGAN, *case) for case in [*SHARED, ("smoothing", 1.0), ("smoothing", -0.1)]],
)
def test_parameters_out_of_range_are_named(model: Callable[..., Any], name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be"):
        model(**{**TINY, name: value}).fit(images(20, 8, 8))


@BOTH
def test_no_samples_are_refused_and_an_unfitted_model_says_so(tiny: Any) -> None:
    with pytest.raises(NotFittedError):
        clone(tiny).sample(1)
    with pytest.raises(ValueError, match="n_samples must be 1 or more"):
        clone(tiny).fit(images(20, 8, 8)).sample(0)


@BOTH
def test_divergence_is_said(tiny: Any) -> None:
    with pytest.raises(ValueError, match="training diverged"):
        clone(tiny).set_params(lr=1e38, steps=4, precision="fp32").fit(images(20, 8, 8))


@BOTH
def test_progress_is_shown_only_if_asked_for(
    tiny: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energan.utils.console.LINE_SECONDS", 0.0)
    clone(tiny).fit(images(20, 8, 8))
    assert capfd.readouterr() == ("", "")
    clone(tiny).set_params(verbose=1).fit(images(20, 8, 8))
    shown = capfd.readouterr()
    assert "training" in shown.err
    assert not shown.out


def test_the_package_offers_both() -> None:
    assert (energan.EBGAN, energan.DCGAN) == (EBGAN, DCGAN)


@pytest.mark.parametrize("n", [2.5, "2", 10**13])
def test_numbers_of_samples_that_are_none(n: Any) -> None:
    with pytest.raises(ValueError, match="n_samples"):
        EBGAN(**TINY, margin=1.0).fit(images(16, 8, 8)).sample(n)


def test_the_margin_is_searched_where_the_estimator_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def energies(net: Any, data: Any, **settings: Any) -> list[float]:
        given.update(settings)
        return [1.0]

    monkeypatch.setattr("energan.estimators.ebgan.converged_energy", energies)
    EBGAN(**TINY, device="cpu").fit(images(9, 8, 8))
    assert given["device"] == "cpu"


def test_a_device_of_torch_is_a_device() -> None:
    X = images(16, 8, 8)
    energies = [EBGAN(**TINY, margin=1.0, device=d).fit(X).energy(X) for d in ("cpu", torch.device("cpu"))]
    assert (energies[0] == energies[1]).all()


def test_rows_without_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="has no numbers"):
        EBGAN(**TINY).fit(np.zeros((4, 8, 0)))
