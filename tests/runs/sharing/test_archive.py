"""A model's .zip: the same content has the same bytes, and what a stranger put into one is refused in a sentence."""

import os
import pickle
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hostile import Edit, archive, bounded, damage, link_named, zipped
from hypothesis import given

from energan.runs.copies import copies, kept_copy
from energan.runs.references import run_folder
from energan.runs.sharing.archive import unpack, write_zip, zip_copy
from energan.runs.sharing.parts import PARTS
from energan.utils.errors import UserError

SOUND = {"run.json": b"{}", "model.safetensors": b"weights"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.runs.copies.cache_dir", lambda: tmp_path / "cache")


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for name, content in SOUND.items():
        (tmp_path / "made" / name).write_bytes(content)
    (tmp_path / "made" / "notes.txt").write_text("not a part")
    first, second = (write_zip(tmp_path / "made", tmp_path / name) for name in ("a.zip", "b.zip"))
    assert first.read_bytes() == second.read_bytes()
    folder = run_folder(str(first))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == SOUND
    assert folder.parent == copies() and run_folder(first) == folder and run_folder(second) != folder


def test_the_copy_is_of_the_file_that_was_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, later = put(tmp_path / "m.zip", zipped(SOUND)), put(tmp_path / "later.zip", zipped({"run.json": b"[]"}))

    def replaced_between(name: str, digest: str, fill: Callable[[Path], object]) -> Path:
        later.replace(path)
        return kept_copy(name, digest, fill)

    monkeypatch.setattr("energan.runs.sharing.archive.kept_copy", replaced_between)
    assert (zip_copy(path) / "run.json").read_bytes() == SOUND["run.json"]


def test_a_folder_is_itself_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "run.zip").mkdir()
    assert run_folder(tmp_path / "run.zip") == tmp_path / "run.zip"
    assert run_folder("hf") == Path("hf")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no .zip"),
        (b"PK\3\4" + bytes(99), "is no .zip"),
        (zipped({"a.png": b""}), "is none: it has no run.json"),
        (zipped({**SOUND, "../run.json": b"{}"}), "holds '../run.json', which no model has"),
        (zipped({**SOUND, "/etc/passwd": b""}), "holds '/etc/passwd', which no model has"),
        (zipped({**SOUND, "C:\\run.json": b""}), "which no model has"),
        (zipped({**SOUND, "checkpoints/": b""}), "which no model has"),
        (zipped({**SOUND, "model.pt": pickle.dumps(1)}), "holds 'model.pt', which no model has"),
        (zipped({**SOUND, "\x1b[2J": b""}), r"holds '.*x1b\[2J', which no model has"),
        (archive(("run.json", b"{}"), ("run.json", b"[]")), "holds run.json twice"),
        (archive(("run.json", b"{}"), (link_named("model.safetensors"), b"/etc/passwd")), "as a link or device"),
        (zipped({**SOUND, "README.md": bytes(PARTS["README.md"] + 1)}), "has a README.md of 1,048,577 bytes"),
        (zipped({**SOUND, **{f"{i}.png": b"" for i in range(2000)}}), "lists more files than any model has"),
        (zipped(SOUND)[:-30], "cannot be read|is no .zip"),
    ],
)
def test_what_no_model_has_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = put(tmp_path / "bad.zip", content)
    with bounded(), pytest.raises(UserError, match=why):
        zip_copy(path)
    assert not list(copies().iterdir()) if copies().exists() else True
    assert {p.name for p in tmp_path.iterdir()} <= {"bad.zip", "cache"}


@pytest.mark.parametrize("comment", [b"", bytes(2**16 - 1)])
def test_a_second_length_of_the_list_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comment: bytes
) -> None:
    """A list that is too long, with a zip64's end, and a plain end that says that it is short."""
    monkeypatch.setattr("zipfile.ZIP_FILECOUNT_LIMIT", 1)
    content = bytearray(zipped({**SOUND, **{f"{i}.png": b"" for i in range(2000)}}))
    at = content.rindex(b"PK\5\6")
    content[at + 12 : at + 16] = struct.pack("<I", 100)
    content[at + 20 :] = struct.pack("<H", len(comment)) + comment
    with bounded(), pytest.raises(UserError, match="is a zip64"):
        zip_copy(put(tmp_path / "bomb.zip", bytes(content)))


def test_a_size_that_lies_costs_no_more_than_it_says(tmp_path: Path) -> None:
    """A bomb whose list says one byte gives one byte, or an error; it never gives all."""
    content = bytearray(zipped({**SOUND, "README.md": bytes(2**20)}))
    at = content.index(b"PK\1\2", content.index(b"PK\1\2"))
    while content[at + 46 : at + 55] != b"README.md":
        at = content.index(b"PK\1\2", at + 4)
    content[at + 24 : at + 28] = struct.pack("<I", 1)
    with bounded(), pytest.raises(UserError, match="cannot be read"):
        zip_copy(put(tmp_path / "bomb.zip", bytes(content)))


@given(damage())
def test_damage_is_a_sentence_or_does_no_harm(change: Edit) -> None:
    with TemporaryDirectory() as name:
        place = Path(name)
        (place / "out").mkdir()
        put(place / "a.zip", change(zipped(SOUND, 0)))
        with bounded(), suppress(UserError), (place / "a.zip").open("rb") as file:
            unpack(file, place / "out", "a.zip")
        assert {path.name for path in place.iterdir()} == {"a.zip", "out"}
        assert {path.name for path in (place / "out").iterdir()} <= set(PARTS)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(UserError, match="is no regular file"):
        run_folder(tmp_path / "pipe.zip")


def test_a_zip_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.zip cannot be read: No such file"):
        run_folder(tmp_path / "none.zip")
