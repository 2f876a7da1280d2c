"""Plug and play's nets: the published counts and shapes, layers tapped in any classifier, frozen encoders."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from energan.engine import Ensemble, Trainer
from energan.engine.game import Game, Move, Player
from energan.engine.noise import normal
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded, stream
from energan.losses.gradient_penalty import wgan_gp
from energan.networks.conv import latent_discriminators, ppgn, sgan
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import BatchNorm, FeatureExtractor, measure_batch_norm
from energan.utils.errors import UserError


def count(net: nn.Module) -> int:
    return sum(w.numel() for w in net.parameters())


def images(n: int = 3, side: int = 28, channels: int = 1) -> Tensor:
    return torch.rand(n, channels, side, side) * 2 - 1


class Users(nn.Module):
    """A user's classifier of 6 x 6 images with what classifiers have: blocks, in-place ReLU, batch norm, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True))
        self.dropout, self.unused = nn.Dropout(0.5), nn.Linear(1, 1)
        self.act, self.fc1, self.fc2 = nn.ReLU(), nn.Linear(32, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.fc1(self.dropout(self.block(x).flatten(1))))
        return self.fc2(self.act(x - 1))


def users() -> Users:
    """Trained once, as it were: its running averages are not where they start."""
    net = Users()
    net(images(8, 6))
    return net.eval().requires_grad_(False)


# ---- taps ----


def test_taps_are_the_layers_by_hand():
    net, x = users(), images(5, 6)
    read = FeatureExtractor(net, ["fc1", "block.0", "block"])(x)
    conv = net.block[0](x)
    block = net.block[1](conv).relu()
    fc1 = net.fc1(block.flatten(1))
    assert list(read.layers) == ["fc1", "block.0", "block"]
    for name, by_hand in (("block.0", conv), ("block", block), ("fc1", fc1)):
        torch.testing.assert_close(read.layers[name], by_hand, rtol=0, atol=0)
    torch.testing.assert_close(read.output, net.fc2((fc1.relu() - 1).relu()), rtol=0, atol=0)
    assert torch.equal(read.output, net(x))


def test_a_layer_is_read_before_the_next_one_writes_into_it():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True), nn.Identity(), nn.ReLU6(inplace=True))
    net[0].weight.data, net[0].bias.data = torch.eye(2), torch.zeros(2)
    read = FeatureExtractor(net, ["0", "1", "2"])(torch.tensor([[-1.0, 9.0]]))
    assert read.layers["0"].tolist() == [[-1, 9]]
    assert read.layers["1"].tolist() == read.layers["2"].tolist() == [[0, 9]] and read.output.tolist() == [[0, 6]]


def test_a_layer_that_runs_twice_is_read_as_it_did_last():
    net, x = users(), images(5, 6)
    once = net.fc1(net.block(x).flatten(1)).relu()
    assert torch.equal(FeatureExtractor(net, ["act"])(x).layers["act"], (once - 1).relu())


def test_gradients_pass_through_what_is_read():
    """The output's slope in a layer, and a layer's in the input: J = dy/dx = dy/dh dh/dx of a linear net."""
    net = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 1, bias=False)).requires_grad_(False)
    x = torch.randn(1, 4, requires_grad=True)
    read = FeatureExtractor(net, ["0"])(x)
    (slope,) = torch.autograd.grad(read.output.sum(), read.layers["0"], retain_graph=True)
    torch.testing.assert_close(slope, net[1].weight)
    for i in range(3):
        (slope,) = torch.autograd.grad(read.layers["0"][0, i], x, retain_graph=True)
        torch.testing.assert_close(slope[0], net[0].weight[i])


def test_a_pass_may_add_to_layers_by_hand():
    """Read with what was added, and what follows sees it; the next pass is clean again."""
    net, x = users(), images(5, 6)
    taps, n = FeatureExtractor(net, ["block", "fc1"]), {"block": torch.randn(5, 2, 4, 4), "fc1": torch.randn(5, 4)}
    block = net.block(x) + n["block"]
    fc1 = net.fc1(block.flatten(1)) + n["fc1"]
    read = taps(x, n)
    torch.testing.assert_close(read.layers["block"], block)
    torch.testing.assert_close(read.layers["fc1"], fc1)
    torch.testing.assert_close(read.output, net.fc2((fc1.relu() - 1).relu()))
    torch.testing.assert_close(taps(x, {"fc1": n["fc1"]}).layers["block"], net.block(x))
    assert torch.equal(taps(x).output, net(x))
    with pytest.raises(UserError, match="'fc2', which is not read"):
        taps(x, {"fc2": n["fc1"]})
    with torch.autocast("cpu", torch.bfloat16):
        assert taps(x, n).layers["fc1"].dtype == torch.bfloat16


def test_what_is_added_batches_differentiates_and_compiles(compile_cheaply):
    net = FeatureExtractor(users(), ["fc1"])
    x, n = images(6, 6).view(3, 2, 1, 6, 6), torch.randn(3, 2, 4)

    def value(n: Tensor, x: Tensor) -> Tensor:
        return functional_call(net, {}, (x, {"fc1": n})).output.square().sum()

    together = vmap(grad(value))(n, x)
    alone = torch.stack([grad(value)(a, b) for a, b in zip(n, x, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)
    assert float(alone.abs().max()) > 0
    torch.testing.assert_close(torch.compile(value, fullgraph=True)(n[0], x[0]), value(n[0], x[0]))
    torch.testing.assert_close(torch.compile(net, fullgraph=True)(x[0], {"fc1": n[0]}), net(x[0], {"fc1": n[0]}))


def test_taps_of_a_module_are_apart_and_go_away():
    net, x = users(), images(2, 6)
    state = set(net.state_dict())
    low, high = FeatureExtractor(net, ["block"]), FeatureExtractor(net, ["fc1"])
    assert set(net.state_dict()) == state and torch.equal(net(x), low(x).output)
    assert set(low(x).layers) == {"block"} and set(high(x).layers) == {"fc1"}
    net(x)
    assert low._record.read is None  # nothing is kept alive
    assert low.release() is net and high.release() is net
    assert not any(layer._forward_hooks for layer in net.modules())


def test_a_tapped_can_be_copied():
    tapped, x = FeatureExtractor(users(), ["fc1"]), images(2, 6)
    other = copy.deepcopy(tapped)
    other.module.fc1.weight.data.zero_()
    assert not torch.equal(other(x).layers["fc1"], tapped(x).layers["fc1"])
    assert torch.equal(other(x).layers["fc1"], other.module.fc1.bias.expand(2, 4))
    other.release()
    assert tapped.module.fc1._forward_hooks and not other.module.fc1._forward_hooks


def test_what_cannot_be_tapped():
    with pytest.raises(UserError, match=r"'fc3'; it has fc[12], fc[12]"):
        FeatureExtractor(users(), ["fc3"])
    with pytest.raises(UserError, match="no layer ''"):
        FeatureExtractor(users(), [""])
    with pytest.raises(UserError, match="no layers at all"):
        FeatureExtractor(nn.ReLU(), ["a"])
    with pytest.raises(UserError, match="twice"):
        FeatureExtractor(users(), ["fc1", "fc1"])
    with pytest.raises(UserError, match="'unused' of Users did not run"):
        FeatureExtractor(users(), ["fc1", "unused"])(images(2, 6))
    with pytest.raises(UserError, match="'0' gives a tuple"):
        FeatureExtractor(nn.Sequential(nn.LSTM(3, 2)), ["0"])(torch.zeros(1, 3))


def test_a_pass_that_fails_leaves_no_tap_open():
    tapped = FeatureExtractor(users(), ["block"])
    with pytest.raises(RuntimeError):
        tapped(images(2, 7))
    assert tapped._record.read is None and "block" in tapped(images(2, 6)).layers


def distance(net: nn.Module, weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
    read, target = functional_call(net, weights, (x,)), functional_call(net, weights, (y,))
    return (
        sum((a - b).square().mean() for a, b in zip(read.layers.values(), target.layers.values(), strict=True))
        + read.output.square().mean()
    )


def test_many_taps_at_once_do_as_each_alone():
    nets = [FeatureExtractor(users().requires_grad_(True), ["block", "fc1"]) for _ in range(3)]
    learning = [{k: w.detach().clone() for k, w in net.named_parameters() if "unused" not in k} for net in nets]
    weights = {k: torch.stack([own[k] for own in learning]) for k in learning[0]}
    for net in nets:
        net.load_state_dict(nets[0].state_dict())  # their buffers: stacked are only weights
    x, y = images(6, 6).view(3, 2, 1, 6, 6), images(6, 6).view(3, 2, 1, 6, 6)
    for argnums in (0, 1):
        slopes = vmap(grad(lambda w, x, y: distance(nets[0], w, x, y), argnums))(weights, x, y)
        for i in range(3):
            alone = grad(lambda w, x, y: distance(nets[0], w, x, y), argnums)(learning[i], x[i], y[i])
            for k in alone if argnums == 0 else ():
                torch.testing.assert_close(slopes[k][i], alone[k], rtol=1e-4, atol=1e-6)
            if argnums:
                torch.testing.assert_close(slopes[i], alone, rtol=1e-4, atol=1e-6)
                assert float(alone.abs().max()) > 0


def test_taps_compile_without_graph_breaks(compile_cheaply):
    net, x = FeatureExtractor(users(), ["block.0", "fc1"]), images(3, 6).requires_grad_(True)
    plain = net(x)

    def loss(x):
        read = net(x)
        return read.layers["fc1"].square().mean() + read.layers["block.0"].mean(), read

    value, read = torch.compile(loss, fullgraph=True)(x)
    value.backward()
    torch.testing.assert_close(read, plain)
    assert float(x.grad.abs().max()) > 0 and net._record.read is None
    weights, x = dict(net.named_parameters()), x.detach()
    slope = grad(lambda x: functional_call(net, weights, (x,)).output.sum())
    torch.testing.assert_close(torch.compile(slope, fullgraph=True)(x), slope(x))


# ---- a frozen encoder in a game ----


def invert(p, b):
    """G's samples of E's code, back through E: what every game of plug and play has."""
    h = p.E(b.x).layers["fc1"].detach()
    fake = p.E(p.G(h + b.z).tanh().view_as(b.x))
    loss = (fake.layers["fc1"] - h).square().mean() + (fake.layers["block"]).square().mean()
    return loss, {"loss": loss}


def inverting(E: nn.Module) -> Game:
    with seeded(3):
        G = Perceptron([4, 8, 36])
    return Game(
        players={"E": Player(E), "G": Player(G, Adam(1e-2))},
        turns={"G": (Move(invert, min=("G",)),)},
        order=lambda t: ("G",),
        noise={"z": normal(4)},
        hyperparameters={},
        sample=None,
    )


def source(k: int) -> dict[str, Tensor]:
    return {"x": images(5, 6)}


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen by the user", "frozen by having no optimizer"])
def test_an_encoder_stays_bit_identical_while_a_generator_learns_through_it(frozen):
    net = users().train().requires_grad_(not frozen)  # in training mode: E must not average, nor drop
    E = FeatureExtractor(net, ["block", "fc1"])
    game = inverting(E)
    before = {k: v.clone() for k, v in E.state_dict().items()}
    start = {k: v.clone() for k, v in game.players["G"].net.state_dict().items()}
    one = Trainer(game, source)
    for _ in range(5):
        one.step()
    assert all(torch.equal(v, before[k]) for k, v in one.nets["E"].state_dict().items())
    assert not net.training and all(w.grad is None for w in net.parameters())
    assert all(w.requires_grad != frozen for w in net.parameters())
    assert all(not torch.equal(v, start[k]) for k, v in one.nets["G"].state_dict().items())


def test_a_frozen_encoder_among_many_and_compiled(compile_cheaply):
    E = FeatureExtractor(users(), ["block", "fc1"])
    before = {k: v.clone() for k, v in E.state_dict().items()}
    alone = Trainer(inverting(copy.deepcopy(E)), source, precision="fp64")
    many = Ensemble([inverting(E), inverting(E)], [source, source], seeds=[0, 1], precision="fp64")
    compiled = Trainer(inverting(copy.deepcopy(E)), source, precision="fp64", compile=True)
    for _ in range(2):
        logs = []
        for engine in (alone, many, compiled):
            with seeded(5):  # the same images for all
                logs.append(engine.step()["G/loss"])
        torch.testing.assert_close(logs[1][0], logs[0])
        torch.testing.assert_close(logs[2], logs[0])
    assert all(torch.equal(v.to(before[k].dtype), before[k]) for k, v in E.state_dict().items())


# ---- latent discriminators ----


def test_the_thesis_counts():
    assert count(latent_discriminators.Encoder()) == 2_027_722
    assert count(latent_discriminators.Generator()) == 7_437_889
    assert count(latent_discriminators.Critic(latent_discriminators.SHAPES["x"])) == 2_363_393
    assert count(latent_discriminators.Critic(latent_discriminators.SHAPES["h"])) == 788_993


def test_the_thesis_layers():
    """Kernels and maps in order, 0 for a pooling, which the counts alone would not tell apart."""

    def plan(net):
        kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d)
        layers = [m for m in net.modules() if isinstance(m, kinds)]
        assert all(m.stride == (1, 1) and m.padding == (0, 0) for m in layers if not isinstance(m, nn.MaxPool2d))
        return [0 if isinstance(m, nn.MaxPool2d) else (m.kernel_size[0], m.out_channels) for m in layers]

    assert plan(latent_discriminators.Encoder()) == [(7, 64), (7, 128), 0, (7, 256), 0]
    assert plan(latent_discriminators.Generator()) == [(5, 512), (5, 256), (7, 256), (10, 1)]
    assert plan(latent_discriminators.Critic((1, 28, 28))) == [(3, 256), (3, 256), 0, (3, 256), 0, (3, 512), 0]
    assert plan(latent_discriminators.Critic((64,))) == [(2, 256), (2, 256), 0, (2, 512), 0]
    assert plan(latent_discriminators.Critic((64,), width=2)) == [(2, 8), (2, 8), 0, (2, 16), 0]
    assert not any(isinstance(m, nn.Dropout | BatchNorm) for m in latent_discriminators.Encoder().modules())


def test_the_encoders_taps_by_hand():
    """From pixels in [-1, 1] as the thesis has it from pixels in [0, 1]."""
    E, x = latent_discriminators.Encoder(), images(2)
    read = FeatureExtractor(E, latent_discriminators.SHAPES)(x)
    y = ((x * 0.5 + 0.5) - 0.1307) / 0.3081
    torch.testing.assert_close(read.layers["x"], y)
    for name, pooled in (("conv1", False), ("conv2", True), ("conv3", True)):
        layer = E.get_submodule(name)[0]
        y = nn.functional.conv2d(y, layer.weight, layer.bias).relu()
        y = nn.functional.max_pool2d(y, 2) if pooled else y
        torch.testing.assert_close(read.layers[name], y)
    h = (y.flatten(1) @ E.h[1].weight.T + E.h[1].bias).relu()
    torch.testing.assert_close(read.layers["h"], h)
    torch.testing.assert_close(read.output, h @ E.logits.weight.T + E.logits.bias)
    assert {k: tuple(v.shape[1:]) for k, v in read.layers.items()} == latent_discriminators.SHAPES
    assert latent_discriminators.Encoder(classes=2)(x).shape == (2, 2)


def test_the_generator_undoes_what_the_encoder_does_to_images():
    G = latent_discriminators.Generator(width=2)
    fake = G(torch.randn(3, 64))
    assert fake.shape == (3, 1, 28, 28)
    G.net[-1].weight.data.zero_()
    for standardised, pixel in (((0 - 0.1307) / 0.3081, -1.0), ((1 - 0.1307) / 0.3081, 1.0), (0.0, 2 * 0.1307 - 1)):
        G.net[-1].bias.data.fill_(standardised)
        torch.testing.assert_close(G(torch.randn(1, 64)), torch.full((1, 1, 28, 28), pixel))
        torch.testing.assert_close(
            latent_discriminators.Standardise()(torch.tensor(pixel)), torch.tensor(standardised), rtol=0, atol=1e-6
        )


def test_the_generators_initial_weights_are_within_the_bounds_of_then():
    G = latent_discriminators.Generator()
    for i, n in ((3, 64 * 25), (5, 512 * 25), (7, 256 * 49), (9, 256 * 100)):
        assert float(G.net[i].weight.detach().abs().max()) == pytest.approx(n**-0.5, rel=0.01)
        assert 0 < float(G.net[i].bias.detach().abs().max()) <= n**-0.5


@pytest.mark.parametrize(
    "shape",
    [
        *latent_discriminators.SHAPES.values(),
        (1,),
        (3,),
        (17,),
        (4096,),
        (3, 32, 32),
        (5, 4, 4),
        (5, 5, 9),
        (2, 3, 3),
        (7, 8),
        (2, 6, 20),
    ],
    ids=str,
)
def test_a_critic_reads_any_layer(shape):
    D, features = latent_discriminators.Critic(shape, width=1), torch.randn(4, *shape)
    readings = D(features)
    assert readings.shape == (4,)
    torch.testing.assert_close(D(features[1:2]), readings[1:2])  # each on its own
    slope = grad(lambda f: D(f).sum())(features)
    assert slope.shape == features.shape and bool(slope.isfinite().all())
    for w in D.parameters():
        w.data.abs_()  # nothing is cut by a ReLU: every number counts, unless no kernel ever reaches it
    slope = grad(lambda f: D(f).sum())(10 + torch.rand(200, *shape)).abs().sum(0)
    assert float((slope > 0).float().mean()) > 0.7


def test_a_critic_lays_out_vectors_as_the_thesis_does():
    D, h = latent_discriminators.Critic((64,), width=1), torch.randn(2, 64)
    torch.testing.assert_close(D(h), D.net(h.view(2, 1, 8, 8)).squeeze(1))
    assert latent_discriminators.Critic((65,), width=1).maps == (1, 9, 9) and latent_discriminators.Critic(
        (3,), width=1
    ).maps == (1, 4, 4)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 4)])
def test_a_critic_needs_numbers(shape):
    with pytest.raises(UserError, match="shape"):
        latent_discriminators.Critic(shape)


@pytest.mark.parametrize("shape", [(1, 28, 28), (64,)], ids=["D", "D_1"])
def test_many_penalised_critics_do_as_each_alone(shape):
    nets = [latent_discriminators.Critic(shape, width=1).double() for _ in range(2)]
    learning = [{k: w.detach() for k, w in net.named_parameters()} for net in nets]
    weights = {k: torch.stack([own[k] for own in learning]) for k in learning[0]}
    real, fake = torch.randn(2, 2, 3, *shape, dtype=torch.float64)
    eps = torch.rand(2, 3, dtype=torch.float64)

    def loss(w, real, fake, eps):
        def critic(x):
            return functional_call(nets[0], w, (x,))

        return critic(fake).mean() - critic(real).mean() + 10 * wgan_gp(critic, real, fake, eps)

    slopes = vmap(grad(loss))(weights, real, fake, eps)
    for i, net in enumerate(nets):
        value = net(fake[i]).mean() - net(real[i]).mean() + 10 * wgan_gp(net, real[i], fake[i], eps[i])
        value.backward()
        for k, w in net.named_parameters():
            alone = torch.zeros_like(w) if w.grad is None else w.grad
            torch.testing.assert_close(slopes[k][i], alone, rtol=1e-9, atol=1e-12)


def test_a_penalised_critic_compiles_without_graph_breaks(compile_cheaply):
    D, real, fake = latent_discriminators.Critic((64,), width=1), torch.randn(3, 64), torch.randn(3, 64)
    eps = torch.rand(3)
    compiled = torch.compile(lambda: wgan_gp(D, real, fake, eps), fullgraph=True)()
    torch.testing.assert_close(compiled, wgan_gp(D, real, fake, eps))
    compiled.backward()
    assert float(D.net[0].weight.grad.abs().max()) > 0


def test_the_gradient_reaches_the_generator_through_a_frozen_encoder_and_a_latent_critic():
    E, G = (
        FeatureExtractor(latent_discriminators.Encoder().eval().requires_grad_(False), ["h"]),
        latent_discriminators.Generator(width=1),
    )
    D_1 = latent_discriminators.Critic((64,), width=1).requires_grad_(False)
    (-D_1(E(G(torch.rand(2, 64))).layers["h"]).mean()).backward()
    assert all(w.grad is not None and float(w.grad.abs().max()) > 0 for w in G.parameters())
    assert all(w.grad is None for net in (E, D_1) for w in net.parameters())


def test_a_critic_of_images_in_the_houses_range():
    """Its slope is the thesis' D's times d standardised / d pixel, 1 / (2 x .3081)."""
    D, x = latent_discriminators.Critic((1, 28, 28), width=1), images(2)
    own = nn.Sequential(latent_discriminators.Standardise(), D)
    inner = latent_discriminators.Standardise()(x)
    torch.testing.assert_close(own(x), D(inner))
    theirs, ours = grad(lambda u: D(u).sum())(inner), grad(lambda x: own(x).sum())(x)
    torch.testing.assert_close(ours, 1.6228 * theirs, rtol=1e-4, atol=1e-7)


# ---- stacked GANs ----


def test_sgan_counts():
    """Weights and biases, or gains and biases of batch norm, layer by layer."""
    assert count(sgan.Encoder()) == (25 * 32 + 32) + (32 * 25 * 32 + 32) + (512 * 256 + 256) + (256 * 10 + 10)
    first, second, third = 60 * 512 + 2 * 512, 512 * 512 + 2 * 512, 512 * 256 + 256
    assert count(sgan.FeatureGenerator()) == first + second + third
    dense = 50 * 128 + 2 * 128 + (256 + 128) * 2048 + 2 * 2048
    deconvs = 128 * 128 * 25 + 2 * 128 + 128 * 64 * 25 + 2 * 64 + 64 * 64 * 25 + 2 * 64 + 64 * 25 + 1
    assert count(sgan.ImageGenerator()) == dense + deconvs
    heads = 256 * 51 + 51
    assert count(sgan.feature_discriminator()) == 2 * (256 * 256 + 256) + heads
    convs = (25 * 32 + 32) + (32 * 64 * 25 + 64) + (64 * 128 * 25 + 128)
    assert count(sgan.image_discriminator()) == convs + 128 * 16 * 256 + 256 + heads


def test_sgan_shapes_and_ranges():
    E, G_1, G_0 = sgan.Encoder(), sgan.FeatureGenerator(), sgan.ImageGenerator()
    D_1, D_0 = sgan.feature_discriminator(), sgan.image_discriminator()
    for net in (E, G_1, G_0, D_1, D_0):
        net.requires_grad_(False)
    x, y, z = images(4), torch.eye(10)[:4], torch.rand(4, 50)
    real = E.E_0(x)
    fake_h = G_1(y, z)
    fake_x = G_0(fake_h, z)
    assert E(x).shape == (4, 10) and torch.equal(E(x), E.E_1(real))
    for h in (real, fake_h):
        assert h.shape == (4, 256) and float(h.min()) == 0 < float(h.max())
    assert fake_x.shape == (4, 1, 28, 28) and -1 < float(fake_x.min()) < float(fake_x.max()) < 1
    for logits, estimate in (D_1(fake_h), D_0(fake_x)):
        assert logits.shape == (4,) and estimate.shape == (4, 50)
        assert 0 < float(estimate.min()) < float(estimate.max()) < 1
    sides = []
    for layer in G_0.net:
        layer.register_forward_hook(lambda layer, inputs, out: sides.append(out.shape[-1]) if out.ndim == 4 else None)
    G_0(fake_h, z)
    assert list(dict.fromkeys(sides)) == [4, 8, 12, 24, 28]


def test_sgan_reads_pixels_from_0_to_1():
    """Black is 0 there: no weight of the first layer counts, all images that are black look like its bias."""
    for net in (sgan.Encoder().E_0[:2], sgan.image_discriminator(width=2).trunk[:2]):
        black, white = net(torch.full((1, 1, 28, 28), -1.0)), net(torch.ones(1, 1, 28, 28))
        middle = (0, slice(None), 6, 6)
        torch.testing.assert_close(black[middle], net[1].bias)
        torch.testing.assert_close(white[middle], net[1].weight.sum((1, 2, 3)) + net[1].bias)
    G = sgan.ImageGenerator(width=1)
    G.net[-2].weight.data.zero_()
    G.net[-2].bias.data.fill_(3.0)
    expected = torch.full((2, 1, 28, 28), 2 * torch.tensor(3.0).sigmoid().item() - 1)
    torch.testing.assert_close(G(torch.rand(2, 256), torch.rand(2, 50)), expected)


def test_sgan_noise_and_condition_both_count_and_q_shares_the_trunk():
    G_1, G_0, D = sgan.FeatureGenerator(), sgan.ImageGenerator(width=2), sgan.image_discriminator(width=2)
    y, h, z = torch.eye(10)[:6], torch.rand(6, 256), torch.rand(6, 50)
    for G, condition in ((G_1, y), (G_0, h)):
        out = G(condition, z)
        assert not torch.equal(G(condition.flip(0), z), out) and not torch.equal(G(condition, z.flip(0)), out)
    (D(images(6)).z - z).square().mean().backward()
    assert all(w.grad is not None for w in D.trunk.parameters()) and D.real.weight.grad is None


def test_sgan_is_in_use_what_its_neighbours_are_not():
    G_1, G_0 = sgan.FeatureGenerator(), sgan.ImageGenerator(width=1)
    h, z, y = torch.rand(6, 256), torch.rand(6, 50), torch.eye(10)[:6]
    measure_batch_norm([G_1, G_0], lambda: G_0(G_1(y, z), z), 2)
    torch.testing.assert_close(G_0(h[:1], z[:1]), G_0(h, z)[:1])
    torch.testing.assert_close(G_1(y[:1], z[:1]), G_1(y, z)[:1])


def test_many_sgans_at_once_do_as_each_alone():
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.E = sgan.Encoder(h=8, classes=3)
            self.G_1, self.D_1 = (
                sgan.FeatureGenerator(h=8, z=2, classes=3, hidden=4),
                sgan.feature_discriminator(h=8, z=2),
            )
            self.G_0, self.D_0 = sgan.ImageGenerator(h=8, z=2, width=1), sgan.image_discriminator(z=2, width=1)

        def forward(self, y, z):
            h = self.G_1(y, z)
            x = self.G_0(h, z)
            return sum(w.square().mean() for w in (self.E(x) - y, *self.D_1(h), *self.D_0(x)))

    nets = [Stack().double() for _ in range(2)]
    learning = [{k: w.detach() for k, w in net.named_parameters()} for net in nets]
    weights = {k: torch.stack([own[k] for own in learning]) for k in learning[0]}
    y, z = torch.eye(3, dtype=torch.float64), torch.rand(2, 3, 2, dtype=torch.float64)
    slopes = vmap(grad(lambda w, z: functional_call(nets[0], w, (y, z))))(weights, z)
    for i, net in enumerate(nets):
        net(y, z[i]).backward()
        for k, w in net.named_parameters():
            torch.testing.assert_close(slopes[k][i], w.grad, rtol=1e-8, atol=1e-12)


# ---- DGN-AM and PPGN ----


def test_the_denoiser():
    R = ppgn.denoiser()
    assert count(R) == sum(a * b + b for a, b in pairwise(ppgn.SIZES)) == 22_006_260
    small = ppgn.denoiser((6, 4, 6))
    h = torch.randn(3, 6)
    torch.testing.assert_close(small(h), small.net[2](small.net[0](h).relu()))
    for sizes in ((6, 4), (6,), ()):
        with pytest.raises(UserError, match="begin and end alike"):
            ppgn.denoiser(sizes)


def test_deepsim_counts():
    """Of the published files: three dense layers of 4096, and kernels without biases; D's has one logit for two."""
    with torch.device("meta"):
        G, D, with_code = ppgn.Generator(), ppgn.Discriminator(), ppgn.Discriminator(4096)
    maps = 16 * (256 * 256 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 32 + 32 * 3) + 9 * (
        256 * 512 + 256 * 256 + 128 * 128
    )
    assert count(G) == 3 * (4096 * 4096 + 4096) + maps
    convs = (3 * 49 * 32 + 32) + (32 * 25 * 64 + 64) + (64 * 9 * 128 + 128) + (128 * 9 * 256 + 256)
    convs += 256 * 9 * 256 + 256
    assert count(D) == convs + 256 * 256 + 256 + 257
    code = (4096 * 1024 + 1024) + (1024 * 512 + 512)
    assert count(with_code) == convs + code + 768 * 512 + 512 + 513


def test_deepsim_shapes_at_their_size():
    with torch.device("meta"):
        x = ppgn.Generator(8, width=2)(torch.zeros(2, 8))
        assert x.shape == (2, 3, 227, 227)
        D = ppgn.Discriminator(width=2)
        assert D.maps(x).shape == (2, 8, 11, 11) and D(x).shape == (2,)


@pytest.mark.parametrize("size", [8, 21, 28, 32, 33, 64, 100])
def test_deepsim_at_other_sizes(size):
    G = ppgn.Generator(6, channels=1, size=size, width=2)
    x = G(torch.randn(2, 6))
    assert x.shape == (2, 1, size, size)
    whole = G.net(h := torch.randn(2, 6)) / 127.5
    edge = (whole.shape[-1] - size) // 2
    torch.testing.assert_close(G(h), whole[:, :, edge : edge + size, edge : edge + size])
    assert whole.shape[-1] / 2 < size <= whole.shape[-1]
    if size >= 21:
        for code in (None, 6):
            D = ppgn.Discriminator(code, channels=1, size=size, width=2).eval()
            given = (x,) if code is None else (x, h)
            assert D(*given).shape == (2,)
            torch.testing.assert_close(D(*(v[:1] for v in given)), D(*given)[:1])


def test_deepsim_starts_at_an_even_scale():
    """Codes of spread 1 keep about their spread, in their units, through all of G; D starts near even odds."""
    G, D = ppgn.Generator(64, channels=1, size=32, width=16), ppgn.Discriminator(channels=1, size=32, width=16).eval()
    x = G(torch.randn(50, 64))
    assert 0.2 < 127.5 * float(x.detach().std()) < 3
    assert float(D(images(20, 32)).detach().abs().max()) < 1


def test_deepsim_by_hand():
    """D sees 0 to 255 less mid-grey; the code's features are beside the mean over places. G's slope below 0 is 0.3."""
    D, x, h = ppgn.Discriminator(6, size=28, width=2).eval(), images(3, channels=3), torch.randn(3, 6)
    maps = D.maps((x + 1) / 2 * 255 - 127.5)
    by_hand = D.top(torch.cat([D.code(h), maps.flatten(2).sum(2) / maps[0, 0].numel()], 1)).flatten()
    torch.testing.assert_close(D(x, h), by_hand, rtol=1e-4, atol=1e-6)
    G = ppgn.Generator(6, size=32, width=2)
    slopes = [m.negative_slope for m in G.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.3] * (3 + 2 + 2) and isinstance(G.net[-1], nn.ConvTranspose2d)


def test_deepsim_drops_by_the_stream_and_takes_codes_where_it_should():
    D, x, h = ppgn.Discriminator(6, channels=1, size=28, width=4), images(3), torch.randn(3, 6)
    with stream(torch.tensor(1)):
        a = D(x, h)
    with stream(torch.tensor(1)):
        torch.testing.assert_close(D(x, h), a)
    with stream(torch.tensor(2)):
        assert not torch.equal(D(x, h), a)
    D.eval()
    assert not torch.equal(D(x, h), D(x, -h)) and not torch.equal(D(x, h), D(-x, h))
    with pytest.raises(UserError, match="with their codes"):
        D(x)
    with pytest.raises(UserError, match="without their codes"):
        ppgn.Discriminator(channels=1, size=28)(x, h)
    for size, width in ((7, 64), (257, 64), (32, 1), (32, 3)):
        with pytest.raises(UserError, match="8 to 256"):
            ppgn.Generator(size=size, width=width)
    for size, width in ((20, 64), (32, 0), (32, 5)):
        with pytest.raises(UserError, match="21 or more"):
            ppgn.Discriminator(size=size, width=width)


def test_nets_of_plug_and_play_compile(trace_only):
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
