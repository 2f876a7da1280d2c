"""Architectures against the papers' tables: shapes, counts, initial weights, the place of batch norm."""

from math import prod

import pytest
import torch
from torch import Tensor, nn

from energan.networks.conv import autoencoder, dcgan
from energan.networks.dense import mlp
from energan.networks.layers import BatchNorm, Dropout, initialise, measure_batch_norm
from energan.utils.errors import UserError

MNIST = (1, 32, 32)


def count(net: nn.Module) -> int:
    return sum(w.numel() for w in net.parameters())


def kinds(net: nn.Module) -> list[str]:
    """The layers in order, without containers."""
    return [type(m).__name__ for m in net.modules() if not list(m.children())]


def weight_layers(net: nn.Module) -> list[nn.Module]:
    return [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


# ---- shapes ----


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128])
def test_convolutional_shapes(size):
    z, x = torch.randn(2, 5), torch.randn(2, 3, size, size)
    assert dcgan.Generator(5, size=size, width=2)(z).shape == x.shape
    assert dcgan.Discriminator(size=size, width=2)(x).shape == (2,)
    reconstruction, code = autoencoder.Autoencoder(maps=(2, 4, 6))(x)
    assert reconstruction.shape == x.shape and code.shape == (2, 6, size // 8, size // 8)
    if size == 128:
        deep = autoencoder.Autoencoder(maps=(2, 3, 4, 5))(x)
        assert deep[0].shape == x.shape and deep[1].shape == (2, 5, 8, 8)


@pytest.mark.parametrize("layers", [2, 3, 4, 5])
def test_mlp_shapes(layers):
    z, x = torch.randn(3, 7), torch.randn(3, 1, 6, 5)
    assert mlp.Generator(7, (1, 6, 5), layers=layers, size=9)(z).shape == x.shape
    assert mlp.Discriminator((1, 6, 5), layers=layers, size=9)(x).shape == (3,)
    reconstruction, code = mlp.Autoencoder((1, 6, 5), layers=layers, size=9)(x)
    assert reconstruction.shape == x.shape and code.shape == (3, 9)


@pytest.mark.parametrize("size", [4, 7, 12, 48, 0])
def test_sizes_that_do_not_halve_to_four_are_refused(size):
    for build in (lambda: dcgan.Generator(5, size=size), lambda: dcgan.Discriminator(size=size)):
        with pytest.raises(UserError, match=f"got {size}"):
            build()


def test_generators_give_images_in_range():
    for net in (mlp.Generator(5, (1, 8, 8), size=16), dcgan.Generator(5, size=8, width=4)):
        for w in net.parameters():
            w.data.mul_(30)
        x = net(torch.randn(16, 5)).detach()
        assert 0.5 < float(x.abs().max()) <= 1


# ---- layers, as the papers list them ----


def test_the_paper_names_no_batch_norm_at_ds_input_and_gs_output():
    assert kinds(mlp.Generator(4, MNIST, layers=3, size=6)) == [
        "Linear", "BatchNorm", "ReLU", "Linear", "BatchNorm", "ReLU", "Linear", "Tanh",
    ]  # fmt: skip
    assert kinds(mlp.Autoencoder(MNIST, layers=3, size=6)) == [
        "Linear", "ReLU", "Linear", "BatchNorm", "ReLU", "Linear",
    ]  # fmt: skip
    assert kinds(mlp.Autoencoder(MNIST, layers=3, size=6, dropout=0.5)) == [
        "Linear", "ReLU", "Dropout", "Linear", "BatchNorm", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip
    assert kinds(mlp.Discriminator(MNIST, layers=3, size=6)) == [
        "Linear", "ReLU", "Linear", "BatchNorm", "ReLU", "Linear",
    ]  # fmt: skip


def test_dcgan_layers():
    assert kinds(dcgan.Generator(4, size=16, width=2)) == [
        "ConvTranspose2d", "BatchNorm", "ReLU", "ConvTranspose2d", "BatchNorm", "ReLU", "ConvTranspose2d", "Tanh",
    ]  # fmt: skip
    assert kinds(dcgan.Discriminator(size=16, width=2)) == [
        "Conv2d", "LeakyReLU", "Conv2d", "BatchNorm", "LeakyReLU", "Conv2d",
    ]  # fmt: skip


def test_appendix_c_layers_at_64_pixels():
    """Encoder (64)4c2s-(128)4c2s-(256)4c2s, decoder (128)4c2s-(64)4c2s-(3)4c2s."""
    net = autoencoder.Autoencoder()
    assert kinds(net) == [
        "Conv2d", "LeakyReLU", "Conv2d", "BatchNorm", "LeakyReLU", "Conv2d", "BatchNorm", "LeakyReLU",
        "ConvTranspose2d", "BatchNorm", "ReLU", "ConvTranspose2d", "BatchNorm", "ReLU", "ConvTranspose2d",
    ]  # fmt: skip
    layers = weight_layers(net)
    assert [m.out_channels for m in layers] == [64, 128, 256, 128, 64, 3]
    assert {(m.kernel_size, m.stride, m.padding) for m in layers} == {((4, 4), (2, 2), (1, 1))}
    slopes = [m.negative_slope for m in net.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2, 0.2, 0.2]
    assert net(torch.zeros(2, 3, 64, 64))[1].shape == (2, 256, 8, 8)


def test_appendix_c_layers_at_128_pixels():
    layers = weight_layers(autoencoder.Autoencoder(maps=(64, 128, 256, 512)))
    assert [m.out_channels for m in layers] == [64, 128, 256, 512, 256, 128, 64, 3]


def test_dcgan_maps_at_64_pixels():
    assert [m.out_channels for m in weight_layers(dcgan.Generator(100))] == [512, 256, 128, 64, 3]
    assert [m.out_channels for m in weight_layers(dcgan.Discriminator())] == [64, 128, 256, 512, 1]


# ---- parameter counts, by hand ----


def norm(maps: int) -> int:
    return 2 * maps


def test_counts_of_the_autoencoder_at_64_pixels():
    def conv(a: int, b: int) -> int:
        return 4 * 4 * a * b

    encoder = conv(3, 64) + 64 + conv(64, 128) + norm(128) + conv(128, 256) + norm(256)
    decoder = conv(256, 128) + norm(128) + conv(128, 64) + norm(64) + conv(64, 3) + 3
    assert encoder + decoder == 1_318_083
    assert count(autoencoder.Autoencoder()) == encoder + decoder


def test_counts_of_dcgan_at_64_pixels():
    def conv(a: int, b: int) -> int:
        return 4 * 4 * a * b

    generator = sum(conv(a, b) + norm(b) for a, b in ((100, 512), (512, 256), (256, 128), (128, 64)))
    assert count(dcgan.Generator(100)) == generator + conv(64, 3) + 3
    discriminator = sum(conv(a, b) + norm(b) for a, b in ((64, 128), (128, 256), (256, 512)))
    assert count(dcgan.Discriminator()) == conv(3, 64) + 64 + discriminator + conv(512, 1) + 1


@pytest.mark.parametrize("size", [800, 1600])
def test_counts_of_figure_4(size):
    """(b) nLayerG 5 of 800; (a) of 1600; nLayerD 2 of 1024: one encoder and one decoder layer, or 1024 -> 1."""
    pixels = prod(MNIST)
    hidden = 100 * size + 3 * size * size + 4 * norm(size)
    assert count(mlp.Generator(100, MNIST, size=size)) == hidden + (size + 1) * pixels
    assert count(mlp.Autoencoder(MNIST)) == (pixels + 1) * 1024 + (1024 + 1) * pixels
    assert count(mlp.Discriminator(MNIST)) == (pixels + 1) * 1024 + 1024 + 1


# ---- initial weights ----

INITIAL = {
    "mlp G": (lambda: mlp.Generator(100, MNIST, layers=4, size=300), 0.02, 0.0),
    "mlp D": (lambda: mlp.Autoencoder(MNIST, layers=4, size=300), 0.002, 0.0),
    "mlp D of a GAN": (lambda: mlp.Discriminator(MNIST, layers=4, size=1000), 0.002, 0.0),
    "dcgan G": (lambda: dcgan.Generator(100, size=32), 0.02, 0.02),
    "dcgan D": (lambda: dcgan.Discriminator(size=32), 0.02, 0.02),
    "autoencoder": (autoencoder.Autoencoder, 0.02, 0.02),
}


@pytest.mark.parametrize(("build", "std", "gain"), INITIAL.values(), ids=INITIAL)
def test_every_layer_starts_as_the_paper_says(build, std, gain):
    """One public initialisation never descended into its blocks: no layer may keep torch's default."""
    net = build()
    for layer in weight_layers(net):
        w = layer.weight
        assert w.std().item() == pytest.approx(std, rel=4 / w.numel() ** 0.5), layer
        assert abs(w.mean().item()) < 5 * std / w.numel() ** 0.5
        assert layer.bias is None or bool((layer.bias == 0).all())
    gains = [m.weight for m in net.modules() if isinstance(m, BatchNorm)]
    assert gains
    everything = torch.cat(gains)
    assert everything.mean().item() == pytest.approx(1, abs=0.01)
    assert everything.std().item() == pytest.approx(gain, rel=0.3)
    assert all(bool((m.bias == 0).all()) for m in net.modules() if isinstance(m, BatchNorm))


def test_initialise_reaches_nested_layers():
    net = nn.Sequential(nn.Linear(50, 50), nn.Sequential(nn.ReLU(), nn.Sequential(nn.Conv2d(20, 20, 5))))
    initialise(net, 0.5)
    assert [m.weight.std().item() for m in weight_layers(net)] == pytest.approx([0.5, 0.5], rel=0.05)


# ---- codes ----


@pytest.mark.parametrize(
    "build",
    [
        lambda code: mlp.Autoencoder((3, 8, 8), layers=3, size=20, code=code),
        lambda code: mlp.Autoencoder((3, 8, 8), layers=2, size=20, code=code),
        lambda code: autoencoder.Autoencoder(maps=(4, 6), code=code),
    ],
)
def test_code_is_before_or_after_the_last_activation(build):
    pre, post = build("pre"), build("post")
    post.load_state_dict(pre.state_dict())
    x = torch.randn(6, 3, 8, 8)
    with torch.no_grad():
        (r, before), (same, after) = pre(x), post(x)
    assert torch.equal(r, same)
    assert float(before.min()) < 0 and torch.equal(pre.activation(before), after)
    assert not torch.equal(before, after)


# ---- batch norm ----


def inputs() -> list[Tensor]:
    g = torch.Generator().manual_seed(1)
    return [torch.randn(6, 3, 2, 2, generator=g) * (k + 1) + k for k in range(3)]


def test_batch_norm_normalises_by_the_batch_and_writes_nothing():
    layer = BatchNorm(3).train()
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    x = inputs()[1]
    y = layer(x)
    expected = nn.BatchNorm2d(3)(x)
    torch.testing.assert_close(y, expected)
    assert all(torch.equal(v, before[k]) for k, v in layer.state_dict().items())


def test_standing_statistics_are_those_of_all_batches_together():
    layer = BatchNorm(3)
    batches = iter(inputs())
    measure_batch_norm([layer], lambda: layer(next(batches)), batches=3)
    everything = torch.cat(inputs()).double().transpose(0, 1).flatten(1)
    torch.testing.assert_close(layer.mean, everything.mean(1).float())
    torch.testing.assert_close(layer.var, everything.var(1, correction=0).float())
    assert not layer.training
    x = inputs()[0]
    expected = (x - layer.mean[:, None, None]) / (layer.var[:, None, None] + 1e-5).sqrt()
    torch.testing.assert_close(layer(x), expected)


def test_standing_statistics_count_every_pass_of_a_call():
    """A `run` may pass two batches through the net."""
    layer = BatchNorm(3)
    measure_batch_norm([layer], lambda: [layer(x) for x in inputs()], batches=1)
    everything = torch.cat(inputs()).transpose(0, 1).flatten(1)
    torch.testing.assert_close(layer.mean, everything.mean(1))
    torch.testing.assert_close(layer.var, everything.var(1, correction=0))


@pytest.mark.parametrize(
    "net",
    [mlp.Generator(5, (3, 8, 8), size=16), dcgan.Generator(5, size=8, width=4)],
    ids=["mlp", "dcgan"],
)
def test_in_eval_mode_a_sample_does_not_depend_on_its_neighbours(net):
    z = torch.randn(64, 5)
    net.train()
    together = net(z)
    assert not torch.allclose(net(z[:2]), together[:2], atol=1e-3)  # as it does while training
    measure_batch_norm([net], lambda: net(z), batches=1)
    with torch.no_grad():
        torch.testing.assert_close(net(z[:1]), net(z)[:1])
        torch.testing.assert_close(net(z), together)  # measured on this very batch: the same normalisation


def test_standing_statistics_of_a_net_without_batch_norm_runs_nothing():
    net = nn.Linear(2, 2)
    measure_batch_norm([net], lambda: pytest.fail("nothing to measure"), batches=3)
    assert not net.training


def test_dropout_of_the_grid_is_where_its_rate_says():
    net = mlp.Autoencoder((1, 4, 4), layers=3, size=8, dropout=0.5)
    assert [m.rate for m in net.modules() if isinstance(m, Dropout)] == [0.5, 0.5]
    x = torch.randn(4, 1, 4, 4)
    net.train()
    assert not torch.equal(net(x)[0], net(x)[0])
    net.eval()
    assert torch.equal(net(x)[0], net(x)[0])


def test_standing_statistics_are_measured_without_dropout():
    net = nn.Sequential(nn.Linear(3, 4), Dropout(0.5), BatchNorm(4))
    x = torch.randn(32, 3)
    measure_batch_norm([net], lambda: net(x), 2)
    assert torch.allclose(net[2].mean, net[0](x).mean(0), atol=1e-6)
