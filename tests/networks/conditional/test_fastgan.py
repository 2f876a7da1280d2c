"""FastGAN's D that is told a class: its scores by hand, and what the class does not change."""

import torch

from energan.networks.conditional.fastgan import Projected
from energan.networks.conv.fastgan import Discriminator


def test_scores_are_those_of_the_net_and_a_projection_of_the_mean_of_its_last_maps() -> None:
    net = Discriminator(channels=1, size=16, width=2).eval()
    D, x, c = Projected(net, 3), torch.randn(4, 1, 16, 16), torch.eye(3)[[0, 1, 2, 0]]
    (told, maps), (alone, before) = D(x, c), net(x)
    phi = maps[-1].mean((2, 3))
    by_hand = torch.stack([alone[i, 0] + phi[i] @ D.V.weight[:, k] for i, k in enumerate([0, 1, 2, 0])])
    torch.testing.assert_close(told, by_hand[:, None])
    assert all(torch.equal(a, b) for a, b in zip(maps, before, strict=True))  # what R decodes knows of no class
    assert D.V.weight.shape == (net.features[-1], 3)
