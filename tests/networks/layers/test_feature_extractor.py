"""FeatureExtractor: layers of any classifier by name, and a frozen encoder in a game."""

import copy

import pytest
import torch
from network_facts import images
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from energan.engine import Ensemble, Trainer
from energan.engine.game import Game, Move, Player
from energan.engine.noise import normal
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import FeatureExtractor
from energan.utils.errors import UserError


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


def test_additions_to_layers_batch_differentiate_and_compile(compile_cheaply):
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


def test_layers_that_cannot_be_read_are_refused():
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
            torch.manual_seed(5)  # the same images for all
            logs.append(engine.step()["G/loss"])
        torch.testing.assert_close(logs[1][0], logs[0])
        torch.testing.assert_close(logs[2], logs[0])
    assert all(torch.equal(v.to(before[k].dtype), before[k]) for k, v in E.state_dict().items())
