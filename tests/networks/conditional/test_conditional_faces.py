"""The networks of conditional faces: the report's sizes, and where the attributes enter."""

import torch
from network_facts import count
from torch import nn

from energan.networks.conditional.conditional_faces import Discriminator, Generator, MaxoutConvolution, convolutional


def test_the_nets_have_the_reports_sizes():
    g = Generator(100, 36, size=80, maps=80)  # 8000 would be 64 million weights
    assert count(g) == 136 * 80 + 80 + 80 * 8000 + 8000 + 80 * 3 * 25 + 3
    assert g(torch.rand(2, 100), torch.rand(2, 36)).shape == (2, 3, 32, 32)
    d = Discriminator(36)
    convolutions = 3 * 128 * 64 + 128 + 64 * 128 * 64 + 128 + 64 * 384 * 25 + 384
    assert count(d) == convolutions + 192 * 25 * 2500 + 2500 + 536 + 1
    sizes, x = [], torch.rand(1, 3, 32, 32)
    for layer in d.net:
        x = layer(x)
        if isinstance(layer, MaxoutConvolution):
            sizes.append(x.shape[1:])
    assert sizes == [(64, 16, 16), (64, 7, 7), (192, 5, 5)]


def test_a_maxout_convolution_is_the_largest_of_two():
    layer = MaxoutConvolution(1, 2, 3, 1, 2)
    x = torch.rand(3, 1, 6, 6)
    both = layer.convolution(x)
    expected = torch.stack([torch.maximum(both[:, 0], both[:, 1]), torch.maximum(both[:, 2], both[:, 3])], 1)
    torch.testing.assert_close(layer(x), torch.nn.functional.max_pool2d(expected, 2))


def test_d_has_the_attributes_before_its_last_unit_only():
    d = Discriminator(2, width=2, units=3)
    x, y = torch.rand(4, 3, 32, 32), torch.rand(4, 2)
    torch.testing.assert_close(d(x, y) - d(x, 0 * y), y @ d.last.weight[0, 3:])  # linear in them, whatever the image


def direction(D: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Where G is pulled: the gradient of D's logits by its images, of length 1."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(D(x, y).sum(), x)
    return torch.nn.functional.normalize(gradient.flatten(1))


def test_only_a_projection_pulls_an_image_towards_what_it_was_asked_for():
    x, y = torch.rand(4, 3, 32, 32), torch.rand(4, 2)
    author = Discriminator(2, width=2, units=3)
    torch.testing.assert_close(direction(author, x, y), direction(author, x, -y))
    _, D = convolutional(5, 2, width=4)
    nn.init.normal_(D.V.weight)
    assert not torch.allclose(direction(D, x, y), direction(D, x, -y), atol=1e-3)


def test_the_convolutional_nets_are_dcgans_and_are_told_attributes():
    G, D = convolutional(5, 2, channels=1, width=4)
    z, y = torch.rand(3, 5), torch.rand(3, 2)
    torch.testing.assert_close(G(z, y), G.net(torch.cat([z, y], 1)))
    assert G(z, y).shape == (3, 1, 32, 32)
    maps = D.net.maps(G(z, y))
    expected = D.net.read(maps) + (D.V(y) * maps.sum((2, 3))).sum(1)
    torch.testing.assert_close(D(G(z, y), y), expected)
