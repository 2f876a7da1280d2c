"""Files that cannot be read: those of wrong bytes are remembered, those that were away are tried again."""

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from energan.data import load
from energan.data.decoding import cache, decode
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    made = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ENERGAN_CACHE", str(made))
    return made / "images"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "photos"
    made.mkdir()
    for index in range(20):
        Image.new("L", (4, 4), index).save(made / f"{index:02d}.png")
    return made


def away(monkeypatch, names: set[str], error: Exception) -> pytest.MonkeyPatch:
    """As long as the patch lasts, opening these files fails."""
    real = decode.open_image

    def flaky(file):
        if isinstance(file, Path) and file.name in names:
            raise error
        return real(file)

    for module in (cache, decode):
        monkeypatch.setattr(module, "open_image", flaky)
    return monkeypatch


PASSING = [
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.ESTALE, "Stale file handle"),
    OSError(errno.EMFILE, "Too many open files"),
    FileNotFoundError(errno.ENOENT, "No such file or directory"),
    PermissionError(errno.EACCES, "Permission denied"),
    MemoryError(),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__ + str(error)[:9])
def test_what_passes_is_tried_again(folder, monkeypatch, error, capsys):
    with monkeypatch.context() as patch:
        away(patch, {"02.png", "07.png"}, error)
        first = load(folder, progress=False)
        again = load(folder, progress=False)  # still away: what is cached is used
        assert len(first.images) == len(again.images) == 18 and len(first.skipped) == 2
    assert "2 of 20 files" in capsys.readouterr().err
    whole = load(folder, progress=False)
    assert len(whole.images) == 20 and whole.skipped == () and whole.sha256 != first.sha256
    monkeypatch.setattr(decode, "open_image", None)
    assert len(load(folder, progress=False).images) == 20  # and now from the cache


def test_a_cache_of_fewer_images_is_used_while_the_rest_is_away(folder, monkeypatch):
    away(monkeypatch, {"02.png"}, PASSING[0])
    first = load(folder, progress=False)
    monkeypatch.setattr(cache, "_make", None)
    assert load(folder, progress=False).sha256 == first.sha256


def test_wrong_bytes_are_remembered(folder, monkeypatch):
    (folder / "03.png").write_bytes(b"no image")
    assert len(load(folder, progress=False).images) == 19
    for module in (cache, decode):
        monkeypatch.setattr(module, "open_image", None)
    assert load(folder, progress=False).skipped == ("03.png: not an image of a known format",)


def test_a_file_that_became_readable_and_is_damaged(folder, monkeypatch):
    with monkeypatch.context() as patch:
        away(patch, {"02.png"}, PASSING[0])
        load(folder, progress=False)
    stamps = (folder / "02.png").stat()
    (folder / "02.png").write_bytes(b"x" * stamps.st_size)
    os.utime(folder / "02.png", ns=(stamps.st_atime_ns, stamps.st_mtime_ns))  # the same key of the cache
    assert load(folder, progress=False).skipped == ("02.png: not an image of a known format",)


@pytest.mark.parametrize("broken", [3, 4])
def test_more_than_three_and_a_tenth_is_an_error(folder, own_cache, broken):
    for index in range(broken):
        (folder / f"{index:02d}.png").write_bytes(b"no image")
    if broken == 3:
        assert len(load(folder, progress=False).images) == 17
        return
    said = "more than a tenth of the 20 files of .*cannot be read, so nothing was loaded .*00.png: not an image.*remove"
    with pytest.raises(UserError, match=said):
        load(folder, progress=False)
    assert list(own_cache.iterdir()) == []


def test_a_folder_that_goes_away_midway(folder, own_cache, monkeypatch):
    with monkeypatch.context() as patch:
        away(patch, {f"{index:02d}.png" for index in range(5, 20)}, PASSING[3])
        with pytest.raises(UserError, match="start again once they are there"):
            load(folder, progress=False)
    assert list(own_cache.iterdir()) == []
    assert len(load(folder, progress=False).images) == 20


def test_a_deep_file_that_is_away_is_not_measured(folder, monkeypatch):
    """The range is then that of the others, and another once the file is back."""
    for path in folder.iterdir():
        path.unlink()
    for index, value in enumerate((100, 200, 4000)):
        Image.new("I;16", (4, 4), value).save(folder / f"{index}.png")
    with monkeypatch.context() as patch:
        away(patch, {"2.png"}, PASSING[0])
        assert load(folder, progress=False).value_range == (0, 255)
    assert load(folder, progress=False).value_range == (0, 4095)
