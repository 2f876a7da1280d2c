"""The adversarial auto-encoder as a scikit-learn estimator."""

import copy
from typing import Any, Literal, Self, final

import numpy as np
import torch
from jaxtyping import Float, Num, Shaped
from numpy import ndarray as Array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, check_array, check_X_y
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import nn

from energan.data import Batches
from energan.data.few_labels import LabelledBatches, numbered
from energan.engine.game import Game, Source
from energan.engine.noise import gaussian_mixture, normal, swiss_roll
from energan.engine.optimizers import Adam
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
from energan.estimators.codes import draw_codes, read_codes
from energan.games.latent.aae import aae
from energan.games.latent.aae_ssl import aae_clusters, aae_ssl
from energan.inference.model import Model
from energan.networks.latent.aae import CategoryEncoder, Critic, Decoder, Encoder
from energan.utils.checks import at_least, whole
from energan.utils.hardware import Precision, pick_device

PRIORS = {"mixture": gaussian_mixture, "swiss-roll": swiss_roll}


@final
class AdversarialAutoencoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Adversarial auto-encoder (Makhzani et al. 2015, arXiv:1511.05644): codes that follow a prior, and samples of it.

    `fit(X)` learns codes of numbers; with `clusters`, of a cluster and numbers; `fit(X, y)`, where -1 in y is no label,
    of a class and numbers.

    Args:
        z: numbers of a code, besides its category.
        prior: of codes without a category: "gaussian", N(0, I), or, with z = 2, "mixture" or "swiss-roll".
        clusters: how many, where y has no labels; 0 for codes without a category.
        width: units of each hidden layer, two in each net.
        steps: training steps: a turn each of the auto-encoder, of the critics, of the encoder against them, and, with
            labels, of these.
        batch: rows a turn, 2 or more (at most all of X).
        lr: learning rate of Adam, for all.
        random_state: None, an int or a RandomState. With an int, `fit` and `sample` repeat bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Codes and samples are in fp32 or wider.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        networks_: {"E": encoder, "G": decoder, and the critics: "D", or "D_y" and "D_z"}, modules in eval mode.
        categories_: what `predict` returns: the classes of y in their order, the clusters' numbers, or none.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        n_features_in_: features of X (of images: their second axis).
        feature_names_in_: names of the features, where X is a data frame.

    Examples:
        >>> import numpy as np
        >>> from energan import AdversarialAutoencoder
        >>> X = np.random.default_rng(0).random((20, 8, 8))
        >>> model = AdversarialAutoencoder(z=3, width=8, steps=2, random_state=0).fit(X)
        >>> codes = model.transform(X[:4])
        >>> codes.shape, model.inverse_transform(codes).shape, model.sample(5).shape
        ((4, 3), (4, 8, 8), (5, 8, 8))
        >>> few = AdversarialAutoencoder(z=3, width=8, steps=2, random_state=0).fit(X, [0, 1] + [-1] * 18)
        >>> few.transform(X[:4]).shape, few.predict(X[:4]).shape  # the probability of each class, then the numbers
        ((4, 5), (4,))
    """

    def __init__(
        self,
        *,
        z: int = 8,
        prior: Literal["gaussian", "mixture", "swiss-roll"] = "gaussian",
        clusters: int = 0,
        width: int = 500,
        steps: int = 3000,
        batch: int = 100,
        lr: float = 2e-4,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.z, self.prior, self.clusters, self.width = z, prior, clusters, width
        self.steps, self.batch, self.lr = steps, batch, lr
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def _networks(self, pixels: int, categories: int) -> dict[str, nn.Module]:
        shape, hidden = (1, 1, pixels), (self.width, self.width)
        if not categories:
            E, G = Encoder(self.z, shape, hidden=hidden), Decoder(self.z, shape, hidden=hidden)
            return {"E": E, "G": G, "D": Critic(self.z, hidden=hidden)}
        return {
            "E": CategoryEncoder(categories, self.z, shape, hidden=hidden),
            "G": Decoder(categories + self.z, shape, hidden=hidden),
            "D_y": Critic(categories, hidden=hidden, noise=0.3),
            "D_z": Critic(self.z, hidden=hidden, noise=0.3),
        }

    def _game(self, networks: dict[str, nn.Module], categories: int, labels: bool, table: bool) -> Game:
        given: dict[str, Any] = {**networks, "likelihood": "gaussian" if table else "bernoulli"}
        given |= {f"optimizer_{name}": Adam(self.lr, beta1=0.5) for name in "EGDR"}
        if labels:
            return aae_ssl(**given, z=self.z, classes=categories, optimizer_L=Adam(self.lr, beta1=0.5))
        if categories:
            return aae_clusters(**given, z=self.z, clusters=categories)
        return aae(**given, z=normal(self.z) if self.prior == "gaussian" else PRIORS[self.prior]())

    def _model(self) -> Model:
        networks = copy.deepcopy(self.networks_)  # the fitted networks stay on the CPU
        fitted, table = as_fitted(self), self.frame_.layout == "n d"
        game = fitted._game(networks, len(self.categories_), self._labelled, table)
        return Model(game, networks, pick_device(self.device))

    def _check(self) -> None:
        check_training(self)
        at_least(0, clusters=whole("clusters", self.clusters))
        if self.clusters == 1:
            raise ValueError("clusters are two or more, or 0 for codes without one")
        if self.prior not in ("gaussian", *PRIORS):
            raise ValueError(f"prior must be 'gaussian', 'mixture' or 'swiss-roll', got {self.prior!r}")
        if self.prior != "gaussian" and self.z != 2:
            raise ValueError(f"z is 2 where the prior is {self.prior!r}, got {self.z}")

    def fit(self, X: Num[Array, "n ..."], y: Any = None) -> Self:
        """Trains on all rows of X, and on the labels that y has.

        Args:
            X: images (n, h, w), (n, h, w, c) or (n, c, h, w), or a table (n, d), of n >= 2 rows.
            y: (n,), integers or text; -1 or "-1" where a row has no label. None: no row has one.

        Returns:
            The fitted estimator itself.

        Raises:
            ValueError: X, y or a parameter cannot be used, y has fewer than two classes, y has labels where a prior of
                the plane or clusters are asked for, or training diverges.
        """
        self._check()
        if y is not None and (self.clusters or self.prior != "gaussian"):
            raise ValueError("y has labels, so a code has its class: leave clusters at 0 and prior at 'gaussian'")
        if self.clusters and self.prior != "gaussian":
            raise ValueError("a code that has a cluster has normal numbers: leave prior at 'gaussian'")
        categories = np.arange(self.clusters)
        if y is None:
            data = prepare(self, check_array(X, allow_nd=True, ensure_min_samples=2, estimator=self), flat=True)
            source: Source = Batches(data.images, None, data.batch, data.seed)
        else:
            X_, y_ = check_X_y(X, y, allow_nd=True, ensure_min_samples=2, estimator=self)
            if y_.dtype.kind == "f":
                check_classification_targets(y_)
            data = prepare(self, X_, flat=True)
            source, categories = labelled(data, y_)
        with seeded(data.seed):
            networks = self._networks(data.images[0].numel(), len(categories))
        game = self._game(networks, len(categories), y is not None, data.frame.layout == "n d")
        averages = dict.fromkeys("EG", last_tenth(self.steps))
        remember(self, X, data.frame, play(game, source, data, averages, self))
        self.categories_, self._labelled = categories, y is not None
        return self

    def transform(self, X: Num[Array, "n ..."]) -> Float[Array, "n codes"]:
        """The code of each row.

        Args:
            X: rows of the shape that `fit` was called with, in the same units.

        Returns:
            (n, z), or with categories (n, categories + z): the probability of each, then the numbers.

        Raises:
            ValueError: X is not finite, or has another shape than the rows of `fit`.
        """
        X = checked(self, X)
        return read_codes(self._model(), to_pixels(X.reshape(len(X), -1), flattened(self.frame_)))

    def inverse_transform(self, codes: Float[Array, "n codes"]) -> Num[Array, "n ..."]:
        """The rows that codes are drawn as.

        Args:
            codes: as `transform` returns them.

        Returns:
            Rows shaped as those of X: bytes if X was bytes, else floats in X's range.

        Raises:
            ValueError: codes are not finite, or have another width.
        """
        check_is_fitted(self)
        codes, width = check_array(codes), len(self.categories_) + self.trained_with_["z"]
        if codes.shape[1] != width:
            raise ValueError(f"codes of this estimator have {width} numbers, not {codes.shape[1]}")
        rows = draw_codes(self._model(), torch.from_numpy(np.ascontiguousarray(codes, np.float32)))
        return self._rows(rows)

    def predict(self, X: Num[Array, "n ..."]) -> Shaped[Array, " n"]:
        """The likeliest class of each row, or its cluster, (n,); Args and Raises as `transform`.

        Raises:
            ValueError: `fit` was given neither y nor clusters.
        """
        check_is_fitted(self)
        k = len(self.categories_)
        if not k:
            raise ValueError("codes have no category: fit was given neither y nor clusters")
        return self.categories_[self.transform(X)[:, :k].argmax(axis=1)]

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Num[Array, "n ..."]:
        """Draws new rows.

        Args:
            n_samples: number of rows; a larger number continues the rows of a smaller one.
            random_state: None is the fit's.

        Returns:
            Rows shaped as those of X: bytes if X was bytes, else floats in X's range.

        Raises:
            ValueError: n_samples is below 1.
        """
        return self._rows(generate(self, n_samples, random_state))

    def _rows(self, images: torch.Tensor) -> Num[Array, "n ..."]:
        return to_rows(images, flattened(self.frame_)).reshape(len(images), *self.frame_.shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def labelled(data: TrainingData, y: Shaped[Array, " n"]) -> tuple[LabelledBatches, Shaped[Array, " classes"]]:
    """Batches of rows with and without labels, and the classes. ValueError for labels of one class only."""
    labels, classes = numbered(y)
    if len(classes) < 2:
        raise ValueError(f"y has labels of one class only, {classes[0]}: a classifier needs two or more")
    batches = LabelledBatches(
        data.images, labels, classes=len(classes), labelled=data.batch, unlabelled=data.batch, seed=data.seed
    )
    return batches, classes
