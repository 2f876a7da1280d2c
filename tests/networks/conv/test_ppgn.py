"""DGN-AM's and PPGN's networks: counts, shapes, values by hand."""

from itertools import pairwise

import pytest
import torch
from network_facts import count, images
from torch import nn

from energan.engine.rng import stream
from energan.networks.conv import ppgn
from energan.utils.errors import UserError


def test_the_denoiser():
    R = ppgn.denoiser()
    assert count(R) == sum(a * b + b for a, b in pairwise(ppgn.SIZES)) == 22_006_260
    small = ppgn.denoiser((6, 4, 6))
    h = torch.randn(3, 6)
    torch.testing.assert_close(small(h), small.net[2](small.net[0](h).relu()))
    for sizes in ((6, 4), (6,), ()):
        with pytest.raises(UserError, match="begin and end alike"):
            ppgn.denoiser(sizes)


def test_deepsim_counts():
    """Of the published files: three dense layers of 4096, and kernels without biases; D's has one logit for two."""
    with torch.device("meta"):
        G, D, with_code = ppgn.Generator(), ppgn.Discriminator(), ppgn.Discriminator(4096)
    maps = 16 * (256 * 256 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 32 + 32 * 3) + 9 * (
        256 * 512 + 256 * 256 + 128 * 128
    )
    assert count(G) == 3 * (4096 * 4096 + 4096) + maps
    convs = (3 * 49 * 32 + 32) + (32 * 25 * 64 + 64) + (64 * 9 * 128 + 128) + (128 * 9 * 256 + 256)
    convs += 256 * 9 * 256 + 256
    assert count(D) == convs + 256 * 256 + 256 + 257
    code = (4096 * 1024 + 1024) + (1024 * 512 + 512)
    assert count(with_code) == convs + code + 768 * 512 + 512 + 513


def test_deepsim_shapes_at_their_size():
    with torch.device("meta"):
        x = ppgn.Generator(8, width=2)(torch.zeros(2, 8))
        assert x.shape == (2, 3, 227, 227)
        D = ppgn.Discriminator(width=2)
        assert D.maps(x).shape == (2, 8, 11, 11) and D(x).shape == (2,)


@pytest.mark.parametrize("size", [8, 21, 28, 32, 33, 64, 100])
def test_deepsim_at_other_sizes(size):
    G = ppgn.Generator(6, channels=1, size=size, width=2)
    x = G(torch.randn(2, 6))
    assert x.shape == (2, 1, size, size)
    whole = G.net(h := torch.randn(2, 6)) / 127.5
    edge = (whole.shape[-1] - size) // 2
    torch.testing.assert_close(G(h), whole[:, :, edge : edge + size, edge : edge + size])
    assert whole.shape[-1] / 2 < size <= whole.shape[-1]
    if size >= 21:
        for code in (None, 6):
            D = ppgn.Discriminator(code, channels=1, size=size, width=2).eval()
            given = (x,) if code is None else (x, h)
            assert D(*given).shape == (2,)
            torch.testing.assert_close(D(*(v[:1] for v in given)), D(*given)[:1])


def test_deepsim_starts_at_an_even_scale():
    """Codes of spread 1 keep about their spread, in their units, through all of G; D starts near even odds."""
    G, D = ppgn.Generator(64, channels=1, size=32, width=16), ppgn.Discriminator(channels=1, size=32, width=16).eval()
    x = G(torch.randn(50, 64))
    assert 0.2 < 127.5 * float(x.detach().std()) < 3
    assert float(D(images(20, 32)).detach().abs().max()) < 1


def test_deepsim_by_hand():
    """D sees 0 to 255 less mid-grey; the code's features are beside the mean over places. G's slope below 0 is 0.3."""
    D, x, h = ppgn.Discriminator(6, size=28, width=2).eval(), images(3, channels=3), torch.randn(3, 6)
    maps = D.maps((x + 1) / 2 * 255 - 127.5)
    by_hand = D.top(torch.cat([D.code(h), maps.flatten(2).sum(2) / maps[0, 0].numel()], 1)).flatten()
    torch.testing.assert_close(D(x, h), by_hand, rtol=1e-4, atol=1e-6)
    G = ppgn.Generator(6, size=32, width=2)
    slopes = [m.negative_slope for m in G.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.3] * (3 + 2 + 2) and isinstance(G.net[-1], nn.ConvTranspose2d)


def test_deepsim_drops_by_the_stream_and_takes_codes_where_it_should():
    D, x, h = ppgn.Discriminator(6, channels=1, size=28, width=4), images(3), torch.randn(3, 6)
    with stream(torch.tensor(1)):
        a = D(x, h)
    with stream(torch.tensor(1)):
        torch.testing.assert_close(D(x, h), a)
    with stream(torch.tensor(2)):
        assert not torch.equal(D(x, h), a)
    D.eval()
    assert not torch.equal(D(x, h), D(x, -h)) and not torch.equal(D(x, h), D(-x, h))
    with pytest.raises(UserError, match="with their codes"):
        D(x)
    with pytest.raises(UserError, match="without their codes"):
        ppgn.Discriminator(channels=1, size=28)(x, h)
    for size, width in ((7, 64), (257, 64), (32, 1), (32, 3)):
        with pytest.raises(UserError, match="8 to 256"):
            ppgn.Generator(size=size, width=width)
    for size, width in ((20, 64), (32, 0), (32, 5)):
        with pytest.raises(UserError, match="21 or more"):
            ppgn.Discriminator(size=size, width=width)
