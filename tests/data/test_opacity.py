"""Four channels: what is seen on white and the opacity, of every mode of files, of arrays and of datasets."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from energan.data import from_dataset, load
from energan.data.decoding.decode import decode
from energan.data.decoding.fitting import fit, refit
from energan.data.formats.arrays import fit_all
from energan.data.pairs.domains import Domains
from energan.data.pairs.load import load_domains
from energan.utils.errors import UserError
from energan.utils.image_files import as_picture, save_images

PIXELS = [(200, 0, 100, 255), (200, 0, 100, 128), (10, 20, 30, 0), (0, 0, 0, 51), (255, 0, 0, 102)]

# by hand: 255 + (c - 255) a / 255
ON_WHITE = [(200, 0, 100, 255), (227, 127, 177, 128), (255, 255, 255, 0), (204, 204, 204, 51), (255, 153, 153, 102)]

RANDOM = np.random.RandomState(0)


def row(pixels: list[tuple[int, ...]]) -> np.ndarray:
    """Five rows, each of these pixels."""
    return np.array([pixels] * 5, np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def planes(pixels: list[tuple[int, ...]]) -> np.ndarray:
    return row(pixels).transpose(2, 0, 1)


def icon(side: int = 16, seed: int = 0) -> Image.Image:
    """A half transparent disc, with magenta hidden in what is transparent."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    inside = x**2 + y**2 < (side / 3) ** 2
    pixels = np.full((side, side, 4), (255, 0, 255, 0), np.uint8)
    pixels[inside] = (seed % 256, 60, 120, 160)
    return Image.fromarray(pixels)


def test_colours_and_opacity_by_hand() -> None:
    image = Image.fromarray(row(PIXELS))
    for kind in ("PNG", "TIFF"):
        assert np.array_equal(decode(encoded(image, kind), None, 4), planes(ON_WHITE))
    assert np.array_equal(decode(encoded(image, "WEBP", lossless=True, exact=True), None, 4), planes(ON_WHITE))


def test_grey_with_opacity_by_hand() -> None:
    pixels = [(0, 128), (90, 255), (7, 0), (100, 51)]
    wanted = [(127, 127, 127, 128), (90, 90, 90, 255), (255, 255, 255, 0), (224, 224, 224, 51)]
    assert np.array_equal(decode(encoded(Image.fromarray(row(pixels))), None, 4), planes(wanted))


def test_a_palette_with_opacities_by_hand() -> None:
    image = Image.fromarray(np.array([[0, 1, 2]] * 5, np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    wanted = [(255, 0, 0, 255), (127, 255, 127, 128), (255, 255, 255, 0)]
    assert np.array_equal(decode(encoded(image, transparency=bytes([255, 128, 0])), None, 4), planes(wanted))


def test_a_transparent_colour_by_hand() -> None:
    image = Image.fromarray(row([(9, 8, 7), (1, 2, 3)]))
    wanted = [(255, 255, 255, 0), (1, 2, 3, 255)]
    assert np.array_equal(decode(encoded(image, transparency=(9, 8, 7)), None, 4), planes(wanted))


def test_sixteen_bits_by_hand(tmp_path: Path) -> None:
    """Colours and opacity keep both bytes until they are on white; opacity is rounded, not cut."""
    big = b"".join(v.to_bytes(2, "big") for v in (65535, 0, 32768, 32768, 0, 0, 0, 0, 0, 0, 0, 65535, 0, 0, 0, 129))
    lines = 5 * (b"\0" + big)
    path = tmp_path / "deep.png"
    path.write_bytes(png(4, 5, 16, 6, lines))
    wanted = [(255, 127, 191, 128), (255, 255, 255, 0), (0, 0, 0, 255), (254, 254, 254, 1)]
    assert np.array_equal(decode(path, None, 4), planes(wanted))
    assert np.array_equal(decode(path, None, 4)[:3], decode(path, None, 3))


def png(w: int, h: int, bits: int, colour: int, lines: bytes) -> bytes:
    """A PNG file of these lines, each with its filter's byte."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_what_has_no_opacity_is_opaque(mode: str) -> None:
    image = Image.fromarray(RANDOM.randint(0, 256, (9, 12, 3)).astype(np.uint8)).convert(mode)
    made = decode(encoded(image, "TIFF"), None, 4)
    assert (made[3] == 255).all() and np.array_equal(made[:3], decode(encoded(image, "TIFF"), None, 3))


@pytest.mark.parametrize("size", [None, 5, 40])
@pytest.mark.parametrize("centre", [None, 10])
def test_the_first_three_channels_are_those_of_three(size: int | None, centre: int | None) -> None:
    """Whatever is resized or cut out: hidden magenta never shows, and opacity is resized likewise."""
    image = icon().resize((24, 18), Image.Resampling.NEAREST)
    made = fit(image, size, 4, centre)
    assert np.array_equal(made[:3], fit(image, size, 3, centre))
    assert np.array_equal(made[3], fit(image.getchannel("A"), size, 1, centre)[0])
    assert not ((made[0] > 250) & (made[1] < 200)).any()  # magenta
    assert np.array_equal(refit(made, 7, 4)[3], fit(Image.fromarray(made[3]), 7, 1)[0])
    assert np.array_equal(refit(made, None, 3), made[:3])


def test_a_file_written_and_read_is_the_same_within_rounding(tmp_path: Path) -> None:
    """Any picture that can be seen on white comes back within a level, and exactly where it is opaque or empty."""
    pixels = RANDOM.randint(0, 256, (32, 32, 4)).astype(np.uint8)
    pixels[:4, :, 3], pixels[4:8, :, 3], pixels[8, :, 3] = 0, 255, 1
    first = fit(Image.fromarray(pixels), None, 4)
    save_images(torch.from_numpy(first)[None], tmp_path / "out")
    again = decode(tmp_path / "out" / "00000.png", None, 4)
    assert np.array_equal(again[3], first[3]) and np.array_equal(again[:, :8], first[:, :8])
    assert np.abs(again.astype(int) - first.astype(int)).max() <= 1
    assert as_picture(torch.from_numpy(first)).mode == "RGBA"


def folder(path: Path, draw: Callable[[int], Image.Image], n: int = 3) -> Path:
    path.mkdir(parents=True)
    for i in range(n):
        draw(i).save(path / f"{i}.png")
    return path


def test_a_folder_is_loaded_with_its_opacity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = load(folder(tmp_path / "icons", lambda i: icon(seed=i)), size=8, channels=4)
    assert data.images.shape == (3, 4, 8, 8) and data.images[:, 3].min() == 0
    assert torch.equal(data.images[:, :3], load(tmp_path / "icons", size=8, channels=3).images)
    assert load(tmp_path / "icons").images.shape[1] == 3  # unasked, it is not kept
    assert "transparent anywhere" not in capsys.readouterr().err
    load(folder(tmp_path / "photos", lambda i: icon(seed=i).convert("RGB")), size=8, channels=4)
    assert "no image of photos is transparent anywhere" in capsys.readouterr().err


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("values", ["bytes", "floats", "signed"])
def test_arrays_have_opacity_as_png_has_it(tmp_path: Path, last: bool, values: str) -> None:
    pixels = np.stack([row(PIXELS)] * 5)
    pixels = pixels if last else pixels.transpose(0, 3, 1, 2)
    as_floats = {"bytes": pixels, "floats": pixels / np.float32(255), "signed": pixels / np.float32(127.5) - 1}
    np.savez(tmp_path / "x.npz", images=as_floats[values])
    data = load(tmp_path / "x.npz", channels=4)
    assert np.array_equal(data.images.numpy(), np.stack([planes(ON_WHITE)] * 5))
    assert data.source.endswith("with opacity beside colours, as PNG has it")
    assert np.array_equal(load(tmp_path / "x.npz", channels=3).images.numpy(), data.images[:, :3].numpy())


def test_grey_arrays_with_opacity_and_arrays_without(tmp_path: Path) -> None:
    np.save(tmp_path / "la.npy", np.stack([row([(0, 128), (7, 0), (90, 255), (0, 255)])] * 3))
    images = load(tmp_path / "la.npy", channels=4).images
    assert images[0, :, 0, :2].T.tolist() == [[127, 127, 127, 128], [255, 255, 255, 0]]
    np.save(tmp_path / "rgb.npy", RANDOM.randint(0, 256, (3, 5, 6, 3)).astype(np.uint8))
    data = load(tmp_path / "rgb.npy", channels=4)
    assert (data.images[:, 3] == 255).all() and "as PNG" not in data.source


def test_what_sample_writes_is_read_as_it_is(tmp_path: Path) -> None:
    """Its three channels are on white already, which the array's name says: they are not put on white again."""
    images = torch.from_numpy(RANDOM.randint(0, 256, (4, 4, 6, 6)).astype(np.uint8))
    save_images(images, tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as written:
        assert [*written] == ["images_on_white"]
    data = load(tmp_path / "s.npz", channels=4)
    assert torch.equal(data.images, images) and data.source.endswith("on white, and its opacity")
    assert torch.equal(load(tmp_path / "s.npz").images, images[:, :3])
    assert load(tmp_path / "s.npz", size=3, channels=4).images.shape == (4, 4, 3, 3)
    np.savez(tmp_path / "two.npz", images_on_white=np.stack([row([(0, 128), (0, 0)])] * 3).transpose(0, 3, 1, 2))
    assert load(tmp_path / "two.npz", channels=4).images[0, :, 0, 0].tolist() == [
        127,
        127,
        127,
        128,
    ]  # no four channels


def test_hostile_arrays_are_one_sentence(tmp_path: Path) -> None:
    bad = np.zeros((3, 4, 8, 8), np.float32)
    bad[0, 3, 0, 0] = np.nan
    for name, array, said in (
        ("nan", bad, "NaN"),
        ("five", np.zeros((3, 5, 8, 8), np.uint8), "no images"),
        ("empty", np.zeros((0, 4, 8, 8), np.uint8), "no images"),
        ("text", np.full((3, 4, 8, 8), "a"), "integers or floats"),
    ):
        np.savez(tmp_path / f"{name}.npz", images_on_white=array)
        with pytest.raises(UserError, match=said):
            load(tmp_path / f"{name}.npz", channels=4)


@pytest.mark.parametrize("channels", [0, 2, 5, -4])
def test_other_channels_are_refused(channels: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"or 4 .RGB and opacity. channels, not {channels}"):
        load(folder(tmp_path / "icons", lambda i: icon(seed=i)), size=8, channels=channels)


def test_sets_that_are_on_white_are_refused() -> None:
    with pytest.raises(UserError, match="digits has no opacity"):
        load("digits", channels=4)


class Few(Dataset):
    def __init__(self, *items: object) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> object:
        return self.items[index]


def test_datasets_of_pictures_and_of_arrays() -> None:
    pixels = row(PIXELS)
    for item in (Image.fromarray(pixels), pixels, torch.from_numpy(pixels.transpose(2, 0, 1))):
        data = from_dataset(Few(item, item), channels=4, progress=False)
        assert np.array_equal(data.images.numpy(), np.stack([planes(ON_WHITE)] * 2)), type(item)
    with pytest.raises(UserError, match="mixes PIL images and arrays"):
        from_dataset(Few(Image.fromarray(pixels), pixels), channels=4, progress=False)
    deep = Image.fromarray(np.full((4, 4), 65535, np.uint16))
    assert from_dataset(Few(deep, deep), channels=4, progress=False).images.shape == (2, 4, 4, 4)


def test_pairs_have_channels_of_their_own(tmp_path: Path) -> None:
    for part in ("train", "test"):
        folder(tmp_path / "input" / part, lambda i: icon(seed=i).convert("L"))
        folder(tmp_path / "output" / part, lambda i: icon(seed=i))
    for resize in (None, 8):
        data = load_domains(tmp_path, "train", domains=Domains(True, False, 8, resize, 1, 4))
        assert data.targets is not None and (data.images.shape[1], data.targets.shape[1]) == (1, 4)
        whole = load(tmp_path / "output", size=resize, channels=4).images
        assert torch.equal(data.targets, whole[[int(Path(name).stem) for name in data.files]])


def test_two_pictures_side_by_side_keep_their_opacity(tmp_path: Path) -> None:
    def both(i: int) -> Image.Image:
        wide = Image.new("RGBA", (32, 16))
        wide.paste(icon(seed=i).convert("L"), (0, 0))
        wide.paste(icon(seed=i), (16, 0))
        return wide

    for part in ("train", "test"):
        folder(tmp_path / part, both)
    data = load_domains(tmp_path, "train", domains=Domains(True, False, 8, 8, 3, 4))
    assert data.targets is not None and data.images.shape[1] == 3
    assert np.array_equal(data.targets[1].numpy(), fit(icon(seed=1), 8, 4))


def test_arrays_of_a_set_are_not_put_on_white_twice() -> None:
    images = torch.from_numpy(fit(Image.fromarray(row(PIXELS)), None, 4))[None]
    assert fit_all(images, None, 4, "x", False, on_white=True) is images
    assert torch.equal(fit_all(images, None, 3, "x", False, on_white=True), images[:, :3])
