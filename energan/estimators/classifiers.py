"""Classifiers that learn from few labels, as scikit-learn estimators: fit(X, y), where -1 in y is no label.

    model = LadderClassifier(random_state=0).fit(X, y)
    model.predict(X), model.predict_proba(X), model.score(X_test, y_test), model.transduction_

X is images (n, h, w), (n, h, w, c) or (n, c, h, w), or a table (n, d), scaled as arrays.py says. All networks
are fully connected: they see each image as a row of numbers, whatever the order of its pixels.

y is integers or text, -1 or "-1" where a row has no label, as in sklearn.semi_supervised: a class that is itself
called -1 cannot be learned (number or name it otherwise). Each step takes `batch` labelled rows, drawn again where
there are fewer, and as many rows of all X; where every row has its label, both learn from all of them.
"""

from collections.abc import Sequence
from typing import Any, Literal, final

from jaxtyping import Num
from numpy import ndarray as Array
from torch import Tensor, nn

from energan.data.batches.images import random_images
from energan.engine.game import Game
from energan.engine.optimizers import Adam, linear_decay_last
from energan.estimators.base_classifier import SemiSupervisedClassifier, generate_rows
from energan.games.semi_supervised.ebgan_ln import ebgan_ln
from energan.games.semi_supervised.improved_gan import improved_gan_ssl
from energan.games.semi_supervised.ladder import ladder
from energan.networks.dense import improved_gan, mlp
from energan.networks.dense.ladder import HIDDEN, Ladder
from energan.utils.checks import at_least, not_negative, positive
from energan.utils.hardware import Precision

PIXELS = 784  # that the paper's margin is a sum over


@final
class LadderClassifier(SemiSupervisedClassifier):
    """A ladder network (Rasmus et al. 2015, arXiv:1507.02672): a classifier that denoises all its layers.

    Args:
        hidden: units of each hidden layer.
        costs: of denoising: "full", "bottom" (the pixels only), "gamma" (the top only) or "none" (a noisy supervised
            network), as the paper has them with 100 labels; or one weight a layer, from lambda_0 (pixels) to lambda_L:
            len(hidden) + 2 numbers.
        sigma: standard deviation of the noise in the layers. None is the paper's 0.3, or 0.5 with the costs "none".
        sigma_x: standard deviation of the noise on the input, in pixels of [0, 1].
        steps: training steps.
        batch: labelled rows a step, and as many of all rows, 2 or more (at most as many as X has).
        lr: learning rate of Adam; it falls linearly to 0 over the last third of the steps.
        random_state: None, an int or a RandomState. With an int, `fit` repeats bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Prediction is in fp32.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        classes_: the classes, in the order of the columns of `predict_proba`.
        transduction_: (n,), a label for each row of X: y's where it has one, else the prediction.
        networks_: {"D": ladder}, modules in eval mode.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        n_features_in_: features of X (of images: their second axis).
        feature_names_in_: names of the features, where X is a data frame.

    Examples:
        >>> import numpy as np
        >>> from energan import LadderClassifier
        >>> X = np.random.default_rng(0).random((20, 8, 8))
        >>> y = np.array([0, 1] + [-1] * 18)  # two labels, eighteen rows without one
        >>> model = LadderClassifier(hidden=(8,), steps=2, random_state=0).fit(X, y)
        >>> model.predict_proba(X[:3]).shape
        (3, 2)
        >>> model.transduction_.shape
        (20,)
    """

    _averaged = ()

    def __init__(
        self,
        *,
        hidden: Sequence[int] = HIDDEN,
        costs: str | Sequence[float] = "full",
        sigma: float | None = None,
        sigma_x: float = 0.3,
        steps: int = 3000,
        batch: int = 100,
        lr: float = 2e-3,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.hidden, self.costs, self.sigma, self.sigma_x = hidden, costs, sigma, sigma_x
        self.steps, self.batch, self.lr = steps, batch, lr
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def _check_parameters(self) -> None:
        at_least(1, hidden=min(self.hidden, default=1))
        not_negative(sigma=0 if self.sigma is None else self.sigma, sigma_x=self.sigma_x)

    def _networks(self, images: Num[Tensor, "n c h w"], classes: int) -> dict[str, nn.Module]:
        return {"D": Ladder((images[0].numel(), *self.hidden, classes))}

    def _game(self, networks: dict[str, nn.Module]) -> Game:
        adam = Adam(self.lr, schedule=linear_decay_last(1 / 3, self.steps))
        D = networks["D"]
        assert isinstance(D, Ladder)
        return ladder(D, costs=self.costs, sigma=self.sigma, sigma_x=self.sigma_x, optimizer_D=adam)


@final
class EBGANLadderClassifier(SemiSupervisedClassifier):
    """EBGAN-LN (Zhao, Mathieu & LeCun 2016, arXiv:1609.03126, 4.2): a ladder network as the discriminator of an EBGAN.

    As in the paper, G plays for the first third of the steps while the margin falls to 0, and the learning rates fall
    to 0 over the last third.

    Args:
        hidden: units of each hidden layer of D, a ladder with the bottom cost.
        margin: m of the hinge at the start, of the summed squared error of pixels in [0, 1]. "auto" is the paper's, 16
            for 784 pixels, in proportion to the pixels of X.
        weight: lambda of the energies, per pixel: the paper's 1000 / 784 is 1000 here.
        sigma: standard deviation of the noise in every layer of D.
        z: dimensions of the generator's noise.
        width: units of each hidden layer of G.
        steps: training steps.
        batch: labelled rows a step, and as many of all rows, 2 or more (at most as many as X has).
        lr: learning rate of Adam (beta1 0.5) for D; the paper's, for 180,000 steps, is 5e-4.
        lr_g: that for G; the paper's is 2.5e-4.
        random_state: None, an int or a RandomState. With an int, `fit` and `sample` repeat bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Prediction is in fp32.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        classes_: the classes, in the order of the columns of `predict_proba`.
        transduction_: (n,), a label for each row of X: y's where it has one, else the prediction.
        networks_: {"G": generator, "D": ladder}, modules in eval mode.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        n_features_in_: features of X (of images: their second axis).
        feature_names_in_: names of the features, where X is a data frame.

    Examples:
        >>> import numpy as np
        >>> from energan import EBGANLadderClassifier
        >>> X = np.random.default_rng(0).random((20, 8, 8))
        >>> y = np.array([0, 1] + [-1] * 18)  # two labels, eighteen rows without one
        >>> model = EBGANLadderClassifier(hidden=(8,), width=8, steps=2, random_state=0).fit(X, y)
        >>> model.predict_proba(X[:3]).shape
        (3, 2)
        >>> model.sample(4).shape
        (4, 8, 8)
    """

    _averaged = ()

    def __init__(
        self,
        *,
        hidden: Sequence[int] = HIDDEN,
        margin: float | Literal["auto"] = "auto",
        weight: float = 1000.0,
        sigma: float = 0.3,
        z: int = 100,
        width: int = 500,
        steps: int = 3000,
        batch: int = 100,
        lr: float = 8e-3,
        lr_g: float = 6e-5,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.hidden, self.margin, self.weight, self.sigma = hidden, margin, weight, sigma
        self.z, self.width = z, width
        self.steps, self.batch, self.lr, self.lr_g = steps, batch, lr, lr_g
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def _check_parameters(self) -> None:
        at_least(1, hidden=min(self.hidden, default=1), z=self.z, width=self.width)
        not_negative(weight=self.weight, sigma=self.sigma)
        positive(lr_g=self.lr_g)
        if isinstance(self.margin, str) and self.margin != "auto":
            raise ValueError(f"margin must be a number above 0 or 'auto', got {self.margin!r}")
        if self.margin != "auto":
            positive(margin=self.margin)

    def _networks(self, images: Num[Tensor, "n c h w"], classes: int) -> dict[str, nn.Module]:
        d = images[0].numel()
        G = mlp.Generator(self.z, (1, 1, d), layers=3, size=self.width)
        return {"G": G, "D": Ladder((d, *self.hidden, classes))}

    def _game(self, networks: dict[str, nn.Module]) -> Game:
        D = networks["D"]
        assert isinstance(D, Ladder)
        d, decay = D.sizes[0], linear_decay_last(1 / 3, self.steps)
        return ebgan_ln(
            networks["G"],
            D,
            self.z,
            margin=16 * d / PIXELS if self.margin == "auto" else self.margin,
            switch=max(1, self.steps // 3),
            weight=self.weight / d,
            sigma=self.sigma,
            optimizer_G=Adam(self.lr_g, beta1=0.5, schedule=decay),
            optimizer_D=Adam(self.lr, beta1=0.5, schedule=decay),
        )

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
        return generate_rows(self, n_samples, random_state)


@final
class ImprovedGANClassifier(SemiSupervisedClassifier):
    """The improved GAN's classifier with feature matching (Salimans et al. 2016, arXiv:1606.03498, section 5).

    D tells K classes and, as one class more, G's rows apart. Both players' weights are averaged over about the last
    tenth of the steps.

    Args:
        hidden: units of each hidden layer of D, one layer or more.
        noise: standard deviations of the noise in D: of the input, in pixels of [0, 1], and of each hidden layer.
        weight: of the unlabelled and generated rows' part of D's loss.
        z: dimensions of the generator's noise.
        width: units of each of G's two hidden layers.
        steps: training steps; rows without labels teach little in the first thousands.
        batch: labelled rows a step, and as many of all rows, 2 or more (at most as many as X has).
        lr: learning rate of Adam (beta1 0.5), for both players.
        random_state: None, an int or a RandomState. With an int, `fit` and `sample` repeat bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Prediction is in fp32.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        classes_: the classes, in the order of the columns of `predict_proba`.
        transduction_: (n,), a label for each row of X: y's where it has one, else the prediction.
        networks_: {"G": generator, "D": discriminator}, modules in eval mode.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        n_features_in_: features of X (of images: their second axis).
        feature_names_in_: names of the features, where X is a data frame.

    Examples:
        >>> import numpy as np
        >>> from energan import ImprovedGANClassifier
        >>> X = np.random.default_rng(0).random((20, 8, 8))
        >>> y = np.array([0, 1] + [-1] * 18)  # two labels, eighteen rows without one
        >>> model = ImprovedGANClassifier(hidden=(8,), width=8, steps=2, random_state=0).fit(X, y)
        >>> model.predict_proba(X[:3]).shape
        (3, 2)
        >>> model.sample(4).shape
        (4, 8, 8)
    """

    _averaged = ("G", "D")

    def __init__(
        self,
        *,
        hidden: Sequence[int] = HIDDEN,
        noise: tuple[float, float] = (0.3, 0.5),
        weight: float = 1.0,
        z: int = 100,
        width: int = 500,
        steps: int = 12000,
        batch: int = 100,
        lr: float = 3e-3,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.hidden, self.noise, self.weight = hidden, noise, weight
        self.z, self.width = z, width
        self.steps, self.batch, self.lr = steps, batch, lr
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def _check_parameters(self) -> None:
        at_least(1, hidden=min(self.hidden, default=0), z=self.z, width=self.width)
        not_negative(weight=self.weight, noise=min(self.noise))

    def _networks(self, images: Num[Tensor, "n c h w"], classes: int) -> dict[str, nn.Module]:
        D = improved_gan.Discriminator((images[0].numel(), *self.hidden, classes), noise=self.noise)
        improved_gan.by_images(D, random_images(images, improved_gan.FIRST))
        G = improved_gan.Generator(self.z, tuple(images[0].shape), hidden=(self.width, self.width))
        return {"G": G, "D": D}

    def _game(self, networks: dict[str, nn.Module]) -> Game:
        adam = Adam(self.lr, beta1=0.5, eps=1e-4)
        return improved_gan_ssl(
            networks["G"], networks["D"], self.z, weight=self.weight, optimizer_G=adam, optimizer_D=adam
        )

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Num[Array, "n ..."]:
        """Draws new rows, as `EBGANLadderClassifier.sample` does."""
        return generate_rows(self, n_samples, random_state)
