"""srresnet and srgan: what is held out, what is refused, whose features are compared, statistics in use."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import ENLARGED, SMALL

from energan.data.resampling import reduced
from energan.engine import Trainer
from energan.inference.snapshot import snapshot
from energan.networks.layers import BatchNorm
from energan.recipes.build import build
from energan.utils.errors import UserError


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Six of several sizes, each of one colour: which of them a square is of can be seen."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for i in range(6):
        pixels = np.full((33 + 5 * i, 50 - 3 * i, 3), 40 * i, np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def colours(images: torch.Tensor) -> set[int]:
    return {int(image.float().mean().round()) for image in images}


def test_a_picture_is_held_out_with_all_its_squares(photographs: Path) -> None:
    run = build("srresnet", data=str(photographs), **ENLARGED)
    training, validation, test = run.training_set(), run.pictures("validation"), run.pictures("test")
    assert training.targets is not None and validation.targets is not None and test.targets is not None
    held, trained = colours(validation.targets), colours(training.targets)
    assert len(held) == 1 and len(trained) == 5 and not held & trained and torch.equal(test.targets, validation.targets)
    assert len(validation.targets) > 1 and "1 of 6 pictures held out" in run.origin(training)


def test_pictures_of_arrays_are_held_out_whole_too(tmp_path: Path) -> None:
    images = np.stack([np.full((3, 32, 48), 20 * i, np.uint8) for i in range(10)])
    np.savez(tmp_path / "set.npz", images=images)
    run = build("srresnet", data=str(tmp_path / "set.npz"), **ENLARGED)
    training, validation = run.training_set().targets, run.pictures("validation").targets
    assert training is not None and validation is not None
    assert len(training) == 9 * 6 and len(validation) == 6 and not colours(training) & colours(validation)


def test_small_pictures_are_made_of_the_large_ones(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    folder = tmp_path / "photographs"
    for name in ("train/a", "train/b", "test/c"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    run = build("srresnet", data=str(folder), **ENLARGED, batch=2)
    data = run.training_set()
    assert data.targets is not None and torch.equal(data.images, reduced(data.targets, 2)) and data.paired
    b = run.batches(data)(0)
    assert b["x"].shape == (2, 3, 8, 8) and b["y"].shape == (2, 3, 16, 16)


def test_a_single_picture_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "one.png")
    run = build("srresnet", data=str(tmp_path / "one.png"), **ENLARGED)
    with pytest.raises(UserError, match="has one picture, and one is to be held out"):
        run.training_set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"crop": 14, "scale": 4}, "multiple of `scale`|crop"),
        ({"crop": 32}, "no more than"),
        ({"crop": 2}, "4 or more"),
        ({"scale": 3, "crop": 15}, "scale is 2, 4, 8"),
        ({"channels": 2}, "1 .grey. or 3 .colour."),
    ],
)
def test_what_cannot_be_enlarged_is_refused(changes: dict[str, int], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        build("srresnet", data="debian-photos", **{**ENLARGED, **changes})


def test_grey_pictures_need_a_net_of_their_own() -> None:
    small = {**SMALL["srgan"], "data": "debian-photos", "channels": 1}
    with pytest.raises(UserError, match="does not take images"):
        build("srgan", **small)
    with pytest.raises(UserError, match="MobileNetV2 reads colours"):
        build("srgan", **{**small, "module": ""})
    with pytest.raises(UserError, match="has no layer 'nothing'"):
        build("srgan", **{**small, "channels": 3, "features": "nothing"})


def test_batch_norm_is_measured_for_use(photographs: Path) -> None:
    run = build("srresnet", data=str(photographs), **ENLARGED, precision="fp32", batch=4, norm=True)
    data = run.training_set()
    trainer = Trainer(run.game, run.batches(data), seed=0)
    trainer.step()
    net = snapshot(trainer, data.images, batch=4).nets["G"]
    layers = [layer for layer in net.modules() if isinstance(layer, BatchNorm)]
    assert layers and all(bool((layer.mean != 0).any()) and bool((layer.var != 1).any()) for layer in layers)
