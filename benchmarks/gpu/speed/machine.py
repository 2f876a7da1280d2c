"""The machine that the numbers are of: its facts, its ceilings, and the floor that they set."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import torch

from energan.bench.operations import Operation, Step
from energan.bench.roofline import Machine, ceilings, fused_floor
from energan.utils.errors import UserError
from energan.utils.hardware import environment, pick_device

TOY = {"sides": (64, 128), "sizes": (2**17, 2**20), "seconds": 0.002}  # on a CPU, where nobody reads the shares

FACTS = "name,driver_version,pstate,clocks.sm,clocks.max.sm,clocks.mem,power.limit,temperature.gpu"  # nvidia-smi's


class Ceilings(NamedTuple):
    """What this machine reaches at best.

    exact  with products of float32 in float32
    convolutions  with those as torch computes convolutions of float32: on a GPU rounded to TF32 unless that is off
    tf32  products of matrices of float32 rounded to TF32, operations/s; None: there are no such units
    """

    exact: Machine
    convolutions: Machine
    tf32: float | None

    def floor(self, step: Step) -> float:
        """The least seconds of the step's operations, one after another (energan.bench)."""
        return sum(self._of(op).least(op) for op in step.operations)

    def fused_floor(self, step: Step) -> float:
        """The least seconds of its products and updates, if all else were free."""
        turns = {op.turn for op in step.operations}
        rest = Step([op for op in step.operations if "convolution" not in op.name], step.updates)
        products = (op for op in step.operations if "convolution" in op.name)
        return fused_floor(self.exact, rest, turns) + sum(
            self.convolutions.arithmetic(op.flops, op.dtype) for op in products
        )

    def _of(self, op: Operation) -> Machine:
        return self.convolutions if "convolution" in op.name else self.exact

    def described(self) -> dict[str, Any]:
        rates = {f"{name} products": rate for name, rate in self.exact.products.items()}
        rates["float32 convolutions"] = self.convolutions.products["float32"]
        if self.tf32:
            rates["TF32 products"] = self.tf32
        return {
            "operations_per_second": rates,
            "bytes_per_second": [{"moved": n, "rate": rate} for n, rate in self.exact.memory],
        }


@contextmanager
def _tf32(on: bool) -> Iterator[None]:
    """Inside the block, products of float32 may be rounded to TF32, or may not."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def measured(device: str) -> Ceilings:
    """The ceilings of the device, in some seconds; on a CPU only roughly, in a moment."""
    if device == "cpu":
        machine = ceilings(device, **TOY)  # type: ignore[arg-type]
        return Ceilings(machine, machine, None)
    with _tf32(False):
        exact = ceilings(device)
    has_units = torch.cuda.get_device_capability()[0] >= 8
    if not has_units:
        return Ceilings(exact, exact, None)
    with _tf32(True):
        rounded = ceilings(device, sizes=(2**17,)).products["float32"]
    convolutions = exact
    if torch.backends.cudnn.allow_tf32:
        convolutions = exact._replace(products={**exact.products, "float32": rounded})
    return Ceilings(exact, convolutions, rounded)


def facts(device: str) -> dict[str, Any]:
    """The software, the processor and the GPU with its clocks, as far as they can be read."""
    here = environment()
    known = {k: here[k] for k in ("energan", "python", "torch", "platform", "cpu", "cores", "threads")}
    known["device"] = device
    if device == "cpu":
        return known
    gpu = torch.cuda.get_device_properties(device)
    return known | {
        "gpu": gpu.name,
        "memory": gpu.total_memory,
        "multiprocessors": gpu.multi_processor_count,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "triton": _version("triton"),
        "tf32": {"products": torch.backends.cuda.matmul.allow_tf32, "convolutions": torch.backends.cudnn.allow_tf32},
        "nvidia_smi": nvidia_smi(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def nvidia_smi(run: Callable[..., Any] = subprocess.run) -> dict[str, str]:
    """The driver, clocks and limits of the first GPU as nvidia-smi tells them; {} where it does not."""
    command = ["nvidia-smi", f"--query-gpu={FACTS}", "--format=csv,noheader"]
    try:
        told = run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    values = [value.strip() for value in (told.splitlines() or [""])[0].split(",")]
    names = FACTS.split(",")
    return dict(zip(names, values, strict=True)) if len(values) == len(names) else {}


def usable(device: str) -> str:
    """The device to measure, "cpu" or "cuda". UserError for another, or for a GPU that is not there."""
    device = pick_device(device)
    if device not in ("cpu", "cuda"):
        raise UserError(f"`device` {device}: the first GPU is measured; hide the others by CUDA_VISIBLE_DEVICES")
    return device
