"""Layers that no small game has, on a device that is not the CPU (helpers/elsewhere.py), and initialisation by data."""

from collections.abc import Callable

import pytest
import torch
from elsewhere import DEVICE, elsewhere
from torch import nn

from energan.data.diffaugment import AUGMENTATIONS, Augmented
from energan.engine.rng import stream
from energan.networks.layers import MinibatchDiscrimination, initialisation
from energan.networks.layers.normalisation import Virtual, VirtualBatchNorm, WeightNorm, spectral_norm

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "spectral norm": lambda: spectral_norm(nn.Sequential(nn.Conv2d(3, 4, 3))),
    "virtual batch norm": lambda: Virtual(VirtualBatchNorm(3), torch.rand(4, 3, 8, 8)),
    "augmentation": lambda: Augmented(nn.Conv2d(3, 3, 1), tuple(AUGMENTATIONS)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_stays_on_its_device_and_waits_for_nothing(name: str) -> None:
    with elsewhere():
        net = LAYERS[name]().to(DEVICE).train()
        with stream(torch.tensor(1, device=DEVICE)):
            loss = net(torch.rand(5, 3, 8, 8, device=DEVICE)).square().mean()
        loss.backward()
        assert {w.grad.device.type for w in net.parameters() if w.grad is not None} == {DEVICE}


def test_a_net_on_a_device_is_initialised_by_images_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a run is measured again whose networks have moved."""
    monkeypatch.setattr(initialisation, "_apart", lambda spread: spread)  # which looks at values
    with elsewhere():
        net = nn.Sequential(WeightNorm(6, 8), MinibatchDiscrimination(8, 3, 2)).to(DEVICE)
        initialisation.initialise_by_data(net, torch.rand(5, 6))
        assert {w.device.type for w in net.parameters()} == {DEVICE}
