"""InfoGAN as a scikit-learn estimator."""

import copy
from typing import Any, Self, final

from jaxtyping import Float, Num
from numpy import ndarray as Array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from torch import nn

from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.estimators.arrays import to_pixels, to_rows
from energan.estimators.base import as_fitted, check_and_prepare, checked, generate, remember, train
from energan.estimators.codes import read_codes
from energan.games.latent.infogan import infogan
from energan.inference.model import Model
from energan.networks.conv.infogan import Discriminator, Generator
from energan.utils.checks import at_least, not_negative, whole
from energan.utils.hardware import Precision, pick_device


@final
class InfoGAN(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """InfoGAN (Chen et al. 2016, arXiv:1606.03657): draws images by codes that it learns to show, and reads them.

    No label is needed: c1 is one of `categories`, c2 are `numbers` from -1 to 1, and what they show is found.

    Args:
        categories: of c1, 2 or more.
        numbers: of c2.
        information: weight of the codes' information in the generator's loss; 0: it is not told to show them.
        steps: training steps: a turn of D and Q and a turn of G each.
        batch: images a turn, 2 or more (at most all of X).
        width: feature maps at half resolution.
        units: units of the fully connected layers.
        z: dimensions of the remaining noise.
        lr: learning rate of Adam (beta1 0.5) for G; D's and Q's is a fifth of it, as the authors'.
        random_state: None, an int or a RandomState. With an int, `fit` and `sample` repeat bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Sampling and reading are in fp32.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        networks_: {"G": generator, "D": discriminator with Q}, modules in eval mode.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        n_features_in_: X's second axis.

    Examples:
        >>> import numpy as np
        >>> from energan import InfoGAN
        >>> X = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
        >>> model = InfoGAN(categories=3, steps=2, width=2, units=8, random_state=0).fit(X)
        >>> model.transform(X[:4]).shape  # the probability of each category, and two numbers
        (4, 5)
        >>> model.sample(3).shape
        (3, 8, 8)
    """

    def __init__(
        self,
        *,
        categories: int = 10,
        numbers: int = 2,
        information: float = 1.0,
        steps: int = 2000,
        batch: int = 64,
        width: int = 32,
        units: int = 512,
        z: int = 62,
        lr: float = 1e-3,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.categories, self.numbers, self.information = categories, numbers, information
        self.steps, self.batch, self.width, self.units, self.z, self.lr = steps, batch, width, units, z, lr
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def _game(self, networks: dict[str, nn.Module]) -> Game:
        return infogan(
            networks["G"],
            networks["D"],
            self.z,
            categories=self.categories,
            numbers=self.numbers,
            information=self.information,
            optimizer_G=Adam(self.lr, beta1=0.5),
            optimizer_D=Adam(self.lr / 5, beta1=0.5),
        )

    def _model(self) -> Model:
        networks = copy.deepcopy(self.networks_)  # the fitted networks stay on the CPU
        return Model(as_fitted(self)._game(networks), networks, pick_device(self.device))

    def fit(self, X: Num[Array, "n ..."], y: Any = None) -> Self:
        """Trains the networks on the images X.

        Args:
            X: images (n, h, w), (n, h, w, c) or (n, c, h, w), n >= 2.
            y: not used, as scikit-learn has it for what learns without labels.

        Returns:
            The fitted estimator itself.

        Raises:
            ValueError: X is a table or cannot be used, a parameter cannot be used, or training diverges.
        """
        at_least(2, categories=whole("categories", self.categories))
        at_least(0, numbers=whole("numbers", self.numbers))
        at_least(1, units=whole("units", self.units))
        not_negative(information=self.information)
        data = check_and_prepare(self, X)
        if data.frame.layout == "n d":
            raise ValueError("InfoGAN is convolutional and needs images, but X is a table (n, d)")
        shape: dict[str, Any] = {
            "channels": data.frame.chw[0],
            "size": data.frame.side,
            "width": self.width,
            "units": self.units,
        }
        with seeded(data.seed):
            G = Generator(self.z + self.categories + self.numbers, **shape)
            D = Discriminator(self.categories, self.numbers, **shape)
        remember(self, X, data.frame, train(self, self._game({"G": G, "D": D}), data))
        return self

    def transform(self, X: Num[Array, "n ..."]) -> Float[Array, "n codes"]:
        """The codes that Q reads off each image.

        Args:
            X: images of the shape that `fit` was called with, in the same units.

        Returns:
            (n, categories + numbers): the probability of each category, then the numbers.

        Raises:
            ValueError: X is not finite, or has another shape than the images of `fit`.
        """
        X = checked(self, X)
        return read_codes(self._model(), to_pixels(X, self.frame_))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Num[Array, "n ..."]:
        """Draws new images.

        Args:
            n_samples: number of images; a larger number continues the images of a smaller one.
            random_state: None is the fit's.

        Returns:
            Images shaped as those of X: bytes if X was bytes, else floats in X's range.

        Raises:
            ValueError: n_samples is below 1.
        """
        return to_rows(generate(self, n_samples, random_state), self.frame_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags
