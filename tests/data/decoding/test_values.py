"""Images of more than eight bits: one range of values for a set, told, and the same for all that a run is given."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import Dataset

from energan.data import from_dataset, load
from energan.data.decoding.values import FLOATS, INTEGERS, holding, outside, to_eight_bits
from energan.data.image_set import content_hash
from energan.experiment import load_images
from energan.recipes.build import build
from energan.utils.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "scans"
    made.mkdir()
    return made


TWELVE = np.array([[0, 350, 2048], [4095, 7, 100]], np.uint16)  # of a camera
AS_BYTES = np.round(TWELVE / 4095 * 255).astype(int).tolist()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(values: np.ndarray, bits: int = 16, transparent: tuple[int, ...] = ()) -> bytes:
    """A PNG of (h, w) or (h, w, c) samples: c is 1 grey, 2 with opacity, 3 colours, 4 with opacity."""
    samples = values if values.ndim == 3 else values[..., None]
    h, w, c = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[c]
    if bits == 16:
        rows = samples.reshape(h, -1).astype(">u2").view(np.uint8)
    else:
        shifts = np.arange(bits)[::-1]
        rows = np.packbits((samples.reshape(h, w, 1) >> shifts & 1).reshape(h, -1), axis=1)
    content = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, kind, 0, 0, 0))
    if transparent:
        content += chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    return b"\x89PNG\r\n\x1a\n" + content + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def tiff(values: np.ndarray, photometric: int = 1) -> bytes:
    """A TIFF of (h, w) or (h, w, 3) samples, as a scanner writes it: little-endian, one strip."""
    h, w = values.shape[:2]
    c = values.shape[2] if values.ndim == 3 else 1
    bits, sample = values.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    pixels = values.tobytes() + bytes(values.nbytes % 2)
    after = 8 + len(pixels)
    shorts = {256: w, 257: h, 258: bits, 259: 1, 262: photometric, 277: c, 278: h, 339: sample}
    extra = b""
    if c == 3:
        extra = struct.pack("<HHH", bits, bits, bits)
    entries = b""
    for tag in sorted({*shorts, 273, 279}):
        if tag == 258 and c == 3:
            entries += struct.pack("<HHII", tag, 3, 3, after)
        elif tag in (273, 279):
            entries += struct.pack("<HHII", tag, 4, 1, 8 if tag == 273 else len(pixels))
        else:
            entries += struct.pack("<HHIHH", tag, 3, 1, shorts[tag], 0)
    directory = struct.pack("<H", len(entries) // 12) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", after + len(extra)) + pixels + extra + directory


def pgm(white: int, values: np.ndarray, plain: bool = False) -> bytes:
    colours = values.ndim == 3
    h, w = values.shape[:2]
    head = b"P%d\n# scanned\n%d %d\n%d\n" % ((2 if plain else 5) + colours, w, h, white)
    if plain:
        return head + b" ".join(b"%d" % value for value in values.flatten()) + b"\n"
    return head + values.astype(">u2" if white > 255 else "u1").tobytes()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def coloured(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, -1)


def seen(folder: Path, **options: object) -> list:
    return load(folder, progress=False, **options).images.tolist()


TWELVE_BITS: dict[str, Callable[[], bytes]] = {
    "a.png": lambda: png(TWELVE),
    "colours.png": lambda: png(coloured(TWELVE)),
    "opaque.png": lambda: png(np.stack([TWELVE, np.full_like(TWELVE, 65535)], -1)),
    "opaque-colours.png": lambda: png(np.concatenate([coloured(TWELVE), np.full((2, 3, 1), 65535, np.uint16)], -1)),
    "a.tif": lambda: tiff(TWELVE),
    "colours.tif": lambda: tiff(coloured(TWELVE), photometric=2),
    "packed.tif": lambda: saved(Image.fromarray(TWELVE), "TIFF", compression="tiff_deflate"),
    "integers.tif": lambda: tiff(TWELVE.astype(np.int32)),
    "unsigned.tif": lambda: tiff(TWELVE.astype(np.uint32)),
    "signed.tif": lambda: tiff(TWELVE.astype(np.int16)),
    "floats.tif": lambda: tiff(TWELVE.astype(np.float32)),
    "a.pgm": lambda: pgm(65535, TWELVE),
    "stated.pgm": lambda: pgm(4095, TWELVE),
    "plain.pgm": lambda: pgm(4095, TWELVE, plain=True),
    "colours.ppm": lambda: pgm(65535, coloured(TWELVE)),
    "plain.ppm": lambda: pgm(65535, coloured(TWELVE), plain=True),
    "a.jp2": lambda: saved(Image.fromarray(TWELVE), "JPEG2000"),
}


@pytest.mark.parametrize("name", TWELVE_BITS)
def test_twelve_bits_in_sixteen_fill_the_range(folder, name):
    (folder / name).write_bytes(TWELVE_BITS[name]())
    data = load(folder, progress=False)
    assert all(plane.tolist() == AS_BYTES for plane in data.images[0])
    assert len(data.images[0]) == (3 if "colours" in name or ".ppm" in name else 1)
    assert data.value_range == (0.0, 4095.0)
    assert "values 0..4095 as black..white" in data.source


def test_one_range_for_all_files(folder):
    """200 was kept and 40000 became 156: each file was scaled by its own values."""
    for name, value in (("a", 200), ("b", 40000)):
        (folder / f"{name}.pgm").write_bytes(pgm(65535, np.full((2, 2), value)))
    assert [image[0][0][0] for image in seen(folder)] == [1, 156]
    (folder / "b.pgm").unlink()
    assert [image[0][0][0] for image in seen(folder)] == [200]


@pytest.mark.parametrize("white", [300, 4095, 40000])
def test_the_white_that_a_pgm_states(folder, white):
    (folder / "a.pgm").write_bytes(pgm(white, np.array([[0, white // 2], [white, 1]])))
    data = load(folder, progress=False)
    assert data.images[0, 0, :, 0].tolist() == [0, 255] and data.value_range == (0, white)


@pytest.mark.parametrize("values", [np.array([[0, 50], [100, 25]]), coloured(np.array([[0, 50], [100, 25]]))])
def test_a_white_below_255_is_white(folder, values):
    (folder / "a.pgm").write_bytes(pgm(100, values))
    data = load(folder, progress=False)
    assert data.images[0, 0].tolist() == [[0, 128], [255, 64]] and data.value_range is None


def test_files_that_state_different_whites_are_refused(folder):
    (folder / "a.pgm").write_bytes(pgm(4095, TWELVE))
    (folder / "b.pgm").write_bytes(pgm(40000, TWELVE))
    with pytest.raises(UserError, match=r"white is 4095 \(a.pgm\) and 40000 \(b.pgm\): give value_range"):
        load(folder, progress=False)
    assert seen(folder, value_range=(0, 4095)) == [[AS_BYTES]] * 2


def test_a_value_above_the_white_is_no_image(folder):
    (folder / "a.pgm").write_bytes(pgm(1000, TWELVE))
    with pytest.raises(UserError, match="a value of 4095, above the 1000"):
        load(folder, progress=False)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_where_white_is_zero(folder, kind):
    (folder / "a.tif").write_bytes(tiff(np.array([[0, 255], [200, 100]], kind), photometric=0))
    assert seen(folder) == [[[[255, 0], [55, 155]]]]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits"])
def test_where_white_is_zero_however_it_is_packed(folder, compression):
    stored = Image.fromarray(np.uint16([[0, 255]] * 4))
    (folder / "a.tif").write_bytes(saved(stored, "TIFF", compression=compression, tiffinfo={262: 0}))
    assert seen(folder)[0][0][0] == [255, 0]


def test_signed_bytes(folder):
    (folder / "a.tif").write_bytes(tiff(np.array([[-128, 127], [0, -1]], np.int8)))
    data = load(folder, progress=False)
    assert data.images[0, 0].tolist() == [[0, 255], [128, 127]] and data.value_range == (-128, 127)


def test_integers_beyond_the_usual_ranges(folder):
    (folder / "a.tif").write_bytes(tiff(np.array([[1000, 2**32 - 1], [2**31 + 2000, 1000]], np.uint32)))
    data = load(folder, progress=False)
    assert data.images[0, 0].tolist() == [[0, 255], [128, 0]] and data.value_range == (1000, 2**32 - 1)


def test_transparent_greys_and_colours(folder):
    three = np.array([[0, 1000, 65535]] * 2)
    (folder / "a.png").write_bytes(png(three, transparent=(1000,)))
    (folder / "b.png").write_bytes(png(coloured(np.array([[0, 1000, 1001]] * 2)), transparent=(1000, 1000, 1000)))
    grey, colours = seen(folder)
    assert grey[0][0] == [0, 255, 255] and colours[0][0] == [0, 255, 4]


@pytest.mark.parametrize(("bits", "expected"), [(1, [0, 255]), (2, [0, 255, 170]), (4, [0, 255, 34]), (8, [0, 255, 2])])
def test_the_transparent_grey_of_few_bits(folder, bits, expected):
    values = np.array([list(range(len(expected)))] * 2)
    (folder / "a.png").write_bytes(png(values, bits, transparent=(1,)))
    assert seen(folder)[0][0][0] == expected


def test_half_transparent_deep_images(folder):
    pixels = np.array([[[0, 65535], [0, 32768], [0, 0]]] * 2, np.uint16)
    (folder / "a.png").write_bytes(png(pixels))
    (folder / "b.png").write_bytes(png(np.full((2, 3), 65535, np.uint16)))
    assert seen(folder)[0][0][0] == [0, 127, 255]


def test_bytes_keep_their_values_beside_deep_images(folder):
    (folder / "a.png").write_bytes(png(TWELVE))
    Image.new("L", (3, 2), 77).save(folder / "b.png")
    assert seen(folder)[1][0][0] == [77, 77, 77]


def test_integers_and_floats_have_no_range_in_common(folder):
    (folder / "a.png").write_bytes(png(TWELVE))
    (folder / "b.tif").write_bytes(tiff(np.float32([[0, 0.5], [1, 0]])))
    with pytest.raises(UserError, match=r"mixes integers \(a.png\) and floats \(b.tif\)"):
        load(folder, size=2, progress=False)


def test_a_range_of_ones_own(folder):
    (folder / "a.png").write_bytes(png(TWELVE))
    data = load(folder, progress=False, value_range=(0, 8190))
    assert data.images.max() == 128 and data.value_range == (0, 8190)
    with pytest.raises(UserError, match=r"3 of 6 values of .* lie outside 0..255, which was given"):
        load(folder, progress=False, value_range=(0, 255))
    for wrong in ((1, 1), (2, 1), (0, float("nan")), (0,), "ab", 3):
        with pytest.raises(UserError, match="value_range is two numbers"):
            load(folder, progress=False, value_range=wrong)


def test_few_values_outside_are_clipped_and_counted(folder, capsys):
    values = np.zeros((50, 50), np.uint16)
    values[0, 0] = 300
    (folder / "a.png").write_bytes(png(values))
    assert load(folder, progress=False, value_range=(0, 255)).images.max() == 255
    assert "1 of 2500 values of" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["npy", "npz"])
@pytest.mark.parametrize(
    ("values", "used"),
    [
        (np.uint16([[[0, 200]] * 2]), (0, 255)),
        (np.uint16([[[0, 256]] * 2]), (0, 1023)),
        (np.int64([[[0, 4000]] * 2]), (0, 4095)),
        (np.uint16([[[0, 40000]] * 2]), (0, 65535)),
        (np.float32([[[0, 300]] * 2]), (0, 1023)),
        (np.int16([[[-1000, 3000]] * 2]), (-1000, 3000)),
        (np.float32([[[-2.5, 3]] * 2]), (-2.5, 3)),
    ],
)
def test_arrays_follow_the_same_rule(tmp_path, values, used, ending):
    path = tmp_path / f"a.{ending}"
    np.save(path, values) if ending == "npy" else np.savez(path, images=values)
    data = load(path, progress=False)
    low, high = used
    assert data.value_range == used and f"taken as {low:g}..{high:g}" in data.source
    assert data.images[0, 0, 0].tolist() == np.round((values[0, 0] - low) / (high - low) * 255).astype(int).tolist()
    wider = load(path, progress=False, value_range=(low, high + (high - low)))
    assert wider.images.max() < 130
    with pytest.raises(UserError, match="lie outside"):
        load(path, progress=False, value_range=(high + 1, high + 2))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((64, 48, 3), (1, 3, 64, 48)),
        ((64, 48, 4), (1, 3, 64, 48)),
        ((64, 48, 1), (1, 1, 64, 48)),
        ((9, 3, 3), (9, 1, 3, 3)),
    ],
)
def test_a_photo_is_one_image(tmp_path, shape, expected):
    np.save(tmp_path / "photo.npy", np.zeros(shape, np.uint8))
    data = load(tmp_path / "photo.npy", progress=False)
    assert data.images.shape == expected and ("one image" in data.source) == (expected[0] == 1)


def test_labels_say_that_narrow_images_are_many(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((6, 5, 3), np.uint8), labels=np.arange(6))
    assert load(tmp_path / "a.npz", progress=False).images.shape == (6, 1, 5, 3)


def test_arrays_of_all_splits_have_one_range(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.uint16([[[0, 4000]] * 2]), x_test=np.uint16([[[0, 200]] * 2]))
    data = load(tmp_path / "a.npz", "all", progress=False)
    assert data.value_range == (0, 4095) and data.images[1].max() == 12


def test_a_dataset_of_deep_images_has_one_range():
    images = [Image.fromarray(np.full((3, 3), value, np.uint16)) for value in (200, 40000)]
    data = from_dataset(images, progress=False)
    assert data.images[:, 0, 0, 0].tolist() == [1, 156] and data.value_range == (0, 65535)
    with pytest.raises(UserError, match="mixes images of 2 kinds"):
        from_dataset([np.zeros((3, 3), np.uint8), np.ones((3, 3), np.float32)], progress=False)


def test_every_page_of_a_tiff_is_an_image(folder):
    pages = [Image.new("L", (4, 4), value) for value in (10, 20, 30)]
    (folder / "stack.tif").write_bytes(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    Image.new("L", (4, 4), 40).save(folder / "z.png")
    data = load(folder, progress=False)
    assert data.images[:, 0, 0, 0].tolist() == [10, 20, 30, 40]
    assert data.files == ("stack.tif page 0", "stack.tif page 1", "stack.tif page 2", "z.png")
    assert "every page an image (in 1 files of several pages)" in data.source


def test_deep_and_coloured_pages(folder):
    pages = [Image.fromarray(TWELVE), Image.fromarray(TWELVE // 2), Image.new("RGB", (3, 2), (1, 2, 3))]
    (folder / "stack.tif").write_bytes(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    data = load(folder, progress=False)
    assert data.images.shape == (3, 3, 2, 3) and data.images[2, :, 0, 0].tolist() == [1, 2, 3]
    assert data.images[0, 0].tolist() == AS_BYTES


def test_an_image_too_large_for_memory_is_read_at_a_fraction(folder):
    """JPEG 2000 has its smaller sizes inside."""
    wide = Image.effect_noise((512, 512), 60).resize((512, 512))
    wide.save(folder / "a.jp2", num_resolutions=6)
    wide.save(folder / "b.png")
    fraction, exact = load(folder, size=16, progress=False).images.float()
    assert (fraction - exact).abs().mean() < 6


# What a run was trained on decides for all that it is given


def test_a_run_reads_other_images_by_the_range_of_its_own(tmp_path):
    for name, high in (("train", 4000), ("test", 200)):
        (tmp_path / "ds" / name).mkdir(parents=True)
        for index in range(4):
            values = np.linspace(0, high, 1024).reshape(32, 32).astype(np.uint16)
            (tmp_path / "ds" / name / f"{index}.png").write_bytes(png(values))
    run = build("ebgan-pt-mnist", data=str(tmp_path / "ds"), width=2, steps=1)
    training = run.training_set()
    run = run.reading_as(training)
    assert training.value_range == (0, 4095) and run.described(training)["data"]["value_range"] == [0, 4095]
    assert run.test_set().images.max() == round(200 / 4095 * 255)
    assert run.given(str(tmp_path / "ds"), "test").images.max() == round(200 / 4095 * 255)
    assert load(tmp_path / "ds" / "test", progress=False).images.max() == 200  # by itself


def test_a_command_reads_images_by_the_runs_range(folder):
    (folder / "a.png").write_bytes(png(np.array([[0, 200], [100, 7]])))
    record = {"data": {"shape": [1, 2, 2], "value_range": [0, 4095]}}
    assert load_images(str(folder), "", record).images.max() == 12
    assert load_images(str(folder), "", {"data": {"shape": [1, 2, 2]}}).images.max() == 200  # an older run
    for wrong in ("x", [1], [1, 0], [0, None], {"a": 1}, 7):
        with pytest.raises(UserError, match="value_range is two numbers"):
            load_images(str(folder), "", {"data": {"shape": [1, 2, 2], "value_range": wrong}})


# The conversion


@given(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32), st.booleans())
def test_a_range_holds_the_values_it_was_made_for(one, other, floats):
    low, high = sorted((float(one), float(other)))
    if not floats:
        low, high = np.floor(low), np.ceil(high)
    try:
        used = holding(low, high, floats=floats)
    except ValueError:
        assert low == high
        return
    assert used in (*(FLOATS if floats else INTEGERS), (low, high))
    values = np.array([low, high], np.float64)
    assert outside(values, used) == 0
    black, white = to_eight_bits(np.array(used), used)
    assert (black, white) == (0, 255) and (np.diff(to_eight_bits(values, used).astype(int)) >= 0).all()


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
def test_the_identity_of_a_set_is_its_content(one, other):
    hashes = [content_hash(np.frombuffer(x, np.uint8).reshape(1, 1, 2, 2)) for x in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)
    images = np.frombuffer(one, np.uint8).reshape(1, 1, 2, 2)
    kinds = [
        (images,),
        (images, [0]),
        (images, [0], ("a",)),
        (images, [0], ("a",), ("b",)),
        (images.reshape(1, 1, 1, 4),),
    ]
    assert len({content_hash(*kind) for kind in kinds}) == len(kinds)


def test_a_copy_a_move_and_a_touch_leave_the_identity(folder, tmp_path):
    for name, value in (("cat", 1), ("dog", 2)):
        (folder / name).mkdir()
        Image.new("L", (4, 4), value).save(folder / name / "0.png")
    before = load(folder, progress=False)
    (folder / "cat" / "0.png").touch()
    assert load(folder, progress=False).sha256 == before.sha256
    moved = folder.rename(tmp_path / "elsewhere")
    after = load(moved, progress=False)
    assert after.sha256 == before.sha256 and torch.equal(after.images, before.images)
    (moved / "cat").rename(moved / "cow")
    assert load(moved, progress=False).sha256 != before.sha256


class Opened(Dataset[object]):
    """Images as a dataset opens them: their pixels are not yet read."""

    def __init__(self, *paths: Path) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> object:
        return Image.open(self.paths[index])


def test_deep_colours_of_a_dataset_keep_their_colours(folder: Path) -> None:
    """They became grey."""
    (folder / "a.png").write_bytes(png(np.full((4, 4, 3), (60000, 0, 300), np.uint16)))
    images = from_dataset(Opened(folder / "a.png"), progress=False).images
    assert images.shape[1] == 3 and images[0, :, 0, 0].tolist() == [234, 0, 1]


def test_a_range_wider_than_floats_can_subtract(tmp_path: Path) -> None:
    """Its values became black."""
    for kind, most in ((np.float64, 1e308), (np.float32, 3e38)):
        np.save(tmp_path / "a.npy", np.array([[[-most, 0], [most / 2, most]]], kind))
        assert load(tmp_path / "a.npy", progress=False).images.flatten().tolist() == [0, 128, 191, 255]


def test_a_range_that_one_value_may_have_made_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A map whose missing values are -9999 is all white."""
    values = np.full((4, 4), 0.5, np.float32)
    values[0, 0] = -9999
    (folder / "a.tif").write_bytes(tiff(values))
    np.save(folder.parent / "a.npy", values[None])
    for path in (folder, folder.parent / "a.npy"):
        load(path, progress=False)
        assert "-9999 is taken as black and 0.5 as white. If one of them stands for missing" in capsys.readouterr().err
    load(folder, value_range=(-9999, 1), progress=False)
    assert "missing values" not in capsys.readouterr().err


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_tiff_is_turned_back(folder: Path, kind: type, orientation: int) -> None:
    """Pillow maps raw pixels by the turned image's width: rows were cut at the wrong places."""
    grey = np.arange(24).reshape(4, 6) * 10
    turned = {
        1: grey, 2: grey[:, ::-1], 3: grey[::-1, ::-1], 4: grey[::-1],
        5: grey.T, 6: np.rot90(grey, -1), 7: np.rot90(grey, 2).T, 8: np.rot90(grey),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[274] = orientation
    values = grey.astype(np.uint8) if kind == np.uint8 else grey.astype(kind) * (257 if kind == np.uint16 else 1)
    Image.fromarray(values).save(folder / "a.tif", exif=exif)
    made = load(folder, value_range=None if kind == np.uint16 else (0, 255), progress=False)
    assert made.images[0, 0].tolist() == turned.tolist()
