"""The auto-encoder of EBGAN's appendix C: shapes, counts, layers in order."""

import pytest
import torch
from network_facts import count, kinds, weight_layers
from torch import nn

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
        "Conv2d", "LeakyReLU", "Conv2d", "BatchNorm", "LeakyReLU", "Conv2d", "BatchNorm", "LeakyReLU",
        "ConvTranspose2d", "BatchNorm", "ReLU", "ConvTranspose2d", "BatchNorm", "ReLU", "ConvTranspose2d",
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
