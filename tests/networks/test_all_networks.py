"""Networks through common checks: independence in use, many at once, graph breaks, ranges, initial weights, codes."""

import pytest
import torch
from close import assert_close_to_scale
from network_facts import weight_layers
from torch import Tensor
from torch.func import functional_call, grad, vmap

from energan.engine.rng import seeded, stream
from energan.networks.conditional import gan_cls
from energan.networks.conv import autoencoder, began, dcgan, latent_discriminators, ppgn, sgan, wgan_gp
from energan.networks.dense import maxout, mlp, perceptron
from energan.networks.layers import BatchNorm, FeatureExtractor

MNIST = (1, 32, 32)
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
    assert_close_to_scale(y[1:2], first(net(x[1:2])), rtol=1e-12)


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
            assert_close_to_scale(slopes[k][i], w.grad, rtol=1e-9)
    assert all(torch.equal(v, before[k]) for k, v in nets[0].state_dict().items())


@pytest.mark.parametrize("name", ["critic", "maxout D", "began D", "wgan-gp G with norm"])
def test_compiles_without_graph_breaks(name, trace_only):
    build, takes, gives = NETS[name]
    net = build().eval()
    x = torch.randn(3, *takes)
    torch.testing.assert_close(first(torch.compile(net, fullgraph=True)(x)), first(net(x)))
    with stream(torch.tensor(1)):
        assert first(torch.compile(net.train(), fullgraph=True)(x)).shape == (3, *gives)


def test_networks_of_plug_and_play_compile_without_graph_breaks(trace_only):
    z, y, h = torch.rand(3, 2), torch.eye(3), torch.rand(3, 6)
    G = ppgn.Generator(6, channels=1, size=28, width=2)
    D = ppgn.Discriminator(6, channels=1, size=28, width=2).eval()
    E = FeatureExtractor(latent_discriminators.Encoder(), ["h", "conv2"])
    small = sgan.FeatureGenerator(h=6, z=2, classes=3, hidden=4), sgan.ImageGenerator(h=6, z=2, width=1)

    def everything(h, y, z):
        x = G(h)
        fake = small[1](small[0](y, z), z)
        read = E(latent_discriminators.Generator.forward(own, torch.cat([h] * 2, 1)))
        return D(x, h), *sgan_d(fake), read.layers["h"], ppgn_r(h)

    own, sgan_d, ppgn_r = (
        latent_discriminators.Generator(12, width=1),
        sgan.image_discriminator(z=2, width=1),
        ppgn.denoiser((6, 4, 6)),
    )
    torch.testing.assert_close(torch.compile(everything, fullgraph=True)(h, y, z), everything(h, y, z))


def test_generators_give_images_in_range():
    for net in (mlp.Generator(5, (1, 8, 8), size=16), dcgan.Generator(5, size=8, width=4)):
        for w in net.parameters():
            w.data.mul_(30)
        x = net(torch.randn(16, 5)).detach()
        assert 0.5 < float(x.abs().max()) <= 1


INITIAL = {
    "mlp G": (lambda: mlp.Generator(100, MNIST, layers=4, size=300), 0.02, 0.0),
    "mlp D": (lambda: mlp.Autoencoder(MNIST, layers=4, size=300), 0.002, 0.0),
    "mlp D of a GAN": (lambda: mlp.Discriminator(MNIST, layers=4, size=1000), 0.002, 0.0),
    "dcgan G": (lambda: dcgan.Generator(100, size=32), 0.02, 0.02),
    "dcgan D": (lambda: dcgan.Discriminator(size=32), 0.02, 0.02),
    "autoencoder": (autoencoder.Autoencoder, 0.02, 0.02),
    "gan-cls G": (lambda: gan_cls.Generator(100, 384, size=32, width=16), 0.02, 0.02),
    "gan-cls D": (lambda: gan_cls.Discriminator(384, size=32, width=32), 0.02, 0.02),
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
