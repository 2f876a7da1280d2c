"""How a D is told the class, or reads it: projections and auxiliary classifiers, against their definitions."""

import pytest
import torch
from network_facts import number
from torch import nn

from energan.engine.rng import seeded
from energan.networks.conv import dcgan, wgan_gp
from energan.networks.layers import spectral_norm
from energan.networks.layers.condition import Auxiliary, Projection
from energan.utils.errors import UserError

CRITICS = {
    "dcgan's D": (lambda: dcgan.Discriminator(channels=2, size=16, width=3), 16),
    "wgan-gp's critic at 28": (lambda: wgan_gp.Critic(channels=2, width=3), 28),
    "wgan-gp's critic at 32": (lambda: wgan_gp.Critic(channels=2, width=3), 32),
}
every_critic = pytest.mark.parametrize(("make", "size"), CRITICS.values(), ids=CRITICS)


def hidden(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The output of the last activation, by a hook."""
    kept: list[torch.Tensor] = []
    last = [layer for layer in net.modules() if isinstance(layer, nn.LeakyReLU)][-1]
    hook = last.register_forward_hook(lambda _, __, y: kept.append(y))
    net(x)
    hook.remove()
    return kept[0]


@every_critic
def test_a_projection_adds_the_product_of_the_classes_vector_and_the_summed_maps(make, size):
    D = Projection(make(), 3).double()
    x, c = torch.randn(4, 2, size, size).double(), torch.eye(3).double()[[0, 2, 1, 0]]
    maps = hidden(D.net, x)
    for i, k in enumerate((0, 2, 1, 0)):
        by_hand = sum(number(D.V.weight[j, k]) * number(maps[i, j].sum()) for j in range(maps.shape[1]))
        torch.testing.assert_close(number(D(x, c)[i] - D.net(x)[i]), by_hand)


@every_critic
def test_an_auxiliary_classifier_leaves_the_verdict_and_is_linear_in_the_maps(make, size):
    D = Auxiliary(make(), 3).double()
    x = torch.randn(4, 2, size, size).double()
    verdict, classes = D(x)
    assert torch.equal(verdict, D.net(x))
    torch.testing.assert_close(classes, hidden(D.net, x).flatten(1) @ D.classes.weight.T + D.classes.bias)


@every_critic
def test_a_critic_in_two_parts_is_itself(make, size):
    net, x = make(), torch.randn(3, 2, size, size)
    assert torch.equal(net.read(net.maps(x)), net(x)) and net.maps(x).shape == (3, net.features, 4, 4)
    assert set(net.state_dict()) == {f"net.{name}" for name in net.net.state_dict()}


def test_the_class_of_a_projection_is_under_a_spectral_norm_as_all_layers():
    D = spectral_norm(Projection(dcgan.Discriminator(channels=1, size=8, width=2), 3))
    x, c = torch.randn(2, 1, 8, 8), torch.eye(3)[:2]
    assert D(x, c).shape == (2,)
    largest = torch.linalg.svdvals(D.V.layer.weight.detach())[0]
    torch.testing.assert_close(D.V(torch.eye(3)), D.V.layer.weight.T / largest, rtol=0.02, atol=0.01)


def test_a_net_without_maps_is_refused():
    for of in (Projection, Auxiliary):
        with pytest.raises(UserError, match="a Linear gives no maps"):
            of(nn.Linear(2, 1), 3)


def test_weights_start_as_dcgans():
    with seeded(0):
        D = Projection(dcgan.Discriminator(channels=1, size=8, width=64), 50)
    assert 0.018 < number(D.V.weight.std()) < 0.022
