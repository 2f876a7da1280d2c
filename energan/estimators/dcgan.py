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
from energan.estimators.base import as_fitted, check_and_prepare, generate, remember, train
from energan.games.gan.gan import gan
from energan.inference.model import Model
from energan.networks.conv import dcgan
from energan.utils.hardware import Precision, pick_device


@final
class DCGAN(BaseEstimator):  # type: ignore[misc]
    """DCGAN (Radford, Metz & Chintala 2015, arXiv:1511.06434) with 4 x 4 kernels: draws new images.

    It has no `score_samples`: a trained D tells real images from G's, which says little about any others.

    steps, batch   training steps (a turn of D, a turn of G each); images a turn, 2 or more (at most all of X are taken)
    width, z       feature maps at half resolution; dimensions of the noise
    lr, beta1      of Adam, for both players
    smoothing      one-sided label smoothing: the target of real images is 1 less this, in [0, 1)
    random_state, precision, device, verbose   as EBGAN's

    Fitted: networks_ {"G", "D"}, frame_ (how X is scaled), trained_with_ (the parameters), n_features_in_ (X's second
    axis).
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

    def _game(self, networks: dict[str, nn.Module]) -> Game:
        adam = Adam(self.lr, self.beta1)
        G, D = networks["G"], networks["D"]
        return gan(G, D, uniform(self.z), smoothing=self.smoothing, optimizer_G=adam, optimizer_D=adam)

    def _model(self) -> Model:
        networks = copy.deepcopy(self.networks_)
        return Model(as_fitted(self)._game(networks), networks, pick_device(self.device))

    def fit(self, X: Num[Array, "n ..."], y: None = None) -> Self:
        """Trains on n >= 2 images. ValueError for data or parameters that cannot be used, or if it diverges."""
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be in [0, 1), got {self.smoothing}")
        data = check_and_prepare(self, X)
        if data.frame.layout == "n d":
            raise ValueError("DCGAN is convolutional and needs images, but X is a table (n, d); EBGAN takes tables")
        shape = {"channels": data.frame.chw[0], "size": data.frame.side, "width": self.width}
        with seeded(data.seed):
            networks = {"G": dcgan.Generator(self.z, **shape), "D": dcgan.Discriminator(**shape)}
        remember(self, X, data.frame, train(self, self._game(networks), data))
        return self

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Num[Array, "n ..."]:
        """New images, shaped as X's: bytes if X was, else floats in X's range. random_state: None is the fit's."""
        return to_rows(generate(self, n_samples, random_state), self.frame_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags
