"""Files are whole or not there, whoever is killed while they are written, and whoever else writes at that moment."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from energan.utils import files
from energan.utils.errors import UserError
from energan.utils.files import read_weights, write_weights

KILLED = """
import os, sys
from pathlib import Path
from energan.utils.files import write
write(Path(sys.argv[1]), lambda p: (p.write_text("half"), print("writing", flush=True), sys.stdin.read()))
"""


@pytest.fixture(autouse=True)
def not_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_swept", set())


def test_what_a_killed_process_left_goes_at_the_next_start_and_what_is_being_written_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "a.json")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "writing\n"
        (left,) = tmp_path.iterdir()
        files.write_json(tmp_path / "b.json", {})
        assert left.exists()  # its writer is alive
        writer.kill()
    files._swept.clear()  # another process
    files.write_json(tmp_path / "b.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_only_files_of_ours_are_swept(tmp_path: Path) -> None:
    others = [
        tmp_path / name for name in (".notes.tmp", ".a-12345678.tmpl", "a-12345678.tmp", ".hidden", ".x-1234.tmp")
    ]
    for path in others:
        path.write_text("")
        os.utime(path, (1, 1))
    os.mkfifo(tmp_path / ".a-12345678.tmp")  # which would be waited for
    (tmp_path / ".b-12345678.tmp").symlink_to(others[0])
    files.write_json(tmp_path / "a.json", {})
    assert all(path.exists() for path in others)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = files.write_json(tmp_path / "a.json", {"old": 1})

    def fail(p: Path) -> None:
        p.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="no space left"):
        files.write(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"] and "old" in path.read_text()


def test_threads_that_write_leave_the_process_its_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        work = [threading.Thread(target=files.write_json, args=(tmp_path / f"{i}.json", {})) for i in range(20)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
    finally:
        assert os.umask(before) == 0o027


def test_a_user_without_a_home_has_a_folder_of_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv("ENERGAN_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", homeless)
    assert files.cache_dir() == tmp_path / f"energan-{os.getuid()}"
    assert files.cache_dir().stat().st_mode & 0o777 == 0o700
    files.cache_dir().rmdir()
    files.user_folder("ENERGAN_CACHE", lambda *_, **__: "x")
    (tmp_path / f"energan-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(UserError, match="set ENERGAN_CACHE"):
        files.cache_dir()


def test_weights_have_their_name_once_they_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is synced is the locked temporary file itself, whole; a process that dies then leaves no other name."""
    path, there = tmp_path / "a.safetensors", []

    def synced(handle: int) -> None:
        there.append(os.pread(handle, os.fstat(handle).st_size, 0))
        if len(there) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("energan.utils.files.os.fsync", synced)
    write_weights(path, {"w": torch.ones(3)}, {})
    assert there[0] == path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_weights(path, {"w": torch.zeros(3)}, {})
    assert [each.name for each in tmp_path.iterdir()] == ["a.safetensors"]
    assert torch.equal(read_weights(path)[0]["w"], torch.ones(3))
