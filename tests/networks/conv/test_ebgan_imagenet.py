"""The generators of appendix C with noise in every layer, and activations that are worked out twice."""

import pytest
import torch
from torch import nn

from energan.engine import Ensemble, Trainer
from energan.networks.conv.autoencoder import Autoencoder
from energan.networks.conv.ebgan_imagenet import PUBLISHED, Generator
from energan.networks.layers.activation_checkpointing import in_segments
from energan.recipes.build import build
from energan.utils.errors import UserError


def count(net: nn.Module) -> int:
    return sum(w.numel() for w in net.parameters())


def conv(inputs: int, maps: int, kernel: int = 4) -> int:
    return kernel * kernel * inputs * maps


def test_the_layers_at_128_pixels_are_those_of_the_appendix():
    """(1024)4c-(512)4c2s-(256)4c2s-(128)4c2s-(64)4c2s-(64)4c2s-(3)3c; planes 100-64-32-16-8-4."""
    net = Generator(*PUBLISHED[128])
    layers = [m for m in net.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.out_channels for m in layers] == [1024, 512, 256, 128, 64, 64]
    assert [m.in_channels for m in layers] == [100, 1024 + 64, 512 + 32, 256 + 16, 128 + 8, 64 + 4]
    assert {m.kernel_size for m in layers} == {(4, 4)}
    assert [m.stride[0] for m in layers] == [1, 2, 2, 2, 2, 2] and [m.padding[0] for m in layers] == [0, 1, 1, 1, 1, 1]
    last = net.last[0]
    assert (last.in_channels, last.out_channels, last.kernel_size, last.stride) == (64, 3, (3, 3), (1, 1))
    assert net.z == 100 + 64 * 4**2 + 32 * 8**2 + 16 * 16**2 + 8 * 32**2 + 4 * 64**2 == 31_844
    weights = conv(100, 1024) + conv(1088, 512) + conv(544, 256) + conv(272, 128) + conv(136, 64) + conv(68, 64)
    assert count(net) == weights + 2 * (1024 + 512 + 256 + 128 + 64 + 64) + conv(64, 3, 3) + 3 == 13_551_299


def test_the_layers_at_256_pixels_are_those_of_the_appendix():
    """(2048)4c-(1024)4c2s-(512)4c2s-(256)4c2s-(128)4c2s-(64)4c2s-(64)4c2s-(3)3c; planes 100-64-32-16-8-4-2."""
    with torch.device("meta"):
        net = Generator(*PUBLISHED[256])
        D = Autoencoder(maps=(64, 128, 256, 512))
    weights = conv(100, 2048) + conv(2112, 1024) + conv(1056, 512) + conv(528, 256) + conv(264, 128) + conv(132, 64)
    norms = 2 * (2048 + 1024 + 512 + 256 + 128 + 64 + 64)
    assert count(net) == weights + conv(66, 64) + norms + conv(64, 3, 3) + 3 == 49_446_595
    assert net.z == 31_844 + 2 * 128**2
    assert net(torch.zeros(2, net.z, device="meta")).shape == (2, 3, 256, 256)
    x = torch.zeros(2, 3, 256, 256, device="meta")
    assert [tuple(y.shape) for y in D(x)] == [(2, 3, 256, 256), (2, 512, 16, 16)]


def test_at_128_pixels_shapes_and_the_auto_encoder_are_those_of_the_appendix():
    """Encoder (64)4c2s-(128)4c2s-(256)4c2s-(512)4c2s, decoder (256)4c2s-(128)4c2s-(64)4c2s-(3)4c2s."""
    with torch.device("meta"):
        G, D = Generator(*PUBLISHED[128]), Autoencoder(maps=(64, 128, 256, 512))
    fake = G(torch.zeros(2, G.z, device="meta"))
    assert fake.shape == (2, 3, 128, 128) and D(fake)[1].shape == (2, 512, 8, 8)
    encoder = conv(3, 64) + 64 + conv(64, 128) + conv(128, 256) + conv(256, 512) + 2 * (128 + 256 + 512)
    decoder = conv(512, 256) + conv(256, 128) + conv(128, 64) + 2 * (256 + 128 + 64) + conv(64, 3) + 3
    assert count(D) == encoder + decoder == 5_513_923


def test_every_layer_hears_its_own_noise():
    net = Generator([8, 4, 4], [5, 3, 2]).eval()
    assert net.z == 5 + 3 * 16 + 2 * 64
    z = torch.randn(2, net.z)
    drawn = net(z)
    for start, stop in ((0, 5), (5, 53), (53, 181)):
        other = z.clone()
        other[:, start:stop] = torch.randn(2, stop - start)
        assert not torch.equal(net(other), drawn)
    other = z.clone()
    other[:, 53] += 5.0  # one pixel of a plane at 8 x 8: it reaches 4 x 4 of the 16 x 16, with the last layer's 3c
    moved = (net(other) != drawn).any(1).any(0)
    assert moved[:4, :4].any() and not moved[4:].any() and not moved[:, 4:].any()


def test_noise_must_fit_the_layers():
    for maps, planes in (([8, 4], [5]), ([], []), ([8, 4], [0, 2]), ([8, 4], [5, -1])):
        with pytest.raises(UserError, match="noise planes"):
            Generator(maps, planes)
    assert Generator([8, 4], [5, 0]).z == 5  # a layer may have none


def slopes(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    out = net(x)
    sum(y.square().sum() for y in (out if isinstance(out, tuple) else (out,))).backward()
    return [w.grad for w in net.parameters()]


@pytest.mark.parametrize("name", ["G", "D"])
def test_recomputing_changes_no_number(name):
    def build(checkpoint_activations: bool) -> nn.Module:
        torch.manual_seed(0)
        if name == "G":
            return Generator([8, 4, 4], [5, 3, 2], checkpoint_activations=checkpoint_activations)
        return Autoencoder(maps=(4, 8), checkpoint_activations=checkpoint_activations)

    x = torch.randn(3, 181) if name == "G" else torch.randn(3, 3, 16, 16)
    for mine, other in zip(slopes(build(True), x), slopes(build(False), x), strict=True):
        assert torch.equal(mine, other)


def test_recomputing_keeps_fewer_tensors():
    def kept(checkpoint_activations: bool) -> int:
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            net(torch.randn(4, 3, 32, 32), checkpoint_activations)
        return sum(sizes)

    def net(x: torch.Tensor, checkpoint_activations: bool) -> torch.Tensor:
        return in_segments(layers, x, on=checkpoint_activations)

    layers = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.Tanh())
    assert kept(True) < kept(False) / 2


def test_a_run_at_128_pixels_steps_alike_with_and_without_recomputing():
    def stepped(checkpoint_activations: bool) -> dict[str, float]:
        run = build(
            "ebgan-pt-128",
            data="none",
            width=2,
            batch=2,
            checkpoint_activations=checkpoint_activations,
            precision="fp32",
            device="cpu",
        )
        one = Trainer(run.game, lambda k: {"x": torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(k))})
        one.step()
        return {name: float(value) for name, value in one.step().items()}

    assert stepped(True) == stepped(False)


def test_many_have_noise_planes_too():
    game = build("ebgan-pt-128", data="none", width=1, batch=2, precision="fp32", device="cpu").game
    many = Ensemble([game] * 2, [lambda k: {"x": torch.rand(2, 3, 128, 128)}] * 2, seeds=[0, 1])
    assert many.step()["G/E(G(z))"].isfinite().all()
