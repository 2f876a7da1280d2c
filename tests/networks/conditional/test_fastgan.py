"""FastGAN's networks that are told a class: by hand, and what the class does not change."""

import torch

from energan.networks.conditional.fastgan import ConditionalGenerator, Projected
from energan.networks.conv.fastgan import Discriminator, Generator
from energan.networks.layers import BatchNorm


def test_scores_are_those_of_the_net_and_a_projection_of_the_sum_of_its_last_maps() -> None:
    net = Discriminator(channels=1, size=16, width=2).eval()
    D, x, c = Projected(net, 3, over="sum"), torch.randn(4, 1, 16, 16), torch.eye(3)[[0, 1, 2, 0]]
    (told, maps), (alone, before) = D(x, c), net(x)
    phi = maps[-1].sum((2, 3))
    by_hand = torch.stack([alone[i, 0] + phi[i] @ D.V.weight[:, k] for i, k in enumerate([0, 1, 2, 0])])
    torch.testing.assert_close(told, by_hand[:, None])
    assert all(torch.equal(a, b) for a, b in zip(maps, before, strict=True))  # what R decodes knows of no class
    assert D.V.weight.shape == (net.features[-1], 3) and 0 < D.V.weight.std() < 0.04
    old, before = Projected(net, 3), D.V.weight.detach()  # as runs of earlier versions name it: the mean
    old.V.weight.data.copy_(before)
    torch.testing.assert_close(old(x, c)[0] - alone, (told - alone) / maps[-1][0, 0].numel())


def test_each_norm_of_g_gets_a_gain_and_a_bias_of_the_class() -> None:
    net = Generator(5, channels=1, size=64, width=2)  # 64: from there on maps gate others
    G, z, c = ConditionalGenerator(net, 3), torch.randn(4, 5), torch.eye(3)[[0, 1, 2, 0]]
    alone = net.eval()(z)
    norms = [layer for layer in net.modules() if isinstance(layer, BatchNorm)]
    hooks = []
    for norm, tell in zip(norms, G.AB, strict=True):
        gain, bias = tell[[0, 1, 2, 0]][:, :, None, None].chunk(2, 1)
        hooks.append(norm.register_forward_hook(lambda _, __, h, gain=gain, bias=bias: (1 + gain) * h + bias))
    by_hand = net(z)
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(G.eval()(z, c), by_hand)
    assert not torch.allclose(by_hand, alone)
    for tell in G.AB:
        torch.nn.init.zeros_(tell)
    torch.testing.assert_close(G(z, c), alone)  # untold, it is the net
