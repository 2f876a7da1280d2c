"""What an operation gives is counted as torch counts it, and without torch's compiler."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import trained
from torch import Tensor
from torch.nn import functional as F

from energan.engine.isolation import OperationsMode
from energan.runs.memory.bounds import bounded_memory
from energan.runs.memory.sizes import itemsize, numbers
from energan.utils.errors import UserError

X = torch.zeros(2, 4, 7, 9)
EXACT: dict[str, Callable[[], Any]] = {
    "empty": lambda: torch.empty(3, 5, dtype=torch.float64),
    "eye": lambda: torch.eye(5),
    "eye, not square": lambda: torch.eye(5, 3),
    "arange": lambda: torch.arange(7),
    "arange by steps": lambda: torch.arange(3, 20, 4),
    "randn": lambda: torch.randn(4, 6),
    "random integers": lambda: torch.randint(5, (4, 6)),
    "sum of two": lambda: X + torch.zeros(9),
    "broadcast": lambda: torch.zeros(5, 1) * torch.zeros(1, 7),
    "another type": X.double,
    "copy": X.clone,
    "softmax": lambda: X.softmax(1),
    "matrices": lambda: torch.zeros(3, 5) @ torch.zeros(5, 7),
    "pairs of matrices": lambda: torch.bmm(torch.zeros(2, 3, 5), torch.zeros(2, 5, 7)),
    "matrix and vector": lambda: torch.zeros(3, 5) @ torch.zeros(5),
    "linear": lambda: F.linear(torch.zeros(3, 5), torch.zeros(7, 5), torch.zeros(7)),
    "cat": lambda: torch.cat([X, X[:, :1]], 1),
    "stack": lambda: torch.stack([X, X]),
    "conv": lambda: F.conv2d(X, torch.zeros(6, 4, 3, 3), stride=2, padding=1),
    "conv of groups": lambda: F.conv2d(X, torch.zeros(6, 2, 3, 2), groups=2, dilation=2),
    "conv transposed": lambda: F.conv_transpose2d(X, torch.zeros(4, 6, 4, 4), stride=2, padding=1, output_padding=1),
    "conv transposed of groups": lambda: F.conv_transpose2d(X, torch.zeros(4, 3, 3, 2), groups=2, dilation=2),
    "conv of lines": lambda: F.conv1d(torch.zeros(2, 4, 9), torch.zeros(6, 4, 3), stride=2),
    "max pool": lambda: F.max_pool2d(X, 3, 2, padding=1),
    "max pool without a stride": lambda: F.max_pool2d(X, 2),
    "mean pool, rounded up": lambda: F.avg_pool2d(X, 2, ceil_mode=True),
    "batch norm": lambda: F.batch_norm(X, None, None, training=True),
    "larger": lambda: F.interpolate(X, scale_factor=3),
    "smaller": lambda: F.interpolate(X, size=(3, 4), mode="bilinear"),
    "rows": lambda: X[torch.tensor([1, 0, 1])],
    "pixels": lambda: X[:, :, torch.tensor([1, 0, 1])[:, None], torch.tensor([2, 3])],
    "relu in place": lambda: X.clone().relu_(),
}


class Counting(OperationsMode):
    """What `numbers` says of each operation before it, and what comes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, int | None, int, int]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        said, size = numbers(func, args, kwargs or {}), itemsize(func, args, kwargs or {})
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            given = [x for x in (result if isinstance(result, tuple) else (result,)) if isinstance(x, Tensor)]
            least = sum(x.numel() * x.element_size() for x in given)
            self.said.append((func._schema.name, said, sum(x.numel() for x in given), least - (said or 0) * size))
        return result


@pytest.mark.parametrize("name", EXACT)
def test_numbers_are_those_that_come(name: str) -> None:
    with Counting() as counting:
        EXACT[name]()
    assert counting.said
    for operation, said, came, bytes_above in counting.said:
        assert said == came, operation
        assert bytes_above <= 0, operation


@pytest.mark.parametrize("reduced", [lambda: X.sum(1), X.mean, lambda: X.amax((2, 3)), lambda: X.logsumexp(0)])
def test_a_reduction_gives_no_more_than_it_takes(reduced: Callable[[], Tensor]) -> None:
    with Counting() as counting:
        reduced()
    assert all(said is not None and came <= said <= X.numel() for _, said, came, _ in counting.said)


def test_what_is_not_known_is_none() -> None:
    assert numbers(torch.ops.aten.repeat.default, (X, [2, 1, 1, 1]), {}) is None
    assert numbers(torch.ops.aten.linalg_inv_ex.default, (torch.eye(3),), {}) is None


def test_to_load_a_run_imports_no_compiler(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    code = f"import sys, energan; energan.load({str(run)!r}).sample(2); sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_a_rule_fails_the_copy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> int:
        raise KeyError

    monkeypatch.setattr("energan.runs.memory.bounds.numbers", fails)
    with bounded_memory("this"), pytest.raises(UserError, match="GiB"):
        torch.empty(2**50)
