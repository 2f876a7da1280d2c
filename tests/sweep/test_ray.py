"""Sweeps on a cluster of Ray's with real nodes on this machine: its nodes, its head, its processes are killed.

python -m pytest -m slow tests/sweep/test_ray.py      15 minutes on two busy cores; skipped where Ray is not installed
"""

import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fake_trials
import psutil
import pyarrow.parquet
import pytest
from ray_nodes import ROOT, Nodes, sweep

from energan.runs.signature import is_signed
from energan.sweep.cluster.executor import joined
from energan.sweep.driver import run
from energan.sweep.plan.space import Grid, axes
from energan.sweep.plan.trials import Plan
from energan.sweep.playing.play import Keep

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'energan[cluster]'"),
]

SECONDS = 300  # that any command has
KILLS = 20
OVER = ["--over", "lr=1e-4:1e30:log", "--over", "margin=5:20", "--sobol", "16", "--seeds", "0", "1"]


@pytest.fixture(scope="module")
def two() -> Iterator[Nodes]:
    """A cluster of two nodes that nobody kills."""
    nodes = Nodes()
    try:
        nodes.head()
        nodes.node()
        yield nodes
    finally:
        nodes.close()


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """A cluster of a test's own."""
    nodes = Nodes()
    try:
        yield nodes
    finally:
        nodes.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, two: Nodes) -> list[dict[str, Any]]:
    """The table of OVER by one process of this machine."""
    out = tmp_path_factory.mktemp("whole") / "a"
    assert ended(sweep(two, out, *OVER))[0] == 0
    return rows(out)


def rows(out: Path) -> list[dict[str, Any]]:
    return pyarrow.parquet.read_table(out / "results.parquet").drop_columns(["seconds"]).to_pylist()


def ended(command: "subprocess.Popen[str]") -> tuple[int, str]:
    """The exit code, and what was said on stderr."""
    try:
        _, err = command.communicate(timeout=SECONDS)
    finally:
        command.kill()
    return command.returncode, err


def has_rows(out: Path, more: int, command: "subprocess.Popen[str]") -> None:
    """Waits until so many more rows are there, or the command ended."""
    path, end = out / "results.jsonl", time.monotonic() + SECONDS

    def there() -> int:
        return len(path.read_text().splitlines()) if path.exists() else 0

    before = there()
    while there() < before + more and command.poll() is None and time.monotonic() < end:
        time.sleep(0.05)


def on(nodes: Nodes) -> list[str]:
    return ["--on", "ray", "--address", nodes.address]


def test_the_table_is_that_of_one_process(tmp_path: Path, two: Nodes, whole: list[dict[str, Any]]) -> None:
    """With the sheets and run folders, which travelled as bytes."""
    out = tmp_path / "a"
    assert ended(sweep(two, out, *OVER, *on(two), "--sheets", "--runs")) == (0, "")
    assert rows(out) == whole and {row["state"] for row in whole} == {"finished", "diverged"}
    finished = [f"{row['trial']:06d}" for row in whole if row["state"] == "finished"]
    assert sorted(path.stem for path in (out / "sheets").iterdir()) == finished
    assert sorted(path.name for path in (out / "runs").iterdir()) == finished
    record = json.loads((out / "runs" / finished[0] / "run.json").read_text())
    assert is_signed(record) and record["command"] == f"a trial of the sweep in {out}"
    assert (out / "runs" / finished[0] / "checkpoints" / "000060.safetensors").stat().st_size > 100_000


def test_a_machine_that_is_no_node_joins_by_rays_client(
    tmp_path: Path, two: Nodes, whole: list[dict[str, Any]]
) -> None:
    out = tmp_path / "a"
    address = f"ray://127.0.0.1:{two.client}"
    assert ended(sweep(two, out, *OVER, "--on", "ray", "--address", address)) == (0, "") and rows(out) == whole


def test_a_ray_of_ones_own_ends_with_the_command(tmp_path: Path, two: Nodes, whole: list[dict[str, Any]]) -> None:
    """Nothing listens beyond this machine, and nothing is left; so it is after a kill."""
    out = tmp_path / "a"
    command = sweep(two, out, *OVER, "--on", "ray", cwd=tmp_path, env=two.environment | {"RAY_ADDRESS": "127.0.0.1:1"})
    has_rows(out, 1, command)
    processes = psutil.Process(command.pid).children(recursive=True)
    assert any(process.name() == "raylet" for process in processes)
    listening = [c for p in processes for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert listening and {c.laddr.ip for c in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    command.kill()
    ended(command)
    assert not psutil.wait_procs(processes, timeout=30)[1]
    assert ended(sweep(two, out, *OVER, "--on", "ray", cwd=tmp_path)) == (0, "")
    assert rows(out) == whole and [path.name for path in tmp_path.iterdir()] == ["a"]
    assert len((out / "results.jsonl").read_text().splitlines()) == len(whole)


def test_ctrl_c_gives_up_what_is_under_way(tmp_path: Path, two: Nodes, whole: list[dict[str, Any]]) -> None:
    out = tmp_path / "a"
    command = sweep(two, out, *OVER, *on(two))
    has_rows(out, 1, command)
    command.send_signal(signal.SIGINT)
    assert ended(command)[0] == 130 and len(rows(out)) < len(whole)
    end = time.monotonic() + 30
    while any(two.workers(node) for node in two.started) and time.monotonic() < end:
        time.sleep(0.2)
    assert not any(two.workers(node) for node in two.started)  # nobody plays on
    assert ended(sweep(two, out, *OVER, *on(two))) == (0, "") and rows(out) == whole


def test_a_users_own_recipe_needs_no_file_on_the_nodes(tmp_path: Path, two: Nodes) -> None:
    """Nor on those of a Ray of one's own: what was sent is what is played."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "mine.py").write_text(
        "from pathlib import Path\n"
        "from energan.experiment import Experiment\n"
        "from energan.recipes.common import GeneratorTraining\n"
        "from mynets import small\n"
        "SHORT = GeneratorTraining(steps=4, batch=8, save_every=4)\n"
        "def recipe(*, lr: float = 1e-3, training: GeneratorTraining = SHORT) -> Experiment:\n"
        f"    assert not Path({str(home / 'mark')!r}).exists() or Path(__file__).parent != Path({str(home)!r})\n"
        "    return small(lr, training)\n"
    )
    (home / "mynets.py").write_text(
        "from energan.recipes.energy.ebgan import ebgan_mnist\n"
        "def small(lr, training):\n"
        "    return ebgan_mnist(data='digits', z=8, size_g=8, size_d=8, lr=lr, training=training)\n"
    )
    flags = ["--over", "lr=1e-3,1e-2", "--n", "64"]
    assert ended(sweep(two, tmp_path / "here", *flags, recipe="mine:recipe", cwd=home)) == (0, "")
    (home / "mark").touch()
    for out, where in ((tmp_path / "a", on(two)), (tmp_path / "b", ["--on", "ray"])):
        assert ended(sweep(two, out, *flags, *where, recipe="mine:recipe", cwd=home)) == (0, "")
        assert rows(out) == rows(tmp_path / "here") and len(rows(out)) == 2


def test_what_a_cluster_lacks_is_told_in_a_sentence(tmp_path: Path, two: Nodes) -> None:
    def said(*flags: str, **environment: str) -> str:
        command = sweep(two, tmp_path / "a", "--over", "lr=1", *on(two), *flags, env=two.environment | environment)
        code, err = ended(command)
        assert code == 2 and err.count("\n") == 1 and not (tmp_path / "a").exists()
        return err

    assert "no node of the cluster has room for a trial of 3 CPUs" in said("--cpus", "3")
    assert "a trial of 1 CPUs and 0.5 GPUs" in said("--gpus", "0.5")
    assert "asks for a token, and this is not it" in said(RAY_AUTH_TOKEN="0" * 64)


def test_halving_asks_the_command(tmp_path: Path, two: Nodes) -> None:
    pytest.importorskip("optuna")
    out = tmp_path / "a"
    flags = ["--over", "lr=1e-5:1e-2:log:8", "--halving", "2", "--metric", "MNIST-FID"]
    assert ended(sweep(two, out, *flags, *on(two))) == (0, "")
    states = [row["state"] for row in rows(out)]
    assert len(states) == 8 and {*states} == {"stopped", "finished"}


def played(nodes: Nodes, out: Path, lrs: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The table of trials that take milliseconds, on the cluster."""
    for name, value in nodes.environment.items():
        monkeypatch.setenv(name, value)
    plan = Plan("ebgan-pt-mnist", {"lr": 0.5}, Grid(axes([f"lr={lrs}"], {"lr": float})), (0,))
    keep = Keep(out)
    with joined(plan.recipe, keep, address=nodes.address, play_by=fake_trials.play_all) as cluster:
        run(plan, cluster, out, quiet=True)
    return pyarrow.parquet.read_table(out / "results.parquet").to_pylist()


def test_a_trial_that_kills_its_process_twice_has_failed(
    tmp_path: Path, two: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = played(two, tmp_path / "a", "1,2,13,15,3", monkeypatch)
    assert [row["state"] for row in found] == ["finished", "finished", "failed", "diverged", "finished"]
    assert found[2]["message"] == "its process died, twice" and found[4]["MNIST-FID"] == 3.0


def test_shares_of_a_gpu(tmp_path: Path, nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node may claim a GPU that it has not: its trials are trained on its CPU. Two share it."""
    nodes.head("--num-gpus=1", "--num-cpus=4")
    out = tmp_path / "a"
    command = sweep(nodes, out, "--over", "lr=1e-4:1e-2:log:6", *on(nodes), "--gpus", "0.5")
    most, end = 0, time.monotonic() + SECONDS
    while command.poll() is None and time.monotonic() < end:
        most = max(most, len(nodes.workers(nodes.started[0])))
        time.sleep(0.1)
    assert ended(command) == (0, "") and len(rows(out)) == 6 and most == 2


def test_a_node_with_another_energan_is_told(tmp_path: Path, nodes: Nodes) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "energan", other / "energan", ignore=shutil.ignore_patterns("__pycache__"))
    loss = other / "energan" / "losses" / "adversarial.py"
    loss.write_text(loss.read_text() + "# another loss\n")
    nodes.head("--num-cpus=0")
    nodes.node(PYTHONPATH=str(other))
    code, err = ended(sweep(nodes, tmp_path / "a", "--over", "lr=1,2", *on(nodes)))
    assert code == 2 and "has another Energan's code" in err and err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_node_that_ends_loses_no_trial(
    tmp_path: Path, nodes: Nodes, whole: list[dict[str, Any]], number: signal.Signals
) -> None:
    nodes.head()
    node, out = nodes.node(), tmp_path / "a"
    command = sweep(nodes, out, *OVER, *on(nodes))
    has_rows(out, 3, command)
    nodes.kill(node, number)
    assert ended(command) == (0, "") and rows(out) == whole
    assert len((out / "results.jsonl").read_text().splitlines()) == len(whole)  # none twice


def test_a_head_that_dies_ends_the_command_and_a_new_one_goes_on(
    tmp_path: Path, nodes: Nodes, whole: list[dict[str, Any]]
) -> None:
    head = nodes.head()
    node, out = nodes.node(), tmp_path / "a"
    command = sweep(nodes, out, *OVER, *on(nodes))
    has_rows(out, 3, command)
    nodes.kill(head)
    code, err = ended(command)
    assert code == 2 and err.count("\n") == 1
    assert f"the cluster at {nodes.address} ended: once there is one again, the same command goes on" in err
    assert 3 <= len(rows(out)) < len(whole)
    nodes.kill(node)
    nodes.head()
    nodes.node()
    assert ended(sweep(nodes, out, *OVER, *on(nodes))) == (0, "") and rows(out) == whole
    assert len((out / "results.jsonl").read_text().splitlines()) == len(whole)


def test_kills_of_command_process_and_node_leave_the_same_table(tmp_path: Path, nodes: Nodes) -> None:
    """A process is killed at most once between two kills of the command: twice, its trial would rightly have failed."""
    over = [*OVER, "--sobol", "48"]  # the last of two flags counts
    assert ended(sweep(nodes, tmp_path / "whole", *over, "--jobs", "2"))[0] == 0
    whole = rows(tmp_path / "whole")
    nodes.head()
    node, out, chance = nodes.node(), tmp_path / "a", random.Random(0)
    kills = {"command": 0, "process": 0, "node": 0}

    def process() -> bool:
        found = [worker for one in nodes.started for worker in nodes.workers(one)]
        with suppress(psutil.NoSuchProcess, IndexError):
            chance.choice(found).kill()
            return True
        return False

    def away() -> bool:
        nonlocal node
        nodes.kill(node)
        node = nodes.node()
        return True

    ways: dict[str, Callable[[], bool]] = {"process": process, "node": away}
    while sum(kills.values()) < KILLS:
        command = sweep(nodes, out, *over, *on(nodes))
        has_rows(out, 1, command)
        for way in chance.sample(["process", "node"], 2):
            time.sleep(chance.uniform(0, 1))
            if command.poll() is None and chance.random() < 0.7:
                kills[way] += ways[way]()
        time.sleep(chance.uniform(0, 1))
        if command.poll() is None:
            command.kill()
            kills["command"] += 1
        if ended(command)[0] == 0:
            break
    print(f"killed: {kills}")
    assert ended(sweep(nodes, out, *over, *on(nodes))) == (0, "") and rows(out) == whole
    assert len((out / "results.jsonl").read_text().splitlines()) == len(whole)
    assert sum(kills.values()) >= 10
