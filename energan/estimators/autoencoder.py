"""An auto-encoder as a scikit-learn outlier detector: what it reconstructs badly is unlike the training rows."""

import copy
from typing import Any, Literal, Self, final

from jaxtyping import Num
from numpy import ndarray as Array
from torch import nn

from energan.data import Batches
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.estimators.arrays import Frame
from energan.estimators.base import TrainingData, as_fitted, check_and_prepare, last_tenth, play, remember
from energan.estimators.detector import Detector
from energan.games.energy.autoencoder import autoencoder
from energan.games.energy.feature_autoencoder import feature_autoencoder
from energan.inference.model import Model
from energan.losses.energy import Kind
from energan.networks.conv import autoencoder as conv
from energan.networks.conv import feature_autoencoder as features_of
from energan.networks.dense import mlp
from energan.utils.hardware import Precision, pick_device


@final
class AutoencoderDetector(Detector):
    """Outliers by an auto-encoder's error, on pixels or on the features of a frozen network; EBGAN's D, alone.

    Images get the convolutional auto-encoder of EBGAN's appendix C (arXiv:1609.03126), tables a fully connected one of
    8 `width` units. With `features`, images are described by MobileNetV2's layers, and the auto-encoder has a code of
    `width` numbers at each place of them (DFR, arXiv:2012.07122): that sees textures and parts, where pixels see
    brightness and edges. docs/results/anomalies.md has which is better at what.

    Args:
        features: None for pixels, or "mobilenetv2" (weights of 14 MB are fetched once); of images only.
        side: pixels that the frozen network sees, a multiple of 16 from 32 on; maps have side / 8 places a side.
        kind: of energy: "l2" is ||r - x||, "ssq" its square, "mse" its square per number; x in [-1, 1]. With `features`
            the energy is the mean square of the standardised features, whatever the kind.
        steps: training steps.
        batch: rows a step, 2 or more (at most all rows of X).
        width: feature maps at half resolution; with `features`, numbers of the code.
        lr: learning rate of Adam.
        beta1: of Adam.
        contamination: fraction of the training rows that `predict` calls outliers, in (0, 0.5]; see `calibrate`.
        random_state: None, an int or a RandomState. With an int, `fit` repeats bit for bit on one machine.
        precision: of training: "bf16", "fp32", or "auto" (bf16 for images, where the processor multiplies it natively).
            Scores are in fp32.
        device: "cpu", "cuda", or "auto".
        verbose: 1 shows a progress bar on stderr.

    Attributes:
        offset_: the score below which a row is an outlier: by `contamination`, or by `calibrate`.
        calibration_: the energies of the rows that `calibrate` was called with; only after that.
        networks_: {"D": auto-encoder}, and "F", the frozen network, with `features`; modules in eval mode.
        frame_: how X is scaled.
        trained_with_: the parameters of the fit; `set_params` changes those of the next one.
        n_features_in_: features of X (of images: their second axis).
        feature_names_in_: names of the features, where X is a data frame.

    Examples:
        >>> import numpy as np
        >>> from energan import AutoencoderDetector
        >>> X = np.random.default_rng(0).random((20, 8, 8))
        >>> detector = AutoencoderDetector(steps=2, width=2, random_state=0).fit(X[:10])
        >>> detector.calibrate(X[10:], false_alarms="10%").predict(X).shape
        (20,)
        >>> detector.anomaly_map(X[:3]).shape
        (3, 8, 8)
    """

    def __init__(
        self,
        *,
        features: Literal["mobilenetv2"] | None = None,
        side: int = 128,
        kind: Kind = "l2",
        steps: int = 1000,
        batch: int = 64,
        width: int = 32,
        lr: float = 1e-3,
        beta1: float = 0.9,
        contamination: float = 0.1,
        random_state: Any = None,
        precision: Precision = "auto",
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.features, self.side, self.kind = features, side, kind
        self.steps, self.batch, self.width = steps, batch, width
        self.lr, self.beta1, self.contamination = lr, beta1, contamination
        self.random_state, self.precision, self.device, self.verbose = random_state, precision, device, verbose

    def _check_parameters(self) -> None:
        self._check_contamination()
        if self.features not in (None, "mobilenetv2"):
            raise ValueError(f"features must be None or 'mobilenetv2', got {self.features!r}")
        if self.features:
            features_of.check_side(self.side)
        if self.kind not in ("l2", "ssq", "mse"):
            raise ValueError(f"kind must be 'l2', 'ssq' or 'mse', got {self.kind!r}")

    def _networks(self, frame: Frame) -> dict[str, nn.Module]:
        channels, _, d = frame.chw
        if frame.layout == "n d":
            return {"D": mlp.Autoencoder((1, 1, d), layers=3, size=8 * self.width)}
        if self.features:
            return {"F": features_of.Features(self.side), "D": features_of.Autoencoder(code=self.width)}
        maps = [self.width * 2**i for i in range(3 if frame.side <= 64 else 4)]
        return {"D": conv.Autoencoder(channels=channels, maps=maps)}

    def _game(self, networks: dict[str, nn.Module]) -> Game:
        adam = Adam(self.lr, self.beta1)
        if "F" in networks:
            return feature_autoencoder(networks["F"], networks["D"], optimizer_D=adam)
        return autoencoder(networks["D"], kind=self.kind, optimizer_D=adam)

    def _model(self) -> Model:
        networks = copy.deepcopy(self.networks_)  # the fitted networks stay on the CPU
        return Model(as_fitted(self)._game(networks), networks, pick_device(self.device))

    def fit(self, X: Num[Array, "n ..."], y: Any = None) -> Self:
        """Trains the auto-encoder on the rows of X.

        Args:
            X: images (n, h, w), (n, h, w, c) or (n, c, h, w), or a table (n, d), of n >= 2 rows.
            y: ignored, as by scikit-learn's detectors.

        Returns:
            The fitted estimator itself.

        Raises:
            ValueError: X or a parameter cannot be used, or training diverges.
        """
        self._check_parameters()
        data = check_and_prepare(self, X)
        with seeded(data.seed):
            networks = self._networks(self._checked(data))
        if isinstance(F := networks.get("F"), features_of.Features):
            features_of.prepare(F, data.images)
        source = Batches(data.images, None, data.batch, data.seed)
        model = play(self._game(networks), source, data, {"D": last_tenth(self.steps)}, self)
        energies = model.score_pixels(data.images).double().numpy()
        remember(self, X, data.frame, model)
        self._set_offset(energies)
        return self

    def _checked(self, data: TrainingData) -> Frame:
        if self.features and data.frame.layout == "n d":
            raise ValueError("features are of images (n, h, w), (n, h, w, c) or (n, c, h, w), and X is a table")
        if self.features and data.frame.chw[0] not in (1, 3):
            raise ValueError(f"features are of images with 1 or 3 channels, and X has {data.frame.chw[0]}")
        return data.frame
