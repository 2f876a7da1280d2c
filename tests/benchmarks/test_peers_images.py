"""The comparison of DCGANs with the peers, on miniature peers written here: the peers' own code is not in here."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import peer_parts, peers_images
from energan.engine import Trainer

SCRIPT = """
import argparse
import os
import torch
from torch import nn
from torchvision import datasets
from torchvision.utils import save_image

os.makedirs("must-not-be-made")
parser = argparse.ArgumentParser()
parser.add_argument("--batch_size", type=int, default=64)
parser.add_argument("--img_size", type=int, default=32)
parser.add_argument("--channels", type=int, default=1)
opt = parser.parse_args()
print(opt)
side = opt.img_size


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(100, 4 * (side // 8) ** 2)
        self.grow = nn.Sequential(nn.BatchNorm2d(4), nn.Upsample(scale_factor=8), nn.Conv2d(4, opt.channels, 3, 1, 1))

    def forward(self, z):
        return self.grow(self.dense(z).view(len(z), 4, side // 8, side // 8)).tanh()


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.shrink = nn.Sequential(nn.Conv2d(opt.channels, 4, 3, 4, 1), nn.Dropout2d(0.25), nn.BatchNorm2d(4, 0.8))
        self.judge = nn.Sequential(nn.Linear(4 * (side // 4) ** 2, 1), nn.Sigmoid())

    def forward(self, x):
        return self.judge(self.shrink(x).view(len(x), -1))


generator, discriminator = Generator(), Discriminator()
cross_entropy = nn.BCELoss()
optimizer_G = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
dataloader = torch.utils.data.DataLoader(datasets.MNIST("nowhere"))
for epoch in range(3):
    for i, (imgs, _) in enumerate(dataloader):
        real, fake = torch.ones(len(imgs), 1), torch.zeros(len(imgs), 1)
        optimizer_G.zero_grad()
        drawn = generator(torch.randn(len(imgs), 100))
        cross_entropy(discriminator(drawn), real).backward()
        optimizer_G.step()
        optimizer_D.zero_grad()
        right = cross_entropy(discriminator(imgs), real)
        ((right + cross_entropy(discriminator(drawn.detach()), fake)) / 2).backward()
        optimizer_D.step()
        print("must not be printed")
        save_image(drawn, "must-not-be-written.png")
"""
NETS = """
import torch
from torch import nn
from torch.nn.functional import softplus


class DCGANGenerator64(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(128, 3 * 64 * 64), nn.Tanh())

    def draw(self, n):
        return self.forward(torch.randn(n, 128))  # past the hooks of a module, as the original

    def forward(self, z):
        return self.net(z).view(len(z), 3, 64, 64)

    def train_step(self, real_batch, netD, optG, log_data, global_step, device):
        self.zero_grad()
        softplus(-netD(self.draw(len(real_batch[0])))).mean().backward()
        optG.step()
        return log_data


class DCGANDiscriminator64(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.dense = nn.Conv2d(3, 2, 8, 8), nn.BatchNorm2d(2), nn.Linear(128, 1)

    def forward(self, x):
        return self.dense(self.norm(self.conv(x)).view(len(x), -1))

    def train_step(self, real_batch, netG, optD, log_data, global_step, device):
        self.zero_grad()
        x, labels = real_batch
        assert len(x) == len(labels)
        fake = netG.draw(len(x)).detach()
        (softplus(-self(x)).mean() + softplus(self(fake)).mean()).backward()
        optD.step()
        log_data.played += 1
        return log_data
"""
FEW = ["--steps", "2", "--batch", "2", "--threads", str(torch.get_num_threads()), "--no-memory"]


def pytorch_gan(folder: Path, script: str = SCRIPT) -> Path:
    path = folder / "PyTorch-GAN" / "implementations" / "dcgan" / "dcgan.py"
    path.parent.mkdir(parents=True)
    path.write_text(script)
    return folder / "PyTorch-GAN"


def mimicry(folder: Path) -> Path:
    root = folder / "mimicry" / "torch_mimicry"
    files = {
        "__init__.py": "raise ImportError('TensorFlow')",
        "training/__init__.py": "raise ImportError('TensorBoard')",
        "training/metric_log.py": "class MetricLog:\n    played = 0",
        "nets/__init__.py": "",
        "nets/dcgan/__init__.py": "",
        "nets/dcgan/dcgan_64.py": NETS,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return folder / "mimicry"


def test_without_the_peers_our_own_dcgan_is_timed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = lambda: peers_images.gan(peers_images.Generator(100, width=2), peers_images.Discriminator(width=2), 100)  # noqa: E731
    monkeypatch.setattr(peers_images, "own", small)
    assert peers_images.main(["--self-only", *FEW]) == 0
    out = capsys.readouterr().out
    assert out.count("| Energan, ") == 3 and out.count("samples drawn once") == 1
    assert "| the peer" not in out


def test_the_peers_are_timed_by_their_own_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = ["--pytorch-gan", str(pytorch_gan(tmp_path)), "--mimicry", str(mimicry(tmp_path))]
    monkeypatch.chdir(tmp_path)
    assert peers_images.main([*folders, *FEW]) == 0
    out = capsys.readouterr().out
    assert out.count("| the peer") == 2 * 3
    assert out.count("| Energan, ") == 2 * 3 and out.count("channels-last, samples drawn once |") == 2
    assert out.count("Energan against the peer with the same settings by hand") == 2
    assert "must not" not in out
    assert str(tmp_path) not in out, "a report must not name this machine's folders"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["PyTorch-GAN", "mimicry"], (
        "its images and folders are left out"
    )


@pytest.mark.parametrize(
    ("published", "other"),
    [
        ("/ 2).backward", "/ 1).backward"),  # another share of D's loss
        ("cross_entropy(discriminator(drawn), real)", "(-cross_entropy(discriminator(drawn), fake))"),  # minimax
        ("self.shrink(x).view", "self.shrink(2 * x.detach()).view"),  # nothing reaches G
    ],
)
def test_a_peer_that_descends_another_loss_is_refused(tmp_path: Path, published: str, other: str) -> None:
    assert published in SCRIPT
    changed = peers_images.load_pytorch_gan(pytorch_gan(tmp_path, SCRIPT.replace(published, other)), False, 4)
    with pytest.raises((AssertionError, RuntimeError)):
        peers_images.agreement(changed, 100)


def test_the_number_of_parameters_is_the_peers(tmp_path: Path) -> None:
    peer = peers_images.load_pytorch_gan(pytorch_gan(tmp_path), False, 4)
    D = 3 * 4 * 9 + 4 + 2 * 4 + 4 * 16 * 16 + 1
    assert peers_images.agreement(peer, 100) == (101 * 4 * 64 + 2 * 4 + 4 * 3 * 9 + 3, D)
    peer = peers_images.load_mimicry(mimicry(tmp_path), False, 4)
    assert peers_images.agreement(peer, 128) == (129 * 3 * 64**2, 2 * 3 * 64 + 2 + 2 * 2 + 129)


def test_the_peers_own_modules_are_what_energan_plays(tmp_path: Path) -> None:
    peer = peers_images.load_mimicry(mimicry(tmp_path), True, 2)
    playing = peers_images.game(peer, 128)
    assert playing.players["G"].net is peer.G
    assert next(playing.players["D"].net.parameters()) is next(peer.D.parameters())
    assert playing.players["G"].optimizer == peers_images.Adam(2e-4, beta1=0.0, beta2=0.9)
    before = {k: w.clone() for k, w in peer.D.named_parameters()}
    Trainer(playing, lambda k: {"x": torch.rand(2, 3, 64, 64)}).step()
    assert not any(torch.equal(w, before[k]) for k, w in peer.D.named_parameters() if k != "conv.bias")


def test_whole_channels_are_dropped() -> None:
    torch.manual_seed(0)
    x = torch.ones(200, 10, 2, 2)
    dropped = peers_images.DropChannels(0.25)(x)
    assert torch.equal(dropped, dropped[..., :1, :1].expand_as(x))
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert 0.22 < float((dropped == 0).float().mean()) < 0.28


def test_a_row_changes_the_layout_of_the_peers_weights_alone(tmp_path: Path) -> None:
    folder = pytorch_gan(tmp_path)
    text = (folder / "implementations" / "dcgan" / "dcgan.py").read_text()
    layouts: list[bool] = []

    def watched(folder: Path, reshape: bool, batch: int) -> Any:
        peer = peers_images.load_pytorch_gan(folder, reshape, batch)
        watch = lambda m, i: layouts.append(i[0].is_contiguous() or m.weight.is_contiguous())  # noqa: E731
        next(m for m in peer.D.modules() if isinstance(m, nn.Conv2d)).register_forward_pre_hook(watch)
        return peer

    for row in peers_images.HERE[:2]:
        setting = peer_parts.Setting(folder, 2, 1, 2)
        with pytest.MonkeyPatch.context() as patched:
            contest = peers_images.CONTESTS["pytorch-gan"]._replace(load=watched)
            patched.setitem(peers_images.CONTESTS, "pytorch-gan", contest)
            peers_images.build("pytorch-gan", row, setting)()
        assert set(layouts) == {not row.channels_last}
        layouts.clear()
    assert (folder / "implementations" / "dcgan" / "dcgan.py").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "no peer to compare with"),
        (["--pytorch-gan", "nowhere"], "is not there"),
        (["--torchgan", "nowhere"], "is not there"),
        (["--mimicry", "nowhere"], "is not there"),
        (["--self-only", "--batch", "1"], "need 2 or more"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers_images.main(arguments) == 2
    assert sentence in capsys.readouterr().err
