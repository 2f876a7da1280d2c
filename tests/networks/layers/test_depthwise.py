"""A depthwise convolution whose input's gradient is a convolution: the same numbers as torch's own."""

import pytest
import torch
from close import assert_close_to_scale
from torch import nn

from energan.networks.layers.depthwise import Depthwise


def _pair(channels: int, stride: int, bias: bool) -> tuple[Depthwise, nn.Conv2d]:
    ours = Depthwise(channels, stride, bias=bias).requires_grad_(False)
    theirs = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=bias).requires_grad_(False)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [(8, 8), (7, 6), (1, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_are_torch_s(stride: int, side: tuple[int, int], bias: bool) -> None:
    ours, theirs = _pair(8, stride, bias)
    values = torch.randn(3, 8, *side)
    results = []
    for net in (ours, theirs):
        x = values.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            y = net(x)
        weights = torch.arange(y.numel()).view_as(y) % 5 - 2.0  # small whole numbers: exact in bfloat16
        (y.float() * weights).sum().backward()
        assert x.grad is not None
        results.append((y.float(), x.grad))
    for ours_, theirs_ in zip(*results, strict=True):
        assert_close_to_scale(ours_, theirs_, rtol=2**-7)  # of bfloat16, the last bit


def test_by_hand() -> None:
    """One channel of 3 x 3, stride 2: the corner's gradient is what the kernel's middle has."""
    net = Depthwise(1, 2)
    with torch.no_grad():
        net.weight.copy_(torch.arange(9.0).view(1, 1, 3, 3))
    net.requires_grad_(False)
    x = torch.zeros(1, 1, 3, 3, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
    y[0, 0, 0, 0].float().backward()
    assert x.grad is not None
    assert x.grad[0, 0].tolist() == [[4, 5, 0], [7, 8, 0], [0, 0, 0]]


def test_the_gradient_has_a_gradient() -> None:
    net = Depthwise(2, 2)
    x = torch.randn(1, 2, 4, 4, requires_grad=True)
    net.requires_grad_(False)
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x).float().square().sum()
        (grad,) = torch.autograd.grad(y, x, create_graph=True)
        grad.float().square().sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all()) and bool((x.grad != 0).any())


def test_weights_that_learn_have_their_gradient() -> None:
    net = Depthwise(2)
    x = torch.randn(1, 2, 4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        net(x).float().sum().backward()
    assert net.weight.grad is not None


def test_under_vmap() -> None:
    net = Depthwise(2).requires_grad_(False)
    x = torch.randn(3, 1, 2, 4, 4)

    def total(one: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return net(one).float().square().sum()

    together = torch.func.vmap(torch.func.grad(total))(x)
    alone = torch.stack([torch.func.grad(total)(one) for one in x])
    torch.testing.assert_close(together, alone, rtol=0.02, atol=0.02)
