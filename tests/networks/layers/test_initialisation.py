"""Initial weights reach every layer."""

import pytest
from network_facts import weight_layers
from torch import nn

from energan.networks.layers import initialise


def test_initialise_reaches_nested_layers():
    net = nn.Sequential(nn.Linear(50, 50), nn.Sequential(nn.ReLU(), nn.Sequential(nn.Conv2d(20, 20, 5))))
    initialise(net, 0.5)
    assert [m.weight.std().item() for m in weight_layers(net)] == pytest.approx([0.5, 0.5], rel=0.05)
