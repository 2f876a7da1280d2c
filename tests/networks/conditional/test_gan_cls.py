"""The networks of text to image: the paper's sizes, counted by hand, and that words are read."""

import pytest
import torch
from network_facts import count

from energan.networks.conditional.gan_cls import CODE, Discriminator, Generator, Residual

WORDS = 384


def norm(maps: int) -> int:
    return 2 * maps  # gain and bias


def residual(maps: int) -> int:
    inner = maps // 4
    return maps * inner + 9 * inner * inner + 9 * inner * maps + 2 * norm(inner) + norm(maps)


def test_counts_at_64_pixels():
    """Weights, layer by layer; z 100, width 64."""
    g = (WORDS * CODE + CODE) + (100 + CODE) * 1024 * 16 + norm(1024) + residual(1024)
    g += 1024 * 512 * 16 + norm(512) + residual(512)
    g += 512 * 256 * 16 + norm(256) + 256 * 128 * 16 + norm(128) + 128 * 3 * 16 + 3
    assert count(Generator(100, WORDS)) == g
    d = (3 * 64 * 16 + 64) + sum(a * b * 16 + norm(b) for a, b in ((64, 128), (128, 256), (256, 512))) + residual(512)
    d += WORDS * CODE + norm(CODE) + (512 + CODE) * 512 + norm(512) + (512 * 16 + 1)
    assert count(Discriminator(WORDS)) == d


@pytest.mark.parametrize("size", [8, 16, 64])
def test_shapes_and_range_at_every_size(size):
    G, D = Generator(5, 7, channels=2, size=size, width=2), Discriminator(7, channels=2, size=size, width=2)
    x = G(torch.randn(3, 5), torch.randn(3, 7))
    assert x.shape == (3, 2, size, size) and float(x.detach().abs().max()) <= 1
    assert D(x, torch.randn(3, 7)).shape == (3,)


def test_both_read_the_words():
    G, D = Generator(5, 7, size=16, width=4).eval(), Discriminator(7, size=16, width=4).eval()
    z, h = torch.randn(1, 5).expand(2, 5), torch.randn(2, 7)
    x = G(z, h)
    assert not torch.allclose(x[0], x[1])
    same = x[:1].expand(2, -1, -1, -1)
    read = D(same, h)
    assert not torch.allclose(read[0], read[1])


def test_codes_are_standardised_by_those_of_training():
    """So a code far from zero, of small numbers, counts as much as one that is neither."""
    codes = torch.randn(50, 7)
    for net, first in ((Generator(5, 7, size=16, width=4), 5), (Discriminator(7, size=16, width=4), (3, 16, 16))):
        net.eval()
        x = torch.randn(50, *((first,) if isinstance(first, int) else first))
        net.standard.measure(codes)
        as_is = net(x, codes)
        net.standard.measure(codes / 100 + 3)
        torch.testing.assert_close(net(x, codes / 100 + 3), as_is, rtol=1e-2, atol=1e-3)


def test_a_residual_adds_what_its_last_norm_lets_through():
    block = Residual(8, torch.nn.ReLU()).eval()
    x = torch.randn(2, 8, 4, 4)
    block.net[-1].weight.data.zero_()
    torch.testing.assert_close(block(x), x.relu())
    block.net[-1].weight.data.fill_(1.0)
    assert not torch.allclose(block(x), x.relu())
