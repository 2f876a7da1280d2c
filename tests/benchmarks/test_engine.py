"""The comparison with the peers, on miniature peers written here: their own code is no part of this repository."""

from pathlib import Path

import pytest
import torch

from benchmarks import peer_parts, peers

SCRIPT = """
import os
import torch
import torchvision.transforms as transforms
from torchvision import datasets
from torchvision.utils import save_image
import argparse
from torch import nn
from benchmarks.peers import pytorch_gan_nets

os.makedirs("must-not-be-made")
parser = argparse.ArgumentParser()
parser.add_argument("--batch_size", type=int, default=64)
opt = parser.parse_args()
print(opt)
generator, autoencoder = pytorch_gan_nets()


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = autoencoder.encoder, autoencoder.decoder
        self.embedding, self.fc = nn.Identity(), nn.Identity()

    def forward(self, x):
        code = self.embedding(self.down(x))
        return self.up(self.fc(code)).view(len(x), 1, 32, 32), code


discriminator = Discriminator()
dataloader = torch.utils.data.DataLoader(datasets.MNIST("nowhere"))
margin = max(1, opt.batch_size / 64.0)
played = []
for epoch in range(3):
    for i, (imgs, _) in enumerate(dataloader):
        d_loss_fake = discriminator(imgs)[0].square().mean().clamp(max=0.5)
        played.append(len(imgs))
        print("must not be printed")
        save_image(imgs, "must-not-be-written.png")
"""
FEW = ["--steps", "2", "--batch", "2", "--threads", str(torch.get_num_threads()), "--no-memory"]


def checkout(folder: Path, script: str = SCRIPT) -> Path:
    path = folder / "PyTorch-GAN" / "implementations" / "ebgan" / "ebgan.py"
    path.parent.mkdir(parents=True)
    path.write_text(script)
    return folder / "PyTorch-GAN"


def test_without_the_peers_every_own_row_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert peers.main(["--self-only", *FEW]) == 0
    out = capsys.readouterr().out
    assert out.count("| Energan, ") == 4 * len(peers.CONTESTS)
    assert "| the peer" not in out


def test_a_peer_is_timed_by_its_own_loop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkout(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert peers.main(["--pytorch-gan", str(folder), *FEW]) == 0
    out = capsys.readouterr().out
    assert out.count("| the peer") == 3
    assert out.count("| Energan, ") == 4
    assert "must not" not in out
    assert str(tmp_path) not in out, "a report must not name this machine's folders"
    assert [p.name for p in tmp_path.iterdir()] == ["PyTorch-GAN"], "its loop's images and folders are left out"


def test_only_the_statements_before_the_print_are_played(tmp_path: Path) -> None:
    peer = peers.load_pytorch_gan(checkout(tmp_path), False, 2)
    played = peer_parts.loop_body(SCRIPT, "dataloader", "ebgan.py")
    names = {"imgs": torch.zeros(2, 1, 32, 32), "discriminator": peer.D, "played": []}
    exec(played, names)
    exec(played, names)
    assert names["played"] == [2, 2]


def test_nets_that_differ_from_the_peers_are_refused(tmp_path: Path) -> None:
    contest = peers.CONTESTS["pytorch-gan"]
    other = SCRIPT.replace("class Disc", "generator[3].eps = autoencoder.decoder[0].eps = 1e-5\n\n\nclass Disc")
    with pytest.raises(AssertionError, match="not close"):
        peers.parameters(contest, peers.Setting(checkout(tmp_path / "eps", other), 2, 1, 2))
    wider = SCRIPT.replace("class Disc", "generator[3] = nn.Conv2d(128, 128, 5, 1, 2)\n\n\nclass Disc")
    with pytest.raises(RuntimeError, match="other shapes"):
        peers.parameters(contest, peers.Setting(checkout(tmp_path / "wide", wider), 2, 1, 2))


def test_a_step_without_the_hinge_is_no_equal_work(tmp_path: Path) -> None:
    off = SCRIPT.replace(".clamp(max=0.5)", ".clamp(min=2)")
    peer = peers.load_pytorch_gan(checkout(tmp_path, off), False, 2)
    with pytest.raises(RuntimeError, match="hinge was off"):
        peer.step(torch.zeros(2, 1, 32, 32))


@pytest.mark.parametrize(("name", "g", "d"), [("pytorch-gan", 738_433, 1_099_041), ("torchgan", 1_068_931, 2_947_055)])
def test_the_nets_have_the_peers_number_of_parameters(name: str, g: int, d: int) -> None:
    """The peers' own nets, counted in their checkouts 36d3c77 and fe86d7c."""
    assert peers.parameters(peers.CONTESTS[name], peers.Setting(None, 2, 1, 2)) == (g, d)


def test_the_rows_differ_in_memory_layout() -> None:
    def layouts(row: peers.Row) -> set[bool]:
        step = peers.build(peers.CONTESTS["pytorch-gan"], row, peers.Setting(None, 2, 1, 2))
        step()
        engine = step.__self__  # type: ignore[attr-defined]
        moments = [m for trees in engine.state()["moments"].values() for tree in trees.values() for m in tree.values()]
        weights = [w for net in engine.nets.values() for w in net.parameters()]
        return {t.is_contiguous() for t in (*weights, *moments) if t.ndim == 4 and min(t.shape) > 1}

    assert layouts(peers.Row(True, False, False)) == {True}
    assert layouts(peers.Row(True, True, False)) == {False}


def test_memory_is_that_of_a_process_of_its_own() -> None:
    grown = torch.zeros(50_000_000)  # 200 MB here must not hide what the child needs, nor count for it
    setting = peers.Setting(None, 2, 1, 2)
    peak = peers._alone("pytorch-gan", peers.ROWS[3], setting)
    weights = 4 * sum(peers.parameters(peers.CONTESTS["pytorch-gan"], setting))
    assert 3 * weights < peak < grown.nbytes  # weights and Adam's two moments, at the least


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "no peer to compare with"),
        (["--pytorch-gan", "nowhere"], "is not there"),
        (["--torchgan", "nowhere"], "is not there"),
        (["--self-only", "--steps", "1"], "need 2 or more"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers.main(arguments) == 2
    assert sentence in capsys.readouterr().err
