"""EBGAN's fully connected networks against the paper: shapes, counts, the place of batch norm."""

from math import prod

import pytest
import torch
from network_facts import count, kinds

from energan.networks.dense import mlp
from energan.networks.layers import Dropout

MNIST = (1, 32, 32)


@pytest.mark.parametrize("layers", [2, 3, 4, 5])
def test_mlp_shapes(layers):
    z, x = torch.randn(3, 7), torch.randn(3, 1, 6, 5)
    assert mlp.Generator(7, (1, 6, 5), layers=layers, size=9)(z).shape == x.shape
    assert mlp.Discriminator((1, 6, 5), layers=layers, size=9)(x).shape == (3,)
    reconstruction, code = mlp.Autoencoder((1, 6, 5), layers=layers, size=9)(x)
    assert reconstruction.shape == x.shape and code.shape == (3, 9)


def test_the_paper_names_no_batch_norm_at_ds_input_and_gs_output():
    assert kinds(mlp.Generator(4, MNIST, layers=3, size=6)) == [
        "Linear", "BatchNorm", "ReLU", "Linear", "BatchNorm", "ReLU", "Linear", "Tanh",
    ]  # fmt: skip
    assert kinds(mlp.Autoencoder(MNIST, layers=3, size=6)) == [
        "Linear", "ReLU", "Linear", "BatchNorm", "ReLU", "Linear",
    ]  # fmt: skip
    assert kinds(mlp.Autoencoder(MNIST, layers=3, size=6, dropout=0.5)) == [
        "Linear", "ReLU", "Dropout", "Linear", "BatchNorm", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip
    assert kinds(mlp.Discriminator(MNIST, layers=3, size=6)) == [
        "Linear", "ReLU", "Linear", "BatchNorm", "ReLU", "Linear",
    ]  # fmt: skip


def norm(maps: int) -> int:
    return 2 * maps


@pytest.mark.parametrize("size", [800, 1600])
def test_counts_of_figure_4(size):
    """(b) nLayerG 5 of 800; (a) of 1600; nLayerD 2 of 1024: one encoder and one decoder layer, or 1024 -> 1."""
    pixels = prod(MNIST)
    hidden = 100 * size + 3 * size * size + 4 * norm(size)
    assert count(mlp.Generator(100, MNIST, size=size)) == hidden + (size + 1) * pixels
    assert count(mlp.Autoencoder(MNIST)) == (pixels + 1) * 1024 + (1024 + 1) * pixels
    assert count(mlp.Discriminator(MNIST)) == (pixels + 1) * 1024 + 1024 + 1


def test_dropout_of_the_grid_is_where_its_rate_says():
    net = mlp.Autoencoder((1, 4, 4), layers=3, size=8, dropout=0.5)
    assert [m.rate for m in net.modules() if isinstance(m, Dropout)] == [0.5, 0.5]
    x = torch.randn(4, 1, 4, 4)
    net.train()
    assert not torch.equal(net(x)[0], net(x)[0])
    net.eval()
    assert torch.equal(net(x)[0], net(x)[0])
