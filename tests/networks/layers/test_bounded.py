"""tanh and sigmoid whose gradient outlives bfloat16's rounding, and nets that end in them."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from energan import networks
from energan.engine.precision import autocast
from energan.networks.conv import dcgan
from energan.networks.dense import maxout
from energan.networks.layers.bounded import Sigmoid, Tanh, sigmoid, tanh

CPU = torch.device("cpu")


@pytest.mark.parametrize(("ours", "theirs"), [(tanh, torch.tanh), (sigmoid, torch.sigmoid)])
def test_values_are_as_ever_and_gradients_are_those_of_float32(ours, theirs) -> None:
    x = torch.linspace(-9, 9, 37)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    exact = x.bfloat16().float().requires_grad_()
    theirs(exact).sum().backward()
    rounded = x.bfloat16().requires_grad_()
    y = ours(rounded)
    y.sum().backward()
    assert y.dtype == rounded.grad.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.grad.float(), exact.grad, rtol=2**-8, atol=0)
    torch.testing.assert_close(y.float(), theirs(exact.detach()), rtol=2**-8, atol=0)
    dead = x.bfloat16().requires_grad_()
    theirs(dead).sum().backward()
    assert int((dead.grad == 0).sum()) > int((rounded.grad == 0).sum()) == 0  # torch's own: why these are here


@pytest.mark.parametrize("Layer", [Tanh, Sigmoid])
def test_the_modules_are_the_functions(Layer) -> None:
    x = torch.randn(5)
    torch.testing.assert_close(Layer()(x), {Tanh: tanh, Sigmoid: sigmoid}[Layer](x), rtol=0, atol=0)


@pytest.mark.parametrize("make", [lambda: dcgan.Generator(6, channels=1, size=8, width=4), lambda: maxout.Generator(6)])
def test_a_white_pixel_can_come_back_in_bfloat16(make) -> None:
    """A generator whose last biases are far on the white side: its images are white, and still it learns."""
    torch.manual_seed(0)
    G = make()
    last = [m for m in G.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)][-1]
    last.bias.data.fill_(5.5)
    with autocast("bf16", CPU):
        images = G(torch.randn(4, 6))
        assert float(images.detach().float().min()) > 0.98
        images.float().sum().backward()
    assert float(last.bias.grad.abs().min()) > 0


def test_no_net_ends_in_torchs_own() -> None:
    """Hidden ones of small nets on points, and the ladder's combinators, which are in float32, may stay."""
    folder, own = Path(networks.__file__).parent, re.compile(r"nn\.(Tanh|Sigmoid)\b|\.(tanh|sigmoid)\(")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.py") if own.search(path.read_text())}
    assert found == {"layers/bounded.py", "layers/ladder_combinators.py", "dense/perceptron.py"}
