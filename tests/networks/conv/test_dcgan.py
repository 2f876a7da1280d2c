"""DCGAN's networks against the paper: shapes, counts, layers in order."""

import pytest
import torch
from network_facts import count, kinds, weight_layers

from energan.networks.conv import dcgan
from energan.utils.errors import UserError


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128])
def test_shapes(size):
    z, x = torch.randn(2, 5), torch.randn(2, 3, size, size)
    assert dcgan.Generator(5, size=size, width=2)(z).shape == x.shape
    assert dcgan.Discriminator(size=size, width=2)(x).shape == (2,)


@pytest.mark.parametrize("size", [4, 7, 12, 48, 0])
def test_sizes_that_do_not_halve_to_four_are_refused(size):
    for build in (lambda: dcgan.Generator(5, size=size), lambda: dcgan.Discriminator(size=size)):
        with pytest.raises(UserError, match=f"got {size}"):
            build()


@pytest.mark.parametrize(
    ("size", "first"), [((64, 96), (4, 6)), ((24, 16), (6, 4)), ((48, 80), (6, 10)), ([8, 60], (4, 30))]
)
def test_rectangles_are_halved_to_the_smallest_that_four_rows_or_columns_allow(size, first):
    z, x = torch.randn(2, 5), torch.randn(2, 3, *size)
    D = dcgan.Discriminator(size=size, width=2)
    assert dcgan.Generator(5, size=size, width=2)(z).shape == x.shape
    assert D.maps(x).shape[2:] == first and D(x).shape == (2,)


@pytest.mark.parametrize("size", [(4, 64), (9, 24), (64, 100), (0, 0)])
def test_rectangles_that_do_not_halve_are_refused(size):
    with pytest.raises(UserError, match=f"{size[0]} x {size[1]} pixels"):
        dcgan.Generator(5, size=size)


def test_a_square_by_its_height_and_width_is_the_square():
    twice = [dcgan.Generator(5, size=size, width=2) for size in (32, (32, 32))]
    assert [p.shape for p in twice[0].parameters()] == [p.shape for p in twice[1].parameters()]


def test_dcgan_layers():
    assert kinds(dcgan.Generator(4, size=16, width=2)) == [
        "ConvTranspose2d", "BatchNorm", "ReLU", "Double", "BatchNorm", "ReLU", "Double", "Tanh",
    ]  # fmt: skip
    assert kinds(dcgan.Discriminator(size=16, width=2)) == [
        "Halve", "LeakyReLU", "Halve", "BatchNorm", "LeakyReLU", "Conv2d",
    ]  # fmt: skip


def test_dcgan_maps_at_64_pixels():
    assert [m.out_channels for m in weight_layers(dcgan.Generator(100))] == [512, 256, 128, 64, 3]
    assert [m.out_channels for m in weight_layers(dcgan.Discriminator())] == [64, 128, 256, 512, 1]


def norm(maps: int) -> int:
    return 2 * maps


def test_counts_of_dcgan_at_64_pixels():
    def conv(a: int, b: int) -> int:
        return 4 * 4 * a * b

    generator = sum(conv(a, b) + norm(b) for a, b in ((100, 512), (512, 256), (256, 128), (128, 64)))
    assert count(dcgan.Generator(100)) == generator + conv(64, 3) + 3
    discriminator = sum(conv(a, b) + norm(b) for a, b in ((64, 128), (128, 256), (256, 512)))
    assert count(dcgan.Discriminator()) == conv(3, 64) + 64 + discriminator + conv(512, 1) + 1
