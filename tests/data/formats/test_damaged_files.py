"""Damaged files of every format: a UserError of one printable line, or images; no other exception, and no hang."""

import io
import json
import os
import signal
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from energan.data import load
from energan.data.formats import huggingface
from energan.utils.errors import UserError

SECONDS = 20  # after which a file is taken to hang


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory) -> Iterator[None]:
    def hang(*_: object) -> None:
        raise AssertionError(f"over {SECONDS} s")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        before = signal.signal(signal.SIGALRM, hang)
        yield
        signal.signal(signal.SIGALRM, before)


def image(kind: str, mode: str = "L", **options: object) -> bytes:
    content = io.BytesIO()
    noise = Image.effect_noise((12, 12), 80)
    made = Image.fromarray(np.arange(144, dtype=np.uint16).reshape(12, 12)) if mode == "I;16" else noise.convert(mode)
    made.save(content, kind, **options)
    return content.getvalue()


def zipped(method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name in ("cat/é.png", "dog/b.png"):
            archive.writestr(name, image("PNG"))
    return content.getvalue()


def tarred(mode: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name in ("cat/é.png", f"dog/{'b' * 120}.png"):
            info = tarfile.TarInfo(name)
            info.size = len(image("PNG"))
            archive.addfile(info, io.BytesIO(image("PNG")))
    return content.getvalue()


def arrays(packed: bool) -> bytes:
    content = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(
        content, images=np.zeros((3, 8, 8), np.uint16), labels=np.array(["a", "b", "c"])
    )
    return content.getvalue()


def array() -> bytes:
    content = io.BytesIO()
    np.save(content, np.linspace(0, 1, 192).reshape(3, 8, 8))
    return content.getvalue()


def table(compression: str) -> bytes:
    content = io.BytesIO()
    names = {"info": {"features": {"label": {"names": ["a", "b"]}}}}
    cells = [{"bytes": image("PNG"), "path": f"{k}.png"} for k in range(4)]
    made = pa.table({"image": cells, "label": [0, 1, 1, 0]})
    pq.write_table(made.replace_schema_metadata({"huggingface": json.dumps(names)}), content, compression=compression)
    return content.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "a.png": lambda: image("PNG"),
    "deep.png": lambda: image("PNG", "I;16"),
    "palette.png": lambda: image("PNG", "P"),
    "a.jpg": lambda: image("JPEG", "RGB"),
    "cmyk.jpg": lambda: image("JPEG", "CMYK"),
    "a.gif": lambda: image("GIF", "P"),
    "a.webp": lambda: image("WEBP", "RGBA"),
    "a.bmp": lambda: image("BMP", "RGB"),
    "a.tif": lambda: image("TIFF", "RGB", compression="tiff_deflate"),
    "deep.tif": lambda: image("TIFF", "I;16"),
    "lzw.tif": lambda: image("TIFF", "I;16", compression="tiff_lzw"),
    "fax.tif": lambda: image("TIFF", "1", compression="group4"),
    "pages.tif": lambda: image("TIFF", "L", save_all=True, append_images=[Image.new("L", (12, 12))] * 3),
    "a.pgm": lambda: image("PPM", "I;16").replace(b"65535", b"40000"),
    "a.ppm": lambda: image("PPM", "RGB"),
    "plain.pgm": lambda: b"P2\n3 2\n4095\n" + b"1 2 3 4 5 4095\n",
    "a.avif": lambda: image("AVIF", "RGB"),
    "a.jp2": lambda: image("JPEG2000", "RGB"),
    "deep.jp2": lambda: image("JPEG2000", "I;16"),
    "a.qoi": lambda: image("QOI", "RGB"),
    "stored.zip": lambda: zipped(zipfile.ZIP_STORED),
    "deflated.zip": lambda: zipped(zipfile.ZIP_DEFLATED),
    "bzip2.zip": lambda: zipped(zipfile.ZIP_BZIP2),
    "lzma.zip": lambda: zipped(zipfile.ZIP_LZMA),
    "a.tar": lambda: tarred("w"),
    "a.tar.gz": lambda: tarred("w:gz"),
    "stored.npz": lambda: arrays(False),
    "deflated.npz": lambda: arrays(True),
    "a.npy": array,
    "plain.parquet": lambda: table("none"),
    "a.parquet": lambda: table("snappy"),
}


def outcome(path: Path) -> None:
    """Loads the file: images of sound shape, or one printable line."""
    signal.alarm(SECONDS)
    try:
        data = load(path, size=6, progress=False)
    except UserError as error:
        assert str(error).isprintable() and len(str(error)) < 3000
    else:
        assert data.images.dtype == torch.uint8 and data.images.shape[2:] == (6, 6) and len(data.images)
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("name", FORMATS)
def test_the_files_are_sound(files, name):
    (files / name).write_bytes(FORMATS[name]())
    assert load(files / name, size=6, progress=False).skipped == ()


KINDS = ["flip", "zeros", "ones", "cut", "insert", "number"]

DAMAGE = st.lists(st.tuples(st.sampled_from(KINDS), st.floats(0, 1), st.integers(0, 2**32 - 1)), min_size=1, max_size=3)


def damaged(content: bytes, damage: list[tuple[str, float, int]]) -> bytes:
    changed = bytearray(content)
    for kind, where, value in damage:
        at = int(where * max(0, len(changed) - 1))
        if kind == "flip" and changed:
            changed[at] ^= 1 << value % 8
        elif kind in ("zeros", "ones"):
            end = min(len(changed), at + value % 32)
            changed[at:end] = (b"\0" if kind == "zeros" else b"\xff") * (end - at)
        elif kind == "cut":
            del changed[at:]
        elif kind == "insert":
            changed[at:at] = struct.pack("<I", value)
        else:
            changed[at : at + 4] = struct.pack("<I" if value % 2 else ">I", value)
    return bytes(changed)


QUICK = settings(
    max_examples=int(os.environ.get("ENERGAN_FUZZ", "6")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize="ENERGAN_FUZZ" not in os.environ,
)


@pytest.mark.parametrize("name", FORMATS)
@QUICK
@given(damage=DAMAGE)
def test_damaged_bytes(files, name, damage):
    """ENERGAN_FUZZ=1000 tries so many of each format."""
    path = files / f"damaged-{name}"
    path.write_bytes(damaged(FORMATS[name](), damage))
    outcome(path)


@QUICK
@given(name=st.sampled_from(sorted(FORMATS)), noise=st.binary(max_size=200))
def test_any_bytes(files, name, noise):
    path = files / f"noise-{name}"
    path.write_bytes(noise)
    outcome(path)


# Headers of arrays, whose text numpy evaluates


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4, 4, }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775808, 0, 4), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (True, 4, 4), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-4, -4, 4), }",
        "{'descr': '|u1', 'fortran_order': False, 3: (2, 4, 4), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2, 4, 4), }",
        "{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (2, 4, 4), }",
        "{'descr': ('|u1', (2**9,)), 'fortran_order': False, 'shape': (2, 4, 4), }",
        "{'descr': '|u1', 'fortran_order': 3, 'shape': (2, 4, 4), }",
        "[" * 3000,
        "",
        "\n",
    ],
)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_headers_of_arrays(tmp_path, header, ending):
    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" + bytes(64)
    path = tmp_path / f"a.{ending}"
    if ending == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", content)
    with pytest.raises(UserError) as error:
        load(path, progress=False)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("kind", ["encrypted", "method", "name"])
@pytest.mark.parametrize("ending", ["zip", "npz"])
def test_zips_that_cannot_be_unpacked(tmp_path, kind, ending):
    content = bytearray(zipped(zipfile.ZIP_STORED) if ending == "zip" else arrays(False))
    start = 0
    while (at := content.find(b"PK\1\2", start)) >= 0:
        start = at + 4
        if kind == "encrypted":
            content[at + 8] |= 1
        elif kind == "method":
            content[at + 10] = 99
        else:
            content[at + 9] |= 8  # UTF-8
            content[at + 46] = 0xFF
    (tmp_path / f"a.{ending}").write_bytes(content)
    with pytest.raises(UserError) as error:
        load(tmp_path / f"a.{ending}", progress=False)
    assert str(error.value).isprintable()


def test_an_entry_without_a_name(tmp_path):
    content = bytearray(zipped(zipfile.ZIP_STORED))
    at = content.find(b"PK\1\2")
    content[at + 28 : at + 32] = struct.pack("<HH", 0, 10)  # the name's ten bytes are called something else
    (tmp_path / "a.zip").write_bytes(content)
    outcome(tmp_path / "a.zip")


# Tables that name files


def test_a_table_reads_no_file_outside_its_folder(tmp_path):
    (tmp_path / "private.png").write_bytes(image("PNG"))
    (tmp_path / "set" / "inside").mkdir(parents=True)
    (tmp_path / "set" / "inside" / "0.png").write_bytes(image("PNG"))
    (tmp_path / "set" / "link.png").symlink_to(tmp_path / "private.png")
    (tmp_path / "set" / "out").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "set" / "pipe.png")
    strange = ["../private.png", str(tmp_path / "private.png"), "link.png", "out/private.png", "pipe.png", "inside"]
    strange += ["..\\private.png", "a\0b.png", "x" * 5000, ""]
    cells = [{"bytes": None, "path": "inside/0.png"}] * 100 + [{"bytes": None, "path": path} for path in strange]
    pq.write_table(pa.table({"image": cells}), tmp_path / "set" / "a.parquet")
    data = load(tmp_path / "set", progress=False)
    assert len(data.images) == 100 and len(data.skipped) == len(strange)
    assert all(line.isprintable() for line in data.skipped)


def test_a_dataset_of_the_hub_reads_its_cache_and_nothing_else(tmp_path):
    for name in ("cache", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(image("PNG"))
    content = partial(huggingface._content, caches=[tmp_path / "cache"])
    assert content({"bytes": None, "path": str(tmp_path / "cache" / "a.png")}) == tmp_path / "cache" / "a.png"
    assert content({"bytes": b"x", "path": "/any.png"}) == b"x"
    for path in (
        str(tmp_path / "elsewhere" / "a.png"),
        str(tmp_path / "cache" / ".." / "elsewhere" / "a.png"),
        "a.png",
    ):
        with pytest.raises((ValueError, OSError)):
            content({"bytes": None, "path": path})


def test_names_of_columns_are_printed_harmlessly(tmp_path):
    pq.write_table(pa.table({"\x1b]0;x\x07\x1b[2J": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(UserError) as error:
        load(tmp_path / "a.parquet", progress=False)
    assert str(error.value).isprintable()


def test_metadata_nested_deeply_say_nothing(tmp_path):
    made = pa.table({"image": [image("PNG")] * 2, "label": [0, 1]})
    pq.write_table(made.replace_schema_metadata({"huggingface": "[" * 100_000}), tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet", progress=False).classes == ("0", "1")


@pytest.mark.skipif(find_spec("lmdb") is None, reason="needs the package lmdb")
@pytest.mark.parametrize("content", [b"", b"text" * 100, bytes(8192), b"\xff" * 8192])
def test_a_database_that_is_none(tmp_path, content):
    folder = tmp_path / "x_train_lmdb"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(content)
    with pytest.raises(UserError) as error:
        load(folder, progress=False)
    assert str(error.value).isprintable()
