"""A sigmoid whose gradient outlives bfloat16's rounding, and nets that end in it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import batch_norm

from energan import networks
from energan.engine.precision import autocast
from energan.games.latent.vae import image
from energan.networks.dense import improved_gan, maxout
from energan.networks.layers import BatchNorm
from energan.networks.layers.bounded import Sigmoid, sigmoid

CPU, BF16 = torch.device("cpu"), torch.bfloat16


def test_values_are_as_ever_and_gradients_are_those_of_float32() -> None:
    x = torch.linspace(-9, 9, 37)
    torch.testing.assert_close(sigmoid(x), x.sigmoid(), rtol=0, atol=0)
    torch.testing.assert_close(Sigmoid()(x), x.sigmoid(), rtol=0, atol=0)
    exact = x.bfloat16().float().requires_grad_()
    exact.sigmoid().sum().backward()
    rounded = x.bfloat16().requires_grad_()
    y = sigmoid(rounded)
    y.sum().backward()
    assert y.dtype == torch.float32 and rounded.grad.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.grad.float(), exact.grad, rtol=2**-8, atol=0)
    torch.testing.assert_close(y, exact.detach().sigmoid(), rtol=0, atol=0)
    dead = x.bfloat16().requires_grad_()
    dead.sigmoid().sum().backward()
    assert int((dead.grad == 0).sum()) > int((rounded.grad == 0).sum()) == 0  # torch's own: why these are here


@pytest.mark.parametrize("make", [lambda: improved_gan.Generator(6), lambda: maxout.Generator(6)])
def test_a_white_pixel_can_come_back_in_bfloat16(make: Callable[[], nn.Module]) -> None:
    """A generator whose last biases are far on the white side: its images are white, and still it learns."""
    torch.manual_seed(0)
    G = make()
    *_, bias = (p for name, p in G.named_parameters() if name.endswith("bias"))
    bias.data.fill_(9.0)
    with autocast("bf16", CPU):
        images = G(torch.randn(4, 6))
        assert float(images.detach().float().min()) > 0.98
        images.float().sum().backward()
    assert float(bias.grad.abs().min()) > 0


def test_no_net_ends_in_torchs_own() -> None:
    """The ladder's combinators, which are in float32, and FastGAN's gates, beside maps, may stay."""
    folder, own = Path(networks.__file__).parent, re.compile(r"nn\.Sigmoid\b|\.sigmoid\(")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.py") if own.search(path.read_text())}
    assert found == {"layers/bounded.py", "layers/ladder_combinators.py", "conv/fastgan.py"}


def test_a_pixel_of_a_likelihood_keeps_its_gradient() -> None:
    """A Gaussian likelihood sees an image of logits: one that is surely wrong must come back."""
    exact, rounded = (torch.tensor([-9.0, 7.5, 9.0], dtype=kind).requires_grad_() for kind in (torch.float32, BF16))
    for logits in (exact, rounded):
        image(logits).float().sum().backward()
    torch.testing.assert_close(rounded.grad.float(), exact.grad, rtol=2**-7, atol=0)
    assert bool((rounded.grad > 0).all())


def test_moments_of_bfloat16_are_not_rounded_without_a_gain() -> None:
    """Rows whose mean is far from 0: the error is that of one with a gain, not torch's, which rounds the mean."""
    torch.manual_seed(0)
    x = (20 + torch.randn(256, 8)).to(BF16)
    exact = batch_norm(x.float(), None, None, training=True)
    with_gain, without = (BatchNorm(8, affine=affine)(x).detach().float() for affine in (True, False))
    torch.testing.assert_close(without, with_gain, rtol=0, atol=0)
    own = batch_norm(x, None, None, training=True).float()
    assert float((without - exact).mean(0).abs().max()) < float((own - exact).mean(0).abs().max()) / 4
