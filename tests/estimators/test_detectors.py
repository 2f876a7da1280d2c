"""Outlier detectors: thresholds by calibration, maps, and the auto-encoder's own parameters."""

from typing import Any

import numpy as np
import pytest
from numpy import ndarray as Array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from energan.estimators.autoencoder import AutoencoderDetector
from energan.estimators.ebgan import EBGAN

TINY: dict[str, Any] = {"steps": 2, "width": 2, "batch": 8, "random_state": 0}
DETECTORS = [
    EBGAN(**TINY, z=3, margin=1.0, kind="ssq"),
    AutoencoderDetector(**TINY, kind="ssq"),
    AutoencoderDetector(**TINY, features="mobilenetv2", side=32),
]
each = pytest.mark.parametrize("detector", DETECTORS, ids=["EBGAN", "pixels", "features"])


def images(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@each
def test_a_calibrated_threshold_is_that_of_the_ranks(detector: Any) -> None:
    detector.fit(images(12, 8, 8))
    before, fresh = detector.offset_, images(30, 8, 8, seed=1)
    assert not hasattr(detector, "calibration_")
    assert detector.calibrate(fresh, false_alarms="10%") is detector
    energies = np.sort(detector.energy(fresh))
    assert detector.offset_ == -energies[27] != before  # ceil(31 x 0.9) = 28th
    assert int((detector.predict(fresh) == -1).sum()) == int((energies > energies[27]).sum())
    with pytest.raises(ValueError, match="false_alarms 1 % needs at least 99 normal images"):
        detector.calibrate(fresh)
    with pytest.raises(ValueError, match="false_alarms must be above 0"):
        detector.calibrate(fresh, 2)
    detector.fit(images(12, 8, 8))
    assert not hasattr(detector, "calibration_") and detector.offset_ == before


@each
def test_nothing_is_said_before_fit(detector: Any) -> None:
    fresh = clone(detector)
    for method in ("energy", "anomaly_map", "score_samples", "decision_function", "predict", "calibrate"):
        with pytest.raises(NotFittedError):
            getattr(fresh, method)(images(3, 8, 8))


@pytest.mark.parametrize("detector", DETECTORS[:2], ids=["EBGAN", "pixels"])
@pytest.mark.parametrize("shape", [(9, 8, 8), (9, 8, 8, 3), (9, 3, 8, 8)])
def test_maps_of_unpadded_images_add_up_to_the_energy(detector: Any, shape: tuple[int, ...]) -> None:
    X = images(*shape)
    maps = detector.fit(X).anomaly_map(X[:4])
    assert maps.shape == (4, 8, 8) and (maps >= 0).all()
    np.testing.assert_allclose(maps.sum((1, 2)), detector.energy(X[:4]), rtol=1e-5)


@each
def test_maps_are_cut_as_images_are_padded(detector: Any) -> None:
    X = images(9, 5, 13)
    assert detector.fit(X).anomaly_map(X).shape == X.shape


def test_a_table_s_map_says_which_feature_is_odd() -> None:
    X = np.random.default_rng(0).normal(size=(60, 4))
    detector = AutoencoderDetector(steps=60, width=4, batch=16, random_state=0).fit(X)
    odd = X[:1].copy()
    odd[0, 2] += 50
    assert detector.anomaly_map(odd).shape == (1, 4) and detector.anomaly_map(odd)[0].argmax() == 2
    np.testing.assert_allclose(np.sqrt(detector.anomaly_map(odd).sum(1)), detector.energy(odd), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "X", "expected"),
    [
        ({"features": "inception"}, images(9, 8, 8), "features must be None or 'mobilenetv2'"),
        ({"features": "mobilenetv2", "side": 40}, images(9, 8, 8), "side must be a multiple of 16"),
        ({"features": "mobilenetv2", "side": 32}, np.ones((9, 4)), "features are of images"),
        ({"features": "mobilenetv2", "side": 32}, images(9, 8, 8, 2), "features are of images with 1 or 3 channels"),
        ({"kind": "l1"}, images(9, 8, 8), "kind must be"),
        ({"contamination": 0.6}, images(9, 8, 8), "contamination must be 0.5 or below"),
        ({"contamination": 0}, images(9, 8, 8), "contamination must be above 0"),
        ({"width": 0}, images(9, 8, 8), "width must be 1 or more"),
        ({"steps": 0}, images(9, 8, 8), "steps must be 1 or more"),
    ],
)
def test_bad_parameters_are_refused(changes: dict[str, Any], X: Array, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        AutoencoderDetector(**{**TINY, **changes}).fit(X)
