"""What classifiers from few labels share: fit(X, y), where -1 in y is no label, and the probability of each class."""

import copy
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int64, Num, Shaped
from numpy import ndarray as Array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_X_y
from sklearn.utils.multiclass import check_classification_targets
from torch import Tensor, nn

from energan.data.few_labels import LabelledBatches, numbered
from energan.data.image_set import NONE
from energan.data.pixels import to_unit
from energan.engine.game import Game
from energan.engine.isolation import isolated
from energan.engine.rng import seeded
from energan.estimators.arrays import flattened, to_pixels, to_rows
from energan.estimators.base import (
    TrainingData,
    as_fitted,
    check_training,
    checked,
    generate,
    last_tenth,
    play,
    prepare,
    remember,
)
from energan.inference.chunks import CHUNK
from energan.inference.model import Model
from energan.utils.hardware import pick_device


class SemiSupervisedClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """What the classifiers have in common: a game with `logits`, its data {x, y, u}."""

    _averaged: ClassVar[tuple[str, ...]]  # players whose weights are averaged over about the last tenth of the steps

    @abstractmethod
    def _check_parameters(self) -> None: ...

    @abstractmethod
    def _networks(self, images: Num[Tensor, "n c h w"], classes: int) -> dict[str, nn.Module]: ...

    @abstractmethod
    def _game(self, networks: dict[str, nn.Module]) -> Game: ...

    def _batches(self, data: TrainingData, labels: Int64[Tensor, " n"], classes: int) -> LabelledBatches:
        return LabelledBatches(
            data.images, labels, classes=classes, labelled=data.batch, unlabelled=data.batch, seed=data.seed
        )

    def _model(self) -> Model:
        networks = copy.deepcopy(self.networks_)  # the fitted networks stay on the CPU
        return Model(as_fitted(self)._game(networks), networks, pick_device(self.device))

    def fit(self, X: Num[Array, "n ..."], y: Shaped[Array, " n"]) -> Self:
        """Trains on all rows of X, and on the labels that y has.

        Args:
            X: images (n, h, w), (n, h, w, c) or (n, c, h, w), or a table (n, d), of n >= 2 rows.
            y: (n,), integers or text; -1 or "-1" where a row has no label.

        Returns:
            The fitted estimator itself.

        Raises:
            ValueError: X, y or a parameter cannot be used, y has fewer than two classes, or training diverges.
        """
        check_training(self)
        self._check_parameters()
        X_, y_ = check_X_y(X, y, allow_nd=True, ensure_min_samples=2, estimator=self)
        if y_.dtype.kind == "f":
            check_classification_targets(y_)
        data = prepare(self, X_, flat=True)
        with seeded(data.seed):
            labels, classes = numbered(y_)
            if len(classes) < 2:
                raise ValueError(f"y has labels of one class only, {classes[0]}: a classifier needs two or more")
            game = self._game(self._networks(data.images, len(classes)))
            source = self._batches(data, labels, len(classes))
        model = play(game, source, data, dict.fromkeys(self._averaged, last_tenth(self.steps)), self)
        likeliest = probabilities(copy.deepcopy(model.classifier), model.device, data.images).argmax(axis=1)
        remember(self, X, data.frame, model)
        self.classes_ = classes
        self.transduction_ = classes[np.where(labels == NONE, likeliest, labels)]
        return self

    def predict_proba(self, X: Num[Array, "n ..."]) -> Float[Array, "n classes"]:
        """The probability of each class.

        Args:
            X: rows of the shape that `fit` was called with, in the same units.

        Returns:
            (n, classes), in the order of `classes_`; rows sum to 1.

        Raises:
            ValueError: X is not finite, or has another shape than the rows of `fit`.
        """
        X = checked(self, X)
        pixels = to_pixels(X.reshape(len(X), -1), flattened(self.frame_))
        model = self._model()
        return probabilities(model.classifier, model.device, pixels)

    def predict(self, X: Num[Array, "n ..."]) -> Shaped[Array, " n"]:
        """The likeliest class of each row, (n,); Args and Raises as `predict_proba`."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likeliest]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


@isolated(gradients=False)
def probabilities(
    classifier: nn.Module, device: torch.device, images: Num[Tensor, "n c h w"]
) -> Float[Array, "n classes"]:
    """In float64, which the classifier becomes: rounding would make a row's depend on how many rows it stands among."""
    read = classifier.double()
    chunks = images.split(CHUNK)
    return torch.cat([read(to_unit(c.to(device)).double()).softmax(1).cpu() for c in chunks]).numpy()


def generate_rows(estimator: SemiSupervisedClassifier, n: int, random_state: Any) -> Num[Array, "n ..."]:
    """n of a fitted estimator's samples, shaped and scaled as X; random_state: None is the fit's."""
    rows = to_rows(generate(estimator, n, random_state), flattened(estimator.frame_))
    return rows.reshape(n, *estimator.frame_.shape)
