"""What files of others may make this process do is bounded before they are decoded."""

import io
import os
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from energan.data import load
from energan.data.decoding import bounds, decode, parallel, writing
from energan.data.decoding.bounds import Budget
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    made = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ENERGAN_CACHE", str(made))
    return made


def png(value: int = 9, side: int = 8) -> bytes:
    content = io.BytesIO()
    Image.new("L", (side, side), value).save(content, "PNG")
    return content.getvalue()


def refused(path: Path, said: str, **options: object) -> None:
    with pytest.raises(UserError, match=said):
        load(path, progress=False, **options)


def test_an_npz_of_zeros(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "RATIO_FROM", 2**16)
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((40, 64, 64), np.uint8))
    refused(tmp_path / "a.npz", "array images would grow from .* no images are packed so much")
    np.savez_compressed(tmp_path / "b.npz", images=np.random.default_rng(0).integers(0, 255, (40, 64, 64), np.uint8))
    assert len(load(tmp_path / "b.npz", progress=False).images) == 40


def test_a_member_that_lies_about_its_size(tmp_path):
    """More bytes than declared are not inflated; fewer are an error."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=np.zeros((40, 64, 64), np.uint8))
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\1\2")
    for shift in (24,):  # the size in the central directory
        content[at + shift : at + shift + 4] = (4096).to_bytes(4, "little")
    path.write_bytes(content)
    refused(path, "shorter than its header says|cannot be read")


def test_an_array_on_disk_that_memory_cannot_hold(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.zeros((40, 64, 64), np.uint16))
    monkeypatch.setattr(bounds, "available_memory", lambda: 2**16)
    refused(tmp_path / "a.npy", "more than half of what is free")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_archives_of_zeros(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(bounds, "RATIO_FROM", 2**16)
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.png", bytes(2**20))
    else:
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo("a.png")
            info.size = 2**20
            archive.addfile(info, io.BytesIO(bytes(2**20)))
    refused(path, "cannot be read: it would grow from .* no images are packed so much")


def test_a_tar_header_of_any_size(tmp_path, monkeypatch):
    """The names of long paths are a member of their own, whose size is the file's to say."""
    monkeypatch.setattr("energan.data.containers.tar.LARGEST_FILE", 2**16)
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**20
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(2**20 + 1024))
    refused(tmp_path / "a.tar", "cannot be read: an entry of 1048576 bytes is too large")


def test_rows_without_images(tmp_path):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for name, cells in (("nulls", pa.nulls(300_000, kind)), ("bare", pa.nulls(300_000, pa.binary()))):
        pq.write_table(pa.table({"image": cells}), tmp_path / f"{name}.parquet")
        refused(tmp_path / f"{name}.parquet", "has 300000 rows, and more than a tenth of them without an image")
    few = [{"bytes": png(k), "path": None} for k in range(20)] + [None, None]
    pq.write_table(pa.table({"image": few}), tmp_path / "few.parquet")
    assert len(load(tmp_path / "few.parquet", progress=False).images) == 20


def test_a_value_that_stands_in_every_row_is_read_a_few_rows_at_a_time(tmp_path, monkeypatch):
    from energan.data.formats import parquet

    monkeypatch.setattr(parquet, "AT_ONCE", 2**16)
    seen, batches = [], parquet._batches
    monkeypatch.setattr(parquet, "_batches", lambda *given: (seen.append(len(b)) or b for b in batches(*given)))
    large = png() + bytes(2**15)
    pq.write_table(pa.table({"image": [large] * 100}), tmp_path / "a.parquet")
    assert len(load(tmp_path / "a.parquet", progress=False).images) == 100
    assert max(seen) <= 2


def test_files_that_are_no_images_end_it_early(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "LOOKED_AT", 10)
    monkeypatch.setattr(writing, "SHARE", 1.0)
    for index in range(40):
        (tmp_path / f"{index}.png").write_bytes(b"text")
    refused(tmp_path, "none of the first 10 of 40 files")


def test_pixels_in_flight_are_bounded(tmp_path, monkeypatch):
    """Images of 64 pixels, of which the budget allows two at a time."""
    monkeypatch.setattr(bounds, "pixels", Budget(128))
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    now, most, lock, fit = [0], [0], threading.Lock(), decode.fit

    def watched(*given):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return fit(*given)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(decode, "fit", watched)
    for index in range(60):
        (tmp_path / f"{index}.png").write_bytes(png(index))
    assert len(load(tmp_path, progress=False).images) == 60
    assert 1 <= most[0] <= 2


def test_a_larger_image_than_the_budget_is_decoded_alone():
    budget = Budget(10)
    with budget.taken(100):
        waiting = threading.Thread(target=lambda: budget.taken(1).__enter__())
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()


def test_few_large_results_wait(monkeypatch):
    monkeypatch.setattr(parallel, "WAITING", 100)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return item

    results = parallel.in_order(work, range(100), lambda _: 50)
    ahead = [len(begun) - result for result in results]
    assert max(ahead[5:]) <= 4 and len(ahead) == 100


def test_an_image_of_another_size_is_not_decoded(tmp_path, monkeypatch):
    (tmp_path / "0.png").write_bytes(png())
    for index in range(1, 40):
        (tmp_path / f"{index}.png").write_bytes(png(side=64))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    decoded, load_pixels = [], decode.loaded
    monkeypatch.setattr(decode, "loaded", lambda image: decoded.append(image.size) or load_pixels(image))
    refused(tmp_path, "different sizes")
    assert decoded.count((64, 64)) <= 2


@pytest.mark.parametrize("name", ["pages", "bytes"])
def test_a_tiff_of_very_many_pages(tmp_path, monkeypatch, name):
    pages = [Image.new("L", (2, 2), k) for k in range(30)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    if name == "pages":
        monkeypatch.setattr(decode, "MOST_PAGES", 20)
    else:
        monkeypatch.setattr(writing, "PAGES", 50)
    refused(tmp_path, "more than 20 pages" if name == "pages" else "its pages take more than 50 bytes")


def test_a_pgm_is_not_read_value_by_value(tmp_path, monkeypatch):
    """Pillow's decoder of other whites than 255 is Python: a minute for its limit on pixels."""
    from PIL import PpmImagePlugin

    monkeypatch.setattr(PpmImagePlugin.PpmDecoder, "decode", None)
    monkeypatch.setattr(PpmImagePlugin.PpmPlainDecoder, "decode", None)
    (tmp_path / "a.pgm").write_bytes(b"P5 4 4 100\n" + bytes(16))
    (tmp_path / "b.pgm").write_bytes(b"P2 4 4 4095\n" + b"7 " * 16)
    assert len(load(tmp_path, progress=False).images) == 2


def test_a_named_set_or_array_is_resized_only_where_it_fits(tmp_path, monkeypatch):
    """1,541 digits of 4,000 pixels a side are 25 GB; what was resized before is a copy, and takes as much."""
    load("digits", size=32, progress=False)
    monkeypatch.setattr(bounds, "available_memory", lambda: 2**20)
    with pytest.raises(UserError, match="digits at 32 x 32 pixels would take 1577984 bytes of memory"):
        load("digits", size=32, progress=False)
    assert len(load("digits", size=16, progress=False).images) == 1541
