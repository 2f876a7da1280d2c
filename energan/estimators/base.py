"""What the estimators share: checks of parameters, training on X, sampling.

As scikit-learn promises, bad input raises ValueError (UserError is one); `fit` checks the parameters, and sets the
fitted attributes (trailing underscore) all at its end: one that is interrupted or fails leaves the estimator as it was.
"""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64, Num
from numpy import ndarray as Array
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from energan.data import Batches
from energan.data.batches.resident import resident
from energan.engine import Trainer
from energan.engine.game import Game, Source
from energan.engine.graphs import Graphed
from energan.engine.isolation import isolated
from energan.estimators.arrays import Frame, check_units, flattened, learn_frame, to_pixels
from energan.inference.chunks import CHUNK
from energan.inference.model import Model
from energan.inference.snapshot import snapshot
from energan.utils.checks import at_least, fraction, positive, whole
from energan.utils.console import counted
from energan.utils.hardware import fits_in_memory, pick_device, pick_precision


class TrainingData(NamedTuple):
    """The images and settings of `fit`, prepared from X and the parameters."""

    frame: Frame
    images: Num[Tensor, "n c h w"]  # on the scale 0..255
    batch: int
    seed: int
    precision: str
    device: str


def prepare(estimator: Any, X: Num[Array, "n ..."], *, flat: bool = False) -> TrainingData:
    """The training data out of X; flat: images as rows (n, 1, 1, d), unpadded. ValueError for other shapes."""
    frame, device, precision = learn_frame(X), pick_device(estimator.device), estimator.precision
    if precision == "auto":
        precision = "fp32" if frame.layout == "n d" else pick_precision("auto", device)
    images = to_pixels(X.reshape(len(X), -1), flattened(frame)) if flat else to_pixels(X, frame)
    return TrainingData(frame, images, min(estimator.batch, len(X)), seed_of(estimator.random_state), precision, device)


def check_training(estimator: Any) -> None:
    """ValueError if a training parameter, which all estimators have, is out of range."""
    at_least(1, steps=whole("steps", estimator.steps))
    at_least(2, batch=whole("batch", estimator.batch))
    positive(lr=1.0 if estimator.lr is None else estimator.lr)
    fraction(beta1=getattr(estimator, "beta1", 0.0))
    for name in {"width", "z"} & set(estimator.get_params(deep=False)):
        at_least(1, **{name: whole(name, getattr(estimator, name))})
    hidden = getattr(estimator, "hidden", ())
    if isinstance(hidden, str) or not isinstance(hidden, Iterable):
        raise ValueError(f"hidden must be a list of the layers' units, such as (500, 250), got {hidden!r}")
    for units in hidden:
        at_least(1, hidden=whole("hidden", units))
    if estimator.precision not in ("auto", "bf16", "fp32"):
        raise ValueError(f"precision must be 'auto', 'bf16' or 'fp32', got {estimator.precision!r}")


@isolated()
def play(game: Game, source: Source, data: TrainingData, ema: Mapping[str, float], estimator: Any) -> Model:
    """Plays the game on the source for the estimator's steps. Returns its model; ValueError if it diverges."""
    source = resident(source, data.device)
    one = Trainer(game, source, seed=data.seed, precision=data.precision, device=data.device, ema=ema)
    graphed = Graphed(one)
    steps = estimator.steps
    for _ in counted(range(steps), steps * data.batch, "training", each=data.batch, show=estimator.verbose > 0):
        graphed.step()
    if not all(w.isfinite().all() for net in one.nets.values() for w in net.parameters()):
        raise ValueError("training diverged (weights are no longer finite): lower lr, or margin if there is one")
    return snapshot(one, data.images, data.batch, data.seed)


def last_tenth(steps: int) -> float:
    """The decay of an average of weights over about the last tenth of the steps."""
    return max(0.0, 1 - 10 / steps)


def remember(estimator: Any, X: Any, frame: Frame, model: Model) -> None:
    """Sets the fitted attributes that all estimators have."""
    validate_data(estimator, X, skip_check_array=True)  # n_features_in_, feature_names_in_
    estimator.frame_, estimator.trained_with_ = frame, estimator.get_params(deep=False)
    estimator.networks_ = {name: net.cpu() for name, net in model.nets.items()}


def as_fitted(estimator: Any) -> Any:
    """An estimator with the parameters of the last fit; parameters set since apply to the next fit."""
    return type(estimator)(**estimator.trained_with_)


@isolated(gradients=False)
def generate(
    estimator: Any, n: int, random_state: Any, asked: Float[Tensor, "n d"] | None = None
) -> Float[Tensor, "n c h w"]:
    """n of a fitted estimator's samples in [-1, 1]; random_state: None is the fit's. asked: what each is to show."""
    check_is_fitted(estimator)
    at_least(1, n_samples=(n := whole("n_samples", n)))
    fits_in_memory("n_samples", n, 8 * prod(estimator.frame_.shape))
    model = estimator._model()
    random_state = estimator.trained_with_["random_state"] if random_state is None else random_state
    seed = seed_of(random_state) + 1  # not what it trained on
    generator, draw = torch.Generator(model.device).manual_seed(seed), model.generator
    chunks = []
    for start in range(0, n, CHUNK):
        noise = model.noise(CHUNK, generator)
        if asked is not None:
            rows = torch.arange(start, start + CHUNK).clamp(max=n - 1)  # all noise of a chunk has as many rows
            noise[draw.inputs.index("c")] = asked[rows].to(model.device)
        chunks.append(draw(*noise).cpu())
    return torch.cat(chunks)[:n]


def checked(estimator: Any, X: Any) -> Num[Array, "n ..."]:
    """X for a fitted estimator: finite numbers, with the features and in the units of `fit`. ValueError if not."""
    check_is_fitted(estimator)
    X = validate_data(estimator, X, reset=False, allow_nd=True)
    if X.shape[1:] != estimator.frame_.shape:
        raise ValueError(f"X has rows of shape {X.shape[1:]}, but fit saw {estimator.frame_.shape}")
    check_units(X, estimator.frame_)
    return X


def seed_of(random_state: Any) -> int:
    return int(check_random_state(random_state).randint(2**31 - 1))


def check_and_prepare(estimator: Any, X: Any) -> TrainingData:
    """The training data out of X. ValueError for bad data, and for parameters out of range."""
    check_training(estimator)
    return prepare(estimator, check_array(X, allow_nd=True, ensure_min_samples=2, estimator=estimator))


def train(estimator: Any, game: Game, data: TrainingData, labels: Int64[Tensor, " n"] | None = None) -> Model:
    """Plays the game on the images; G's weights are averaged over about the last tenth of the steps."""
    source = Batches(data.images, labels, data.batch, data.seed)
    return play(game, source, data, {"G": last_tenth(estimator.steps)}, estimator)
