"""A classifier of rows whose labels nobody knows, from labelled rows of another kind: fit(X, y, target=...)."""

from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
from jaxtyping import Int64, Num, Shaped
from numpy import ndarray as Array
from torch import Tensor, nn

from energan.data.few_labels import LabelledBatches
from energan.data.image_set import NONE
from energan.engine.game import Game
from energan.engine.optimizers import SGD, inverse_decay
from energan.estimators.base import TrainingData
from energan.estimators.base_classifier import SemiSupervisedClassifier
from energan.games.adaptation.dann import dann
from energan.networks.dense import dann as nets
from energan.utils.checks import fraction, not_negative
from energan.utils.hardware import Precision


@final
class DomainAdversarialClassifier(SemiSupervisedClassifier):
    """DANN (Ganin & Lempitsky 2015, arXiv:1409.7495): features that say the class and not the domain.

    The labelled rows are the source; the target is `target`, and the rows of X without a label (-1). Without either
    there is nothing to adapt to. All networks are fully connected; for images there is the recipe `dann-mnist`.

    Args:
        hidden: units of each hidden layer of the features' network.
        weight: how much the features go against the discriminator of domains at the end; 0: not at all.
        steps: training steps.
        batch: labelled rows a step, and as many of the target, 2 or more (at most as many as there are).
        lr: learning rate of SGD at the start; it falls to a sixth.
        momentum: SGD's momentum.
        random_state: None, an int or a RandomState. With an int, `fit` repeats bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Prediction is in fp32.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        classes_: the classes, in the order of the columns of `predict_proba`.
        transduction_: a label for each row of X, then of the target: y's where it has one, else the prediction.
        networks_: {"E", "C", "D"}, modules in eval mode.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        n_features_in_: features of X (of images: their second axis).
        feature_names_in_: names of the features, where X is a data frame and there is no `target`.

    Examples:
        >>> import numpy as np
        >>> from energan import DomainAdversarialClassifier
        >>> X, y = np.random.default_rng(0).random((20, 4)), np.arange(20) % 2
        >>> model = DomainAdversarialClassifier(hidden=(8,), steps=2, random_state=0).fit(X, y, target=1 - X)
        >>> model.predict_proba(1 - X).shape, model.transduction_.shape
        ((20, 2), (40,))
    """

    _averaged = ()

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (256, 128),
        weight: float = 1.0,
        steps: int = 5000,
        batch: int = 64,
        lr: float = 0.01,
        momentum: float = 0.9,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.hidden, self.weight, self.steps, self.batch = hidden, weight, steps, batch
        self.lr, self.momentum = lr, momentum
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def fit(self, X: Num[Array, "n ..."], y: Shaped[Array, " n"], target: Num[Array, "m ..."] | None = None) -> Self:
        """Trains on the labelled rows, and on those of the target.

        Args:
            X: images (n, h, w), (n, h, w, c) or (n, c, h, w), or a table (n, d), of n >= 2 rows.
            y: (n,), integers or text; -1 or "-1" where a row has no label, and is of the target.
            target: more rows of the target, shaped and scaled as X; None: there are no more.

        Returns:
            The fitted estimator itself.

        Raises:
            ValueError: X, y, target or a parameter cannot be used, y has fewer than two classes, or training diverges.
        """
        if target is None:
            return super().fit(X, y)
        rows, others, labels = np.asarray(X), np.asarray(target), np.asarray(y)
        if rows.ndim < 1 or rows.shape[1:] != others.shape[1:]:
            raise ValueError(f"a row of target has the shape {others.shape[1:]}, and one of X {rows.shape[1:]}")
        if rows.dtype.kind != others.dtype.kind:
            raise ValueError(f"X is {rows.dtype} and target {others.dtype}: bring both to one scale and type")
        none = np.full(len(others), NONE).astype(labels.dtype if labels.dtype.kind in "OU" else np.int64)
        return super().fit(np.concatenate([rows, others]), np.concatenate([labels, none]))

    def _check_parameters(self) -> None:
        not_negative(weight=self.weight)
        fraction(momentum=self.momentum)
        if not self.hidden:
            raise ValueError("hidden must have a layer at least")

    def _batches(self, data: TrainingData, labels: Int64[Tensor, " n"], classes: int) -> LabelledBatches:
        others = int((labels == NONE).sum())
        unlabelled = min(data.batch, others or len(labels))
        return LabelledBatches(
            data.images, labels, classes=classes, labelled=data.batch, unlabelled=unlabelled, seed=data.seed,
            apart=others > 0,
        )  # fmt: skip

    def _networks(self, images: Num[Tensor, "n c h w"], classes: int) -> dict[str, nn.Module]:
        last = self.hidden[-1]
        E, C = nets.encoder(images[0].numel(), tuple(self.hidden)), nn.Linear(last, classes)
        return {"E": E, "C": C, "D": nets.domain_critic(last)}

    def _game(self, networks: dict[str, nn.Module]) -> Game:
        sgd = SGD(self.lr, self.momentum, schedule=inverse_decay(self.steps))
        E, C, D = (networks[name] for name in "ECD")
        rates = {"optimizer_E": sgd, "optimizer_C": sgd, "optimizer_D": sgd}
        return dann(E, C, D, span=self.steps, weight=float(self.weight), **rates)
