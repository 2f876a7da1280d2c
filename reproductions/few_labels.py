"""Few labels of pictures: ladders beside scikit-learn's classifiers, on the same features and the same labels.

    python -m reproductions.few_labels [--sets emoji-noto,...] [--each 10,50] [--seeds 0,1,2] [--json]
    python -m reproductions.few_labels --validate [--seeds 100,101]    settings, on images cut from the training images
    python -m reproductions.few_labels --unequal [--seeds 100,101]     classes of 3 and of 30 labels, balanced or not

All methods see MobileNetV2's features (ImageNet's weights) of images of 96 x 96 pixels, standardised over the training
images, and the labels that one label seed keeps: as many of each class. Test images are the sets' own. Of
Fashion-MNIST, 6,000 training images and 2,000 test images are taken, always the same, so that features take a minute.

    ladder              the recipe ladder-features: its labels and all training images
    labels alone        the same network, without a denoising cost
    logistic regression, self-training of it, label spreading     scikit-learn
    conv ladder         the recipe conv-ladder-32 on pixels, 32 x 32 (--conv: minutes for each)

Settings of all were chosen by --validate, with other label seeds than the tables'.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from torch import Tensor, nn

from energan.data import ImageSet, load
from energan.data.few_labels import LabelledBatches, balanced_subset
from energan.data.image_set import NONE, fixed_subset, rows_of
from energan.data.pixels import to_unit
from energan.engine import Trainer
from energan.engine.game import Game
from energan.engine.optimizers import Adam, linear_decay_last
from energan.engine.rng import seeded
from energan.games.semi_supervised.ladder import ladder
from energan.networks.conv.ladder import ConvLadder
from energan.networks.dense.ladder import Ladder
from energan.networks.layers import measure_batch_norm
from energan.recipes.semi_supervised.features import MOBILENET, feature_net, features_of, weights_of
from energan.utils.hardware import pick_precision

SIDE, PIXELS = 96, 32  # of what MobileNetV2 sees, and a convolutional ladder
SETS = "emoji-noto,emoji-twemoji,emoji-fluent,fashion-mnist"
MOST = {"fashion-mnist": (6000, 2000)}  # training and test images
STEPS, CONV_STEPS, CONV_WIDTH, CONV_BATCH = 400, 300, 16, 50


class Images(NamedTuple):
    """Training and test images as features, and their labels."""

    name: str
    x: Float[Tensor, "n d"]
    y: Int64[Tensor, " n"]
    test_x: Float[Tensor, "m d"]
    test_y: Int64[Tensor, " m"]
    classes: int
    pixels: tuple[Tensor, Tensor]  # of both, 32 x 32


def loaded(name: str, validate: bool) -> Images:
    """The set's features; validate: a quarter of the training images in the place of the test images."""
    parts = [_part(name, split, SIDE) for split in ("train", "test")]
    small = [_part(name, split, PIXELS) for split in ("train", "test")]
    if validate:
        order = torch.randperm(len(parts[0].images), generator=torch.Generator().manual_seed(5))
        kept, held = order[len(order) // 4 :].sort().values, order[: len(order) // 4].sort().values
        parts, small = ([rows_of(sets[0], kept), rows_of(sets[0], held)] for sets in (parts, small))
    train, test = parts
    assert train.labels is not None and test.labels is not None
    F = feature_net(MOBILENET, (3, SIDE, SIDE))
    weights_of(F, MOBILENET, "")(train)
    pixels = small[0].images, small[1].images
    x, test_x = features_of(train, F), features_of(test, F)
    return Images(name, x, train.labels, test_x, test.labels, len(train.classes), pixels)


def _part(name: str, split: str, size: int) -> ImageSet:
    data = load(name, split, size=size, channels=3)
    most = MOST.get(name)
    return data if most is None else rows_of(data, fixed_subset(len(data.images), most[split == "test"]))


Method = Callable[[Images, Tensor, int], np.ndarray]  # images, their labels as far as kept, a seed -> predictions


def _sklearn(model: Any) -> Method:
    def predict(data: Images, labels: Tensor, seed: int) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of label spreading's rows without neighbours, and of rough optima
            if isinstance(model, LogisticRegression):
                known = labels != NONE
                return model.fit(data.x[known], labels[known]).predict(data.test_x)
            return model.fit(data.x, labels).predict(data.test_x)

    return predict


def _played(
    D: nn.Module, game: Game, batches: LabelledBatches, steps: int, seed: int, images: Tensor, test: Tensor
) -> np.ndarray:
    """Predictions after so many steps, by the statistics of 1,600 training images."""
    trainer = Trainer(game, batches, seed=seed, precision=pick_precision("auto", "cpu"))
    for _ in range(steps):
        trainer.step()
    some = fixed_subset(len(images), 1600)
    measure_batch_norm([D], lambda: D(images[some]), 1)
    with torch.no_grad():
        return torch.cat([D(chunk).argmax(1) for chunk in test.split(250)]).numpy()


def of_ladder(*, balanced: bool = False, steps: int = STEPS, **settings: Any) -> Method:
    """A ladder on features; settings: hidden, costs, sigma, sigma_x in the place of the recipe's."""
    chosen = {"hidden": (250,), "costs": "gamma", "sigma": 0.3, "sigma_x": 0.3, **settings}

    def predict(data: Images, labels: Tensor, seed: int) -> np.ndarray:
        with seeded(seed):
            D = Ladder((data.x.shape[1], *chosen["hidden"], data.classes))
        adam = Adam(2e-3, schedule=linear_decay_last(1 / 3, steps))
        game = ladder(D, costs=chosen["costs"], sigma=chosen["sigma"], sigma_x=chosen["sigma_x"], optimizer_D=adam)
        batches = LabelledBatches(
            data.pixels[0], labels, classes=data.classes, labelled=100, unlabelled=100, seed=seed, balanced=balanced,
            codes=lambda: data.x,
        )  # fmt: skip
        return _played(D, game, batches, steps, seed, data.x, data.test_x)

    return predict


def of_conv_ladder(costs: str) -> Method:
    def predict(data: Images, labels: Tensor, seed: int) -> np.ndarray:
        with seeded(seed):
            D = ConvLadder((3, PIXELS), data.classes, width=CONV_WIDTH)
        adam = Adam(2e-3, schedule=linear_decay_last(1 / 3, CONV_STEPS))
        game = ladder(D, costs=costs, sigma=0.3, optimizer_D=adam)
        batches = LabelledBatches(
            data.pixels[0], labels, classes=data.classes, labelled=CONV_BATCH, unlabelled=CONV_BATCH, seed=seed
        )
        images, test = (to_unit(pixels) for pixels in data.pixels)
        return _played(D, game, batches, CONV_STEPS, seed, images, test)

    return predict


def regression(C: float = 0.01) -> LogisticRegression:
    return LogisticRegression(C=C, max_iter=500)


METHODS: dict[str, Method] = {
    "ladder": of_ladder(),
    "labels alone": of_ladder(costs="none"),
    "logistic regression": _sklearn(regression()),
    "self-training": _sklearn(SelfTrainingClassifier(regression(), threshold=0.8)),
    "label spreading": _sklearn(LabelSpreading(kernel="knn", n_neighbors=15)),
}
CONVOLUTIONAL: dict[str, Method] = {
    "conv ladder, gamma": of_conv_ladder("gamma"),
    "conv ladder, labels alone": of_conv_ladder("none"),
}
TRIED: dict[str, Method] = {
    "gamma 250": of_ladder(),
    "gamma 250-100": of_ladder(hidden=(250, 100)),
    "full 250-100": of_ladder(hidden=(250, 100), costs="full"),
    "labels alone 250": of_ladder(costs="none"),
    "logistic regression, C 0.001": _sklearn(regression(0.001)),
    "logistic regression, C 0.01": _sklearn(regression(0.01)),
    "logistic regression, C 0.1": _sklearn(regression(0.1)),
    "self-training, 0.6": _sklearn(SelfTrainingClassifier(regression(), threshold=0.6)),
    "self-training, 0.8": _sklearn(SelfTrainingClassifier(regression(), threshold=0.8)),
    "label spreading, 7": _sklearn(LabelSpreading(kernel="knn", n_neighbors=7)),
    "label spreading, 15": _sklearn(LabelSpreading(kernel="knn", n_neighbors=15)),
}
UNEQUAL: dict[str, Method] = {"as they are": of_ladder(), "balanced": of_ladder(balanced=True)}


def unequal(labels: Tensor, classes: int, seed: int) -> Tensor:
    """30 labels of every other class, 3 of the others."""
    kept = balanced_subset(labels, 30 * classes, classes=classes, seed=seed).labels
    few = balanced_subset(labels, 3 * classes, classes=classes, seed=seed).labels
    return torch.where(kept % 2 == 0, kept, few)


def rows(
    names: list[str], each: list[int], seeds: list[int], methods: dict[str, Method], *, validate: bool, by_class: bool
) -> Iterator[dict[str, Any]]:
    """A measurement each: errors in %, over all test images and as the mean of the classes' errors."""
    for name in names:
        data = loaded(name, validate)
        truth = data.test_y.numpy()
        for count in each:
            for seed in seeds:
                if by_class:
                    labels = unequal(data.y, data.classes, seed)
                else:
                    labels = balanced_subset(data.y, count * data.classes, classes=data.classes, seed=seed).labels
                for method, predict in methods.items():
                    began = time.process_time()
                    wrong = predict(data, labels, seed) != truth
                    yield {
                        "set": name, "each": "3 or 30" if by_class else count, "seed": seed, "method": method,
                        "error": 100 * float(wrong.mean()), "seconds": round(time.process_time() - began, 1),
                        "class error": 100 * fmean(float(wrong[truth == k].mean()) for k in range(data.classes)),
                    }  # fmt: skip


def table(found: list[dict[str, Any]]) -> str:
    """Mean and deviation over the seeds, in markdown."""
    lines = ["| images | labels a class | method | error % | mean of the classes' errors % | s of a core |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for key in dict.fromkeys((row["set"], row["each"], row["method"]) for row in found):
        same = [row for row in found if (row["set"], row["each"], row["method"]) == key]
        cells = [_spread([row[name] for row in same]) for name in ("error", "class error")]
        lines.append("| " + " | ".join([*map(str, key), *cells, f"{fmean(r['seconds'] for r in same):.1f}"]) + " |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    return f"{fmean(values):.1f} ± {stdev(values):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Few labels of pictures: ladders beside scikit-learn's classifiers.")
    parser.add_argument("--sets", default="")
    parser.add_argument("--each", default="")
    parser.add_argument("--seeds", default="")
    parser.add_argument("--conv", action="store_true", help="the convolutional ladder, and nothing else")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--unequal", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    chosen = given.validate or given.unequal
    methods = TRIED if given.validate else UNEQUAL if given.unequal else CONVOLUTIONAL if given.conv else METHODS
    names = (given.sets or ("emoji-noto,fashion-mnist" if chosen else SETS)).split(",")
    each = [*map(int, (given.each or ("10" if chosen else "10,50")).split(","))]
    seeds = [*map(int, (given.seeds or ("100,101" if chosen else "0,1,2")).split(","))]
    found = []
    for row in rows(names, each, seeds, methods, validate=chosen, by_class=given.unequal):
        print(json.dumps(row), file=sys.stdout if given.json else sys.stderr, flush=True)
        found.append(row)
    if not given.json:
        print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
