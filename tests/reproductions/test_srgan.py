"""The reproduction of SRGAN in a few steps: a cell is trained, measured once, kept, shown; its measures by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import pictures
from torch import Tensor

from energan.metrics.features.catalog import Description
from energan.networks.conv.mobilenet_v2 import MobileNetV2
from reproductions import srgan


@pytest.fixture(autouse=True)
def without_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    def described(images: Tensor, network: str) -> Description:
        return Description(images.float().mean((2, 3)), None)

    random = np.random.default_rng(0)
    shown = {"colours": (3, 110, 101), "grey": (1, 30, 41)}
    known = {name: random.integers(0, 256, shape, dtype=np.uint8) for name, shape in shown.items()}
    monkeypatch.setattr(srgan, "describe", described)
    monkeypatch.setattr(srgan, "test_pictures", lambda: known)
    monkeypatch.setattr("energan.networks.conv.mobilenet_v2.mobilenet_v2", MobileNetV2)
    monkeypatch.setattr("energan.capabilities.translation.compared.usable_network", lambda run, real, **_: "")


def test_a_cell_is_trained_measured_once_and_shown(tmp_path: Path) -> None:
    small = [
        "steps=4",
        "save_every=2",
        "batch=4",
        "first=0.5",
        "square=16",
        "crop=16",
        "scale=2",
        "width=2",
        "blocks=1",
    ]
    asked = ["--data", str(pictures(tmp_path / "pictures")), "--out", str(tmp_path / "out"), "--set", *small]
    asked += ["width_d=1", "hidden_d=4", 'precision="fp32"', 'device="cpu"']
    srgan.main(asked)
    table = (tmp_path / "out" / "table.md").read_text().splitlines()
    assert [row.split(" | ")[0] for row in table[2:]] == ["| bicubic", "| SRResNet", "| SRGAN"] and "–" not in table[2]
    assert len(set(table[2:])) == 3
    kept = tmp_path / "out" / "srgan-0" / "pictures.json"
    before = kept.stat().st_mtime_ns
    assert (tmp_path / "out" / "srgan-0" / "crops.png").stat().st_size > 1000
    srgan.main(asked)
    assert kept.stat().st_mtime_ns == before and (tmp_path / "out" / "table.md").read_text().splitlines() == table


def test_measures_of_an_equal_picture() -> None:
    picture = torch.randint(256, (1, 3, 40, 50), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert srgan.measured(picture, picture, 4) == {"PSNR": 100, "SSIM": pytest.approx(1), "feature distance": 0}


def test_a_grey_truth_is_compared_with_greys() -> None:
    colours = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1)
    assert srgan.as_true(colours, colours[:, :1]).tolist() == [[[[18]]]]  # 2.99 + 11.74 + 3.42
    assert srgan.as_true(colours, colours) is colours


def test_the_square_with_the_most_detail_is_shown() -> None:
    picture = torch.zeros(1, 1, 300, 300, dtype=torch.uint8)
    picture[..., 200:296:2, 104:200] = 255
    assert srgan.busiest(picture) == (200, 104)
    assert srgan.square(picture, (200, 104)).shape == (1, 3, 192, 192)


def test_settings_that_keep_no_checkpoint_of_srresnet_are_refused() -> None:
    with pytest.raises(SystemExit, match="SRResNet is the run at step 50 of 100"):
        srgan.main(["--set", "steps=100", "first=0.5", "save_every=10", "width=2", "blocks=1"])
