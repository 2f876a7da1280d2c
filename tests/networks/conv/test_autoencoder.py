"""The auto-encoder of EBGAN's appendix C: shapes, counts, layers in order."""

import pytest
import torch
from network_facts import count, kinds, weight_layers
from torch import nn

from energan.engine.rng import seeded
from energan.networks.conv import autoencoder


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128])
def test_shapes(size):
    x = torch.randn(2, 3, size, size)
    reconstruction, code = autoencoder.Autoencoder(maps=(2, 4, 6))(x)
    assert reconstruction.shape == x.shape and code.shape == (2, 6, size // 8, size // 8)
    if size == 128:
        deep = autoencoder.Autoencoder(maps=(2, 3, 4, 5))(x)
        assert deep[0].shape == x.shape and deep[1].shape == (2, 5, 8, 8)


def test_appendix_c_layers_at_64_pixels():
    """Encoder (64)4c2s-(128)4c2s-(256)4c2s, decoder (128)4c2s-(64)4c2s-(3)4c2s."""
    net = autoencoder.Autoencoder()
    assert kinds(net) == [
        "Halve", "LeakyReLU", "Halve", "BatchNorm", "LeakyReLU", "Halve", "BatchNorm", "LeakyReLU",
        "Double", "BatchNorm", "ReLU", "Double", "BatchNorm", "ReLU", "Double",
    ]  # fmt: skip
    layers = weight_layers(net)
    assert [m.out_channels for m in layers] == [64, 128, 256, 128, 64, 3]
    assert {(m.kernel_size, m.stride, m.padding) for m in layers} == {((4, 4), (2, 2), (1, 1))}
    slopes = [m.negative_slope for m in net.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2, 0.2, 0.2]
    assert net(torch.zeros(2, 3, 64, 64))[1].shape == (2, 256, 8, 8)


def test_appendix_c_layers_at_128_pixels():
    layers = weight_layers(autoencoder.Autoencoder(maps=(64, 128, 256, 512)))
    assert [m.out_channels for m in layers] == [64, 128, 256, 512, 256, 128, 64, 3]


def norm(maps: int) -> int:
    return 2 * maps


def test_counts_of_the_autoencoder_at_64_pixels():
    def conv(a: int, b: int) -> int:
        return 4 * 4 * a * b

    encoder = conv(3, 64) + 64 + conv(64, 128) + norm(128) + conv(128, 256) + norm(256)
    decoder = conv(256, 128) + norm(128) + conv(128, 64) + norm(64) + conv(64, 3) + 3
    assert encoder + decoder == 1_318_083
    assert count(autoencoder.Autoencoder()) == encoder + decoder


@pytest.mark.parametrize("told", ["both", "encoder", "decoder"])
@pytest.mark.parametrize("maps", [(2, 3), (4,)])
def test_told_a_class_it_reconstructs_the_image_alone(told, maps):
    net = autoencoder.Autoencoder(channels=2, maps=maps, classes=3, told=told).double()
    x, y = torch.randn(4, 2, 8, 8).double(), torch.eye(3).double()[[0, 1, 2, 0]]
    reconstruction, code = net(x, y)
    assert reconstruction.shape == x.shape and code.shape[1] == maps[-1]
    other, of_other = net(x, y.roll(1, 1))
    assert not torch.allclose(reconstruction, other)
    assert torch.equal(code, of_other) == (told == "decoder")
    inputs = net.encoder[0].in_channels, net.decoder[0].in_channels
    assert inputs == (2 + 3 * (told != "decoder"), maps[-1] + 3 * (told != "encoder"))


def test_told_no_class_it_is_what_it_was():
    with seeded(0):
        told = autoencoder.Autoencoder(channels=1, maps=(2, 3), classes=0)
    with seeded(0):
        plain = autoencoder.Autoencoder(channels=1, maps=(2, 3))
    assert all(torch.equal(a, b) for a, b in zip(told.parameters(), plain.parameters(), strict=True))
