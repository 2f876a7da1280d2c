"""Time to quality: the marks, on curves made by hand, and peers' loops, on miniature peers that are written here."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from small_runs import SMALL
from torch import nn

from benchmarks import contestants, time_to_quality
from benchmarks.contestants import Contestant, Entry
from benchmarks.time_to_quality import Look, Setting, looks, reached, told_ratio, told_time
from energan.data import load
from energan.utils.errors import UserError

SCRIPT = """
import argparse
import os
import numpy as np
import torch
from torch import nn
import torchvision.transforms as transforms
from torchvision import datasets
from torchvision.utils import save_image

os.makedirs("must-not-be-made")
parser = argparse.ArgumentParser()
parser.add_argument("--n_epochs", type=int, default=3)
parser.add_argument("--batch_size", type=int, default=2)
parser.add_argument("--latent_dim", type=int, default=4)
parser.add_argument("--img_size", type=int, default=32)
parser.add_argument("--n_critic", type=int, default=2)
opt = parser.parse_args()
print(opt)
generator = nn.Sequential(nn.Linear(4, 32 * 32), nn.BatchNorm1d(32 * 32), nn.Unflatten(1, (1, 32, 32)), nn.Tanh())
dataloader = torch.utils.data.DataLoader(datasets.MNIST("nowhere", transform=transforms.Compose([
    transforms.Resize(opt.img_size), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])
])))
seen, moved = [], []
for epoch in range(opt.n_epochs):
    for i, (imgs, _) in enumerate(dataloader):
        flat = imgs.view(imgs.shape[0], -1)
        seen.append((epoch, i, imgs))
        if i % opt.n_critic == 0:
            moved.append(float(np.random.normal()))
            print("must not be printed %d" % len(dataloader))
            save_image(imgs, "must-not-be-written.png")
"""
TORCHGAN = {
    "__init__.py": "import torchvision\nfrom . import losses, models, trainer\n",
    "models.py": """
import torch
from torch import nn


class DCGANGenerator(nn.Module):
    def __init__(self, encoding_dims=100, out_channels=3):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(100, 32 * 32), nn.BatchNorm1d(32 * 32), nn.Unflatten(1, (1, 32, 32)))
        self.modes, self.channels = [], out_channels

    def forward(self, z):
        self.modes.append(self.training)
        return self.net(z).tanh()


class AutoEncodingDiscriminator(nn.Linear):
    def __init__(self, in_channels=3, embeddings=False):
        super().__init__(in_channels, 1)
""",
    "losses.py": """
class EnergyBasedGeneratorLoss:
    pass


class EnergyBasedDiscriminatorLoss:
    pass
""",
    "trainer/__init__.py": """
class Trainer:
    def __init__(self, models, losses, device, checkpoints, recon):
        self.seen, self.losses = [], [type(loss).__name__ for loss in losses]
        for name, model in models.items():
            setattr(self, name, model["name"](**model["args"]))
            assert model["optimizer"]["args"]["lr"] == 2e-4
""",
    "trainer/base_trainer.py": """
class BaseTrainer:
    def train(self, data_loader):
        for epoch in range(5):
            for data in data_loader:
                self.seen.append(tuple(data.shape))
                assert self.generator.training and self.batch_size == 64
            print("an epoch is over")
""",
}


class Clock:
    """A clock that only goes on where it is told to: a second on the processor is two on the wall."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> tuple[float, float]:
        return self.time, 2 * self.time


def made_of(clock: Clock, seconds: float, last: int = 10**9) -> Contestant:
    def step() -> None:
        clock.time += seconds

    return Contestant(step, lambda n: torch.zeros(n, 1, 28, 28, dtype=torch.uint8), last, lambda x: x)


def curve(*fids: float) -> list[Look]:
    return [Look(10.0 * k, 12.0 * k, 5 * k, fid) for k, fid in enumerate(fids, 1)]


def watched(one: Contestant, clock: Clock, budget: float, every: float) -> list[tuple[float, float, int]]:
    seen = []
    for look in looks(one, budget, every, clock):
        seen.append(look)
        clock.time += 1000  # of judging
    return seen


def test_looks_are_at_multiples_of_the_seconds_of_training() -> None:
    clock = Clock()
    assert watched(made_of(clock, 1), clock, 10, 3) == [(3, 6, 3), (6, 12, 6), (9, 18, 9), (10, 20, 10)]


def test_a_step_may_be_longer_than_a_look() -> None:
    clock = Clock()
    assert watched(made_of(clock, 4), clock, 10, 3) == [(4, 8, 1), (8, 16, 2), (12, 24, 3)]


def test_a_contestant_ends_where_it_says() -> None:
    clock = Clock()
    assert watched(made_of(clock, 1, last=5), clock, 10, 3) == [(3, 6, 3), (5, 10, 5)]


def test_a_mark_is_reached_at_the_first_look_at_or_below_it() -> None:
    falls = curve(100, 30, 40, 15.1, 7)
    assert [reached(falls, mark) for mark in (30, 15, 8, 6)] == [falls[1], falls[4], falls[4], None]
    assert [told_time(falls, mark) for mark in (30, 15, 8, 6)] == ["20", "50", "50", "≥ 50"]


def test_ratios_are_bounds_where_the_peer_is_not_there_and_none_where_we_are_not() -> None:
    ours, peer = curve(30, 10), curve(90, 80, 29, 28, 27)
    assert told_ratio(peer, ours, 30) == "3"
    assert told_ratio(peer, ours, 15) == "≥ 2.5"
    assert told_ratio(ours, peer, 30) == "0.33"
    assert told_ratio(peer, ours, 8) == "-"


def pytorch_gan(folder: Path, script: str = SCRIPT) -> Path:
    path = folder / "implementations" / "wgan_gp" / "wgan_gp.py"
    path.parent.mkdir(parents=True)
    path.write_text(script)
    return folder


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """Five digits are all of MNIST."""
    images = load("mnist", "test").images[:5]
    monkeypatch.setattr(contestants, "load", lambda *_: SimpleNamespace(images=images))
    return images


def test_a_script_is_played_epoch_by_epoch_without_its_prints_and_files(
    few: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held: dict[str, Any] = {}
    real_script = contestants.script
    monkeypatch.setattr(contestants, "script", lambda *a: (held.update(names=(got := real_script(*a)).names), got)[1])
    monkeypatch.chdir(tmp_path)
    one = contestants.pytorch_gan(pytorch_gan(tmp_path / "peer"), seed=0, name="wgan_gp")
    for _ in range(6):
        one.step()
    names = held["names"]
    seen = names["seen"]
    assert [(epoch, i, len(x)) for epoch, i, x in seen] == [
        (e, i, n) for e in (0, 1) for i, n in ((0, 2), (1, 2), (2, 1))
    ]
    assert len(names["moved"]) == 4, "every second batch of an epoch, counted anew in each"
    given = contestants.prepared(few, 32)
    for epoch in (0, 1):
        x = torch.cat([x for e, _, x in seen if e == epoch])
        assert x.shape == (5, 1, 32, 32)
        torch.testing.assert_close(x.sum(0), given.sum(0))
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["peer"]

    before = {name: value.clone() for name, value in names["generator"].state_dict().items()}
    samples = one.sample(6)
    assert samples.dtype == torch.uint8 and samples.shape == (6, 1, 28, 28)
    assert all(torch.equal(value, before[name]) for name, value in names["generator"].state_dict().items())
    assert names["generator"].training
    assert torch.equal(samples, one.sample(6))


def test_a_script_with_other_images_is_refused(tmp_path: Path) -> None:
    other = SCRIPT.replace("Normalize([0.5], [0.5])", "Normalize([0.1307], [0.3081])")
    with pytest.raises(UserError, match="another version"):
        contestants.pytorch_gan(pytorch_gan(tmp_path, other), seed=0, name="wgan_gp")


def test_torchgan_is_given_whole_batches_and_draws_in_eval_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in TORCHGAN.items():
        path = tmp_path / "torchgan" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    images = load("mnist", "test").images[:130]
    monkeypatch.setattr(contestants, "load", lambda *_: SimpleNamespace(images=images))
    held: list[Any] = []
    make = contestants.torchgan_trainer
    monkeypatch.setattr(contestants, "torchgan_trainer", lambda *a: (held.append(got := make(*a)), got)[1])
    one = contestants.torchgan_ebgan(tmp_path, seed=0)
    for _ in range(5):
        one.step()
    trainer = held[0][0]
    assert trainer.seen == [(64, 1, 32, 32)] * 5, "the epoch's last two images would be a batch of their own"
    assert trainer.losses == ["EnergyBasedGeneratorLoss", "EnergyBasedDiscriminatorLoss"]
    assert trainer.generator.channels == 1
    assert one.sample(70).shape == (70, 1, 28, 28)
    assert trainer.generator.modes == [False, False] and trainer.generator.training


def test_a_recipe_is_trained_by_its_own_settings_and_draws_as_its_model_does() -> None:
    one = contestants.recipe(None, 0, "ebgan-pt-mnist", {**SMALL["ebgan-pt-mnist"], "batch": 4, "steps": 7})
    assert one.last == 7
    before = one.sample(3)
    assert before.shape == (3, 1, 28, 28) and before.dtype == torch.uint8
    one.step()
    assert not torch.equal(before, one.sample(3))


def test_every_recipe_of_the_comparison_is_there() -> None:
    from energan.recipes.catalog import RECIPES

    own = {name for name, entry in contestants.ENTRIES.items() if not entry.flag}
    assert own <= set(RECIPES)
    assert {entry.like for entry in contestants.ENTRIES.values()} - {""} <= own


def test_images_come_back_from_the_peers_size() -> None:
    images = load("mnist", "test").images[:50]
    assert torch.equal(contestants.judged(contestants.prepared(images, 28)), images)
    x = contestants.prepared(images, 32)
    assert x.shape == (50, 1, 32, 32) and -1 <= x.min() < x.max() <= 1
    assert x[0].is_contiguous() and x.stride()[1] == 32 * 32
    whole = Image.fromarray(images[0, 0].numpy()).resize((32, 32), Image.Resampling.BILINEAR)
    assert x[0, 0, 16, 16].item() == pytest.approx(whole.getpixel((16, 16)) / 127.5 - 1)
    far = (contestants.judged(x).float() - images.float()).abs().mean()
    assert far < (images.float().roll(1, -1) - images.float()).abs().mean() / 2
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    assert torch.equal(contestants.cut(padded), images)


SETTING = Setting(minutes=1 / 60, every=0.5, seed=0, threads=1)


def test_a_contestant_leaves_its_curve_and_its_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, fids = Clock(), iter([0.4, 1.5, 20.0, 7.5])  # real digits, the same by the way of samples, two looks
    one = made_of(clock, 0.25)
    monkeypatch.setattr(time_to_quality, "ENTRIES", {"tiny": Entry("tiny", "", lambda *_: one)})
    monkeypatch.setattr(time_to_quality, "judge", lambda: lambda images: next(fids))
    monkeypatch.setattr(time_to_quality, "looks", lambda one, budget, every: looks(one, budget, every, clock))
    monkeypatch.setattr(time_to_quality.torch, "set_num_threads", lambda n: None)
    time_to_quality.play("tiny", None, SETTING, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "tiny-15.png", "tiny-30.png", "tiny-8.png", "tiny-end.png", "tiny.json"
    ]  # fmt: skip
    found = time_to_quality.measured(tmp_path)["tiny"]
    assert found["curve"] == [Look(0.5, 1.0, 2, 20.0), Look(1.0, 2.0, 4, 7.5)]
    assert (found["real"], found["through"], found["peer"], found["minutes"]) == (0.4, 1.5, "", 1 / 60)

    played: list[str] = []
    monkeypatch.setattr(time_to_quality, "play", lambda name, *_: played.append(name))
    time_to_quality.play_missing(["tiny"], {}, SETTING, tmp_path)
    assert played == [], "what is finished is not played again"
    with pytest.raises(UserError, match="tiny with --seed 0: give the same, or another --out"):
        time_to_quality.play_missing(["tiny"], {}, SETTING._replace(seed=1), tmp_path)


def fixture(folder: Path) -> Path:
    folder.mkdir()
    common = {"date": "2026-11-28", "real": 0.4, "machine": {}, **Setting(6.0, 10.0, 0, 1)._asdict()}
    curves = {
        "ebgan-pt-mnist": ("", 0.4, curve(90, 30, 12, 7)),
        "pytorch-gan-ebgan": ("36d3c77", 1.5, curve(150, 140, 29, 20, 19)),
    }
    for name, (peer, through, looked) in curves.items():
        one = {**common, "name": name, "peer": peer, "through": through, "curve": [look._asdict() for look in looked]}
        (folder / f"{name}.json").write_text(json.dumps(one))
    return folder


def test_the_page_tells_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "figure.png"
    assert time_to_quality.main(["--out", str(fixture(tmp_path / "q")), "--page", str(picture)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "| `ebgan-pt-mnist`, the demo | 2,000 | 20 | 30 | 40 | 7.0 | 40 | 48 | 20 | 0.4 |" in told
    assert "| PyTorch-GAN, ebgan.py (36d3c77) | 2,000 | 30 | ≥ 50 | ≥ 50 | 19.0 | 50 | 60 | 25 | 1.5 |" in told
    assert "| PyTorch-GAN, ebgan.py | `ebgan-pt-mnist` | 1.5 | ≥ 1.7 | ≥ 1.2 |" in told
    widths = {line.count("|") for line in told if line.startswith("|")}
    assert widths == {11, 6}
    with Image.open(picture) as image:
        assert image.size == (750, 480)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--page", "x.png"], "has no measurements yet"),
        (["--torchgan", "nowhere"], "--torchgan nowhere is not there"),
        (["--minutes", "0"], "are above 0"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    flags: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert time_to_quality.main([*flags, "--out", str(tmp_path / "none")]) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1


def test_peers_without_a_checkout_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(time_to_quality, "ProcessPoolExecutor", None)  # nothing is played
    assert time_to_quality.main(["--only", "torchgan-ebgan", "--out", str(tmp_path)]) == 0
    assert "torchgan-ebgan: no checkout of it is given" in capsys.readouterr().err
