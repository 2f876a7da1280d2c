"""DCGAN as a scikit-learn estimator."""

import copy
from typing import Any, Self, final

from jaxtyping import Num
from numpy import ndarray as Array
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from torch import nn

from energan.engine.game import Game
from energan.engine.noise import uniform
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.estimators.arrays import to_rows
from energan.estimators.asked import (
    asked_rows,
    count_of,
    how_many,
    remember_classes,
    told_discriminator,
    told_generator,
    with_classes,
)
from energan.estimators.base import as_fitted, check_and_prepare, generate, remember, train
from energan.games.conditional.conditional import conditional
from energan.games.gan.gan import gan
from energan.inference.model import Model
from energan.networks.conv import dcgan
from energan.utils.hardware import Precision, pick_device


@final
class DCGAN(BaseEstimator):  # type: ignore[misc]
    """DCGAN (Radford, Metz & Chintala 2015, arXiv:1511.06434) with 4 x 4 kernels: draws new images.

    `fit(X, y)` trains it to draw a class that is asked for, `sample(n, y="cat")`: G and D are told the class.

    It has no `score_samples`: a trained D tells real images from G's, which says little about any others.

    Args:
        steps: training steps: a turn of D and a turn of G each.
        batch: images a turn, 2 or more (at most all of X).
        width: feature maps at half resolution.
        z: dimensions of the generator's noise.
        lr: learning rate of Adam, for both players.
        beta1: of Adam.
        smoothing: one-sided label smoothing: the target of real images is 1 - smoothing; in [0, 1).
        random_state: None, an int or a RandomState. With an int, `fit` and `sample` repeat bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Sampling is in fp32.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        networks_: {"G": generator, "D": discriminator}, modules in eval mode.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        classes_, class_counts_: y's classes in their order, and the rows of each; only after `fit(X, y)`.
        n_features_in_: X's second axis.

    Examples:
        >>> import numpy as np
        >>> from energan import DCGAN
        >>> X = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
        >>> images = DCGAN(steps=2, width=2, random_state=0).fit(X).sample(3)
        >>> images.shape, images.dtype.name
        ((3, 8, 8), 'uint8')
        >>> asked = DCGAN(steps=2, width=2, random_state=0).fit(X, ["cat", "dog"] * 10)
        >>> asked.sample(3, y="dog").shape, asked.sample(y=["cat", "dog"]).shape
        ((3, 8, 8), (2, 8, 8))
    """

    def __init__(
        self,
        *,
        steps: int = 2000,
        batch: int = 64,
        width: int = 32,
        z: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.5,
        smoothing: float = 0.0,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.steps, self.batch, self.width, self.z = steps, batch, width, z
        self.lr, self.beta1, self.smoothing = lr, beta1, smoothing
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def _game(self, networks: dict[str, nn.Module], classes: int) -> Game:
        adam = Adam(self.lr, self.beta1)
        G, D = networks["G"], networks["D"]
        game = gan(G, D, uniform(self.z), smoothing=self.smoothing, optimizer_G=adam, optimizer_D=adam)
        return conditional(game, classes) if classes else game

    def _model(self) -> Model:
        networks = copy.deepcopy(self.networks_)
        return Model(as_fitted(self)._game(networks, count_of(self)), networks, pick_device(self.device))

    def fit(self, X: Num[Array, "n ..."], y: Any = None) -> Self:
        """Trains both networks on the images X.

        Args:
            X: images (n, h, w), (n, h, w, c) or (n, c, h, w), n >= 2.
            y: (n,), the class of each image, integers or text; rows of -1 or "-1" have none and are left out. None: the
                images are of no class.

        Returns:
            The fitted estimator itself.

        Raises:
            ValueError: X is a table or cannot be used, y or a parameter cannot be used, or training diverges.
        """
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be in [0, 1), got {self.smoothing}")
        data = check_and_prepare(self, X)
        if data.frame.layout == "n d":
            raise ValueError("DCGAN is convolutional and needs images, but X is a table (n, d); EBGAN takes tables")
        data, classes = with_classes(data, X, y)
        told, channels = (classes.inputs if classes else 0), data.frame.chw[0]
        shape: dict[str, Any] = {"size": data.frame.side, "width": self.width}
        with seeded(data.seed):
            G = told_generator(dcgan.Generator(self.z + told, channels=channels, **shape), classes)
            D = told_discriminator(dcgan.Discriminator(channels=channels + told, **shape), classes)
        game = self._game({"G": G, "D": D}, len(classes.names) if classes else 0)
        remember(self, X, data.frame, train(self, game, data, classes.labels if classes else None))
        remember_classes(self, classes)
        return self

    def sample(self, n_samples: int | None = None, random_state: Any = None, *, y: Any = None) -> Num[Array, "n ..."]:
        """Draws new images.

        Args:
            n_samples: number of images; a larger number continues the images of a smaller one. None: as many as y has
                labels, else 1.
            random_state: None is the fit's.
            y: the class to draw, as `fit` had it, or one for each sample. None: each as often as X had it.

        Returns:
            Images shaped as those of X: bytes if X was bytes, else floats in X's range.

        Raises:
            ValueError: n_samples is below 1 or is not the number of y, or y has a class that `fit` did not see.
        """
        n = how_many(n_samples, y)
        return to_rows(generate(self, n, random_state, asked_rows(self, n, y, random_state)), self.frame_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags
