"""Randomness: a function of the generator or of the stream's key, and nothing else."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from close import assert_close_to_scale
from torch import nn
from torch.func import vmap

from energan.engine.noise import gaussian_mixture, normal, swiss_roll, uniform
from energan.engine.rng import seeded, stream, stream_normal, stream_uniform
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import Dropout, GaussianNoise
from energan.utils.specification import describe


def key(i: int) -> torch.Tensor:
    return torch.tensor(i)


def test_normal_is_standard_and_repeats(generator):
    z = normal(4, 2)(generator, 5000)
    assert z.shape == (5000, 4, 2)
    assert z.mean().item() == pytest.approx(0, abs=0.02) and z.std().item() == pytest.approx(1, abs=0.02)
    assert torch.equal(normal(4, 2)(torch.Generator().manual_seed(0), 5000), z)
    assert not torch.equal(normal(4, 2)(generator, 5000), z)


def test_uniform_keeps_to_its_range(generator):
    z = uniform(10, low=-2.0, high=3.0)(generator, 2000)
    assert z.shape == (2000, 10)
    assert float(z.min()) >= -2 and float(z.max()) < 3
    assert z.mean().item() == pytest.approx(0.5, abs=0.05)
    assert z.std().item() == pytest.approx(5 / 12**0.5, rel=0.02)
    default = uniform(10)(generator, 2000)
    assert float(default.min()) < -0.99 and float(default.max()) > 0.99 and float(default.abs().max()) <= 1


def test_seeded_repeats_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    with seeded(3):
        a = torch.randn(3)
    with seeded(3):
        b = torch.randn(3)
    with seeded(4):
        c = torch.randn(3)
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seeded_gives_what_manual_seed_gives():
    def draws():
        layer = nn.Conv2d(3, 4, 3)
        like = torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
        return [
            layer.weight.detach(), torch.randn(3), torch.rand(2, 2), torch.randperm(7), torch.randint(5, (9,)),
            torch.randint(2, 9, (9,)), torch.rand_like(like), torch.randn_like(like), torch.normal(0.0, 2.0, (3,)),
            torch.bernoulli(torch.full((20,), 0.5)), nn.functional.dropout(torch.ones(20)),
            torch.multinomial(torch.ones(5), 3), nn.init.orthogonal_(torch.empty(3, 3)),
            nn.init.trunc_normal_(torch.empty(5)), torch.randn(3, generator=torch.Generator().manual_seed(1)),
        ]  # fmt: skip

    torch.manual_seed(11)
    expected = draws()
    with seeded(11):
        torch.manual_seed(3)  # of the global generator, which the block does not draw from
        drawn = draws()
    assert all(torch.equal(a, b) for a, b in zip(expected, drawn, strict=True))


def test_other_threads_change_neither_weights_nor_streams():
    """Each thread waits for the others inside its blocks, so that all of them are open at once."""
    barrier = threading.Barrier(4)

    def draws(seed, wait=lambda: None):
        with seeded(seed), stream(key(seed)):
            wait()
            first = torch.randn(3), stream_uniform(torch.zeros(3))
            wait()
            return torch.cat([*first, nn.Linear(2, 2).weight.detach().flatten(), stream_normal(torch.zeros(3))])

    def disturbing(seed):
        torch.manual_seed(99)
        return draws(seed, barrier.wait)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(disturbing, range(4)))
    assert all(torch.equal(draws(i), together[i]) for i in range(4))


def test_contexts_of_descriptions_are_the_thread_s():
    inside = threading.Barrier(2)

    def made(seed):
        with seeded(seed):
            inside.wait()
            net = Perceptron((2, 3))
            inside.wait()
        return describe(net)["calls"][0]["arguments"]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(made, (4, 5))) == [{"seed": 4}, {"seed": 5}]


def test_stream_counts_through_the_numbers_of_its_key():
    like = torch.zeros(50)
    with stream(key(1)):
        first, second = stream_uniform(like), stream_uniform(like)
    with stream(key(1)):
        again = stream_uniform(like)
    with stream(key(2)):
        other = stream_uniform(like)
    assert torch.equal(first, again)
    assert not torch.equal(first, second) and not torch.equal(first, other)


def test_stream_is_uniform_and_independent():
    like = torch.zeros(200, 500)
    draws = []
    for i in (0, 1, 2**31 - 1):
        with stream(key(i)):
            draws += [stream_uniform(like), stream_uniform(like)]
    for u in draws:
        assert u.dtype == torch.float32 and float(u.min()) >= 0 and float(u.max()) < 1
        counts = torch.histc(u, 10, 0, 1)
        assert float((counts / u.numel() - 0.1).abs().max()) < 0.004  # 4 standard errors
    flat = torch.stack([u.flatten() for u in draws] + [draws[0].flatten().roll(1), draws[0].flatten().roll(500)])
    correlation = torch.corrcoef(flat) - torch.eye(len(flat))
    assert float(correlation.abs().max()) < 0.015


def test_stream_under_vmap_gives_each_model_its_own_numbers():
    keys = torch.tensor([5, 6, 7])

    def draw(k):
        with stream(k):
            stream_uniform(torch.zeros(2))
            return stream_uniform(torch.zeros(4))

    together = vmap(draw)(keys)
    assert torch.equal(together, torch.stack([draw(k) for k in keys]))
    assert len({float(row[0]) for row in together}) == 3


def test_stream_normal_is_standard_normal():
    draws = []
    for i in (0, 1, 2**31 - 1):
        with stream(key(i)):
            draws += [stream_normal(torch.zeros(200, 501)), stream_normal(torch.zeros(200, 501))]
    for z in draws:
        assert z.dtype == torch.float32 and z.shape == (200, 501) and float(z.abs().max()) < 4.9
        assert float(z.mean()) == pytest.approx(0, abs=0.013) and float(z.std()) == pytest.approx(1, abs=0.01)
        assert float((z**3).mean()) == pytest.approx(0, abs=0.05) and float((z**4).mean()) == pytest.approx(3, abs=0.15)
        for bound, share in ((-2, 0.02275), (-1, 0.15866), (0, 0.5), (0.5, 0.69146), (2.5, 0.99379)):
            assert float((z < bound).float().mean()) == pytest.approx(share, abs=0.007)
    n = draws[0].numel()
    # the two halves come of the same pairs
    shifted = [draws[0].flatten().roll(s) for s in (1, 501, n // 2)] + [draws[0].flatten().roll(n // 2) ** 2]
    flat = torch.stack([z.flatten() for z in draws] + shifted + [draws[0].flatten() ** 2])
    assert float((torch.corrcoef(flat) - torch.eye(len(flat))).abs().max()) < 0.015


def test_stream_normal_counts_through_its_key_and_batches():
    def draw(k):
        with stream(k):
            return stream_normal(torch.zeros(5)), stream_normal(torch.zeros(3, dtype=torch.float64))

    keys = torch.tensor([1, 2, 3])
    together = vmap(draw)(keys)
    assert together[1].dtype == torch.float64
    for i, k in enumerate(keys):
        alone = draw(k)
        torch.testing.assert_close(together[0][i], alone[0])
        assert_close_to_scale(together[1][i], alone[1], rtol=1e-14)
    assert not torch.equal(together[0][0], together[0][1])
    assert not torch.equal(together[0][0][:3], together[1][0].float())


def test_stream_normal_of_no_numbers_and_without_a_stream():
    with stream(key(1)):
        assert stream_normal(torch.zeros(0, 4)).shape == (0, 4)
        assert stream_normal(torch.zeros(())).shape == ()
        assert stream_normal(torch.zeros(3, dtype=torch.bfloat16)).dtype == torch.float32
    with seeded(1):
        a = stream_normal(torch.zeros(3))
    with seeded(1):
        assert torch.equal(a, torch.randn(3))


def test_the_streams_uniform_numbers_are_what_they_were():
    """Of the commit before stream_normal: a saved run with dropout goes on as it would have."""
    with stream(key(5)):
        drawn = [*stream_uniform(torch.zeros(3)).tolist(), *stream_uniform(torch.zeros(2)).tolist()]
    assert drawn == [
        0.3634994626045227,
        0.06053352355957031,
        0.9604646563529968,
        0.6603045463562012,
        0.46419185400009155,
    ]


def test_a_stream_ends_with_its_block_even_after_an_error():
    with pytest.raises(ZeroDivisionError), stream(key(1)):
        raise ZeroDivisionError
    with seeded(1):
        a = stream_uniform(torch.zeros(3))
    with seeded(1):
        assert torch.equal(a, torch.rand(3))  # torch's own numbers, where no stream is open


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_dropout_drops_at_its_rate_and_keeps_the_mean(rate):
    with stream(key(3)):
        out = Dropout(rate).train()(torch.ones(100, 1000))
    kept = out[out != 0]
    assert (out == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert kept.unique().tolist() == pytest.approx([1 / (1 - rate)])
    assert out.mean().item() == pytest.approx(1, abs=0.02)


def test_dropout_repeats_under_a_key_and_differs_between_calls_and_samples():
    layer, x = Dropout(0.5).train(), torch.ones(8, 40)
    with stream(key(3)):
        first, second = layer(x), layer(x)
    with stream(key(3)):
        assert torch.equal(layer(x), first)
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("layer", [Dropout(0.5).eval(), Dropout(0.0).train()])
def test_dropout_is_off_in_eval_and_at_rate_zero(layer):
    x = torch.randn(4, 5)
    assert torch.equal(layer(x), x)


def test_dropout_keeps_the_precision():
    x = torch.ones(4, 4, dtype=torch.bfloat16)
    assert Dropout(0.5).train()(x).dtype == torch.bfloat16


def test_gaussian_noise_has_its_size_and_is_off_in_use():
    layer, x = GaussianNoise(0.5), torch.full((200, 300), 2.0)
    with stream(key(3)):
        noisy = layer(x)
    assert float((noisy - x).std()) == pytest.approx(0.5, rel=0.02)
    assert float((noisy - x).mean()) == pytest.approx(0, abs=0.01)
    assert layer(x.to(torch.bfloat16)).dtype == torch.bfloat16
    assert torch.equal(GaussianNoise(0.5).eval()(x), x) and torch.equal(GaussianNoise(0.0)(x), x)


def test_a_mixture_has_its_petals_around_the_middle():
    every = gaussian_mixture(4, every=True)(torch.Generator().manual_seed(0), 20_000)
    middles = torch.tensor([[1.4, 0.0], [0.0, 1.4], [-1.4, 0.0], [0.0, -1.4]])
    torch.testing.assert_close(every.mean(0), middles, atol=0.02, rtol=0)
    spread = every.std(0)
    long, wide = [0.5, 0.1], [0.1, 0.5]
    torch.testing.assert_close(spread, torch.tensor([long, wide, long, wide]), atol=0.02, rtol=0)
    drawn = gaussian_mixture(4)(torch.Generator().manual_seed(0), 20_000)
    shares = torch.stack([((drawn - middle).norm(dim=1) < 1).float().mean() for middle in middles])
    assert drawn.shape == (20_000, 2) and float((shares - 0.25).abs().max()) < 0.03
    assert torch.equal(gaussian_mixture(4)(torch.Generator().manual_seed(0), 20_000), drawn)


def test_a_swiss_roll_winds_twice_and_its_parts_follow_one_another():
    every = swiss_roll(10, every=True)(torch.Generator().manual_seed(0), 2000)
    radius = every.norm(dim=2)
    u = (radius / 3) ** 2
    for i in range(10):
        assert i / 10 - 1e-5 <= float(u[:, i].min()) and float(u[:, i].max()) <= (i + 1) / 10 + 1e-5
    angle = 4 * math.pi * u.sqrt()
    torch.testing.assert_close(
        every, radius[..., None] * torch.stack([angle.cos(), angle.sin()], -1), atol=1e-4, rtol=0
    )
    whole = (swiss_roll()(torch.Generator().manual_seed(0), 5000).norm(dim=1) / 3) ** 2
    assert float(whole.mean()) == pytest.approx(0.5, abs=0.02) and float(whole.std()) == pytest.approx(
        12**-0.5, rel=0.03
    )


def test_normal_of_another_spread_is_the_same_numbers_times_it():
    one, five = (normal(3, sigma=s)(torch.Generator().manual_seed(0), 4) for s in (1.0, 5.0))
    torch.testing.assert_close(five, 5 * one)
