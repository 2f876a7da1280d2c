"""One model on two ranks, processes that torchrun starts: against the same model on one."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ranks_worker as worker
import torch
from close import assert_close_to_scale
from safetensors.torch import load_file, save_file
from small_runs import flags, log, resumed, trained
from torch import Tensor

from energan.cli import main
from energan.engine.cross_rank import among, gathered
from energan.engine.distributed import ALONE, rank_from_env, slices
from energan.engine.rng import stream, stream_normal, stream_uniform
from energan.runs.folder import RunFolder
from energan.utils.files import read_weights

PATIENCE = 300  # seconds for processes that take 10 on an idle machine
EXACT = 1e-9


def torchrun(*words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *words]
    paths = (str(Path(worker.__file__).parent), os.environ.get("PYTHONPATH"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two ranks have left what they came to."""
    folder = tmp_path_factory.mktemp("ranks")
    save_file(worker.played(worker.made("ebgan-pt")), folder / "start.safetensors")
    trained(folder / "run", "ebgan-mnist", steps=4, save_every=2, dropout_d=0.0)
    process = torchrun(worker.__file__, str(folder))
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    return folder


def apart(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """The largest difference between two states of the same game."""
    assert a.keys() == b.keys()
    return max(float((a[k].double() - b[k].double()).abs().max()) for k in a)


def state(found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k: v for k, v in found.items() if not k.startswith("log/")}


# ---- what two ranks are equal to ----


@pytest.mark.parametrize("name", [*worker.BATCHED, *worker.ROWWISE])
def test_two_synchronised_ranks_are_one_process_with_the_whole_batch(ends: Path, name: str) -> None:
    """In float64: weights, moments, averages, generator, counts and logs after four steps of SGD or Adam."""
    two, one = load_file(ends / f"{name}-0.safetensors"), worker.played(worker.made(name))
    if name == "began":  # its M is |gap| of a batch, and a log is the ranks' mean
        two, one = state(two), state(one)
    assert_close_to_scale(two, one, EXACT)


@pytest.mark.parametrize("name", ["dropout-apart", "dropout-parts"])
def test_games_that_read_each_row_by_itself_need_not_be_synchronised(ends: Path, name: str) -> None:
    """Dropout's masks too are those of one process; and so they are in two parts on each rank."""
    assert_close_to_scale(load_file(ends / f"{name}-0.safetensors"), worker.played(worker.made("dropout")), EXACT)


def test_statistics_are_each_ranks_own_unless_synchronised(ends: Path) -> None:
    assert apart(load_file(ends / "ebgan-pt-apart-0.safetensors"), worker.played(worker.made("ebgan-pt"))) > 1e-3


def test_all_ranks_hold_the_same_state_to_the_last_bit(ends: Path) -> None:
    found = sorted(ends.glob("*-0.safetensors"))
    assert len(found) == len(worker.BATCHED) + len(worker.ROWWISE) + 4
    for path in found:
        assert path.read_bytes() == path.with_name(path.name.replace("-0.", "-1.")).read_bytes(), path.name


def test_a_state_goes_from_one_process_to_two_ranks_and_back(ends: Path) -> None:
    two = load_file(ends / "resumed-0.safetensors")
    one = worker.made("ebgan-pt")
    assert_close_to_scale(state(two), state(worker.played(one, 2 * worker.STEPS)), EXACT)
    back = worker.made("ebgan-pt")
    back.load(worker.tree(state(two)))
    assert_close_to_scale(state(worker.played(back)), state(worker.played(one)), EXACT)


def test_a_run_goes_from_one_process_to_two_ranks_and_back(ends: Path, tmp_path: Path) -> None:
    """In float32, where sums in another order differ in their last bits, which Adam makes larger."""
    folder = ends / "run"
    assert [line["step"] for line in log(folder) if "logs" in line] == list(range(1, 9))  # rank 0 alone wrote them
    assert resumed(folder, 12) == "finished"
    whole = trained(tmp_path / "whole", "ebgan-mnist", steps=12, save_every=2, dropout_d=0.0)
    a, b = (read_weights(RunFolder(f).checkpoint())[0] for f in (folder, whole))
    assert apart(a, b) < 1e-3
    numbers = [[v for line in log(f) for v in line.get("logs", {}).values()] for f in (folder, whole)]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-3, abs=1e-3)


def test_errors_and_flags_are_the_same_on_all_ranks(ends: Path) -> None:
    said = [(ends / f"said-{rank}").read_text().splitlines() for rank in (0, 1)]
    for lines in said:
        assert lines[0].startswith("a batch of 8 cannot be divided by 3")
        assert lines[1].startswith("the images differ between ranks")
        assert lines[2:4] == ["the disk is full"] * 2  # on rank 0 in `alone`, on rank 1 in `in_turn`
        assert lines[4:] == ["01", "True", "False"]


# ---- parts of a batch ----


@pytest.mark.parametrize("name", worker.ROWWISE)
def test_a_batch_in_parts_has_the_gradient_of_the_whole(name: str) -> None:
    parts, whole = worker.played(worker.made(name, microbatches=4)), worker.played(worker.made(name))
    assert_close_to_scale(state(parts), state(whole), EXACT)
    if name != "began":  # its |gap| is each part's
        assert_close_to_scale(parts, whole, EXACT)


def test_statistics_are_of_each_part() -> None:
    assert apart(worker.played(worker.made("gan", microbatches=2)), worker.played(worker.made("gan"))) > 1e-3


def test_parts_have_numbers_of_their_own_in_the_layers_stream() -> None:
    key, whole = torch.tensor(7), torch.zeros(6, 5)
    with stream(key):
        expected, normal = stream_uniform(whole), stream_normal(whole)
    found, normals = [], []
    for part in range(3):
        with stream(key, part):
            found.append(stream_uniform(whole[:2]))
            normals.append(stream_normal(whole[:2]))
    assert torch.equal(torch.cat(found), expected)
    assert len(torch.cat(normals).unique()) == normal.numel()


def test_rows_are_divided_evenly_or_not_at_all() -> None:
    assert [part.tolist() for part in slices(torch.arange(6), 3)] == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(worker.UserError, match="a batch of 6 cannot be divided by 4"):
        slices(torch.arange(6), 4)
    with pytest.raises(worker.UserError, match="microbatches must be 1 or more, got 0"):
        worker.made("gan", microbatches=0)


# ---- one process pays nothing ----


def test_a_process_without_torchrun_is_the_only_rank() -> None:
    x = torch.rand(4, 2)
    assert rank_from_env() == (0, 1, 0) and among() is ALONE
    assert ALONE.rows(x) is x and gathered(x) is x and ALONE.any(True) and not ALONE.any(False)
    assert ALONE.device("cuda:1") == "cuda:1" and ALONE.on_rank_zero(lambda: 3) == ALONE.rank_zero_first(lambda: 3) == 3


def test_a_command_by_itself_starts_no_group() -> None:
    code = "import sys, energan.cli, energan.engine.distributed, energan.cli; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- the command line ----


def one_run(tmp_path: Path, *more: str) -> list[str]:
    given = flags("ebgan-mnist", tmp_path / "run", dropout_d=0.0)
    return ["-m", "energan", "train", "ebgan-mnist", *given, "--out", str(tmp_path / "run"), *more]


def test_bad_input_on_all_ranks_is_one_sentence(tmp_path: Path) -> None:
    process = torchrun(*one_run(tmp_path, "--batch", "9"))
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode and said.count("--batch 9 cannot be shared by 2 ranks") == 1, said
    assert codes(said) == {"0": "2", "1": "2"}, said
    assert not (tmp_path / "run").exists()


def test_a_signal_to_one_rank_stops_all_at_the_same_step(tmp_path: Path) -> None:
    process = torchrun(*one_run(tmp_path, "--steps", "100000", "--save-every", "100000", "--sync-batch-stats"))
    folder, ended = tmp_path / "run", time.monotonic() + PATIENCE
    while not (folder / "log.jsonl").exists() or not log(folder):
        assert process.poll() is None and time.monotonic() < ended
        time.sleep(0.1)
    os.kill(ranks(process.pid)[1], signal.SIGTERM)
    said, _ = process.communicate(timeout=PATIENCE)
    assert codes(said) == {"0": "130", "1": "130"}, said
    assert said.count("stopped and saved") == 1
    record = RunFolder(folder).record
    assert (record["status"]["state"], record["status"]["message"]) == ("stopped", "stopped by another rank")
    assert record["sync_batch_stats"] is True and record["microbatches"] == 1
    checkpoints = list((folder / "checkpoints").iterdir())
    assert len(checkpoints) == 1 and int(checkpoints[0].stem) == record["status"]["step"] == log(folder)[-1]["step"]


def codes(said: str) -> dict[str, str]:
    """Each rank's exit code, as torchrun's report has them."""
    return dict(re.findall(r"rank +: (\d+) .*\n +exitcode +: (-?\d+)", said))


def ranks(torchrun: int) -> dict[int, int]:
    """Process ids, by rank, of what a torchrun has started."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            rank = re.search(rb"(?:^|\0)RANK=(\d+)", (folder / "environ").read_bytes())
        except OSError:
            continue  # ended, or another user's
        if parent == torchrun and rank:
            found[int(rank[1])] = int(folder.name)
    return found


def test_parts_reach_a_run_and_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.commands.train._finish", lambda folder, state: 0)  # measuring takes longer
    given = ["train", "wgan-gp-mnist", *flags("wgan-gp-mnist", tmp_path / "run"), "--out", str(tmp_path / "run")]
    assert main([*given, "--microbatches", "2", "--steps", "2", "--quiet"]) == 0
    assert RunFolder(tmp_path / "run").record["microbatches"] == 2
    assert main(["resume", str(tmp_path / "run"), "--steps", "3", "--quiet"]) == 0
    assert RunFolder(tmp_path / "run").record["microbatches"] == 2
    assert main(["resume", str(tmp_path / "run"), "--steps", "4", "--microbatches", "3", "--quiet"]) == 2
