"""The campaign at toy length, and steps that are interrupted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from energan.metrics.features import catalog as networks
from energan.utils.files import read_weights
from reproductions.campaign import piece, records, thesis
from reproductions.campaign.__main__ import main

TIMES = ("run", "seconds", "costs")  # of a line: they differ between trainings


class Floats(torch.nn.Module):
    """Bytes as floats."""

    def forward(self, images: Tensor) -> Tensor:
        return images.float()


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What judges colour images, and the classifier that is inverted, are small."""
    net = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten())
    networks._mobilenetv2.cache_clear()
    monkeypatch.setattr(networks, "mobilenet_v2", lambda: torch.nn.Sequential(Floats(), net))
    monkeypatch.setitem(thesis.TOY, "module", "tiny_encoder:Net")
    yield
    networks._mobilenetv2.cache_clear()


def play(out: Path, *flags: str) -> int:
    return main(["--toy", "--device", "cpu", "--out", str(out), *flags])


def lines(out: Path, entry: str) -> list[dict[str, Any]]:
    """The looks of an entry, without what differs between two trainings."""
    found = records.read(out / "results", entry)
    return [{k: v for k, v in line.items() if k not in TIMES} for line in found]


def tensors(out: Path) -> dict[str, Tensor]:
    """All that the states in a folder hold."""
    return {
        f"{path.stem}/{k}": v
        for path in sorted((out / "state").glob("*.safetensors"))
        for k, v in read_weights(path)[0].items()
    }


def pictures(out: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in (out / "results").glob("*/*-*.png"))


class Interrupted:
    """Plays steps as ever, and at some of them calls `at`."""

    steps: tuple[int, ...] = ()
    at: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, one: Any, graph: str = "auto") -> None:
        self.one, self.captured = one, 0

    def step(self) -> Any:
        logs = self.one.step()
        if self.one.t in self.steps:
            type(self).at()
        return logs


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> type[Interrupted]:
    """Pieces look after each step whether they shall stop."""
    monkeypatch.setattr(piece, "Graphed", Interrupted)
    monkeypatch.setattr(piece, "WAITED", 0.0)
    monkeypatch.setattr(Interrupted, "steps", ())
    monkeypatch.setattr(Interrupted, "at", staticmethod(lambda: None))
    return Interrupted
