"""The conditional DCGAN of MNIST: its layers, counted by hand from the authors' code, and what the class reaches."""

import pytest
import torch
from network_facts import weight_layers

from energan.engine.rng import seeded
from energan.networks.conditional.conditional_dcgan import Discriminator, Generator
from energan.networks.layers import BatchNorm


def test_the_papers_nets_have_the_papers_weights():
    G, D = Generator(classes=10), Discriminator(classes=10)
    of_G = [(1024, 110), (6272, 1034), (138, 64, 5, 5), (74, 1, 5, 5)]
    of_D = [(64, 11, 5, 5), (128, 74, 5, 5), (1024, 6282), (1, 1034)]
    for net, expected, biases in ((G, of_G, 1), (D, of_D, 64 + 1)):
        assert [tuple(layer.weight.shape) for layer in weight_layers(net)] == expected
        weights = sum(torch.Size(shape).numel() for shape in expected)
        assert sum(w.numel() for w in net.parameters()) == weights + biases  # batch norm has no gains and no biases
    norms = [sum(isinstance(m, BatchNorm) for m in net.modules()) for net in (G, D)]
    assert norms == [3, 2]


def test_images_of_any_size_of_batch_are_in_range():
    with seeded(0):
        G, D = Generator(5, classes=3, width=2, units=8), Discriminator(classes=3, width=2, units=8)
    x = G(100 * torch.randn(4, 5), torch.eye(3)[[0, 1, 2, 0]])
    assert x.shape == (4, 1, 28, 28) and float(x.detach().abs().max()) <= 1
    assert D(x, torch.eye(3)[[0, 1, 2, 0]]).shape == (4,)


@pytest.mark.parametrize("which", range(4))
def test_the_class_reaches_every_layer(which):
    """With the class's weights of all other layers at 0, it still changes what the net gives."""
    y = torch.eye(3)[[0, 1, 2, 0]]
    other = y.roll(1, 1)
    with seeded(0):
        nets = (Generator(5, classes=3, width=2, units=8), Discriminator(classes=3, width=2, units=8))
    for net, x in zip(nets, (torch.randn(4, 5), torch.randn(4, 1, 28, 28)), strict=True):
        for i, layer in enumerate(weight_layers(net)):
            if i != which:
                weight = layer.weight.data
                (weight[-3:] if isinstance(layer, torch.nn.ConvTranspose2d) else weight[:, -3:]).zero_()
        assert not torch.allclose(net(x, y), net(x, other))
