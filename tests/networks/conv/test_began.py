"""BEGAN's networks against the paper: counts, sizes, scale."""

import pytest
import torch
from network_facts import count, number

from energan.networks.conv import began
from energan.networks.layers import BatchNorm
from energan.utils.errors import UserError


def test_began_nets_have_the_papers_parameters_at_64():
    with torch.device("meta"):
        g, d = began.Generator(), began.Autoencoder()

    def conv(a: int, b: int) -> int:
        return 9 * a * b + b

    decoder = 65 * 64 * 128 + 8 * conv(128, 128) + conv(128, 3)
    encoder = conv(3, 128) + 3 * conv(128, 128) + conv(128, 256) + 2 * conv(256, 256) + conv(256, 384)
    encoder += 2 * conv(384, 384) + conv(384, 512) + conv(512, 512) + 64 * 512 * 64 + 64
    assert count(g) == decoder == 1_716_611
    assert count(d) == decoder + encoder
    assert not [m for m in d.modules() if isinstance(m, BatchNorm)]


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_began_sizes(size):
    g, d = began.Generator(5, size=size, width=2, channels=1), began.Autoencoder(size=size, width=2, channels=1, code=7)
    x = g(torch.randn(2, 5))
    reconstruction, code = d(x)
    assert reconstruction.shape == x.shape == (2, 1, size, size) and code.shape == (2, 7)
    assert number(g(100 * torch.ones(1, 5)).abs().max()) > 1  # linear


@pytest.mark.parametrize("size", [0, 4, 12, 28, 48])
def test_sizes_that_began_cannot_have_are_refused(size):
    for build in (began.Generator, began.Autoencoder):
        with pytest.raises(UserError, match=f"got {size}"):
            build(size=size)


def test_began_signal_survives_its_depth():
    """Differences between inputs reach the output, which torch's own initial weights shrink to 1e-3 of its size."""
    d = began.Autoencoder(size=32, width=8)
    reconstruction, _ = d(torch.randn(16, 3, 32, 32))
    assert number(reconstruction.std(0).mean()) > 0.05


def test_began_starts_at_a_level():
    """Where the weights say nothing, all pixels are at `start`; 0 by default."""
    for level, given in ((0.0, {}), (-1.0, {"start": -1.0})):
        d = began.Autoencoder(channels=1, size=16, width=2, code=3, **given)
        g = began.Generator(3, channels=1, size=16, width=2, **given)
        for net in (g, d):
            for weights in net.parameters():
                if weights.ndim > 1:
                    torch.nn.init.zeros_(weights)
        assert torch.equal(g(torch.ones(2, 3)), torch.full((2, 1, 16, 16), level))
        assert torch.equal(d(torch.ones(2, 1, 16, 16))[0], torch.full((2, 1, 16, 16), level))
