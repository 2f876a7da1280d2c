"""Training: a resumed run is the uninterrupted one, signals save, divergence and full disks are told in a sentence."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import COMMON, SMALL, fingerprint, flags, leftovers, log, resumed, sentence, start, steady, trained

import energan
from energan.cli import main
from energan.commands.train import new_run_folder
from energan.engine import Trainer
from energan.runs.folder import RunFolder
from energan.runs.reader import read
from energan.training.loop import train
from energan.utils.errors import UserError
from energan.utils.files import read_weights


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No metrics; one thread, since sums over more of them may round differently."""
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def after_step(monkeypatch: pytest.MonkeyPatch, t: int, act: Callable[[Trainer], object]) -> None:
    """`act` is called when step number t is done."""
    step = Trainer.step

    def acting(self: Trainer) -> dict[str, torch.Tensor]:
        logs = step(self)
        if self.t == t:
            act(self)
        return logs

    monkeypatch.setattr(Trainer, "step", acting)


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, t: int, number: int, **more: Any) -> None:
    """A run that gets a signal during step t."""
    with monkeypatch.context() as patch:
        after_step(patch, t, lambda one: signal.raise_signal(number))
        run, data = start(folder, **more)
        assert train(run, RunFolder(folder), data, quiet=True) == "stopped"


LARGE = [recipe for recipe in SMALL if recipe.rpartition("-")[2] in ("64", "128", "256")]  # whose steps take longer
BOTH = "ebgan-pt-mnist"
TWINS = {
    "gan-text-mnist", "gan-cls-mnist", "gan-int-mnist", "gan-int-cls-64", "two-stage-64", "lapgan-64", "vae-gan-64",
    "ebgan-pt-128",
}  # fmt: skip
# every recipe in one precision, every other one in bf16; one in both
EXACT = [*zip(SMALL, cycle(("fp32", "bf16")), strict=False), (BOTH, "bf16")]


def assert_the_same_run(cut: Path, whole: Path) -> None:
    """The same weights and states, bit for bit; the same logs, sheets of samples and histograms."""
    assert fingerprint(RunFolder(cut).checkpoint()) == fingerprint(RunFolder(whole).checkpoint())
    kept = ("step", "logs", "energies")  # metrics are also measured where a shorter run ends
    lines, expected = (
        [{k: line.get(k) for k in kept} for line in log(folder) if line.keys() & {"logs", "energies"}]
        for folder in (cut, whole)
    )
    assert lines == expected
    for sheet in (whole / "samples").glob("*.png"):
        assert (cut / "samples" / sheet.name).read_bytes() == sheet.read_bytes()


def exact() -> Iterator[Any]:
    """EXACT; recipes that differ from another one in a loss or in size are slow ones."""
    for recipe, precision in EXACT:
        marks = pytest.mark.slow if recipe in TWINS else ()
        yield pytest.param(recipe, precision, marks=marks)


@pytest.mark.parametrize(("recipe", "precision"), [*exact()])
def test_a_run_that_was_stopped_resumed_and_extended_is_bit_for_bit_the_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, precision: str
) -> None:
    """Where the learning rate falls over the last steps, it does so over those of the longer run."""
    stop, end, more = (1, 2, 3) if recipe in LARGE else (2, 3, 5)
    settings: dict[str, Any] = {"recipe": recipe, "precision": precision, "save_every": end, **steady(recipe)}
    if recipe == "two-stage-64":
        settings["clear_from"] = 0.4  # the same step, 1, of 2 and of 3 steps
    whole, cut = trained(tmp_path / "whole", steps=more, **settings), tmp_path / "cut"
    interrupted(cut, monkeypatch, stop, signal.SIGTERM, steps=end, **settings)
    assert int(RunFolder(cut).checkpoint().stem) == stop
    assert resumed(cut) == "finished" and int(RunFolder(cut).checkpoint().stem) == end
    assert resumed(cut, steps=more) == "finished"
    assert_the_same_run(cut, whole)
    names = read_weights(RunFolder(whole).checkpoint())[0]
    assert any(name.startswith("state/ema/G") for name in names) == ("ema" in SMALL[recipe])


# whose learning rate, margin, or both depend on how many steps a run is to have
@pytest.mark.parametrize("recipe", ["ebgan-pt-mnist", "ebgan-ln-mnist", "gan-int-cls-mnist"])
def test_a_schedule_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str) -> None:
    assert steady(recipe)
    whole, cut, half = trained(tmp_path / "whole", recipe), tmp_path / "cut", COMMON["steps"] // 2
    interrupted(cut, monkeypatch, half, signal.SIGTERM, recipe=recipe)
    assert int(RunFolder(cut).checkpoint().stem) == half
    assert resumed(cut) == "finished"
    assert_the_same_run(cut, whole)


def test_the_fingerprint_sees_another_seed_precision_and_a_lost_random_state(tmp_path: Path) -> None:
    a = fingerprint(RunFolder(trained(tmp_path / "a")).checkpoint())
    assert fingerprint(RunFolder(trained(tmp_path / "b")).checkpoint()) == a
    assert fingerprint(RunFolder(trained(tmp_path / "c", seed=1)).checkpoint()) != a
    assert fingerprint(RunFolder(trained(tmp_path / "d", precision="bf16")).checkpoint()) != a


def test_stopping_twice_and_at_a_checkpoint_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = trained(tmp_path / "whole"), tmp_path / "cut"
    interrupted(cut, monkeypatch, 3, signal.SIGINT)  # step 3 writes a checkpoint anyway
    with monkeypatch.context() as patch:
        after_step(patch, 7, lambda one: signal.raise_signal(signal.SIGTERM))
        assert resumed(cut) == "stopped"
    assert resumed(cut) == "finished"
    assert fingerprint(RunFolder(cut).checkpoint()) == fingerprint(RunFolder(whole).checkpoint())


def wait(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    for _ in range(1200):
        if ready():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    pytest.fail("training did not come so far within a minute")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, int, str, str]]:
    """Real processes that a signal ended, by signal: folder, exit code, stdout, stderr."""
    parent = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "energan", "train", "ebgan-mnist", "--quiet"]
    kept = {"HOME": str(Path.home()), "ENERGAN_STATE": os.environ["ENERGAN_STATE"]}
    environment = {"OMP_NUM_THREADS": "1", "PATH": "", **kept}
    processes = {}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        out = parent / number.name
        told = flags("ebgan-mnist", out, steps=100000, save_every=5)
        processes[number] = subprocess.Popen(
            [*command, *told, "--out", str(out)],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
    found = {}
    for number, process in processes.items():
        folder = parent / number.name
        wait(process, lambda folder=folder: len(RunFolder(folder).checkpoints()) > 1)  # type: ignore[misc]
        process.send_signal(number)
        said, warned = process.communicate(timeout=60)
        found[int(number)] = (folder, process.returncode, said, warned)
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_a_real_process_saves_and_says_so(
    killed: dict[int, tuple[Path, int, str, str]], number: signal.Signals
) -> None:
    folder, code, said, warned = killed[number]
    assert code == 130
    assert f"stopped and saved; `energan resume {folder}` continues exactly here" in said
    assert "Traceback" not in warned
    status = RunFolder(folder).record["status"]
    assert (status["state"], status["message"]) == ("stopped", f"stopped by {number.name}")
    assert status["step"] == int(RunFolder(folder).checkpoint().stem) == log(folder)[-1]["step"]
    assert not leftovers(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_real_process_that_was_killed_is_continued_bit_for_bit(
    killed: dict[int, tuple[Path, int, str, str]], number: signal.Signals, tmp_path: Path
) -> None:
    folder, code, _, _ = killed[number]
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
        assert RunFolder(folder).record["status"]["state"] == "running"
    end = int(RunFolder(folder).checkpoint().stem) + 4
    assert resumed(folder, steps=end) == "finished"
    whole = trained(tmp_path / "whole", "ebgan-mnist", steps=end, save_every=1000)
    assert fingerprint(RunFolder(folder).checkpoint()) == fingerprint(RunFolder(whole).checkpoint())
    assert [line["step"] for line in log(folder) if "logs" in line][-1] == end


def test_what_a_killed_run_logged_after_its_checkpoint_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("energan.runs.log.LARGEST", 500)  # of what pages read; who goes on keeps all
    folder = trained(tmp_path / "run", steps=6)
    with (folder / "log.jsonl").open("ab") as file:
        file.write(b'{"step": 7, "logs": {"D/E(x)": -1.0}}\n[1]\n"text"\n{"no": 1}\n{"step": "8"}\n\xff\xfe\n')
        file.write(b'{"step": 8, "logs": {"D/E')
    assert resumed(folder, steps=9) == "finished"
    steps = [line["step"] for line in log(folder) if "logs" in line]
    assert steps == list(range(1, 10))
    assert all(line["logs"]["D/E(x)"] > 0 for line in log(folder) if "logs" in line)
    assert "log.jsonl: lines that cannot be read, and are left out: 5" in capsys.readouterr().err
    assert read(folder).unread_bytes > 0


def test_the_seconds_of_all_sessions_are_counted(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", steps=3)
    record = RunFolder(folder).record
    RunFolder(folder).update(status={**record["status"], "seconds": 1000.0})
    resumed(folder, steps=4)
    assert 1000 <= RunFolder(folder).record["status"]["seconds"] < 1100


def lost(folder: Path, monkeypatch: pytest.MonkeyPatch, t: int, **more: Any) -> None:
    """A run that is lost in step t, as by a power failure: nothing after that is written."""

    def die(one: Trainer) -> None:
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        after_step(patch, t, die)
        resumed(folder, **more)


def test_the_time_of_a_killed_session_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trained(tmp_path / "run", steps=3, save_every=1)
    with monkeypatch.context() as patch:
        patch.setattr("energan.training.log.Log.seconds", 1000.0)
        lost(folder, monkeypatch, 6, steps=9)
    assert RunFolder(folder).record["status"]["seconds"] < 1000
    resumed(folder, steps=9)
    assert 1000 <= RunFolder(folder).record["status"]["seconds"] < 1100


def test_a_run_that_is_gone_on_with_is_not_said_to_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trained(tmp_path / "run", steps=3, save_every=1)
    assert RunFolder(folder).record["status"]["state"] == "finished"
    lost(folder, monkeypatch, 6, steps=9)
    status = RunFolder(folder).record["status"]
    assert (status["state"], status["step"]) == ("running", 3)


def test_a_longer_run_has_the_numbers_of_its_new_length(tmp_path: Path) -> None:
    """The margin of EBGAN-LN falls to 0 until the switch, a share of all steps."""
    folder = trained(tmp_path / "run", recipe="ebgan-ln-mnist", steps=4, switch=0.5)
    assert RunFolder(folder).record["game"]["hyperparameters"]["switch"] == 2
    resumed(folder, steps=12)
    assert RunFolder(folder).record["game"]["hyperparameters"]["switch"] == 6
    whole = trained(tmp_path / "whole", recipe="ebgan-ln-mnist", steps=12, switch=0.5)
    here, there = (
        {line["step"]: line["logs"]["D/margin"] for line in log(each) if "D/margin" in line.get("logs", {})}
        for each in (folder, whole)
    )
    assert {step: here[step] for step in (5, 6)} == {step: there[step] for step in (5, 6)} and max(here) == 6


def test_a_log_that_cannot_be_read_is_not_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trained(tmp_path / "run", steps=3)
    before = (folder / "log.jsonl").read_bytes()

    def broken(*given: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("energan.runs.log.json_line", broken)
    with pytest.raises(UserError, match=r"log\.jsonl cannot be read"):
        resumed(folder, steps=4)
    assert (folder / "log.jsonl").read_bytes() == before


def test_best_is_by_what_it_was_saved_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two ways, xy and yx, it is the mean that counts, and no single distance in the log."""
    folder = trained(tmp_path / "run", steps=3)
    saved = energan.load(folder)
    with monkeypatch.context() as patch:
        patch.setattr("energan.training.watcher.Watcher._preview", lambda self, model: None)
        run, data = start(tmp_path / "other")
        one = Trainer(run.game, run.batches(data), seed=0)
        RunFolder(folder).save_best(one, saved, 50.0)
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps({"step": 3, "metrics": {"FID xy": 10.0, "FID yx": 90.0}, "samples": 4}) + "\n")
    found: list[float] = []
    monkeypatch.setattr("energan.training.watcher.Watcher._preview", lambda self, model: found.append(self.log.best))
    resumed(folder, steps=4)
    assert found == [50.0]


def test_the_newest_three_checkpoints_and_the_best_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distances = iter([5.0, 3.0, 1.0, 4.0, 2.0, 9.0])
    monkeypatch.setattr("energan.capabilities.reference.usable_network", lambda run, real: "mnist")
    monkeypatch.setattr("energan.training.watcher.METRICS_EVERY", 1)
    monkeypatch.setattr("energan.capabilities.reference.MEASURED", 32)
    monkeypatch.setattr("energan.capabilities.reference.describe", lambda images, network: "described")
    monkeypatch.setattr("energan.metrics.evaluate", lambda *given: {"MNIST-FID": next(distances)})
    folder = trained(tmp_path / "run", steps=5, save_every=1)
    kept = [path.stem for path in sorted((folder / "checkpoints").iterdir())]
    assert kept == ["000003", "000004", "000005", "best"]
    best = folder / "checkpoints" / "best.safetensors"
    assert read_weights(best)[1]["step"] == "3"
    resumed(folder, steps=6)  # 9.0 is worse than the best of the session before
    assert read_weights(best)[1]["step"] == "3"
    assert energan.load(folder, checkpoint="best").sample(1).shape == (1, 1, 32, 32)
    assert [line["metrics"]["MNIST-FID"] for line in log(folder) if "metrics" in line] == [5, 3, 1, 4, 2, 9]


@pytest.mark.parametrize("recipe", ["ebgan-pt-mnist", "ebgan-mnist", "gan-mnist"])
@pytest.mark.parametrize("steps", [20, 3000])
def test_exploding_quantities_stop_training(tmp_path: Path, recipe: str, steps: int) -> None:
    run, data = start(tmp_path / "run", recipe, lr=1e6, steps=steps)
    with pytest.raises(UserError, match=r"diverged .* (grew from|became nan).* there was no checkpoint yet"):
        train(run, RunFolder(tmp_path / "run"), data, quiet=True)
    assert RunFolder(tmp_path / "run").record["status"]["state"] == "diverged"
    assert not RunFolder(tmp_path / "run").checkpoints()  # no exploded state was kept as a good one


def leap(k: int, last: int, factor: float) -> Callable[[Trainer], dict[str, torch.Tensor]]:
    """A step whose logs are `factor` times as large from step k to `last`."""
    step = Trainer.step

    def leaping(self: Trainer) -> dict[str, torch.Tensor]:
        logs = step(self)
        return {name: v * (factor if k <= self.t <= last else 1.0) for name, v in logs.items()}

    return leaping


@pytest.mark.parametrize("start_at, ends", [(7, False), (51, True)])
def test_what_leaps_in_the_first_steps_and_comes_back_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_at: int, ends: bool
) -> None:
    run, data = start(tmp_path / "run", "gan-mnist", steps=100, save_every=100)
    monkeypatch.setattr(Trainer, "step", leap(start_at, start_at + 8, 1e8))
    if ends:
        with pytest.raises(UserError, match=r"diverged .* grew from"):
            train(run, RunFolder(tmp_path / "run"), data, quiet=True)
    else:
        assert train(run, RunFolder(tmp_path / "run"), data, quiet=True) == "finished"


def spoil(one: Trainer) -> None:
    with torch.no_grad():
        next(one.nets["G"].parameters()).fill_(float("nan"))


def test_nan_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    after_step(monkeypatch, 5, spoil)
    assert main(["train", "ebgan-pt-mnist", *flags("ebgan-pt-mnist", folder), "--out", str(folder), "--quiet"]) == 2
    said = sentence(capsys)
    assert "training diverged before step 6: " in said and "the checkpoint of step 3 is kept" in said
    status = RunFolder(folder).record["status"]
    assert status["state"] == "diverged" and status["message"] in said
    assert [path.stem for path in RunFolder(folder).checkpoints()] == ["000003"]
    assert all(bool(v.isfinite().all()) for v in read_weights(RunFolder(folder).checkpoint())[0].values())
    assert energan.load(folder).sample(2).shape == (2, 1, 32, 32)
    assert all(json.dumps(line, allow_nan=False) for line in log(folder))  # plain JSON has no NaN


@pytest.mark.parametrize("t", [3, 4])
def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, t: int) -> None:
    """At a checkpoint's own step, and when stopped: no log has seen the NaN yet."""

    def act(one: Trainer) -> None:
        spoil(one)
        signal.raise_signal(signal.SIGTERM)

    after_step(monkeypatch, t, act)
    run, data = start(tmp_path / "run", save_every=3)
    with pytest.raises(UserError, match="the weights of G are no longer finite"):
        train(run, RunFolder(tmp_path / "run"), data, quiet=True)
    assert [path.stem for path in RunFolder(tmp_path / "run").checkpoints()] == (["000003"] if t == 4 else [])


def test_a_second_ctrl_c_stops_at_once_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def twice(one: Trainer) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    after_step(monkeypatch, 5, twice)
    folder = tmp_path / "run"
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert main(["train", "ebgan-pt-mnist", *flags("ebgan-pt-mnist", folder), "--out", str(folder), "--quiet"]) == 130
    assert sentence(capsys) == "energan: interrupted"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert not leftovers(folder)
    monkeypatch.undo()
    assert RunFolder(folder).checkpoint().stem == "000003"


def test_a_closed_pipe_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `energan train ... | head -1`, and where the terminal is closed under nohup."""
    reading, writing = os.pipe()
    os.close(reading)
    folder = tmp_path / "run"
    with os.fdopen(writing, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        monkeypatch.setattr(sys, "stderr", nobody)
        assert main(["train", "ebgan-pt-mnist", *flags("ebgan-pt-mnist", folder), "--out", str(folder)]) == 0
    assert RunFolder(folder).record["status"]["state"] == "finished"
    assert (folder / "report.html").exists()


def test_trainings_that_start_at_once_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_run_folder("my.module:net"), range(8)))
    names = {"net", *(f"net-{i}" for i in range(2, 9))}
    assert {folder.name for folder in folders} == names and len({*folders}) == 8
    assert {path.name for path in (tmp_path / "runs").iterdir()} == names


def test_a_training_that_is_refused_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = flags("ebgan-pt-mnist", tmp_path / "run", batch=100_000)
    assert main(["train", "ebgan-pt-mnist", *small, "--quiet"]) == 2
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs").write_text("a file")
    small = flags("ebgan-pt-mnist", tmp_path / "run")
    assert main(["train", "ebgan-pt-mnist", *small, "--quiet"]) == 2


def test_training_runs_in_a_thread_too(tmp_path: Path) -> None:
    """Signal handlers can be set in the main thread only."""
    run, data = start(tmp_path / "run", steps=2)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(train(run, RunFolder(tmp_path / "run"), data, quiet=True)))
    thread.start()
    thread.join()
    assert found == ["finished"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: what a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", steps=3, decay=0.0)
    before = fingerprint(RunFolder(folder).checkpoint())
    with largest_file(100_000), pytest.raises(UserError, match=r"cannot write .*000006\.safetensors: file too large"):
        resumed(folder, steps=6)
    assert [path.stem for path in RunFolder(folder).checkpoints()] == ["000003"]
    assert fingerprint(RunFolder(folder).checkpoint()) == before
    assert not leftovers(folder)
    assert resumed(folder, steps=6) == "finished"
    assert fingerprint(RunFolder(folder).checkpoint()) == fingerprint(
        RunFolder(trained(tmp_path / "whole", steps=6, decay=0.0)).checkpoint()
    )


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of `size` bytes in memory. Skips where this user cannot mount one."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if not (mount and unmount) or subprocess.run([mount, *options], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run([unmount, "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kilobytes", [4, 8, 36, 80, 140, 200, 400, 500, 600])
def test_a_full_disk_ends_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], kilobytes: int) -> None:
    told = flags("ebgan-pt-mnist", tmp_path / "x", save_every=2)
    with disk(tmp_path / "disk", kilobytes * 1024) as full:
        folder = full / "run"
        assert main(["train", "ebgan-pt-mnist", *told, "--out", str(folder), "--quiet"]) == 2
        said = sentence(capsys)
        assert said.startswith("energan: cannot write ") and "no space left on device" in said
        assert not leftovers(folder)
        for checkpoint in RunFolder(folder).checkpoints():
            assert read_weights(checkpoint)[0]


def test_a_read_only_folder_ends_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["train", "ebgan-pt-mnist", *flags("ebgan-pt-mnist", tmp_path / "x"), "--quiet"]
    (tmp_path / "file").write_text("in the way")
    assert main([*told, "--out", str(tmp_path / "file" / "run")]) == 2
    assert "cannot write" in sentence(capsys)
    assert main([*told, "--out", str(tmp_path / ("a" * 300))]) == 2
    assert "file name too long" in sentence(capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"file"}
    with disk(tmp_path / "disk", 2**20) as readonly:
        mount = shutil.which("mount")
        assert mount
        subprocess.run([mount, "-o", "remount,ro", str(readonly)], check=True)
        assert main([*told, "--out", str(readonly / "run")]) == 2
        assert "read-only file system" in sentence(capsys)


def test_a_checkpoint_of_another_net_is_refused(tmp_path: Path) -> None:
    a, b = trained(tmp_path / "a", steps=2), trained(tmp_path / "b", steps=2, width=8)
    shutil.copy(RunFolder(b).checkpoint(), RunFolder(a).checkpoint())
    with pytest.raises(UserError, match=r"000002\.safetensors does not fit this run"):
        resumed(a, steps=4)
    with pytest.raises(UserError, match="does not fit this run's networks"):
        energan.load(a)


def test_one_folder_is_trained_in_by_one_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run, data = start(folder)
    with RunFolder(folder).locked(), pytest.raises(UserError, match="another process trains in"):
        train(run, RunFolder(folder), data, quiet=True)
    assert train(run, RunFolder(folder), data, quiet=True) == "finished"  # the lock is gone
    with pytest.raises(UserError, match="is there already"):
        start(folder)


def test_a_race_for_a_folder_has_one_winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both found it empty; the second to write is refused."""
    folder = tmp_path / "run"

    @contextmanager
    def after_the_other(run: RunFolder) -> Iterator[None]:
        run.path.mkdir()
        (run.path / "run.json").write_text("the other's")
        yield

    monkeypatch.setattr(RunFolder, "locked", after_the_other)
    with pytest.raises(UserError, match="another run has begun"):
        start(folder)
    assert (folder / "run.json").read_text() == "the other's"
