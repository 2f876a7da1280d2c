"""Perceptrons: values by hand, initial weights, what is refused."""

from functools import partial

import pytest
import torch
from network_facts import count, number, weight_layers
from torch import nn

from energan.losses.energy import energy
from energan.networks.dense import perceptron
from energan.utils.errors import UserError

IMAGE = (1, 28, 28)


def test_perceptron_by_hand():
    """tanh(x / 4 + 1) - 2, for one hidden unit."""
    net = perceptron.Perceptron((1, 1, 1), activation="tanh", scale=0.25, shape=(), init=nn.init.ones_)
    net.net[0].bias.data.fill_(1)
    net.net[2].bias.data.fill_(-2)
    x = torch.tensor([[0.0], [4.0], [-4.0]])
    torch.testing.assert_close(net(x), torch.tensor([1.0, 2.0, 0.0]).tanh() - 2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("relu", [-0.0, 2.0]), ("tanh", [-0.7615942, 0.9640276]), ("elu", [-0.6321206, 2.0]), ("leaky", [-0.2, 2.0])],
)
def test_activations(name, expected):
    net = perceptron.Perceptron((1, 1, 1), activation=name, init=nn.init.ones_)
    torch.testing.assert_close(net(torch.tensor([[-1.0], [2.0]])), torch.tensor(expected)[:, None])


@pytest.mark.parametrize("gain", [1.4, 0.8])
def test_orthogonal_weights_of_the_unrolled_nets(gain):
    init = partial(nn.init.orthogonal_, gain=gain)
    net = perceptron.Perceptron((256, 128, 128, 2), activation="tanh", init=init)
    assert count(net) == 256 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2
    for layer in weight_layers(net):
        torch.testing.assert_close(
            layer.weight @ layer.weight.T, gain**2 * torch.eye(len(layer.weight)), rtol=0, atol=1e-4
        )
        assert bool((layer.bias == 0).all())


def test_norm_stands_before_each_hidden_activation_and_takes_the_bias_over():
    net = perceptron.Perceptron((2, 4, 5, 2), norm=True)
    kinds = [type(m).__name__ for m in net.net]
    assert kinds == ["Linear", "BatchNorm", "ReLU", "Linear", "BatchNorm", "ReLU", "Linear"]
    assert [m.bias is None for m in weight_layers(net)] == [True, True, False]


def test_the_decoder_of_points_sees_the_code_through_the_activation():
    net = perceptron.Autoencoder((1, 1), init=nn.init.ones_)
    reconstruction, code = net(torch.tensor([[-2.0], [3.0]]))
    assert code.tolist() == [[-2], [3]] and reconstruction.tolist() == [[0], [3]]


def test_auto_encoder_of_points_mirrors_its_sizes_and_reconstructs_unscaled_points():
    net = perceptron.Autoencoder((2, 9, 4), scale=0.25)
    assert [m.weight.shape for m in weight_layers(net)] == [(9, 2), (4, 9), (9, 4), (2, 9)]
    x = torch.randn(6, 2)
    reconstruction, code = net(x)
    assert code.shape == (6, 4) and bool((code < 0).any())  # before the activation
    assert energy(x, reconstruction).shape == (6,)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(500):
        loss = energy(x, net(x)[0], kind="mse").mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert number(loss) < 0.01


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sizes": (3,)}, "at least"),
        ({"sizes": (3, 0, 1)}, "at least"),
        ({"sizes": (3, 2), "shape": ()}, "2 outputs"),
        ({"sizes": (3, 4), "shape": (3, 1)}, "4 outputs"),
        ({"sizes": (3, 4, 1), "activation": "gelu"}, "relu, tanh, sigmoid, elu, leaky"),
    ],
)
def test_sizes_that_no_perceptron_has_are_refused(arguments, said):
    with pytest.raises(UserError, match=said):
        perceptron.Perceptron(**arguments)


def test_the_fully_connected_pair_that_began_suggests_for_mnist():
    g = perceptron.Perceptron((64, 256, 512, 784), activation="elu", shape=IMAGE)
    d = perceptron.Autoencoder((784, 512, 256, 64), activation="elu")
    x = g(torch.randn(2, 64))
    reconstruction, code = d(x)
    assert reconstruction.shape == x.shape == (2, *IMAGE) and code.shape == (2, 64)
