"""Batch norm: of the batch while training, of measured statistics in use."""

import pytest
import torch
from torch import Tensor, nn

from energan.networks.conv import dcgan
from energan.networks.dense import mlp
from energan.networks.layers import BatchNorm, Dropout, measure_batch_norm


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


def test_standing_statistics_are_measured_without_dropout():
    net = nn.Sequential(nn.Linear(3, 4), Dropout(0.5), BatchNorm(4))
    x = torch.randn(32, 3)
    measure_batch_norm([net], lambda: net(x), 2)
    assert torch.allclose(net[2].mean, net[0](x).mean(0), atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_a_bias_without_a_gain_learns(training: bool) -> None:
    layer = BatchNorm(3)
    layer.register_parameter("weight", None)
    layer.train(training)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    out = layer(x)
    mean, var = (x.mean(0), x.var(0, unbiased=False)) if training else (0.0, torch.ones(3))
    torch.testing.assert_close(out, (x - mean) / (var + 1e-5).sqrt() + layer.bias)
    out.sum().backward()
    assert layer.bias.grad.tolist() == [5, 5, 5]
