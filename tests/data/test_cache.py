"""Caching many mixed images: killed at any moment, the next start is right and goes on where the work stood."""

import errno
import fcntl
import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from energan.data import load
from energan.data.decoding import cache, decode, resumable, writing
from energan.data.decoding.memory_map import map_file
from energan.utils.console import counted
from energan.utils.errors import UserError

N = 240  # images; every 40th file is broken
MODES = ("RGB", "L", "RGBA", "P", "CMYK", "I;16", "LA", "1")
ENDINGS = {"CMYK": ("jpg", "tif"), "RGB": ("jpg", "webp", "bmp", "png"), "RGBA": ("png", "webp")}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ENERGAN_CACHE", str(folder))
    return folder / "images"


def mixed(folder: Path, n: int, broken: int = 40) -> None:
    """Images of all modes, many formats and sizes, in two classes; every `broken`th file is none."""
    rng = np.random.default_rng(0)
    for number in range(n):
        path = folder / ("cat", "dog")[number % 2] / f"{number:05d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = MODES[number % len(MODES)]
        ending = ENDINGS.get(mode, ("png",))[number // len(MODES) % len(ENDINGS.get(mode, ("png",)))]
        w, h = rng.integers(20, 90, 2)
        if number % broken == broken - 1:
            path.with_suffix(".png").write_bytes(b"\x89PNG\r\n\x1a\n" + rng.bytes(100))
        elif mode == "I;16":
            Image.fromarray(rng.integers(0, 65536, (h, w)).astype(np.uint16)).save(path.with_suffix(".png"))
        else:
            Image.fromarray(rng.integers(0, 256, (h, w, 3), np.uint8)).convert(mode).save(
                path.with_suffix(f".{ending}")
            )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    mixed(folder, N)
    return folder


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """What an uninterrupted run makes of the photos."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("whole")))
        return load(photos, size=16, progress=False)


def same(a, b):
    return torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and a[2:] == b[2:]


def counting(monkeypatch) -> list[int]:
    """How many files are decoded from here on."""
    decoded, original = [], decode.decode_pages

    def counted(*arguments):
        decoded.append(1)
        return original(*arguments)

    monkeypatch.setattr(writing, "decode_pages", counted)
    return decoded


def killed_at(count: int, number: int, photos: Path, every: float) -> None:
    """A process that caches the photos and is killed by a signal once it has taken up `count` of them."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        add, resumable.EVERY = resumable.Partial.add, every
        os.fsync = lambda _: None  # for the power's sake, and slow on a busy disk

        def noted(self, *arguments):
            add(self, *arguments)
            if len(self.files) == count:
                os.kill(os.getpid(), number)
                time.sleep(0.1)  # a signal need not come before the call returns

        resumable.Partial.add = noted
        try:
            load(photos, size=16, progress=False)
        except KeyboardInterrupt:
            os._exit(130)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert (os.WEXITSTATUS(status) if number == signal.SIGINT else -os.WTERMSIG(status)) in (130, -number)


def test_mixed_images_are_all_there(photos, whole):
    assert len(whole.images) == N - N // 40 and len(whole.skipped) == N // 40
    assert whole.images.shape[1:] == (3, 16, 16) and whole.classes == ("cat", "dog")
    assert set(whole.labels.tolist()) == {0, 1}
    assert [Path(name).parts[0] for name in whole.files] == [whole.classes[i] for i in whole.labels.tolist()]


def test_a_later_start_opens_no_image(photos, monkeypatch):
    first = load(photos, size=16, progress=False)
    monkeypatch.setattr(writing, "decode_pages", None)
    monkeypatch.setattr(cache, "open_image", None)
    assert same(load(photos, size=16, progress=False), first)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_is_gone_on_with(photos, whole, own_cache, monkeypatch, number):
    killed_at(150, number, photos, every=0.0)
    assert {path.suffix for path in own_cache.iterdir()} == {".part", ".done"}  # nothing that looks whole
    decoded = counting(monkeypatch)
    assert same(load(photos, size=16, progress=False), whole)
    assert len(decoded) <= N - 149
    assert {path.suffix for path in own_cache.iterdir()} == {".u8", ".json"}


def test_a_run_killed_again_and_again_comes_to_its_end(photos, whole, own_cache, monkeypatch):
    for count in (40, 41, 100, 200):
        killed_at(count, signal.SIGKILL, photos, every=0.0)
    decoded = counting(monkeypatch)
    assert same(load(photos, size=16, progress=False), whole)
    assert len(decoded) <= N - 199


def test_what_no_line_counts_is_decoded_again(photos, whole, monkeypatch):
    killed_at(150, signal.SIGKILL, photos, every=1e9)
    decoded = counting(monkeypatch)
    assert same(load(photos, size=16, progress=False), whole)
    assert len(decoded) == N


@pytest.mark.parametrize("damage", ["pixels cut", "half a line", "zeros", "no log", "no pixels", "longer"])
def test_damage_by_a_loss_of_power_costs_work_and_nothing_else(photos, whole, own_cache, damage):
    killed_at(150, signal.SIGKILL, photos, every=0.0)
    part, done = (next(own_cache.glob(pattern)) for pattern in (".*.part", ".*.done"))
    content, lines = part.read_bytes(), done.read_bytes()
    if damage == "pixels cut":
        part.write_bytes(content[: len(content) // 2 + 7])
    elif damage == "half a line":
        done.write_bytes(lines[:-30])
    elif damage == "zeros":
        done.write_bytes(lines[:-300] + bytes(300))
    elif damage == "longer":
        part.write_bytes(content + b"x" * 1000)
    else:
        (done if damage == "no log" else part).unlink()
    assert same(load(photos, size=16, progress=False), whole)


def test_two_runs_at_once_decode_once(photos, whole, monkeypatch):
    decoded, found = counting(monkeypatch), []
    runs = [threading.Thread(target=lambda: found.append(load(photos, size=16, progress=False))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(decoded) == N and all(same(data, whole) for data in found)


def test_a_file_system_without_locks(photos, whole, own_cache, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert same(load(photos, size=16, progress=False), whole)
    assert sum(path.stat().st_size for path in own_cache.glob(".*")) == 0


def test_other_files_are_another_piece_of_work(photos, tmp_path, own_cache):
    mixed(tmp_path / "other", 30)
    killed_at(150, signal.SIGKILL, photos, every=0.0)
    assert len(load(tmp_path / "other", size=16, progress=False).images) == 30
    assert len(list(own_cache.glob(".*.part"))) == 1


def test_an_error_leaves_nothing(tmp_path, own_cache):
    mixed(tmp_path / "sizes", 30)
    with pytest.raises(UserError, match="different sizes"):
        load(tmp_path / "sizes", progress=False)
    assert list(own_cache.iterdir()) == []


def test_abandoned_work_is_removed_after_a_week(tmp_path, own_cache):
    own_cache.mkdir()
    for name, age in (("old", 8 * 24 * 3600), ("new", 3600)):
        for ending in ("part", "done"):
            (own_cache / f".{name}.{ending}").write_text("x")
            os.utime(own_cache / f".{name}.{ending}", (time.time() - age,) * 2)
    mixed(tmp_path / "photos", 4)
    load(tmp_path / "photos", size=8, progress=False)
    assert {path.name for path in own_cache.glob(".*")} == {".new.part", ".new.done"}


def test_progress_starts_where_the_work_stood(monkeypatch, capsys):
    monkeypatch.setattr("energan.utils.console.LINE_SECONDS", 0.0)  # without a terminal, a line each
    assert list(counted("abc", 10, "reading", done=7, show=True)) == ["a", "b", "c"]
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" images, ")[0] for line in lines] == [f"reading: {n}/10" for n in (8, 9, 10)]


def test_a_file_larger_than_memory_can_be_mapped(tmp_path):
    """Torch's from_file asks for as much memory as the file has; a sparse file takes no disk."""
    size = 4 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size - 1)
        file.write(b"\x07")
    content = map_file(path, size)
    content[0] = 1
    assert (int(content[-1]), int(content[0]), len(content)) == (7, 1, size)
    with path.open("rb") as file:
        assert file.read(1) == b"\0"  # what is written to the tensor stays out of the file


def test_a_line_says_what_was_done(tmp_path):
    with (tmp_path / "p").open("w+b") as pixels, (tmp_path / "d").open("w+b") as log:
        part = resumable.Partial(pixels, log)
        part.add("a.png", 0, np.ones((1, 2, 2), np.uint8))
        part.skip("b.png: empty", passing=True)
        part.flush()
    assert json.loads((tmp_path / "d").read_text()) == {
        "position": 2, "shape": [1, 2, 2], "labels": [0], "files": ["a.png"], "skipped": ["b.png: empty"],
        "unread": [1], "value_range": None, "values": 0, "outside": 0, "several": 0,
    }  # fmt: skip
