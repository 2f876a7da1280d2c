"""push and pull, against a server on this machine that speaks the hub's API."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hostile import bounded, claiming, tensor_of
from hub_server import Hub, served
from small_runs import sentence, trained

import energan
from energan.cli import main
from energan.runs.copies import copies, kept_copy
from energan.runs.references import run_folder
from energan.runs.sharing.hub import parsed
from energan.utils.errors import UserError

constants = pytest.importorskip("huggingface_hub.constants", reason="extra hub")

NAME = "me/some-digits"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's, of what it is built on


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        return trained(tmp_path_factory.mktemp("hub") / "run", steps=4)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with served() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", server.token)
        monkeypatch.setattr("energan.runs.copies.cache_dir", lambda: tmp_path / "cache")
        monkeypatch.chdir(tmp_path)
        yield server


@pytest.fixture
def files(run: Path, hub: Hub) -> dict[str, bytes]:
    """What is pushed of the run."""
    assert main(["push", str(run), NAME, "--dry-run", "dry"]) == 0
    assert not hub.requests
    return {path.name: path.read_bytes() for path in Path("dry").iterdir()}


def test_pushed_and_pulled_it_is_the_same_bit_for_bit(run: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", str(run), NAME, "--private", "--license", "MIT"]) == 0
    assert hub.private == {NAME}
    commit, there = hub.at(NAME, "main")
    assert f"commit {commit}" in capsys.readouterr().out
    assert set(there) == {".gitattributes", "README.md", "config.json", "run.json", "samples.png", "model.safetensors"}
    assert b'license: "mit"' in there["README.md"] and f'energan.load("hf:{NAME}")'.encode() in there["README.md"]
    mine = energan.load(run)
    for name in (f"hf:{NAME}", f"hf:{NAME}@{commit}", f"hf:{NAME}@main"):
        other = energan.load(name)
        assert torch.equal(mine.sample(8), other.sample(8))
        assert torch.equal(mine.score(mine.sample(8)), other.score(mine.sample(8)))
    assert f"hf:{NAME} at commit {commit}" in capsys.readouterr().err
    assert main(["pull", NAME, "--out", "own"]) == 0
    assert sorted(path.name for path in Path("own").iterdir()) == sorted(set(there) - {".gitattributes"})
    assert torch.equal(mine.sample(8), energan.load("own").sample(8))


def test_a_second_push_leaves_no_part_of_the_first(run: Path, hub: Hub, files: dict[str, bytes]) -> None:
    hub.commit(NAME, {**files, "calibration.json": b"{}", "notes.txt": b"mine"})
    assert main(["push", str(run), f"hf:{NAME}"]) == 0
    _, there = hub.at(NAME, "main")
    assert "calibration.json" not in there and there["notes.txt"] == b"mine"


def test_offline_a_pulled_model_still_loads(
    run: Path, hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = hub.commit(NAME, files)
    assert main(["pull", NAME]) == 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    for name in (f"hf:{NAME}", f"hf:{NAME}@{commit}"):
        assert main(["sample", name, "--n", "2"]) == 0
    assert "the hub cannot be reached; this is the copy of commit" in capsys.readouterr().err and not hub.requests
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")  # where nobody listens
    assert main(["sample", f"hf:{NAME}", "--n", "2"]) == 0
    assert main(["sample", "hf:me/another", "--n", "2"]) == 2
    assert "hf:me/another cannot be had, and no copy of it is here: the hub cannot be reached" in sentence(capsys)


def test_the_environment_says_which_hub_and_who(run: Path, hub: Hub, files: dict[str, bytes]) -> None:
    commit = hub.commit(NAME, files)
    environment = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": "hf", "ENERGAN_CACHE": "elsewhere",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "energan", "pull", NAME, "--out", "own"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert commit in done.stderr and Path("own/model.safetensors").read_bytes() == files["model.safetensors"]


def test_only_the_parts_of_a_model_are_looked_at(hub: Hub, files: dict[str, bytes]) -> None:
    strange = {"../../run.json": b"{}", "/etc/passwd": b"", "code.py": b"raise SystemExit"}
    strange |= {"pytorch_model.bin": pickle.dumps(1), "checkpoints/model.pt": pickle.dumps(2)}
    strange |= {f"{i}.png": b"" for i in range(10_000)}
    hub.commit(NAME, {**files, **strange})
    hub.requests.clear()
    with bounded():
        folder = run_folder(f"hf:{NAME}")
    assert {path.name for path in folder.iterdir()} == set(files)
    assert not [line for line in hub.requests if any(name in line for name in strange)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"run.json": None}, "is no model of Energan: it has no run.json"),
        ({"model.safetensors": None, "model.bin": pickle.dumps(1)}, "no model.safetensors; what else it holds is not"),
        ({"model.safetensors": pickle.dumps(1)}, "is a pickled file, which could run code"),
        ({"model.safetensors": claiming(2**40)}, "is damaged or no safetensors file"),
        ({"model.safetensors": tensor_of(2**42)}, "is damaged or no safetensors file"),
        ({"run.json": b"/etc/passwd"}, "is damaged: it is no JSON"),  # what git keeps of a symbolic link
        ({"run.json": b"[" * 10**5}, "is damaged: it is no JSON"),
        ({"config.json": bytes(2**20 + 1)}, "has a config.json of 1,048,577 bytes, and 1,048,576 at most"),
    ],
)
def test_a_repository_of_a_stranger(
    hub: Hub, files: dict[str, bytes], changes: dict[str, bytes | None], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.commit(NAME, {k: v for k, v in {**files, **changes}.items() if v is not None})
    with bounded():
        assert main(["pull", NAME, "--out", "own"]) == 2
    said = sentence(capsys)
    assert why in said and not Path("own").exists()


def test_weights_that_are_said_to_take_terabytes(
    hub: Hub, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    hub.commit(NAME, files)
    hub.lies["model.safetensors"] = 2**42
    assert main(["pull", NAME]) == 2
    assert "has a model.safetensors of 4,398,046,511,104 bytes" in sentence(capsys)
    assert not [line for line in hub.requests if "resolve" in line]
    hub.lies["model.safetensors"] = 10
    assert main(["pull", NAME]) == 2
    assert "its model.safetensors has another size than the hub says" in sentence(capsys)


def test_a_record_of_a_stranger(hub: Hub, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads(files["run.json"])
    record["experiment"]["calls"][0]["call"] = "subprocess:run"
    hub.commit(NAME, {**files, "run.json": json.dumps(record).encode()})
    assert main(["sample", f"hf:{NAME}"]) == 2
    assert "subprocess" in sentence(capsys)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (["pull", "digits"], "hf:digits is no name of a model: hf:owner/name"),
        (["pull", "me/../you"], "is no name of a model"),
        (["pull", "me/x@a b"], "is no name of a model"),
        (["pull", "me/nothing"], "hf:me/nothing is not there, or not for you"),
        (["pull", NAME, "--revision", "old"], "has no such revision"),
        (["pull", f"{NAME}@main", "--revision", "old"], "--revision old"),
        (["pull", NAME, "--out", "dry"], "--out dry is there already and not empty"),
        (["push", "RUN", f"{NAME}@main"], "names a revision, and a push makes a new one"),
        (["push", "nothing", NAME], "nothing is not a run folder"),
        (["push", "RUN", NAME, "--dry-run", "dry"], "is there already and not empty"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Path, hub: Hub, files: dict[str, bytes], line: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.commit(NAME, files)
    assert main([str(run) if word == "RUN" else word for word in line]) == 2
    assert why in sentence(capsys)


def test_whoever_is_not_logged_in_is_told_how(
    run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    assert main(["push", str(run), NAME]) == 2
    assert "log in by `hf auth login` or HF_TOKEN" in sentence(capsys)
    hub.commit(NAME, {})
    hub.private.add(NAME)
    assert main(["sample", f"hf:{NAME}"]) == 2
    assert "is not there, or not for you" in sentence(capsys)


def test_names_of_the_hub() -> None:
    assert parsed("a/b") == ("a/b", "") and parsed("A-1/b.c_d@refs/pr/1") == ("A-1/b.c_d", "refs/pr/1")
    for name in ("", "a", "a/b/c", "a//b", "-a/b", "a/b@", "a/b@../c", "a/b\n", "a/" + "b" * 99, "é/b", "a/b@-x"):
        with pytest.raises(UserError, match="is no name of a model"):
            parsed(name)


def test_two_that_make_one_copy_at_once(hub: Hub) -> None:
    """The slower one takes what the quicker one made."""

    def fill(folder: Path) -> None:
        (folder / "run.json").write_text("slow")
        kept_copy("a", "0" * 40, lambda quick: (quick / "run.json").write_text("quick"))

    folder = kept_copy("a", "0" * 40, fill)
    assert (folder / "run.json").read_text() == "quick" and [p.name for p in copies().iterdir()] == [folder.name]
