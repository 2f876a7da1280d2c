"""What the outlier detectors share: energies as scores, a threshold, and where a row is odd."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray as Array
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import Tags

from energan.estimators.arrays import to_pixels
from energan.estimators.base import checked
from energan.inference.calibration import Calibration, calibration
from energan.inference.model import Model
from energan.utils.checks import positive


class Detector(OutlierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """An outlier detector by energies.

    A subclass has the parameter `contamination`; its `fit` calls `_set_offset`, and `_model` gives its model.
    """

    contamination: float
    frame_: Any
    offset_: float
    calibration_: Calibration

    @abstractmethod
    def _model(self) -> Model:
        """The fitted model."""

    def _check_contamination(self) -> None:
        positive(contamination=self.contamination)
        if self.contamination > 0.5:
            raise ValueError(f"contamination must be 0.5 or below, got {self.contamination}")

    def _set_offset(self, energies: Float[Array, " n"]) -> None:
        """The threshold by `contamination`; one that was calibrated for an earlier fit is forgotten."""
        self.offset_ = float(np.percentile(-energies, 100 * self.contamination))
        self.__dict__.pop("calibration_", None)

    def energy(self, X: Num[Array, "n ..."]) -> Float[Array, " n"]:
        """The energy E(x) of each row.

        Args:
            X: rows of the shape that `fit` was called with, in the same units.

        Returns:
            (n,), at least 0: high where a row is unlike the training data.

        Raises:
            ValueError: X is not finite, or has another shape than the rows of `fit`.
        """
        pixels = to_pixels(checked(self, X), self.frame_)
        return self._model().score_pixels(pixels).double().numpy()

    def calibrate(self, X: Num[Array, "n ..."], false_alarms: float | str = 0.01) -> Self:
        """Sets the threshold of `predict` by normal rows that were not trained on, in place of `contamination`.

        A fresh row drawn as these is called an outlier with probability `false_alarms` at most (split conformal
        prediction, energan.inference.calibration).

        Args:
            X: normal rows, none of which `fit` has seen; at least 1 / false_alarms - 1.
            false_alarms: the rate, such as 0.01 or "1%".

        Returns:
            The estimator itself, with `offset_` and `calibration_`.

        Raises:
            ValueError: there are too few rows for so low a rate, or X cannot be read.
        """
        import torch

        normal = calibration(torch.from_numpy(self.energy(X)))
        self.offset_, self.calibration_ = -normal.threshold(false_alarms), normal
        return self

    def anomaly_map(self, X: Num[Array, "n ..."]) -> Float[Array, "n ..."]:
        """What each pixel of an image, or each feature of a table's row, adds to its energy: where the row is odd.

        Args:
            X: as that of `energy`.

        Returns:
            (n, h, w) of images, (n, d) of a table; at least 0. With kind "l2" the root of a map's sum is the energy,
            with "ssq" its sum, with "mse" its mean; up to the pixels that images are padded by.

        Raises:
            ValueError: as `energy`.
        """
        pixels = to_pixels(checked(self, X), self.frame_)
        frame = self.frame_
        maps = self._model().map_pixels(pixels).double().numpy()
        if frame.layout == "n d":
            return maps[:, 0]
        _, h, w = frame.chw
        top, left = (frame.side - h) // 2, (frame.side - w) // 2
        return maps[:, top : top + h, left : left + w]

    def score_samples(self, X: Num[Array, "n ..."]) -> Float[Array, " n"]:
        """Minus the energy of each row, as scikit-learn has scores; Args and Raises as `energy`.

        Returns:
            (n,): higher where a row is more like the training data.
        """
        return -self.energy(X)

    def decision_function(self, X: Num[Array, "n ..."]) -> Float[Array, " n"]:
        """`score_samples` minus `offset_`; Args and Raises as `energy`.

        Returns:
            (n,): below 0 where a row is an outlier.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Num[Array, "n ..."]) -> Num[Array, " n"]:
        """Whether each row is an outlier; Args and Raises as `energy`.

        Returns:
            (n,): 1 for a row like the training data, -1 for an outlier.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
