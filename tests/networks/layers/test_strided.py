"""4c2s convolutions: their own ways against torch's, by hand in float64 and rounded, and where they are not taken."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d
from torch.utils.checkpoint import checkpoint

from energan.networks.layers import Double, Halve, SpectralNorm, strided

EVEN = [(3, 5, 7, 4, 6), (2, 64, 3, 4, 4), (1, 1, 1, 1, 1)]  # n, channels of the larger maps, of the smaller, h, w


@pytest.mark.parametrize(("n", "a", "b", "h", "w"), EVEN)
def test_patches_and_sub_pixels_are_the_adjoints_in_float64(n: int, a: int, b: int, h: int, w: int) -> None:
    x = torch.randn(n, a, 2 * h, 2 * w, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(b, a, 4, 4, dtype=torch.float64, requires_grad=True)
    y = conv2d(x, weight, None, 2, 1)
    dy = torch.randn_like(y)
    dx, dw = torch.autograd.grad(y, (x, weight), dy)
    torch.testing.assert_close(strided._patches_product(x.detach(), dy), dw)
    torch.testing.assert_close(strided._to_few(dy, weight.detach()), dx)
    bias = torch.randn(a, dtype=torch.float64)
    expected = conv_transpose2d(dy, weight, bias, 2, 1)
    torch.testing.assert_close(strided._to_few(dy, weight.detach(), bias), expected.detach())


def test_a_pixel_by_hand() -> None:
    x = torch.zeros(1, 1, 2, 2, dtype=torch.float64)
    x[0, 0, 1, 0] = 2.0
    weight = torch.arange(16.0, dtype=torch.float64).view(1, 1, 4, 4)
    y = strided._to_few(x, weight)[0, 0]  # the kernel, twice, its corner at row 2 - 1, column 0 - 1
    assert y.tolist() == [[0, 0, 0, 0], [2, 4, 6, 0], [10, 12, 14, 0], [18, 20, 22, 0]]


LAYERS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], tuple[int, ...]]] = {
    "patches": (lambda: Halve(64, 80), lambda: nn.Conv2d(64, 80, 4, 2, 1), (3, 64, 8, 12)),
    "from few": (lambda: Halve(3, 8), lambda: nn.Conv2d(3, 8, 4, 2, 1), (3, 3, 12, 20)),
    "from few, odd": (lambda: Halve(3, 8), lambda: nn.Conv2d(3, 8, 4, 2, 1), (3, 3, 7, 9)),
    "torch's": (lambda: Halve(5, 8, bias=False), lambda: nn.Conv2d(5, 8, 4, 2, 1, bias=False), (3, 5, 8, 8)),
    "patches, transposed": (lambda: Double(80, 64), lambda: nn.ConvTranspose2d(80, 64, 4, 2, 1), (3, 80, 4, 6)),
    "to few": (lambda: Double(16, 3), lambda: nn.ConvTranspose2d(16, 3, 4, 2, 1), (3, 16, 10, 6)),
    "to one": (lambda: Double(16, 1, False), lambda: nn.ConvTranspose2d(16, 1, 4, 2, 1, bias=False), (3, 16, 4, 4)),
}


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_torchs_but_for_rounding(name: str, channels_last: bool) -> None:
    make, torchs, shape = LAYERS[name]
    ours, theirs = make(), torchs()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(shape).to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    found, expected = (passes(net, x, second=True) for net in (ours, theirs))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(x), ours(x))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        torch.testing.assert_close(a.float(), b.float(), rtol=0.05, atol=0.05 * float(b.float().abs().max()))


def passes(net: nn.Module, x: Tensor, *, second: bool) -> list[Tensor]:
    """In bf16: the layer's values, its gradients, and the gradients of its gradient's length, as a penalty has them."""
    x, parameters = x.clone().requires_grad_(True), list(net.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        y = net(x)
        gradients = torch.autograd.grad(y.float().square().sum(), [x, *parameters], retain_graph=True)
        (slope,) = torch.autograd.grad(y.float().square().sum(), [x], create_graph=True)
    penalty = torch.autograd.grad(slope.square().sum(), [net.weight])
    return [y.detach(), *gradients, *penalty]


def test_other_precisions_and_batched_programs_are_torchs() -> None:
    for make, torchs, shape in LAYERS.values():
        ours, theirs, x = make(), torchs(), torch.randn(shape)
        theirs.load_state_dict(ours.state_dict())
        assert torch.equal(ours(x), theirs(x))  # float32: to the last bit

    layer, x = Double(16, 1).bfloat16(), torch.randn(2, 3, 16, 4, 4, dtype=torch.bfloat16)
    one_by_one = torch.stack([layer(each) for each in x])
    torch.testing.assert_close(torch.vmap(layer)(x).float(), one_by_one.float(), rtol=0.05, atol=0.05)


def test_a_spectral_norm_keeps_the_layers_ways() -> None:
    layer = Halve(64, 8)
    plain = nn.Conv2d(64, 8, 4, 2, 1)
    plain.load_state_dict(layer.state_dict())
    x, ours, theirs = torch.randn(2, 64, 8, 8), SpectralNorm(layer), SpectralNorm(plain)
    assert torch.equal(ours(x), theirs(x))
    for a, b in zip(*(first_gradients(net, x) for net in (ours, theirs)), strict=True):
        torch.testing.assert_close(a.float(), b.float(), rtol=0.05, atol=0.05 * float(b.float().abs().max()))


def first_gradients(net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    with torch.autocast("cpu", torch.bfloat16):
        return torch.autograd.grad(net(x).float().square().sum(), list(net.parameters()))


def test_checkpointed_activations_are_read_once() -> None:
    for name in ("patches", "from few", "patches, transposed", "to few"):
        make, _, shape = LAYERS[name]
        net, x = make(), torch.randn(shape, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            plain = torch.autograd.grad(net(x).float().square().sum(), [x, net.weight])
            kept = checkpoint(net, x, use_reentrant=False)
            again = torch.autograd.grad(kept.float().square().sum(), [x, net.weight])
        assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))


def test_ways_are_taken_where_they_are_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    for name in ("_patches_product", "_to_few"):
        way = getattr(strided, name)
        monkeypatch.setattr(strided, name, lambda *a, _way=way, _name=name: (taken.append(_name), _way(*a))[1])
    expected = {
        "patches": ["_patches_product"], "from few": ["_to_few"], "from few, odd": [], "torch's": [],
        "patches, transposed": ["_patches_product"], "to few": ["_to_few"], "to one": ["_to_few"],
    }  # fmt: skip
    for name, (make, _, shape) in LAYERS.items():
        taken.clear()
        net, x = make(), torch.randn(shape, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            y = net(x)
        y.float().square().sum().backward()
        assert taken == expected[name], name
