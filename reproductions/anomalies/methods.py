"""Detectors: each learns from normal images, and gives scores (high: odd), and maps where it has some."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray as Array
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.svm import OneClassSVM
from torch import Tensor
from torch.nn.functional import interpolate

from energan.data.pixels import to_unit
from energan.estimators.autoencoder import AutoencoderDetector
from energan.networks.conv.feature_autoencoder import Features, prepare

BANK = 2000  # places of training images that neighbours are looked for among

Images = UInt8[Tensor, "n c h w"]


class Judged(NamedTuple):
    """Scores, and what gives maps (n, h, w), where there are some: they are not always wanted."""

    scores: Float[Array, " n"]
    maps: Callable[[], Tensor] | None = None


Detector = Callable[[Images], Judged]


def _rows(images: Images) -> Array:
    return images.flatten(1).numpy() / 255


def isolation_forest(train: Images, side: int, seed: int) -> Detector:
    model = IsolationForest(random_state=seed).fit(_rows(train))
    return lambda x: Judged(-model.score_samples(_rows(x)))


def one_class_svm(train: Images, side: int, seed: int) -> Detector:
    model = OneClassSVM(nu=0.1).fit(_rows(train))
    return lambda x: Judged(-model.score_samples(_rows(x)))


def pca(train: Images, side: int, seed: int) -> Detector:
    model = PCA(min(64, len(train) // 2), random_state=seed).fit(_rows(train))

    def judge(x: Images) -> Judged:
        rows = _rows(x)
        squares = np.square(rows - model.inverse_transform(model.transform(rows)))
        return Judged(np.sqrt(squares.sum(1)), lambda: torch.from_numpy(squares.reshape(x.shape).sum(1)))

    return judge


@torch.no_grad()
def nearest_patches(train: Images, side: int, seed: int) -> Detector:
    """PatchCore's idea (Roth et al. 2022, arXiv:2106.08265): how far each place's features are from the nearest known.

    Its memory is a random choice, not a coreset; its network is MobileNetV2, not WideResNet50.
    """
    net = Features(side)
    prepare(net, train)

    def places(x: Images) -> Tensor:
        return torch.cat([net(to_unit(part)) for part in x.split(32)]).permute(0, 2, 3, 1)

    generator = torch.Generator().manual_seed(seed)
    some = train[torch.randperm(len(train), generator=generator)[:200]]
    known = places(some).flatten(0, 2)
    bank = known[torch.randperm(len(known), generator=generator)[:BANK]]

    @torch.no_grad()
    def judge(x: Images) -> Judged:
        found = places(x)
        distances = torch.cat([torch.cdist(part.flatten(0, 2), bank).amin(1) for part in found.split(16)])
        maps = distances.view(found.shape[:3])

        def large() -> Tensor:
            return interpolate(maps[:, None], x.shape[2:], mode="bilinear", align_corners=False)[:, 0]

        return Judged(maps.flatten(1).amax(1).numpy(), large)

    return judge


def _energy(model: AutoencoderDetector, train: Images) -> Detector:
    model.fit(train.numpy())
    return lambda x: Judged(model.energy(x.numpy()), lambda: torch.from_numpy(model.anomaly_map(x.numpy())))


def pixel_energy(train: Images, side: int, seed: int) -> Detector:
    return _energy(AutoencoderDetector(steps=400, width=16, random_state=seed), train)


def feature_energy(train: Images, side: int, seed: int) -> Detector:
    steps = 300 if side <= 64 else 150
    return _energy(
        AutoencoderDetector(features="mobilenetv2", side=side, steps=steps, batch=32, random_state=seed), train
    )


METHODS: dict[str, Callable[[Images, int, int], Detector]] = {
    "energy of features": feature_energy,
    "energy of pixels": pixel_energy,
    "nearest patches": nearest_patches,
    "PCA": pca,
    "OneClassSVM": one_class_svm,
    "IsolationForest": isolation_forest,
}

OURS = ("energy of features", "energy of pixels")
