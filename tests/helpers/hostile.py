"""What strangers send: sound files of every kind that is read, damage to them, odd names, odd JSON."""

import gzip
import io
import json
import pickle
import resource
import signal
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image, features

HANG = 20  # seconds that one input may take
MEMORY = 2**30  # bytes by which one small input may raise the process's memory

# ---------------------------------------------------------------------------------------------- sound files

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 9, 8, 3), dtype=np.uint8)


def picture(ending: str, index: int = 0, mode: str = "RGB") -> bytes:
    """An image file of 8 x 9 pixels."""
    out = io.BytesIO()
    Image.fromarray(COLOURS[index]).convert(mode).save(out, ending)
    return out.getvalue()


def animation(ending: str) -> bytes:
    out = io.BytesIO()
    pages = [Image.fromarray(page) for page in COLOURS]
    pages[0].save(out, ending, save_all=True, append_images=pages[1:])
    return out.getvalue()


def deep(ending: str, dtype: type, **options: Any) -> bytes:
    """A grey image file of more than eight bits."""
    out = io.BytesIO()
    Image.fromarray(COLOURS[0, ..., 0].astype(dtype) * 16).save(out, ending, **options)
    return out.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def archive(*members: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    """A zip of members in their order, of which two may have one name, and one may be a link (`link_named`)."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            file.writestr(name, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def link_named(name: str) -> zipfile.ZipInfo:
    """A zip's member that is a symbolic link; its content is where it leads."""
    member = zipfile.ZipInfo(name)
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return member


def claiming(length: int, header: bytes = b"{}") -> bytes:
    """A safetensors file that says that its header has so many bytes."""
    return struct.pack("<Q", length) + header


def tensor_of(elements: int) -> bytes:
    """A safetensors file whose header claims one tensor of so many bytes, of which none is there."""
    header = json.dumps({"state/t": {"dtype": "U8", "shape": [elements], "data_offsets": [0, elements]}}).encode()
    return claiming(len(header), header)


def tarred(members: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def saved(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def arrays(**named: Any) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **named)
    return out.getvalue()


def parquet(columns: dict[str, list[Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def idx(values: Any) -> bytes:
    """A file of MNIST's format."""
    head = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return gzip.compress(head + values.astype(np.uint8).tobytes())


def members() -> dict[str, bytes]:
    return {f"{name}/{i}.png": picture("PNG", i) for name in ("cat", "dog") for i in range(3)}


def cifar_records(n: int = 2) -> bytes:
    return b"".join(bytes([i]) + bytes(range(256)) * 12 for i in range(n))


def cifar_pickle() -> bytes:
    images = np.zeros((2, 3072), np.uint8)
    return pickle.dumps({b"data": images, b"labels": [1, 2], b"batch_label": b"x", b"filenames": [b"a", b"b"]}, 2)


@cache
def sound() -> dict[str, dict[str, bytes]]:
    """Sets that can be loaded: {kind: {file name: content}}; the first file is the one to be damaged."""
    images = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "tif": "TIFF", "ppm": "PPM", "qoi": "QOI"}
    images |= {"webp": "WEBP"} if features.check("webp") else {}
    images |= {"avif": "AVIF"} if features.check("avif") else {}
    images |= {"jp2": "JPEG2000"} if features.check("jpg_2000") else {}
    others = {f"{i}.png": picture("PNG", i) for i in range(1, 5)}
    sets = {ending: {f"0.{ending}": picture(name), **others} for ending, name in images.items()}
    sets["animated gif"] = {"0.gif": animation("GIF"), **others}
    sets["pages"] = {"0.tif": animation("TIFF"), **others}
    grey = {f"{i}.png": picture("PNG", i, "L") for i in range(1, 5)}
    sets["deep png"] = {"0.png": deep("PNG", np.uint16), **grey}
    sets["deep tiff"] = {"0.tif": deep("TIFF", np.int32), **grey}
    sets["float tiff"] = {"0.tif": deep("TIFF", np.float32, compression="tiff_lzw"), **grey}
    sets |= {
        name: {"0.png": picture("PNG", 0, mode), **others} for name, mode in (("palette", "P"), ("opacity", "RGBA"))
    }
    for name, method in (("stored", 0), ("deflated", 8), ("bzip2", 12), ("lzma", 14)):
        sets[f"zip {name}"] = {"a.zip": zipped(members(), method)}
    for name in ("", "gz", "bz2", "xz"):
        sets[f"tar {name}"] = {f"a.tar{name and '.'}{name}": tarred(members(), f"w:{name}")}
    bytes_, labels = COLOURS, np.arange(6) % 2
    sets["npy"] = {"a.npy": saved(bytes_)}
    sets["npy floats"] = {"a.npy": saved(bytes_.astype(np.float32) / 255)}
    sets |= {
        "npz": {"a.npz": arrays(images=bytes_, labels=labels)},
        "npz opacity": {"a.npz": arrays(images_on_white=np.concatenate([bytes_, bytes_[..., :1]], -1))},
    }
    sets["npz splits"] = {"a.npz": arrays(x_train=bytes_, y_train=labels, x_test=bytes_[:2], y_test=labels[:2])}
    cells = [{"bytes": picture("PNG", i), "path": f"{i}.png"} for i in range(6)]
    sets["parquet"] = {"a.parquet": parquet({"image": cells, "label": labels.tolist()})}
    sets["cifar bin"] = {
        **{f"data_batch_{k}.bin": cifar_records() for k in range(1, 6)},
        "test_batch.bin": cifar_records(),
    }
    sets["cifar pickle"] = {**{f"data_batch_{k}": cifar_pickle() for k in range(1, 6)}, "test_batch": cifar_pickle()}
    sets["cifar tar"] = {"c.tar.gz": tarred({f"x/data_batch_{k}.bin": cifar_records() for k in range(1, 6)}, "w:gz")}
    faces = {f"img_align_celeba/{i:06d}.jpg": picture("JPEG", i) for i in range(1, 5)}
    rows = [f"{i:06d}.jpg" for i in range(1, 5)]
    attributes = "4\nBald Smiling\n" + "\n".join(f"{name} 1 -1" for name in rows)
    sets["celeba attributes"] = {"list_attr_celeba.txt": attributes.encode(), **faces}
    sets["attributes own"] = {
        "attributes.csv": ("file,age,smile\n" + "\n".join(f"img_align_celeba/{name},4.5,-1" for name in rows)).encode(),
        **faces,
    }
    lfw = "# LFW\n#\tperson\timagenum\tMale\tOld\n" + "\n".join(f"A B\t{i}\t0.5\t-1.25" for i in range(4))
    sets["attributes lfw"] = {
        "lfw_attributes.txt": lfw.encode(),
        **{f"A_B_000{i}.png": picture("PNG", i) for i in range(4)},
    }
    partition = "\n".join(f"{name} {i % 3}" for i, name in enumerate(rows))
    sets["celeba partition"] = {"list_eval_partition.txt": partition.encode(), **faces}
    said = {f"{i}.png": picture("PNG", i) for i in range(4)}
    lines = [f'{i}.png,"a cat, the {i}th"' for i in range(4)]
    sets["captions csv"] = {"captions.csv": "\n".join(["file,caption", *lines, "0.png,=1+1"]).encode(), **said}
    rows = [json.dumps({"file_name": name, "captions": ["a cat", "=1+1"]}) for name in said]
    sets["captions jsonl"] = {"captions.jsonl": "\n".join(rows).encode(), **said}
    sets["captions txt"] = {"captions.txt": "\n".join(f"{name}#0\ta cat" for name in said).encode(), **said}
    coco = {"images": [{"id": i, "file_name": name} for i, name in enumerate(said)]}
    coco["annotations"] = [{"image_id": i, "caption": "a cat"} for i in range(4)]
    sets["captions coco"] = {"captions.json": json.dumps(coco).encode(), **said}
    sets["captions beside"] = {"0.txt": b"a cat\na black cat\n", **said}
    birds = {f"images/{i // 2}/{i}.png": picture("PNG", i) for i in range(4)}
    names = "\n".join(f"{i} {i // 2}/{i}.png" for i in range(4)).encode()
    flags = "\n".join(f"{i} {i % 2}" for i in range(4)).encode()
    sets["cub"] = {"train_test_split.txt": flags, "images.txt": names, "text/0/0.txt": b"a bird", **birds}
    sets["cub names"] = {"images.txt": names, "train_test_split.txt": flags, "text/0/1.txt": b"a bird", **birds}
    return sets


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """What is to be loaded: the folder, or its only file."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder / next(iter(files)) if len(files) == 1 else folder


# ---------------------------------------------------------------------------------------------- damage

Edit = Callable[[bytes], bytes]
SPECIAL = (b"\0", b"\xff", b"\x80", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0" * 16, b"\xff" * 16, b"[" * 64)


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """One change of a file: some bytes flipped, set, cut out, doubled, or the end lost."""
    where, n = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(1, 64))
    kind = draw(st.sampled_from(("flip", "set", "cut", "double", "end", "insert")))
    byte, special = draw(st.integers(1, 255)), draw(st.sampled_from(SPECIAL))
    near_head = draw(st.booleans())  # where formats keep their structure

    def edit(content: bytes) -> bytes:
        at = int(where * (min(len(content), 128) if near_head else len(content)))
        before, after = content[:at], content[at:]
        return {
            "flip": before + bytes(x ^ byte for x in after[:1]) + after[1:],
            "set": before + special + after[len(special) :],
            "cut": before + after[n:],
            "double": before + after[:n] * 2 + after[n:],
            "end": before,
            "insert": before + special + after,
        }[kind]

    return edit


def damage() -> st.SearchStrategy[Edit]:
    """One to four edits, one after another."""

    def together(several: Sequence[Edit]) -> Edit:
        def edit(content: bytes) -> bytes:
            for one in several:
                content = one(content)
            return content

        return edit

    return st.lists(edits(), min_size=1, max_size=4).map(together)


# ---------------------------------------------------------------------------------------------- names and JSON

ODD = ("", ".", "..", "-", "-x", "=1+1", "@eaDir", "con", "\x1b[2J", "a\nb", "a\tb", "$x_1$", "%s", "{0}", "é", "é",
       "\u202e", "\ud800", "x" * 300, "/", "/etc/passwd", "../..", "~", "hf:x/y", "http://x", "digits", "all", "none",
       "nan", "-1", "1e999", "0", "True", "null")  # fmt: skip
SPLITS = ("train", "Train", "training", "test", "TEST", "testing", "val", "valid", "validation", "dev", "ground_truth")
FILE_NAMES = [name for name in (*ODD, *SPLITS, "cat", "dog", "7") if 0 < len(name) < 99 and "/" not in name]
FILE_NAMES = [name for name in FILE_NAMES if name not in (".", "..", "\ud800")]


def texts() -> st.SearchStrategy[str]:
    return st.sampled_from(ODD) | st.text(max_size=12)


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value: numbers that do not fit, text that is odd, nests."""
    numbers = st.sampled_from((0, 1, -1, 2**31, 2**63, 10**30, -(10**30), 0.0, -0.0, 1.5, 1e308, float("inf"),
                               float("-inf"), float("nan")))  # fmt: skip
    leaves = st.none() | st.booleans() | numbers | st.integers(-3, 300) | texts()
    trees = st.recursive(leaves, lambda x: st.lists(x, max_size=3) | st.dictionaries(texts(), x, max_size=3))
    return trees | st.just(nested(200))


def paths(tree: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a JSON tree, the tree itself first."""
    yield here
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inside:
        yield from paths(value, (*here, key))


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the tree with another value at a path."""
    if not path:
        return value
    copy = json.loads(json.dumps(tree))
    inside = copy
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return copy


# ---------------------------------------------------------------------------------------------- limits


class Hang(BaseException):
    """An input took too long. No Exception: readers that catch those must not swallow it."""


def resident_peak() -> int:
    """The most memory that this process had since it was last asked, in bytes (Linux; else since its start)."""
    try:
        status = Path("/proc/self/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
        Path("/proc/self/clear_refs").write_text("5")
        return peak
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@contextmanager
def bounded(seconds: float = HANG, memory: int = MEMORY) -> Iterator[None]:
    """Fails a block that takes longer, or more memory."""

    def late(*_: object) -> None:
        raise Hang(f"over {seconds} s")

    resident_peak()
    before = resident_peak()
    handler = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    taken = resident_peak() - before
    assert taken < memory, f"{taken / 2**20:.0f} MiB for one small input"
