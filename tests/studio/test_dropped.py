"""Files that a browser sends: below safe names, bounded, and where they belong."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energan.studio import dropped
from energan.studio.dropped import Dropped, safe_name
from energan.utils.errors import UserError


@dataclass
class File:
    name: str
    data: bytes = b"x"

    def size(self) -> int:
        return len(self.data)

    async def save(self, path: str | Path) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(self.data)


class Slow(File):
    async def save(self, path: str | Path) -> None:
        await asyncio.sleep(0.01)
        await super().save(path)


@given(st.text(max_size=300), st.sets(st.text(max_size=5), max_size=3))
def test_any_name_becomes_one_of_a_file_in_the_folder(name: str, taken: set[str]) -> None:
    safe = safe_name(name, taken)
    assert safe and safe not in taken and safe not in (".", "..") and not safe.startswith(".")
    assert not set(safe) & set("/\\\0\n") and len(safe.encode()) < 200 and Path(safe).name == safe


def test_two_files_of_a_name_are_both_kept(tmp_path: Path) -> None:
    own = Dropped(tmp_path)
    for data in (b"one", b"two"):
        folder = asyncio.run(own.keep(File("../a.png", data)))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.png": b"one", "a-1.png": b"two"}
    assert folder.parent == tmp_path and own.kept() == [folder]
    own.remove()
    assert own.kept() == []


def test_two_files_of_a_name_at_once_are_both_kept(tmp_path: Path) -> None:
    own = Dropped(tmp_path)

    async def both() -> None:
        await asyncio.gather(own.keep(Slow("1.png", b"cat")), own.keep(Slow("1.png", b"dog")))

    asyncio.run(both())
    assert sorted(path.read_bytes() for path in own.folder.iterdir()) == [b"cat", b"dog"]


def test_a_file_that_is_refused_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped, "BYTES", 100)
    own = Dropped(tmp_path)
    with pytest.raises(UserError):
        asyncio.run(own.keep(File("large", bytes(101))))
    asyncio.run(own.keep(File("猫" * 100 + ".png")))
    assert len(own) == 1


def test_too_many_and_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped, "FILES", 1), monkeypatch.setattr(dropped, "BYTES", 100)
    own = Dropped(tmp_path)
    with pytest.raises(UserError, match="can be dropped"):
        asyncio.run(own.keep(File("large", bytes(101))))
    own = Dropped(tmp_path)
    asyncio.run(own.keep(File("a")))
    with pytest.raises(UserError, match="can be dropped"):
        asyncio.run(own.keep(File("b")))
    assert len(own) == 1
