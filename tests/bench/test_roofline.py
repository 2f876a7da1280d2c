"""What a step does, counted against arithmetic by hand, and the least time that ceilings allow it."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn import functional as F

from energan.bench import roofline
from energan.bench.operations import Counter, Operation, Step
from energan.bench.roofline import BEYOND, Machine, ceilings, floor, fused_floor, grouped
from energan.engine.optimizers import SGD, Adam, RMSProp

CPU = torch.device("cpu")
FLOAT = 4  # bytes


def counted(play: Callable[[], object]) -> list[Operation]:
    """The operations of play(), as those of a turn called T, after its noise."""
    counter = Counter(CPU, ["T"])
    counter.mark("data", 0)
    counter.mark("play", 0)
    with counter:
        play()
    return counter.step().operations


def flops(operations: list[Operation]) -> int:
    return sum(op.flops for op in operations)


# -------------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("amp", [False, True])
def test_an_mlp_forward_and_backward(amp: bool) -> None:
    n, sizes = 7, (5, 11, 3)
    net = nn.Sequential(nn.Linear(5, 11), nn.ReLU(), nn.Linear(11, 3))
    x = torch.randn(n, 5)

    def play() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            loss = net(x).square().sum()
        loss.backward()

    operations = counted(play)
    first, second = 2 * n * sizes[0] * sizes[1], 2 * n * sizes[1] * sizes[2]
    # x needs no gradient: the first layer has forward and weights, the second its input's too
    assert flops(operations) == 2 * first + 3 * second
    products = [op for op in operations if op.group == "products"]
    assert len(products) == 5 and {op.dtype for op in products} == {"bfloat16" if amp else "float32"}
    assert all(op.turn == "T" and op.seconds > 0 for op in operations)


@pytest.mark.parametrize(
    ("layer", "size", "places"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), 6, 6),
        (nn.Conv2d(4, 8, 4, stride=2, padding=1), 8, 4),
        (nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1), 4, 4),  # a multiplication for each place of its input
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), 5, 5),
        (nn.Conv2d(8, 4, 3, padding=1, groups=2, bias=False), 5, 5),
    ],
    ids=["same", "down", "up", "depthwise", "groups"],
)
@pytest.mark.parametrize("inner", [False, True])
def test_a_convolution_forward_and_backward(layer: nn.Module, size: int, places: int, inner: bool) -> None:
    n = 3
    maps = layer.in_channels
    assert isinstance(maps, int)
    x = torch.randn(n, maps, size, size, requires_grad=inner)
    once = 2 * n * places**2 * layer.weight.numel()  # type: ignore[operator]
    assert flops(counted(lambda: layer(x))) == once
    layer.zero_grad(set_to_none=True)
    assert flops(counted(lambda: layer(x).sum().backward())) == once * (3 if inner else 2)


def test_a_convolution_net() -> None:
    n = 2
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 2, stride=2), nn.Flatten(), nn.Linear(32, 1)
    )
    operations = counted(lambda: net(torch.ones(n, 1, 8, 8)).sum().backward())
    layers = 2 * n * 64 * 4 * 9, 2 * n * 16 * 2 * 4 * 4, 2 * n * 32
    assert flops(operations) == 2 * layers[0] + 3 * layers[1] + 3 * layers[2]


def test_inside_torch_func() -> None:
    """Gradients of gradients, and many at once: each product is there once for each model."""
    w, x = torch.randn(4, 6), torch.randn(5, 4)
    operations = counted(lambda: grad(lambda w: (x @ w).square().sum())(w))
    assert flops(operations) == 2 * 2 * 5 * 4 * 6  # forward and weights
    operations = counted(lambda: vmap(lambda w: x @ w)(torch.randn(3, 4, 6)))
    assert flops(operations) == 3 * 2 * 5 * 4 * 6
    v = torch.randn(5, 4, requires_grad=True)

    def penalty() -> None:
        (slope,) = torch.autograd.grad((v @ w).square().sum(), v, create_graph=True)
        slope.square().sum().backward()

    # v w; its slope g w^T; back through that: once by g, and from g to v
    assert flops(counted(penalty)) == 4 * 2 * 5 * 4 * 6


# ------------------------------------------------------------------------------------------------- bytes


@pytest.mark.parametrize(
    ("play", "moved"),
    [
        (lambda x, y: x + y, 3),
        (lambda x, y: x * x, 2),  # read once
        (lambda x, y: x.mul_(y), 3),
        (lambda x, y: x.mul_(2.0), 2),
        (lambda x, y: x.copy_(y), 2),  # what is overwritten is not read
        (lambda x, y: x.zero_(), 1),
        (lambda x, y: torch.add(x, y, out=torch.empty_like(x)), 3),
        (lambda x, y: torch.zeros_like(x), 1),
        (lambda x, y: torch.empty_like(x), 0),
        (lambda x, y: x.view(-1).t().detach()[3:], 0),
        (lambda x, y: torch.cat([x, y]), 4),
        (lambda x, y: x.relu(), 2),
    ],
)  # fmt: skip
def test_bytes_of_simple_operations(play: Callable[[Tensor, Tensor], object], moved: int) -> None:
    x, y = torch.randn(10, 10), torch.randn(10, 10)
    assert sum(op.moved for op in counted(lambda: play(x, y))) == moved * 100 * FLOAT


def test_bytes_of_what_is_broadcast_cast_or_gathered() -> None:
    x, row = torch.randn(10, 10), torch.randn(10)
    assert [op.moved for op in counted(lambda: x + row)] == [(2 * 100 + 10) * FLOAT]
    assert [op.moved for op in counted(lambda: x + row.expand(10, 10))] == [(2 * 100 + 10) * FLOAT]
    assert [op.moved for op in counted(x.bfloat16)] == [100 * (FLOAT + 2)]
    rows = torch.tensor([1, 2])
    assert [op.moved for op in counted(lambda: x.index_select(0, rows))] == [2 * 20 * FLOAT + 2 * 8]
    (total,) = counted(x.sum)
    assert total.moved == 101 * FLOAT and total.group == "other"


def test_bytes_of_a_product() -> None:
    x, w = torch.randn(3, 4), torch.randn(5, 4)
    (product,) = counted(lambda: F.linear(x, w))
    assert product.moved == (3 * 4 + 4 * 5 + 3 * 5) * FLOAT


@pytest.mark.parametrize(
    ("optimizer", "least"),
    [(Adam(), 7), (SGD(momentum=0.9), 5), (RMSProp(), None)],  # weights and moments each way, gradients once
    ids=["Adam", "SGD", "RMSProp"],
)
def test_bytes_of_an_update(optimizer: Adam | SGD | RMSProp, least: int | None) -> None:
    weights = {"a": torch.randn(50, 20), "b": torch.randn(20)}
    n, tensors = 1020, 2
    moments = optimizer.init(weights)
    grads = [torch.randn_like(w) for w in weights.values()]
    operations = counted(lambda: optimizer.step_(weights, grads, moments, 1.0))
    moved = sum(op.moved for op in operations)
    if least is None:  # not fused: more passes than the least
        assert moved > 5 * n * FLOAT
    elif isinstance(optimizer, Adam):  # the counts: added to, and read
        assert moved == (least * n + (2 + 1) * tensors) * FLOAT
    else:
        assert moved == least * n * FLOAT


def test_groups() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False), nn.ReLU())
    counter = Counter(CPU, ["D", "G"])
    with counter:
        counter.mark("data", 0)
        x = torch.randn(2, 1, 5, 5)
        counter.mark("play", 0)
        net(x).clone().sum().backward()
        counter.mark("update", 123)
        torch._foreach_mul_([p.data for p in net.parameters()], 0.5)
        counter.mark("data", 0)
    found = {op.name: op.group for op in counter.step().operations}
    assert found["randn"] == "data and noise" and found["convolution"] == "products"
    assert found["native_batch_norm"] == found["native_batch_norm_backward"] == "normalisation"
    assert found["relu"] == found["threshold_backward"] == found["clone"] == "elementwise"
    assert found["sum"] == "other" and found["_foreach_mul_"] == "optimizer"
    assert counter.step().updates == {"D": 123, "G": 0}


# ------------------------------------------------------------------------------------------------- floor

MACHINE = Machine("cpu", 1, {"float32": 100.0, "bfloat16": 400.0}, ((10, 8.0), (100, 16.0), (1000, 4.0)))


def op(name: str = "mm", group: str = "products", turn: str = "D", *, work: int, moved: int, dtype: str = "float32",
       seconds: float = 1.0) -> Operation:  # fmt: skip
    return Operation(name, group, turn, work, moved, dtype, seconds)


def test_the_floor_by_hand() -> None:
    assert MACHINE.bandwidth(1) == MACHINE.bandwidth(10) == MACHINE.bandwidth(99) == 16.0  # 8 is beaten by a larger
    assert MACHINE.bandwidth(100) == MACHINE.bandwidth(999) == 16.0
    assert MACHINE.bandwidth(1000) == MACHINE.bandwidth(5000) == 4.0
    operations = [
        op(work=1000, moved=16),  # 10 s of arithmetic
        op(work=1000, moved=160, dtype="bfloat16"),  # 10 s of bytes
        op(work=1000, moved=16, dtype="float64"),  # 2.5 s, at the fastest
        op("add", "elementwise", "G", work=0, moved=4000),  # 1000 s
    ]
    assert [MACHINE.least(o) for o in operations] == [10.0, 10.0, 2.5, 1000.0]
    assert floor(MACHINE, operations) == 1022.5
    step = Step(operations, {"D": 800, "G": 40})
    assert fused_floor(MACHINE, step, ["G"]) == 2.5
    assert fused_floor(MACHINE, step, ["D"]) == 22.5  # 10 + 2.5 + 2.5 and 50 of updates, but no more than the floor
    assert fused_floor(MACHINE, step, ["D", "G"]) == 15.0 + 50.0 + 2.5


sizes = st.integers(0, 10**6)
work = st.builds(op, work=sizes, moved=sizes, dtype=st.sampled_from(["float32", "bfloat16", "float64"]))


@given(st.lists(work), st.lists(sizes, max_size=3))
def test_no_execution_within_the_ceilings_beats_the_floor(operations: list[Operation], updates: list[int]) -> None:
    """Whatever computes no faster than the ceilings, and moves bytes no faster, takes at least the floor."""
    fastest = max(MACHINE.products.values())
    slow = sum(
        o.flops / MACHINE.products.get(o.dtype, fastest) + o.moved / MACHINE.bandwidth(o.moved) for o in operations
    )
    least = floor(MACHINE, operations)
    assert fused_floor(MACHINE, Step(operations, {"D": sum(updates)}), ["D"]) <= least <= slow * (1 + 1e-9)


@given(st.dictionaries(st.integers(1, 10**9), st.floats(1.0, 1e12), min_size=1), st.integers(0, 10**9))
def test_no_size_s_bandwidth_is_taken_for_less_than_was_measured(measured: dict[int, float], moved: int) -> None:
    machine = MACHINE._replace(memory=tuple(sorted(measured.items())))
    assert all(machine.bandwidth(moved) >= rate for size, rate in measured.items() if size >= moved)
    assert machine.bandwidth(moved) in measured.values()


def test_groups_hold_the_whole_step() -> None:
    step = Step([op(work=1000, moved=16, seconds=11.0), op("add", "elementwise", work=0, moved=160, seconds=12.0)], {})
    found = grouped(MACHINE, step, 30.0)
    assert [g.group for g in found][:2] == [BEYOND, "elementwise"]
    assert sum(g.seconds for g in found) == 30.0 and sum(g.floor for g in found) == floor(MACHINE, step.operations)
    gaps = {g.group: g.gap for g in found}
    assert gaps[BEYOND] == 7.0 and gaps["elementwise"] == 2.0 and gaps["products"] == 1.0
    assert grouped(MACHINE, step, 20.0)[-1].seconds == 0.0  # timed one by one they took longer than the step


def test_ceilings_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = ceilings("cpu", sides=(16, 32), sizes=(4096, 8192), seconds=0.001)
    assert set(machine.products) == {"float32", "bfloat16"} and min(machine.products.values()) > 0
    assert [size for size, _ in machine.memory] == [4096, 8192] and machine.threads == torch.get_num_threads()
    # with a clock that says a microsecond for everything, rates are the work of the best kernel
    monkeypatch.setattr(roofline, "_fastest", lambda run, where, seconds: (run(), 1e-6)[1])
    machine = ceilings("cpu", sides=(16, 64), sizes=(4096, 8192))
    convolution = 2 * 32 * 16 * 16 * 64 * 64 * 9
    assert machine.products["float32"] == pytest.approx(convolution * 1e6)
    assert [rate for _, rate in machine.memory] == pytest.approx([4096e6, 8192e6])


def test_kernels_move_the_bytes_that_they_are_taken_for() -> None:
    """What is counted of the kernels that measure memory is what their rate is worked out from."""
    kernels = list(roofline._movers(3000, CPU))
    moved = [sum(o.moved for o in counted(run)) for run in kernels]
    assert moved == [12000, 12000, 12000, 12004]  # the sum itself is written
