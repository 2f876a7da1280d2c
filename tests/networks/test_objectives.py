"""Architectures of the objectives' papers: counts by hand, initial weights, ranges, hostile sizes."""

from functools import partial
from math import prod, sqrt

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from energan.engine.rng import seeded, stream
from energan.losses.energy import energy
from energan.networks.conv import began, wgan_gp
from energan.networks.dense import maxout, perceptron
from energan.networks.layers import BatchNorm, Dropout
from energan.utils.errors import UserError


def count(net: nn.Module) -> int:
    return sum(w.numel() for w in net.parameters())


def number(x: Tensor) -> float:
    return float(x.detach())


def weight_layers(net: nn.Module) -> list[nn.Module]:
    return [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


IMAGE = (1, 28, 28)
NETS = {  # small ones: () -> net, the shape of a sample it takes, the shape of what it gives for each
    "perceptron": (lambda: perceptron.Perceptron((5, 7, 2)), (5,), (2,)),
    "perceptron with norm": (lambda: perceptron.Perceptron((5, 7, 7, 2), norm=True), (5,), (2,)),
    "critic": (lambda: perceptron.Perceptron((2, 7, 1), shape=(), scale=0.25, activation="leaky"), (2,), ()),
    "perceptron's images": (lambda: perceptron.Perceptron((5, 7, 4), shape=(2, 2), activation="elu"), (5,), (2, 2)),
    "auto-encoder": (lambda: perceptron.Autoencoder((2, 9, 4), activation="tanh"), (2,), (2,)),
    "maxout G": (lambda: maxout.Generator(5, IMAGE, size=7), (5,), IMAGE),
    "maxout D": (lambda: maxout.Discriminator(IMAGE, units=6, pieces=3), IMAGE, ()),
    "began G": (lambda: began.Generator(5, size=16, width=3), (5,), (3, 16, 16)),
    "began D": (lambda: began.Autoencoder(size=16, width=3, code=4), (3, 16, 16), (3, 16, 16)),
    "wgan-gp G": (lambda: wgan_gp.Generator(5, width=2), (5,), IMAGE),
    "wgan-gp G with norm": (lambda: wgan_gp.Generator(5, width=2, norm=True), (5,), IMAGE),
    "wgan-gp D": (lambda: wgan_gp.Critic(width=2), IMAGE, ()),
    "wgan-gp D with norm": (lambda: wgan_gp.Critic(width=2, norm=True), IMAGE, ()),
    "wgan's MLP G": (lambda: wgan_gp.mlp_generator(5, IMAGE, size=7), (5,), IMAGE),
}  # fmt: skip
every_net = pytest.mark.parametrize(("build", "takes", "gives"), NETS.values(), ids=NETS)


def first(y: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    return y[0] if isinstance(y, tuple) else y


@every_net
def test_shapes_and_independence_in_use(build, takes, gives):
    net = build().double().eval()
    x = torch.randn(3, *takes, dtype=torch.float64)
    y = first(net(x))
    assert y.shape == (3, *gives)
    assert first(net(x[:0])).shape == (0, *gives)
    torch.testing.assert_close(y[1:2], first(net(x[1:2])), rtol=0, atol=1e-12)


@every_net
def test_many_at_once_do_as_each_alone(build, takes, gives):
    nets = []
    for seed in range(2):
        with seeded(seed):
            nets.append(build().double())
    before = {k: v.clone() for k, v in nets[0].state_dict().items()}
    x = torch.randn(2, 3, *takes, dtype=torch.float64)
    trees = [dict(net.named_parameters()) for net in nets]
    weights = {k: torch.stack([tree[k].detach() for tree in trees]) for k in trees[0]}

    def loss(w, x, key):
        with stream(key):
            return first(functional_call(nets[0], w, x)).sin().sum()

    slopes = vmap(grad(loss))(weights, x, torch.arange(2))
    for i, net in enumerate(nets):
        with stream(torch.tensor(i)):
            first(net(x[i])).sin().sum().backward()
        for k, w in net.named_parameters():
            torch.testing.assert_close(slopes[k][i], w.grad, rtol=0, atol=1e-9, msg=f"{k} of model {i}")
    assert all(torch.equal(v, before[k]) for k, v in nets[0].state_dict().items())


@pytest.mark.parametrize("name", ["critic", "maxout D", "began D", "wgan-gp G with norm"])
def test_compiles_without_graph_breaks(name, trace_only):
    build, takes, gives = NETS[name]
    net = build().eval()
    x = torch.randn(3, *takes)
    torch.testing.assert_close(first(torch.compile(net, fullgraph=True)(x)), first(net(x)))
    with stream(torch.tensor(1)):
        assert first(torch.compile(net.train(), fullgraph=True)(x)).shape == (3, *gives)


# ---- perceptron ----


def test_perceptron_by_hand():
    """tanh(x / 4 + 1) - 2, for one hidden unit."""
    net = perceptron.Perceptron((1, 1, 1), activation="tanh", scale=0.25, shape=(), init=nn.init.ones_)
    net.net[0].bias.data.fill_(1)
    net.net[2].bias.data.fill_(-2)
    x = torch.tensor([[0.0], [4.0], [-4.0]])
    torch.testing.assert_close(net(x), torch.tensor([1.0, 2.0, 0.0]).tanh() - 2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("relu", [-0.0, 2.0]), ("tanh", [-0.7615942, 0.9640276]), ("elu", [-0.6321206, 2.0]), ("leaky", [-0.2, 2.0])],
)
def test_activations(name, expected):
    net = perceptron.Perceptron((1, 1, 1), activation=name, init=nn.init.ones_)
    torch.testing.assert_close(net(torch.tensor([[-1.0], [2.0]])), torch.tensor(expected)[:, None])


@pytest.mark.parametrize("gain", [1.4, 0.8])
def test_orthogonal_weights_of_the_unrolled_nets(gain):
    init = partial(nn.init.orthogonal_, gain=gain)
    net = perceptron.Perceptron((256, 128, 128, 2), activation="tanh", init=init)
    assert count(net) == 256 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2
    for layer in weight_layers(net):
        torch.testing.assert_close(
            layer.weight @ layer.weight.T, gain**2 * torch.eye(len(layer.weight)), rtol=0, atol=1e-4
        )
        assert bool((layer.bias == 0).all())


def test_norm_stands_before_each_hidden_activation_and_takes_the_bias_over():
    net = perceptron.Perceptron((2, 4, 5, 2), norm=True)
    kinds = [type(m).__name__ for m in net.net]
    assert kinds == ["Linear", "BatchNorm", "ReLU", "Linear", "BatchNorm", "ReLU", "Linear"]
    assert [m.bias is None for m in weight_layers(net)] == [True, True, False]


def test_the_decoder_of_points_sees_the_code_through_the_activation():
    net = perceptron.Autoencoder((1, 1), init=nn.init.ones_)
    reconstruction, code = net(torch.tensor([[-2.0], [3.0]]))
    assert code.tolist() == [[-2], [3]] and reconstruction.tolist() == [[0], [3]]


def test_auto_encoder_of_points_mirrors_its_sizes_and_reconstructs_unscaled_points():
    net = perceptron.Autoencoder((2, 9, 4), scale=0.25)
    assert [m.weight.shape for m in weight_layers(net)] == [(9, 2), (4, 9), (9, 4), (2, 9)]
    x = torch.randn(6, 2)
    reconstruction, code = net(x)
    assert code.shape == (6, 4) and bool((code < 0).any())  # before the activation
    assert energy(x, reconstruction).shape == (6,)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(500):
        loss = energy(x, net(x)[0], kind="mse").mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert number(loss) < 0.01


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sizes": (3,)}, "at least"),
        ({"sizes": (3, 0, 1)}, "at least"),
        ({"sizes": (3, 2), "shape": ()}, "2 outputs"),
        ({"sizes": (3, 4), "shape": (3, 1)}, "4 outputs"),
        ({"sizes": (3, 4, 1), "activation": "gelu"}, "relu, tanh, elu, leaky"),
    ],
)
def test_perceptrons_that_cannot_be(arguments, said):
    with pytest.raises(UserError, match=said):
        perceptron.Perceptron(**arguments)


# ---- the first GAN ----


def test_maxout_nets_have_the_papers_parameters():
    g, d = maxout.Generator(), maxout.Discriminator()
    assert count(g) == 100 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 784 + 784
    assert count(d) == 784 * 1200 + 1200 + 240 * 1200 + 1200 + 240 + 1
    for net, bound in ((g, 0.05), (d, 0.005)):
        for layer in weight_layers(net):
            assert number(layer.weight.abs().max()) <= bound
            assert number(layer.weight.std()) == pytest.approx(bound / sqrt(3), rel=0.15)
            assert bool((layer.bias == 0).all())
    assert [m.rate for m in d.modules() if isinstance(m, Dropout)] == [0.2, 0.5, 0.5]
    assert not [m for m in g.modules() if isinstance(m, Dropout)]


def test_maxout_generator_starts_at_the_mean_image():
    mean = torch.tensor([-1.0, -0.5, 0.0, 0.9]).view(1, 2, 2)
    g = maxout.Generator(3, (1, 2, 2), size=4, mean=mean)
    torch.testing.assert_close(g(torch.zeros(1, 3))[0], mean, rtol=0, atol=1e-6)
    assert bool(g.net[4].bias.isfinite().all())
    with pytest.raises(UserError, match="mean"):
        maxout.Generator(3, (1, 2, 2), mean=torch.zeros(4))


def test_maxout_discriminator_sees_pixels_in_0_1_and_drops_them():
    d = maxout.Discriminator((1, 2, 2), units=3, pieces=2)
    seen: list[Tensor] = []
    d.net[1].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0]).view(1, 1, 2, 2)
    d.eval()(x)
    torch.testing.assert_close(seen[0], torch.tensor([[0, 0.5, 0.75, 1]]))
    with stream(torch.tensor(0)):
        d.train()(torch.ones(5000, 1, 2, 2))
    assert sorted(set(seen[1].flatten().tolist())) == [0.0, pytest.approx(1.25)]
    assert number(seen[1].mean()) == pytest.approx(1, abs=0.02)


# ---- BEGAN ----


def test_began_nets_have_the_papers_parameters_at_64():
    with torch.device("meta"):
        g, d = began.Generator(), began.Autoencoder()

    def conv(a: int, b: int) -> int:
        return 9 * a * b + b

    decoder = 65 * 64 * 128 + 8 * conv(128, 128) + conv(128, 3)
    encoder = conv(3, 128) + 3 * conv(128, 128) + conv(128, 256) + 2 * conv(256, 256) + conv(256, 384)
    encoder += 2 * conv(384, 384) + conv(384, 512) + conv(512, 512) + 64 * 512 * 64 + 64
    assert count(g) == decoder == 1_716_611
    assert count(d) == decoder + encoder
    assert not [m for m in d.modules() if isinstance(m, BatchNorm)]


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_began_sizes(size):
    g, d = began.Generator(5, size=size, width=2, channels=1), began.Autoencoder(size=size, width=2, channels=1, code=7)
    x = g(torch.randn(2, 5))
    reconstruction, code = d(x)
    assert reconstruction.shape == x.shape == (2, 1, size, size) and code.shape == (2, 7)
    assert number(g(100 * torch.ones(1, 5)).abs().max()) > 1  # linear


@pytest.mark.parametrize("size", [0, 4, 12, 28, 48])
def test_began_sizes_that_cannot_be(size):
    for build in (began.Generator, began.Autoencoder):
        with pytest.raises(UserError, match=f"got {size}"):
            build(size=size)


def test_began_signal_survives_its_depth():
    """Differences between inputs reach the output, which torch's own initial weights shrink to 1e-3 of its size."""
    d = began.Autoencoder(size=32, width=8)
    reconstruction, _ = d(torch.randn(16, 3, 32, 32))
    assert number(reconstruction.std(0).mean()) > 0.05


def test_the_fully_connected_pair_that_began_suggests_for_mnist():
    g = perceptron.Perceptron((64, 256, 512, 784), activation="elu", shape=IMAGE)
    d = perceptron.Autoencoder((784, 512, 256, 64), activation="elu")
    x = g(torch.randn(2, 64))
    reconstruction, code = d(x)
    assert reconstruction.shape == x.shape == (2, *IMAGE) and code.shape == (2, 64)


# ---- WGAN-GP ----


def test_wgan_gp_nets_have_the_codes_parameters():
    g, d = wgan_gp.Generator(), wgan_gp.Critic()
    assert count(g) == 129 * 4096 + (25 * 256 * 128 + 128) + (25 * 128 * 64 + 64) + (25 * 64 + 1)
    assert count(d) == (25 * 64 + 64) + (25 * 64 * 128 + 128) + (25 * 128 * 256 + 256) + 4097
    normed = wgan_gp.Generator(norm=True)
    assert count(normed) == count(g) + 4096 + 128 + 64  # a gain each; batch norm's biases take the layers' place
    assert count(wgan_gp.Critic(norm=True)) == count(d) + 128 + 256


def test_wgan_gp_weights_have_the_codes_deviations():
    def deviations(net: nn.Module) -> list[float]:
        return [number(m.weight.std()) for m in weight_layers(net)]

    g = [sqrt(2 / (128 + 4096)), sqrt(4 / (256 * 25 / 4 + 128 * 25)), sqrt(4 / (128 * 25 / 4 + 64 * 25))]
    assert deviations(wgan_gp.Generator()) == pytest.approx([*g, sqrt(4 / (64 * 25 / 4 + 25))], rel=0.05)
    d = [sqrt(4 / (25 + 64 * 25 / 4)), sqrt(4 / (64 * 25 + 128 * 25 / 4)), sqrt(4 / (128 * 25 + 256 * 25 / 4))]
    assert deviations(wgan_gp.Critic()) == pytest.approx([*d, sqrt(2 / 4097)], rel=0.05)


@pytest.mark.parametrize("norm", [False, True])
def test_wgan_gp_samples_are_images_in_range(norm):
    x = wgan_gp.Generator(width=4, norm=norm)(5 * torch.randn(8, 128))
    assert x.shape == (8, *IMAGE) and number(x.min()) >= -1 and number(x.max()) <= 1
    assert wgan_gp.Critic(width=4, norm=norm)(x).shape == (8,)


def test_the_crop_keeps_the_first_rows_of_the_8_by_8_maps():
    g = wgan_gp.Generator(4, width=2)
    seen: list[Tensor] = []
    g.first.register_forward_hook(lambda layer, inputs, output: seen.append(output))
    g.rest.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    g(torch.randn(2, 4))
    assert seen[0].shape == (2, 4, 8, 8) and torch.equal(seen[1], seen[0][:, :, :7, :7])


def test_mlp_generator_of_wgan():
    g = wgan_gp.mlp_generator(100, (3, 8, 8))
    assert count(g) == 101 * 512 + 2 * 513 * 512 + 513 * prod((3, 8, 8))
    assert not [m for m in g.modules() if isinstance(m, BatchNorm)]
    assert number(g(100 * torch.randn(4, 100)).abs().max()) <= 1
