"""A sweep on a cluster, but for Ray (test_ray.py): flags, addresses, what travels, whose fault a death is."""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fake_trials
import pytest
import torch

from energan.cli import main
from energan.runs.signature import is_signed
from energan.sweep.cluster import executor, luggage, node, session
from energan.sweep.cluster.executor import Cluster
from energan.sweep.cluster.session import Wanted, room
from energan.sweep.plan.space import Grid, axes
from energan.sweep.plan.trials import Plan, Trial
from energan.sweep.playing.play import Keep
from energan.utils.errors import UserError

PLAN = Plan("ebgan-pt-mnist", {"lr": 0.5, "seed": 0}, Grid(axes(["lr=1,2,3,4"], {"lr": float})), (0,))
FIT = {"Energan": "1", "Python": "3", "torch": "2", "Energan's code": "a"}


@pytest.fixture(autouse=True)
def unchanged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a task does to its process is undone."""
    for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    threads = torch.get_num_threads()
    node._known.clear()
    yield
    node._known.clear()
    torch.set_num_threads(threads)


def sentence(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert main(["sweep", "ebgan-pt-mnist", "--over", "lr=1", "--quiet", *flags]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--address", "auto"], "--address is of a cluster: give --on ray, too"),
        (["--cpus", "1"], "--cpus is of a cluster"),
        (["--gpus", "0"], "--gpus is of a cluster"),
        (["--on", "ray", "--jobs", "2"], "--jobs is of this machine"),
        (["--on", "ray", "--cpus", "0"], "--cpus must be 1 or more"),
        (["--on", "ray", "--gpus", "0"], "--gpus must be above 0 and at most 1"),
        (["--on", "ray", "--gpus", "2"], "--gpus must be above 0 and at most 1"),
        (["--on", "ray", "--gpus", "nan"], "--gpus must be above 0 and at most 1"),
        (["--on", "ray", "--device", "cuda"], "no trial gets one: give --gpus"),
        (["--on", "ray", "--device", "cuda:1", "--gpus", "1"], "write --device cuda"),
        (["--on", "ray", "--device", "cpu", "--gpus", "1"], "leave one of them out"),
    ],
)
def test_flags_that_contradict_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert said in sentence(capsys, "--out", str(tmp_path / "a"), *flags) and not (tmp_path / "a").exists()


def test_a_missing_ray_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "find_spec", lambda name: None)
    said = sentence(capsys, "--on", "ray", "--out", str(tmp_path / "a"))
    assert "pip install 'energan[cluster]'" in said and not (tmp_path / "a").exists()


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """The port of somebody who answers this, or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                if answer is not None:
                    client.recv(100)
                    client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def test_a_wrong_address_is_told_at_once() -> None:
    for address in ("here", "a:b", ":5", "a:70000", "a:", "ray://", "ray://a", "http://a:5/"):
        with pytest.raises(UserError, match=r"is none: write host:port|nobody answers"):
            executor.check_address(address)
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port, pytest.raises(UserError, match="is no Ray"):
        executor.check_address(f"127.0.0.1:{port}")
    with listening(None) as port, pytest.raises(UserError, match=r"is no Ray|nobody answers"):
        executor.check_address(f"127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(UserError, match="nobody answers there"):
        executor.check_address(f"ray://127.0.0.1:{port}")
    with listening(b"\0\0\x12" + b"\x04" + b"\0" * 30) as port:
        executor.check_address(f"127.0.0.1:{port}")


# what travels there


def test_a_users_own_recipe_travels_with_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("mypack/inner", "venv/site-packages"):
        (tmp_path / folder).mkdir(parents=True)
    body = "from energan.experiment import Experiment\ndef recipe(*, lr: float = 1.0) -> Experiment: ...\n"
    for name, text in {
        "mypack/__init__.py": "",
        "mypack/inner/__init__.py": "",
        "mypack/inner/one.py": "import json, torch, mysibling, myinstalled\n" + body,
        "mypack/later.py": "",  # imported when the recipe is called
        "mypack/data.csv": "1",
        "mysibling.py": "",
        "unused.py": "",
        "venv/site-packages/myinstalled.py": "",
        "myflat.py": body,
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "venv" / "site-packages")
    found = luggage.modules("mypack.inner.one:recipe")
    ours = {"mypack/__init__.py", "mypack/inner/__init__.py", "mypack/inner/one.py", "mypack/later.py"}
    assert {*found} == ours | {"mysibling.py"} and found["mypack/inner/one.py"].endswith(body.encode())
    assert "myflat.py" in luggage.modules("myflat:recipe") and luggage.modules("gan-mnist") == {}
    monkeypatch.setattr(luggage, "LARGEST", 10)
    with pytest.raises(UserError, match="install its package on the nodes"):
        luggage.modules("myflat:recipe")
    for name in ("mypack", "mypack.inner", "mypack.inner.one", "mysibling", "myinstalled", "myflat"):
        sys.modules.pop(name, None)


# what travels back


def test_what_a_trial_leaves_is_written_here(tmp_path: Path) -> None:
    record = {"experiment": {"steps": 3}, "signature": "of another", "command": "elsewhere", "x": 0.1}
    files = {
        "sheets/000003.png": b"picture",
        "runs/000003/run.json": json.dumps(record).encode(),
        "runs/000003/checkpoints/000020.safetensors": b"weights",
    }
    (tmp_path / "runs" / "000003").mkdir(parents=True)
    (tmp_path / "runs" / "000003" / "old").touch()  # a kill left it before its row was written
    luggage.unpack(tmp_path, [3], files)
    assert (tmp_path / "sheets" / "000003.png").read_bytes() == b"picture"
    run = tmp_path / "runs" / "000003"
    assert sorted(path.name for path in run.rglob("*")) == ["000020.safetensors", "checkpoints", "run.json"]
    found = json.loads((run / "run.json").read_text())
    assert found["command"] == f"a trial of the sweep in {tmp_path}" and found["x"] == 0.1 and is_signed(found)


@pytest.mark.parametrize(
    "name",
    [
        "../x.png",
        "/etc/passwd",
        "sheets/../000003.png",
        "sheets/000004.png",
        "sheets/000003.png\n",
        "sheets/3.png",
        "runs/000003/log.jsonl",
        "runs/000003/checkpoints/../../../x.safetensors",
        "runs/000004/run.json",
        "results.jsonl",
    ],
)
def test_a_strange_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="which none of its trials may write"):
        luggage.unpack(tmp_path, [3], {name: b""})
    assert not any(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"run\.json that is none"):
        luggage.unpack(tmp_path, [3], {"runs/000003/run.json": b"[1]"})


# on a node


def order(trials: list[Trial], **more: Any) -> dict[str, Any]:
    return {
        "fitness": node.fitness(),
        "paths": [],
        "trials": [trial._asdict() for trial in trials],
        "sheets": True,
        "runs": True,
        "questions": None,
        "cpus": 1,
        "gpu": False,
        "play_all": ("leaving_trials", "play_all"),
    } | more


def leave(trials: list[Trial], keep: Keep, **more: Any) -> list[Any]:
    for name in ("sheets/000001.png", "runs/000001/run.json", "runs/000001/log.jsonl", "other"):
        (keep.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (keep.folder / name).write_text(name)
    (keep.folder / "sheets" / "000002.png").symlink_to("/etc/passwd")
    return fake_trials.play_all(trials, keep)


def test_a_task_plays_trials_and_returns_what_they_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "leaving_trials", SimpleNamespace(play_all=leave))  # type: ignore[arg-type]
    monkeypatch.setattr("energan.sweep.playing.play._sets", {"digits": SimpleNamespace(name="digits", sha256="f" * 64)})
    trials = [PLAN.trial(1), PLAN.trial(2)]
    trials = [t._replace(arguments={**t.arguments, "device": "auto", "precision": "auto"}) for t in trials]
    trials = [t._replace(identity=t.computed_identity()) for t in trials]
    found = node.answer(order(trials))
    assert [row["trial"] for row in found["rows"]] == [1, 2] and found["rows"][0]["state"] == "finished"
    assert found["files"] == {name: name.encode() for name in ("sheets/000001.png", "runs/000001/run.json")}
    assert found["alike"]["digits"] == ("images digits", "sha256 ffffffffffff", "copy the same to all nodes")
    assert found["alike"]["device"][1] == "cpu" and found["alike"]["precision"][1] in ("bf16", "fp32")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "" and found["left_out"] == 0
    monkeypatch.setattr(node, "LARGEST", 20)
    assert (node.answer(order(trials))["files"], node.answer(order(trials))["left_out"]) == ({}, 37)
    wrong = node.answer(order([trials[0]._replace(arguments={"lr": 9.0})]))
    assert "was sent another trial than it got" in wrong["unfit"]


def test_a_node_that_lacks_the_images_is_told_before_it_refuses_trials(tmp_path: Path) -> None:
    trial = PLAN.trial(1)
    trial = trial._replace(arguments={**trial.arguments, "data": str(tmp_path), "mask": "/none/such", "loss": "mse"})
    assert session.named_paths([trial]) == [str(tmp_path)]
    found = node.answer(order([trial], paths=[str(tmp_path), "/none/such"]))
    assert "has no /none/such: copy it there" in found["unfit"]


@pytest.mark.parametrize("what", FIT)
def test_another_energan_is_told(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(node, "fitness", lambda: FIT)
    assert node.unfit(FIT) == ""
    monkeypatch.setattr(node, "fitness", lambda: {})  # a process is what it was when it began
    assert f"has another {what} ({FIT[what]}, here 9)" in node.unfit({**FIT, what: "9"})


def test_a_node_without_energan_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "energan.utils", None)
    assert "has no Energan that works" in node.unfit(FIT)


def test_the_code_of_energan_is_part_of_what_must_be_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = node.code_of(tmp_path)
    (tmp_path / "a.py").write_text("2")
    assert node.code_of(tmp_path) != before


def test_a_gpu_is_found_among_those_that_are_visible() -> None:
    assert node.place_of([1], None) == node.place_of(["1"], "") == node.place_of([3], "2,3") == 1
    assert node.place_of(["GPU-b"], "GPU-a,GPU-b") == 1


def test_the_room_of_a_node() -> None:
    assert room({"CPU": 8.0}, 1, 0.0) == 8 and room({"CPU": 7.0}, 2, 0.0) == 3 and room({}, 1, 0.0) == 0
    assert room({"CPU": 8.0, "GPU": 2.0}, 1, 0.5) == 4 and room({"CPU": 3.0, "GPU": 2.0}, 1, 0.5) == 3
    assert room({"CPU": 8.0, "GPU": 1.0}, 1, 0.1) == 8 and room({"CPU": 99.0, "GPU": 1.0}, 1, 0.1) == 10
    assert room({"CPU": 8.0, "GPU": 2.0}, 1, 0.6) == 2  # a share is of one GPU


# whose fault a death is


class Errors:
    class NodeDiedError(Exception): ...

    class ObjectLostError(Exception): ...

    class WorkerCrashedError(Exception): ...

    class OutOfMemoryError(Exception): ...


class FakeRay:
    """Tasks that end at once, as the script says: an error for each time that a group is tried."""

    exceptions = Errors

    def __init__(self, script: dict[tuple[int, ...], list[type[Exception] | None]]) -> None:
        self.script, self.alive, self.tried, self.most = script, ["a", "b"], list[tuple[int, ...]](), 0

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": name, "Alive": name in self.alive, "Resources": {"CPU": 1.0}} for name in "ab"]

    def remote(self, **options: Any) -> Any:
        return lambda function: SimpleNamespace(remote=self.begin)

    def begin(self, order: dict[str, Any]) -> tuple[int, ...]:
        numbers = tuple(trial["number"] for trial in order["trials"])
        self.tried.append(numbers)
        return numbers

    def wait(self, references: list[Any], **options: Any) -> Any:
        self.most = max(self.most, len(references))
        return references[:1], references[1:]

    def get(self, numbers: tuple[int, ...]) -> dict[str, Any]:
        error = (self.script.get(numbers) or [None]).pop(0)
        if error is not None:
            raise error
        return {"numbers": numbers}


def served(ray: FakeRay, groups: list[list[Trial]], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a session tells while it plays these groups."""
    monkeypatch.setattr(node, "travel_as_code", lambda: None)
    monkeypatch.setattr(node, "fitness", lambda: FIT)
    monkeypatch.setattr(session, "COUNT_SECONDS", 0.0)
    ours, theirs = Pipe()
    wanted = Wanted("local", 1, 0.0, False, False, {}, ("m", "f"), Path())
    playing = session.Session(ray, theirs, wanted)
    assert playing.has_room() and ours.recv() == ("ready",)
    thread = threading.Thread(target=playing.play, daemon=True)
    thread.start()
    told: list[Any] = []
    while not told or told[-1] != ("over",):
        assert ours.poll(10)
        told.append(ours.recv())
        if told[-1][0] == "room":
            n = told.pop()[1]
            ours.send(groups[:n])
            del groups[:n]
    thread.join()
    return told


def answers(told: list[Any]) -> list[tuple[int, ...]]:
    return sorted(message[1]["numbers"] for message in told if message[0] == "answer")


def test_a_node_that_dies_loses_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often: and no more trials are under way than there is room for."""
    ray = FakeRay({(0,): [Errors.NodeDiedError] * 5, (2,): [Errors.ObjectLostError] * 3})
    told = served(ray, [[PLAN.trial(i)] for i in range(4)], monkeypatch)
    assert answers(told) == [(0,), (1,), (2,), (3,)] and ray.most == 2 and len(ray.tried) == 4 + 5 + 3


def test_a_trial_that_kills_its_process_twice_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay({(0,): [Errors.WorkerCrashedError], (1,): [Errors.WorkerCrashedError] * 2})
    ray.script[(2,)] = [Errors.OutOfMemoryError] * 2
    told = served(ray, [[PLAN.trial(i)] for i in range(4)], monkeypatch)
    assert answers(told) == [(0,), (3,)]
    rows = {row["trial"]: row for message in told if message[0] == "rows" for row in message[1]}
    assert {number: row["state"] for number, row in rows.items()} == {1: "failed", 2: "failed"}
    assert rows[1]["message"] == "its process died, twice" and "for want of memory, twice" in rows[2]["message"]


def test_a_process_that_goes_with_its_node_is_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a node is told to stop: its processes go first."""
    ray = FakeRay({(0,): [Errors.WorkerCrashedError] * 3})
    get = ray.get

    def going(numbers: tuple[int, ...]) -> dict[str, Any]:
        ray.alive = ["b"] if ray.alive == ["a"] else ["a"]  # another one joins each time
        return get(numbers)

    monkeypatch.setattr(ray, "get", going)
    assert answers(served(ray, [[PLAN.trial(0)]], monkeypatch)) == [(0,)]


def test_a_group_whose_process_dies_is_played_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay({(0, 1, 2): [Errors.WorkerCrashedError], (1,): [Errors.WorkerCrashedError] * 2})
    told = served(ray, [[PLAN.trial(0), PLAN.trial(1), PLAN.trial(2)], [PLAN.trial(3)]], monkeypatch)
    assert answers(told) == [(0,), (2,), (3,)] and [m[1][0]["trial"] for m in told if m[0] == "rows"] == [1]


# in the command


def cluster(tmp_path: Path, told: list[Any], alive: bool = False) -> Cluster:
    """A cluster whose session tells this, and then ends."""
    ours, theirs = Pipe()
    for message in told:
        theirs.send(message)
    theirs.close()
    sentinel, _ = os.pipe()
    return Cluster(ours, SimpleNamespace(sentinel=sentinel, is_alive=lambda: alive), "the cluster", Keep(tmp_path), 1)  # type: ignore[arg-type]


def returned(number: int, name: str = "a", **more: Any) -> tuple[str, dict[str, Any]]:
    rows = [PLAN.trial(number).row("finished")]
    return "answer", {"node": name, "rows": rows, "files": {}, "left_out": 0, "alike": {}} | more


def test_rows_come_as_they_end_and_a_lost_cluster_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = [returned(1), ("rows", [PLAN.trial(0).row("failed")]), ("warning", "one went"), returned(2, left_out=2**21)]
    rows = cluster(tmp_path, [*told, ("over",)]).rows(PLAN.trials(iter([])), lambda: False)
    assert [row["trial"] for row in rows] == [1, 0, 2]
    err = capsys.readouterr().err
    assert "one went" in err and "files of trial 2 have 2 MiB" in err
    lost = cluster(tmp_path, told).rows(PLAN.trials(iter([])), lambda: False)
    with pytest.raises(UserError, match="the cluster ended: once there is one again, the same command goes on"):
        list(lost)
    with pytest.raises(UserError, match="of another kind"):
        list(cluster(tmp_path, [("refused", "of another kind")]).rows(PLAN.trials(iter([])), lambda: False))
    assert not list(cluster(tmp_path, told).rows(PLAN.trials(iter([])), lambda: True))  # Ctrl-C


def test_nodes_that_would_give_other_numbers_end_the_sweep(tmp_path: Path) -> None:
    one, other = ({"k": ("images digits", digest, "copy them")} for digest in "xy")
    told = [returned(0, alike=one), returned(1, "b", alike=one), returned(2, "c", alike=other), returned(3)]
    rows = cluster(tmp_path, told).rows(PLAN.trials(iter([])), lambda: False)
    assert [next(rows)["trial"], next(rows)["trial"]] == [0, 1]
    with pytest.raises(UserError, match="node c would give other numbers than a: images digits is y, there x; copy"):
        next(rows)
    with pytest.raises(UserError, match="has another Python"):
        list(cluster(tmp_path, [("answer", {"unfit": "b has another Python"})]).rows(iter([]), lambda: False))
