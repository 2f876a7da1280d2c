"""The comparison of pix2pix and CycleGAN with the peer, on a miniature peer: the peer's own code is not in here."""

from pathlib import Path

import pytest
import torch

from benchmarks import peers_pictures

NETS = """
from torch import nn
import torch


class Draw(nn.Module):
    def __init__(self):
        super().__init__()
        last = nn.Conv2d(4, 3, 3, 1, 1)
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), nn.ReLU(), nn.Dropout(0.5), last, nn.Tanh())

    def forward(self, x):
        return self.net(x)


class Judge(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.net = nn.Conv2d(channels, 1, 4, 4)

    def forward(self, a, b=None):
        return self.net(a if b is None else torch.cat((a, b), 1))
"""
HEAD = """
import argparse
import os
import sys
import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.utils import save_image, make_grid
from nets import *

os.makedirs("must-not-be-made")
parser = argparse.ArgumentParser()
parser.add_argument("--img_height", type=int, default=256)
parser.add_argument("--img_width", type=int, default=256)
opt = parser.parse_args()
transforms_ = [transforms.Resize((opt.img_height, opt.img_width))]
dataloader = DataLoader(transforms_)
val_dataloader = DataLoader(transforms_)
adam = lambda *nets: torch.optim.Adam([w for net in nets for w in net.parameters()], lr=2e-4, betas=(0.5, 0.999))
squares, far = torch.nn.MSELoss(), torch.nn.L1Loss()
"""
PIX2PIX = """
generator, discriminator = Draw(), Judge(6)
optimizer_G, optimizer_D = adam(generator), adam(discriminator)
for epoch in range(2):
    for i, batch in enumerate(dataloader):
        x, y = batch["B"], batch["A"]
        optimizer_G.zero_grad()
        made = generator(x)
        said = discriminator(made, x)
        (squares(said, torch.ones_like(said)) + 100 * far(made, y)).backward()
        optimizer_G.step()
        optimizer_D.zero_grad()
        of_real, of_made = discriminator(y, x), discriminator(made.detach(), x)
        (squares(of_real, torch.ones_like(said)) + squares(of_made, torch.zeros_like(said))).div(2).backward()
        optimizer_D.step()
        batches_done = epoch * len(dataloader) + i
        sys.stdout.write("must not be written")
        save_image(made, "must-not-be-written.png")
"""
CYCLEGAN = """
G_AB, G_BA, D_A, D_B = Draw().eval(), Draw().eval(), Judge(), Judge()
optimizer_G, optimizer_D_A, optimizer_D_B = adam(G_AB, G_BA), adam(D_A), adam(D_B)
for epoch in range(2):
    for i, batch in enumerate(dataloader):
        a, b = batch["A"], batch["B"]
        optimizer_G.zero_grad()
        same = (far(G_BA(a), a) + far(G_AB(b), b)) / 2
        to_b, to_a = G_AB(a), G_BA(b)
        of_b, of_a = D_B(to_b), D_A(to_a)
        fooled = (squares(of_b, torch.ones_like(of_b)) + squares(of_a, torch.ones_like(of_a))) / 2
        back = (far(G_BA(to_b), a) + far(G_AB(to_a), b)) / 2
        (fooled + WEIGHT * back + 5 * same).backward()
        optimizer_G.step()
        for D, optimizer, real, made in ((D_A, optimizer_D_A, a, to_a), (D_B, optimizer_D_B, b, to_b)):
            optimizer.zero_grad()
            of_real, of_made = D(real), D(made.detach())
            loss = squares(of_real, torch.ones_like(of_real)) + squares(of_made, torch.zeros_like(of_made))
            (loss / 2).backward()
            optimizer.step()
        sys.stdout.write("must not be written")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return made(tmp_path / "peer", "10")


def made(folder: Path, weight: str) -> Path:
    for name, text in (("pix2pix", PIX2PIX), ("cyclegan", CYCLEGAN.replace("WEIGHT", weight))):
        there = folder / "implementations" / name
        there.mkdir(parents=True)
        (there / "nets.py").write_text(NETS.replace("nn.Dropout(0.5), ", "") if name == "cyclegan" else NETS)
        (there / f"{name}.py").write_text(HEAD + text)
    return folder


@pytest.mark.parametrize("name", ["pix2pix", "cyclegan"])
def test_a_contest_is_played_and_told(
    name: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    size = "256" if name == "pix2pix" else "8"
    flags = ["--pytorch-gan", str(checkout), "--only", name, "--size", size, "--batch", "2", "--steps", "2"]
    threads = torch.get_num_threads()
    assert peers_pictures.main([*flags, "--no-memory", "--threads", str(threads)]) == 0
    told = capsys.readouterr().out
    assert f"### PyTorch-GAN's {name}" in told and "must not be written" not in told
    assert told.count("\n| the peer") == 3 and told.count("\n| Energan") == 2
    assert ("checked in this run" in told) == (name == "cyclegan")
    assert [path.name for path in tmp_path.iterdir()] == ["peer"]


def test_another_loss_is_found_out(tmp_path: Path) -> None:
    for weight, right in (("10", True), ("12", False)):
        peer = peers_pictures.load("cyclegan", made(tmp_path / weight, weight), False, 8)
        if right:
            peers_pictures.agreement(peer, 8)
        else:
            with pytest.raises(AssertionError, match="not close"):
                peers_pictures.agreement(peer, 8)


def test_both_descend_from_the_same_nets(checkout: Path) -> None:
    """Energan's rows play the peer's own modules, whose dropout alone is another."""
    peer = peers_pictures.load("pix2pix", checkout, False, 8)
    game = peers_pictures.game("pix2pix", peer, 8, 2)
    assert game.players["G"].net is peer.nets["generator"]
    assert "torch.nn" not in type(peer.nets["generator"].net[2]).__module__
    assert game.players["D"].net.D is peer.nets["discriminator"]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "there is no peer to compare with"),
        (["--pytorch-gan", "nowhere", "--size", "100"], "--size 100: the peer's U-Net takes multiples of 256"),
        (
            ["--pytorch-gan", "nowhere", "--only", "cyclegan"],
            "nowhere/implementations/cyclegan/cyclegan.py is not there",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert peers_pictures.main([*flags, "--threads", str(torch.get_num_threads())]) == 2
    assert sentence in capsys.readouterr().err
