"""EBGAN as a scikit-learn estimator: fit, sample, score_samples, predict, as IsolationForest and KernelDensity.

    detector = EBGAN(random_state=0).fit(X)
    detector.sample(64), detector.score_samples(X), detector.predict(X)

X is images (n, h, w), (n, h, w, c) or (n, c, h, w), or, for EBGAN, a table (n, d); arrays.py says how it is
scaled. Images are padded to 2^k x 2^k pixels, and samples are cropped back.
"""

import copy
from typing import Any, Literal, Self, final

from jaxtyping import Num
from numpy import ndarray as Array
from torch import nn

from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.estimators.arrays import Frame, to_rows, unnamed
from energan.estimators.asked import (
    Classes,
    Told,
    Untold,
    asked_rows,
    count_of,
    how_many,
    remember_classes,
    told_generator,
    with_classes,
)
from energan.estimators.base import (
    TrainingData,
    as_fitted,
    check_and_prepare,
    generate,
    remember,
    train,
)
from energan.estimators.detector import Detector
from energan.games.conditional.conditional_ebgan import conditional_ebgan
from energan.games.energy.ebgan import ebgan, ebgan_pt
from energan.inference.model import Model
from energan.losses.energy import Kind, convert_margin
from energan.networks.conv import autoencoder, dcgan
from energan.networks.dense import mlp
from energan.training.margin import ROOM, converged_energy
from energan.utils.checks import not_negative, positive
from energan.utils.hardware import Precision, pick_device

# At the converged energy itself, G collapses: 5,000 MNIST images, width 16, 600 steps, seed 0 gave MNIST-IS 1.0 and
# MNIST-FID 133 at m = 3.2, which is that energy; 1.0 and 131 at 5; 3.4 and 49 at 10, and the better detector too.
ADVICE = 1000  # steps of the auto-encoder alone, at most, for margin="auto"


@final
class EBGAN(Detector):
    """EBGAN-PT (Zhao, Mathieu & LeCun 2016, arXiv:1609.03126): draws new rows, and scores how unusual a row is.

    `fit(X, y)` trains it to draw a class that is asked for, `sample(n, y="cat")`: G and D are told the class, and the
    energy of a row is E(x, y) with the class that suits it best. scikit-learn's detectors ignore y; here None does so.

    Images get the convolutional networks of the paper's appendix C, tables get fully connected ones of 8 `width` units.

    Args:
        margin: m of the hinge, in units of the energy, above 0. "auto" trains the auto-encoder alone for some steps and
            takes 3 times its converged norm; appendix E of the paper starts its search at that norm.
        pt: weight of the pulling-away term (eq. 14); 0 is plain EBGAN.
        mismatch: with y, the weight of training rows with a wrong class, whose energy E(x, y) D raises too; at 0 D may
            ignore the classes, and then G does.
        kind: of energy: "l2" is ||r - x|| (the paper's), "ssq" its square, "mse" its square per number; x in [-1, 1].
        steps: training steps: a turn of D and a turn of G each.
        batch: rows a turn, 2 or more (at most all rows of X).
        width: feature maps at half resolution.
        z: dimensions of the generator's noise.
        lr: learning rate of Adam, for both. None: 2e-4 for images (DCGAN's), 1e-3 for tables (the paper's grid).
        beta1: of Adam.
        contamination: fraction of the training rows that `predict` calls outliers, in (0, 0.5].
        random_state: None, an int or a RandomState. With an int, `fit` and `sample` repeat bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Scores are in fp32.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        margin_: the margin that was used.
        kind_: the kind of energy that was used.
        offset_: the score below which a row is an outlier: by `contamination`, or by `calibrate`.
        calibration_: the energies of the rows that `calibrate` was called with; only after that.
        networks_: {"G": generator, "D": auto-encoder}, modules in eval mode.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        classes_, class_counts_: y's classes in their order, and the rows of each; only after `fit(X, y)`.
        n_features_in_: features of X (of images: their second axis).
        feature_names_in_: names of the features, where X is a data frame.

    Examples:
        >>> import numpy as np
        >>> from energan import EBGAN
        >>> X = np.random.default_rng(0).random((20, 8, 8))
        >>> detector = EBGAN(steps=2, width=2, margin=1.0, random_state=0).fit(X)
        >>> detector.sample(3).shape
        (3, 8, 8)
        >>> detector.score_samples(X[:5]).shape  # higher: more like the training data
        (5,)
        >>> sorted(set(detector.predict(X).tolist()))  # -1 is an outlier
        [-1, 1]
    """

    def __init__(
        self,
        *,
        margin: float | Literal["auto"] = "auto",
        pt: float = 0.1,
        mismatch: float = 1.0,
        kind: Kind = "l2",
        steps: int = 2000,
        batch: int = 64,
        width: int = 32,
        z: int = 100,
        lr: float | None = None,
        beta1: float = 0.5,
        contamination: float = 0.1,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.margin, self.pt, self.mismatch, self.kind = margin, pt, mismatch, kind
        self.steps, self.batch, self.width, self.z = steps, batch, width, z
        self.lr, self.beta1, self.contamination = lr, beta1, contamination
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def _check_parameters(self) -> None:
        not_negative(pt=self.pt, mismatch=self.mismatch)
        self._check_contamination()
        if isinstance(self.margin, str) and self.margin != "auto":
            raise ValueError(f"margin must be a number above 0 or 'auto', got {self.margin!r}")
        if self.margin != "auto":
            positive(margin=self.margin)
        if self.kind not in ("l2", "ssq", "mse"):
            raise ValueError(f"kind must be 'l2', 'ssq' or 'mse', got {self.kind!r}")

    def _networks(self, frame: Frame, classes: Classes | None) -> dict[str, nn.Module]:
        width, (channels, _, d) = self.width, frame.chw
        told = classes.inputs if classes else 0
        G: nn.Module
        D: nn.Module
        if frame.layout == "n d":
            G = mlp.Generator(self.z + told, (1, 1, d), layers=3, size=8 * width)
            D = mlp.Autoencoder((1, 1, d + told), layers=3, size=8 * width)
        else:
            G = dcgan.Generator(self.z + told, channels=channels, size=frame.side, width=width)
            maps = [width * 2**i for i in range(3 if frame.side <= 64 else 4)]
            D = autoencoder.Autoencoder(channels=channels + told, maps=maps)
        if classes:
            D = Told(D, len(classes.names), classes.width, axis=3 if frame.layout == "n d" else 1)
        return {"G": told_generator(G, classes), "D": D}

    def _game(self, frame: Frame, networks: dict[str, nn.Module], margin: float, kind: Kind, classes: int) -> Game:
        adam = Adam(self.lr or (1e-3 if frame.layout == "n d" else 2e-4), self.beta1)
        G, D, z = networks["G"], networks["D"], self.z
        if classes:
            mismatch = self.mismatch if classes > 1 else 0.0
            return conditional_ebgan(
                G, D, z, classes, margin=margin, pt=self.pt, mismatch=mismatch, kind=kind, optimizer_G=adam,
                optimizer_D=adam,
            )  # fmt: skip
        if self.pt:
            return ebgan_pt(G, D, z, margin=margin, pt=self.pt, kind=kind, optimizer_G=adam, optimizer_D=adam)
        return ebgan(G, D, z, margin=margin, kind=kind, optimizer_G=adam, optimizer_D=adam)

    def _model(self) -> Model:
        networks = copy.deepcopy(self.networks_)  # the fitted networks stay on the CPU
        game = as_fitted(self)._game(self.frame_, networks, self.margin_, self.kind_, count_of(self))
        return Model(game, networks, pick_device(self.device))

    def fit(self, X: Num[Array, "n ..."], y: Any = None) -> Self:
        """Trains both networks on the rows of X.

        Args:
            X: images (n, h, w), (n, h, w, c) or (n, c, h, w), or a table (n, d), of n >= 2 rows.
            y: (n,), the class of each row, integers or text; rows of -1 or "-1" have none and are left out. None: the
                rows are of no class.

        Returns:
            The fitted estimator itself.

        Raises:
            ValueError: X, y or a parameter cannot be used, or training diverges.
        """
        self._check_parameters()
        data = check_and_prepare(self, X)
        data, classes = with_classes(data, X, y)
        count = len(classes.names) if classes else 0
        with seeded(data.seed):
            networks = self._networks(data.frame, classes)
        alone = Untold(networks["D"], count) if classes else networks["D"]
        margin = self._advised(copy.deepcopy(alone), data) if self.margin == "auto" else self.margin
        game = self._game(data.frame, networks, margin, self.kind, count)
        model = train(self, game, data, classes.labels if classes else None)
        energies = model.score_pixels(data.images).double().numpy()
        remember(self, X, data.frame, model)
        remember_classes(self, classes)
        self.margin_, self.kind_ = margin, self.kind
        self._set_offset(energies)
        return self

    def _advised(self, D: nn.Module, data: TrainingData) -> float:
        means = converged_energy(
            D, unnamed(data.images), steps=min(self.steps, ADVICE), batch=data.batch, seed=data.seed,
            precision=data.precision, device=data.device,
        )  # fmt: skip
        return convert_margin(ROOM * means[-1], data.images[0].numel(), "l2", self.kind)

    def sample(self, n_samples: int | None = None, random_state: Any = None, *, y: Any = None) -> Num[Array, "n ..."]:
        """Draws new rows.

        Args:
            n_samples: number of rows; a larger number continues the rows of a smaller one. None: as many as y has
                labels, else 1.
            random_state: None is the fit's.
            y: the class to draw, as `fit` had it, or one for each sample. None: each as often as X had it.

        Returns:
            Rows shaped as those of X: bytes if X was bytes, else floats in X's range.

        Raises:
            ValueError: n_samples is below 1 or is not the number of y, or y has a class that `fit` did not see.
        """
        n = how_many(n_samples, y)
        return to_rows(generate(self, n, random_state, asked_rows(self, n, y, random_state)), self.frame_)
