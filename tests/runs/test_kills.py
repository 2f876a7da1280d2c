"""A run that is killed at any moment, and resumed, is in the end what it would have been.

python -m pytest -m slow tests/runs/test_kills.py      200 kills: of training, decoding, measuring and reporting
"""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kills
import pytest
import torch
from small_runs import pictures


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Others are not there in a process that was forked."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@contextmanager
def cache(folder: Path) -> Iterator[None]:
    """Images are decoded into this folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENERGAN_CACHE", str(folder))
        yield


class Experiment:
    """A run that was never disturbed, and others like it which are. All kinds of files change within its 20 steps."""

    def __init__(self, folder: Path, data: str) -> None:
        self.folder, self.data = folder, data
        with cache(folder / "whole-cache"):
            self.events = kills.events(self.command(folder / "whole"), folder)
            self.resumed_events = kills.events(["resume", str(folder / "whole"), "--quiet"], folder)
        self.whole = kills.outcome(folder / "whole")

    def command(self, out: Path) -> list[str]:
        flags = {
            "data": self.data,
            "width": 4,
            "z": 8,
            "batch": 8,
            "steps": 20,
            "save-every": 5,
            "ema": 0.9,
            "out": out,
        }
        return ["train", "ebgan-pt-mnist", "--quiet", *(text for k, v in flags.items() for text in (f"--{k}", str(v)))]

    def killed(self, name: str, moments: Iterator[dict[str, Any]]) -> dict[str, Any]:
        """The outcome of a run that was killed twice, and then resumed to its end.

        A process that ends before its moment is no kill: the next moment is tried, on `resume` of what is finished too.
        """
        out, left = self.folder / name, 2
        kills.counting.folder = str(self.folder)
        with cache(self.folder / f"{name}-cache"):
            while left:
                left -= self._start(out, **next(moments)) == -9
            assert self._start(out) == 0
        outcome = kills.outcome(out)
        shutil.rmtree(out)
        return outcome

    def _start(self, out: Path, **moment: Any) -> int:
        """The exit code of the run, begun or resumed."""
        if (out / "run.json").exists():
            return kills.run(["resume", str(out), "--quiet"], **moment)
        return kills.run(self.command(out), **moment)


@pytest.fixture(scope="module")
def of_digits(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    return Experiment(tmp_path_factory.mktemp("digits"), "digits")


@pytest.fixture(scope="module")
def of_files(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Of images that are decoded first; twelve, so that nothing is compared with their features."""
    folder = tmp_path_factory.mktemp("files")
    return Experiment(folder, str(pictures(folder / "pictures")))


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_run_that_was_killed_lacks_nothing_in_the_end(of_digits: Experiment, share: float) -> None:
    """Killed at a share of all calls that change files, and again when it is resumed."""
    moments = iter([{"at_event": round(share * n)} for n in (of_digits.events, of_digits.resumed_events)])
    assert of_digits.killed(f"at {share}", moments) == of_digits.whole


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_two_hundred_kills(of_digits: Experiment, of_files: Experiment, seed: int) -> None:
    """Two kills each: at a call that changes files, and after some seconds."""
    chance, runs = random.Random(seed), of_files if seed % 4 == 3 else of_digits

    def moments() -> Iterator[dict[str, Any]]:
        while True:
            for kind in ("at_event", "after") if seed % 2 else ("after", "at_event"):
                limit = chance.choice((runs.events, runs.resumed_events))
                yield {kind: chance.randint(1, limit) if kind == "at_event" else chance.uniform(0.01, 1.0)}

    assert runs.killed(str(seed), moments()) == runs.whole
