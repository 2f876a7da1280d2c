"""The named sets: real content by hash, and what is said when they cannot be had."""

import gzip
import hashlib
import json
import os
import pickle
import struct
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from energan.data import ImageSet, download, load, pad
from energan.data.formats import arrays
from energan.data.named import catalog, readers
from energan.data.named.published import Hashes
from energan.utils.errors import UserError

# md5 of the unpacked IDX files (images, labels) as published
IDX_MD5 = {
    ("mnist", "train"): ("6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624"),
    ("mnist", "test"): ("2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
    ("fashion-mnist", "train"): ("f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9"),
    ("fashion-mnist", "test"): ("8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965"),
}


def idx_files(data: ImageSet) -> tuple[bytes, bytes]:
    n, _, h, w = data.images.shape
    images = struct.pack(">4i", 2051, n, h, w) + data.images.numpy().tobytes()
    return images, struct.pack(">2i", 2049, n) + data.labels.to(torch.uint8).numpy().tobytes()


def unreachable(*_: object) -> bytes:
    raise UserError("no network")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No cache, no folder, no network."""
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ENERGAN_DATA", raising=False)
    monkeypatch.setattr(download, "client", unreachable)
    monkeypatch.setattr(readers, "fetch_hub_file", unreachable)
    return tmp_path


@pytest.mark.parametrize(("name", "split"), IDX_MD5)
def test_a_named_set_is_the_published_one(name, split):
    data = load(name, split)
    assert data.images.dtype == torch.uint8
    assert data.labels.dtype == torch.int64
    assert data.images.shape == ({"train": 60000, "test": 10000}[split], 1, 28, 28)
    assert tuple(hashlib.md5(part).hexdigest() for part in idx_files(data)) == IDX_MD5[name, split]
    assert data.sha256 == hashlib.sha256(data.images.numpy().tobytes()).hexdigest()
    assert len(data.classes) == data.labels.max() + 1 == 10


def test_digits_need_no_network(offline):
    train, test = load("digits"), load("digits", "test")
    assert len(train.images) + len(test.images) == 1797
    assert train.images.shape[1:] == (1, 8, 8)
    assert train.images.max() == 255
    assert torch.bincount(test.labels).min() >= 18
    again = load("digits")
    assert again.source.endswith("(cache)")
    assert torch.equal(again.images, train.images)


def test_padding_is_the_papers():
    data = load("digits", "test")
    padded = pad(data, 11)
    assert padded.images.shape[2:] == (11, 11)
    assert torch.equal(padded.images[:, :, 1:9, 1:9], data.images)
    assert padded.images.sum() == data.images.sum()
    assert pad(data, 8) is data
    with pytest.raises(UserError, match="do not fit in 7 x 7"):
        pad(data, 7)


def test_size_and_channels_of_a_named_set():
    data = load("digits", "test", size=16, channels=3, progress=False)
    assert data.images.shape == (256, 3, 16, 16)
    assert torch.equal(data.images[:, 0], data.images[:, 2])
    assert "3 x 16 x 16" in data.source


def test_images_are_resized_once(monkeypatch):
    monkeypatch.setattr(arrays, "_fitted", {})
    calls, fit_all = [], arrays.fit_all
    monkeypatch.setattr(arrays, "fit_all", lambda *a: calls.append(a) or fit_all(*a))
    first = load("digits", "test", size=16, channels=3, progress=False)
    expected = first.images.clone()
    first.images.zero_()  # what one gets is one's own
    second = load("digits", "test", size=(16, 16), channels=3, progress=False)
    second.images.zero_()
    third = load("digits", "test", size=16, channels=3, progress=False)
    assert torch.equal(third.images, expected) and third.source == second.source == first.source
    assert len(calls) == 1
    for other in ({"size": 17}, {"size": 16}, {"size": (16, 17)}, {"size": 16, "channels": 3, "split": "train"}):
        load("digits", **{"split": "test", "progress": False} | other)
    assert len(calls) == 5 and len(arrays._fitted) == 5


def test_few_resized_images_are_kept(monkeypatch):
    monkeypatch.setattr(arrays, "_fitted", kept := {})
    monkeypatch.setattr(arrays, "KEPT", 256 * 100)
    for size in (5, 7, 9, 11):  # 256 images of 25, 49, 81 and 121 bytes
        assert load("digits", "test", size=size, progress=False).images.shape == (256, 1, size, size)
        assert sum(images.nbytes for images in kept.values()) <= 256 * 100
    assert [images.shape[2] for images in kept.values()] == [9]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("sub", ["mnist", "MNIST/raw", "."])
def test_idx_files_of_a_local_folder(offline, monkeypatch, packed, sub):
    make_small_mnist(offline / "sets" / sub, monkeypatch, packed)
    with pytest.raises(UserError, match="ENERGAN_DATA names no folder"):
        load("mnist", "test")
    monkeypatch.setenv("ENERGAN_DATA", str(offline / "sets"))
    data = load("mnist", "test")
    assert torch.equal(data.labels, torch.tensor([3, 1]))
    assert "ENERGAN_DATA" in data.source


def make_small_mnist(folder: Path, monkeypatch: pytest.MonkeyPatch, packed: bool) -> bytes:
    """Two images that are MNIST's test set as far as the table says; returns their bytes."""
    images = np.arange(2 * 784, dtype=np.uint32).astype(np.uint8).tobytes()
    labels = bytes([3, 1])
    hashes = {"test": Hashes(hashlib.sha256(images).hexdigest(), hashlib.sha256(labels).hexdigest())}
    monkeypatch.setitem(catalog.NAMED, "mnist", catalog.NAMED["mnist"]._replace(sha256=hashes))
    folder.mkdir(parents=True, exist_ok=True)
    files = {"images-idx3": struct.pack(">4i", 2051, 2, 28, 28) + images}
    files["labels-idx1"] = struct.pack(">2i", 2049, 2) + labels
    for kind, content in files.items():
        path = folder / f"t10k-{kind}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)
    return images


def test_the_hubs_parquet_file(offline, monkeypatch):
    pixels = make_small_mnist(offline, monkeypatch, packed=False)
    cells = []
    for start in (0, 784):
        content = BytesIO()
        Image.frombytes("L", (28, 28), pixels[start : start + 784]).save(content, "PNG")
        cells.append({"bytes": content.getvalue(), "path": None})
    names = {"huggingface": json.dumps({"info": {"features": {"label": {"names": list("0123456789")}}}})}
    made = pa.table({"image": cells, "label": [3, 1]}).replace_schema_metadata(names)
    pq.write_table(made, offline / "test.parquet")
    monkeypatch.setattr(readers, "fetch_hub_file", lambda *_: offline / "test.parquet")
    data = load("mnist", "test")
    assert data.images.numpy().tobytes() == pixels
    assert "Hugging Face hub" in data.source


@pytest.mark.parametrize("answers", [True, False])
def test_whether_the_hub_answers_is_known_at_once(monkeypatch, answers):
    """A server that says "404" is there; a closed port is not."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(BaseHTTPRequestHandler, "log_message", lambda *_: None)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        constants = SimpleNamespace(ENDPOINT=endpoint)
        monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(constants=constants))
        if answers:
            Thread(target=server.handle_request, daemon=True).start()
        else:
            server.socket.close()
        assert download.hub_reachable() == answers


def test_hub_files_come_from_its_cache_or_are_refused(monkeypatch):
    class Missing(FileNotFoundError):
        pass

    def hf_hub_download(repository: str, file: str, repo_type: str, local_files_only: bool = False) -> str:
        if file == "cached" and local_files_only:
            return "path/of/cached"
        raise Missing("no")

    errors = SimpleNamespace(LocalEntryNotFoundError=Missing, HfHubHTTPError=Missing)
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=hf_hub_download))
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    monkeypatch.setattr(download, "hub_reachable", lambda: False)
    monkeypatch.setattr(download, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"energan\[hub\]"):
        download.fetch_hub_file("owner/name", "cached")
    monkeypatch.setattr(download, "find_spec", lambda _: True)
    assert download.fetch_hub_file("owner/name", "cached") == Path("path/of/cached")
    with pytest.raises(UserError, match="cannot be reached from here"):
        download.fetch_hub_file("owner/name", "other")


def test_content_that_differs_by_one_bit_is_refused(offline, monkeypatch):
    make_small_mnist(offline, monkeypatch, packed=False)
    monkeypatch.setenv("ENERGAN_DATA", str(offline))
    load("mnist", "test")
    kept = offline / "cache" / "named" / "mnist-test.bin"
    for path in (kept, offline / "t10k-images-idx3-ubyte"):
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)
    with pytest.raises(UserError) as said:
        load("mnist", "test")
    assert "the cache" in str(said.value)
    assert "the hashes differ" in str(said.value)


@pytest.mark.parametrize("damage", [b"", b"x", b"\x1f\x8b123"])
def test_damaged_idx_files_are_named(offline, monkeypatch, damage):
    make_small_mnist(offline, monkeypatch, packed=True)
    (offline / "t10k-images-idx3-ubyte.gz").write_bytes(damage)
    monkeypatch.setenv("ENERGAN_DATA", str(offline))
    with pytest.raises(UserError, match="ENERGAN_DATA"):
        load("mnist", "test")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_no_network_and_no_cache_says_what_was_tried(offline, monkeypatch, name):
    monkeypatch.setattr(readers, "debian_folder", unreachable)
    with pytest.raises(UserError) as said:
        load(name)
    for part in ("ENERGAN_DATA", "Hugging Face hub (no network)", "package", "'digits'"):
        assert part in str(said.value)


def test_no_such_split():
    with pytest.raises(UserError, match="train, test"):
        load("mnist", "validation")


def test_a_pickle_that_would_run_code_is_refused(offline, monkeypatch):
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("false",)

    content = gzip.compress(pickle.dumps(Hostile(), protocol=2))
    monkeypatch.setattr(readers, "fetch_wheel_member", lambda *_: content)
    with pytest.raises(UserError, match="system, which is not an array: refused"):
        readers.mnist_wheel("train")


def make_wheel(member: str, content: bytes) -> bytes:
    wheel = BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(member, content)
    return wheel.getvalue()


def test_a_wheel_is_taken_by_its_hash_and_kept(offline, monkeypatch):
    wheel = make_wheel("a/b", b"content")
    sha256 = hashlib.sha256(wheel).hexdigest()
    downloads = []

    def fetched(package: str, version: str) -> bytes:
        downloads.append((package, version))
        return wheel

    monkeypatch.setattr(download, "download_wheel", fetched)
    for _ in range(2):
        assert download.fetch_wheel_member("package", "1", sha256, "a/b") == b"content"
    assert downloads == [("package", "1")]
    with pytest.raises(UserError, match="holds no a/c"):
        download.fetch_wheel_member("package", "1", sha256, "a/c")
    with pytest.raises(UserError, match="not the expected file"):
        download.fetch_wheel_member("package", "1", "0" * 64, "a/b")
    kept = offline / "cache" / "wheels" / f"{sha256}.whl"
    kept.write_bytes(b"damaged")
    assert download.fetch_wheel_member("package", "1", sha256, "a/b") == b"content"
    assert len(downloads) == 3


def test_a_client_that_fails_or_is_missing_is_quoted(tmp_path):
    with pytest.raises(UserError, match=r"^last words$"):
        download.client(["sh", "-c", "echo first >&2; echo last words >&2; exit 3"], tmp_path)
    with pytest.raises(UserError, match="there is no no-such-client"):
        download.client(["no-such-client"], tmp_path)


def test_a_cache_that_cannot_be_written_costs_a_warning(offline, monkeypatch, capsys):
    (offline / "file").write_text("")
    monkeypatch.setenv("ENERGAN_CACHE", str(offline / "file" / "cache"))
    assert len(load("digits", "test").images) == 256
    assert "cannot be written" in capsys.readouterr().err


def test_gzip_that_is_damaged_inside_costs_a_sentence(tmp_path):
    """zlib has an error of its own."""
    packed = gzip.compress(bytes(1000))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(packed[:12] + b"\xff\xff\xff\xff" + packed[16:])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz cannot be read \(Error -3"):
        readers.read_idx(tmp_path, "train")
