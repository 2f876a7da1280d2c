"""What the scikit-learn faces share: parameters looked at, a game played on X, rows drawn from it.

As scikit-learn promises, what cannot be used raises ValueError; parameters are looked at in `fit`, which sets the
fitted attributes (trailing underscore) all at its end: one that is interrupted or fails leaves the estimator as it was.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Num
from numpy import ndarray as Array
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from energan.data import Batches
from energan.engine import Trainer
from energan.engine.game import Game, Source
from energan.estimators.arrays import Frame, flattened, learn_frame, to_pixels
from energan.inference.model import CHUNK, Model
from energan.inference.snapshot import snapshot
from energan.utils.errors import UserError
from energan.utils.hardware import pick_device, pick_precision
from energan.utils.progress import counted


class Given(NamedTuple):
    """What `fit` trains on and with, made from X and the parameters."""

    frame: Frame
    images: Num[Tensor, "n c h w"]  # on the scale 0..255
    batch: int
    seed: int
    precision: str
    device: str


def prepare(estimator: Any, X: Num[Array, "n ..."], *, flat: bool = False) -> Given:
    """X is checked; flat: images are rows (n, 1, 1, d), neither padded nor square. ValueError for other shapes."""
    with value_errors():
        frame, device, precision = learn_frame(X), pick_device(estimator.device), estimator.precision
    if precision == "auto":
        precision = "fp32" if frame.layout == "n d" else pick_precision("auto", device)
    images = to_pixels(X.reshape(len(X), -1), flattened(frame)) if flat else to_pixels(X, frame)
    return Given(frame, images, min(estimator.batch, len(X)), seed_of(estimator.random_state), precision, device)


def check_training(estimator: Any) -> None:
    """ValueError for a parameter of training, which all estimators have, out of range."""
    at_least(1, steps=estimator.steps)
    at_least(2, batch=estimator.batch)
    above_zero(lr=1.0 if estimator.lr is None else estimator.lr)
    if estimator.precision not in ("auto", "bf16", "fp32"):
        raise ValueError(f"precision must be 'auto', 'bf16' or 'fp32', got {estimator.precision!r}")


def play(game: Game, source: Source, given: Given, ema: Mapping[str, float], estimator: Any) -> Model:
    """The game played on the source for the estimator's steps, ready for use. ValueError if it diverges."""
    one = Trainer(game, source, seed=given.seed, precision=given.precision, device=given.device, ema=ema)
    steps = estimator.steps
    for _ in counted(range(steps), steps * given.batch, "training", each=given.batch, show=estimator.verbose > 0):
        one.step()
    if not all(w.isfinite().all() for net in one.nets.values() for w in net.parameters()):
        raise ValueError("training diverged (weights are no longer finite): lower lr, or margin if there is one")
    return snapshot(one, given.images, given.batch, given.seed)


def last_tenth(steps: int) -> float:
    """The decay of an average of weights over about the last tenth of the steps."""
    return max(0.0, 1 - 10 / steps)


def remember(estimator: Any, X: Any, frame: Frame, model: Model) -> None:
    """The fitted attributes that all estimators have."""
    validate_data(estimator, X, skip_check_array=True)  # n_features_in_, feature_names_in_
    estimator.frame_, estimator.trained_with_ = frame, estimator.get_params(deep=False)
    estimator.networks_ = {name: net.cpu() for name, net in model.nets.items()}


def as_fitted(estimator: Any) -> Any:
    """An estimator with the parameters that this one was fitted with: those of today speak of the next fit."""
    return type(estimator)(**estimator.trained_with_)


@torch.no_grad()
def drawn(estimator: Any, n: int, random_state: Any) -> Float[Tensor, "n c h w"]:
    """n of a fitted estimator's samples in [-1, 1]; random_state: None is the fit's."""
    check_is_fitted(estimator)
    at_least(1, n_samples=n)
    model = estimator._model()
    random_state = estimator.trained_with_["random_state"] if random_state is None else random_state
    seed = seed_of(random_state) + 1  # not what it trained on
    generator, draw = torch.Generator(model.device).manual_seed(seed), model.generator
    return torch.cat([draw(*model.noise(CHUNK, generator)).cpu() for _ in range(0, n, CHUNK)])[:n]


def checked(estimator: Any, X: Any) -> Num[Array, "n ..."]:
    """X for a fitted estimator: numbers, finite, with the features that it was fitted on. ValueError if not."""
    check_is_fitted(estimator)
    X = validate_data(estimator, X, reset=False, allow_nd=True)
    if X.shape[1:] != estimator.frame_.shape:
        raise ValueError(f"X has rows of shape {X.shape[1:]}, but fit saw {estimator.frame_.shape}")
    return X


def seed_of(random_state: Any) -> int:
    return int(check_random_state(random_state).randint(2**31 - 1))


def at_least(least: float, **values: float) -> None:
    """ValueError for the first that is less, by its name."""
    for name, value in values.items():
        if not value >= least:
            raise ValueError(f"{name} must be {least} or above, got {value}")


def above_zero(**values: float) -> None:
    """ValueError for the first that is not above 0, by its name."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}")


@contextmanager
def value_errors() -> Iterator[None]:
    """What is said to a user, as scikit-learn's callers expect it."""
    try:
        yield
    except UserError as error:
        raise ValueError(str(error)) from error


def _given(estimator: Any, X: Any) -> Given:
    """ValueError for data that cannot be used, and for parameters of both estimators out of range."""
    check_training(estimator)
    at_least(1, width=estimator.width, z=estimator.z)
    return prepare(estimator, check_array(X, allow_nd=True, ensure_min_samples=2, estimator=estimator))


def _train(estimator: Any, game: Game, data: Given) -> Model:
    """The game played on the images; G's weights are averaged over about the last tenth of the steps."""
    source = Batches(data.images, None, data.batch, data.seed)
    return play(game, source, data, {"G": last_tenth(estimator.steps)}, estimator)
