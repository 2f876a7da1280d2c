"""LAPGAN's networks against the authors' code: counts, what D sums, where noise and class enter, nothing bounded."""

import pytest
import torch
from network_facts import count, kinds, weight_layers

from energan.networks.conditional import lapgan
from energan.networks.layers import Dropout
from energan.utils.errors import UserError

Y = torch.eye(3)


def test_the_nets_have_the_authors_layers():
    g, d = lapgan.Generator(32, channels=3), lapgan.Discriminator(32, channels=3)
    assert count(g) == 49 * 4 * 64 + 64 + 49 * 64 * 64 + 64 + 25 * 64 * 3 + 3
    assert count(d) == 25 * 3 * 64 + 64 + 25 * 64 * 64 + 64 + 64 * 12 * 12 + 1
    of_class = lapgan.Generator(32, channels=3, classes=10)
    assert count(of_class) - count(g) == 49 * 64 + 10 * 32 * 32 + 32 * 32
    coarse = lapgan.CoarseGenerator(100, (3, 8, 8), size=40)
    assert kinds(coarse) == ["Linear", "ReLU", "Linear", "Sigmoid", "Linear", "Tanh"]
    assert count(coarse) == 100 * 40 + 40 + 40 * 40 + 40 + 40 * 192 + 192
    judge = lapgan.CoarseDiscriminator((3, 8, 8), size=40)
    assert count(judge) == 192 * 40 + 40 + 40 * 40 + 40 + 41
    assert [m.rate for net in (d, judge) for m in net.modules() if isinstance(m, Dropout)] == [0.5] * 3
    for net, std in ((coarse, 0.05), (judge, 0.005)):
        drawn = torch.cat([layer.weight.detach().flatten() for layer in weight_layers(net)])
        torch.testing.assert_close(float(drawn.std()), std, rtol=0.05, atol=0)


def test_a_level_judges_the_sum_of_its_images():
    d = lapgan.Discriminator(10, channels=3, width=2).eval()
    h, low = torch.randn(4, 3, 10, 10), torch.randn(4, 3, 10, 10)
    torch.testing.assert_close(d(h, low), d(h + low))
    assert not torch.allclose(d(h, low), d(h, torch.zeros_like(low)))


def test_what_a_level_draws_depends_on_its_noise_and_its_low_pass_image_and_is_not_bounded():
    g = lapgan.Generator(10, channels=3, width=4)
    z, low = torch.rand(2, 1, 10, 10), torch.rand(2, 3, 10, 10)
    drawn = g(z, low).detach()
    assert drawn.shape == low.shape
    assert not torch.allclose(drawn, g(z.roll(1, 0), low)) and not torch.allclose(drawn, g(z, low.roll(1, 0)))
    torch.nn.init.constant_(weight_layers(g)[-1].bias, 5)
    assert g(z, low).max() > 1


@pytest.mark.parametrize("net", ["G", "D", "coarse G", "coarse D"])
def test_the_class_makes_a_difference(net: str):
    low, pixels = torch.rand(1, 1, 10, 10).expand(3, -1, -1, -1), (1, 4, 4)
    made = {
        "G": lambda: lapgan.Generator(10, width=4, classes=3)(low, low, Y),
        "D": lambda: lapgan.Discriminator(10, width=4, classes=3).eval()(low, low, Y),
        "coarse G": lambda: lapgan.CoarseGenerator(4, pixels, size=5, classes=3)(torch.ones(3, 4), Y),
        "coarse D": lambda: lapgan.CoarseDiscriminator(pixels, size=5, classes=3).eval()(low[..., :4, :4], Y),
    }
    torch.manual_seed(0)
    assert len(made[net]().detach().view(3, -1).unique(dim=0)) == 3


def test_too_few_pixels_for_two_convolutions_are_refused():
    assert lapgan.Discriminator(9, width=1)(torch.zeros(2, 1, 9, 9), torch.zeros(2, 1, 9, 9)).shape == (2,)
    with pytest.raises(UserError, match="9 pixels a side or more, got 8"):
        lapgan.Discriminator(8)
