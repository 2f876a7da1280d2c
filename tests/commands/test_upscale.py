"""upscale: sizes, greys, opacity, 16 bits, EXIF, profiles, folders, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from small_runs import sentence, trained

from energan.cli import main
from energan.data.transparency import decode_apart

SCALE = 2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.translation.compared.usable_network", lambda run, real, least=0: "")
        return trained(tmp_path_factory.mktemp("enlarged") / "run", "srresnet", steps=4, save_every=4)


@pytest.fixture(scope="module")
def grey_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.translation.compared.usable_network", lambda run, real, least=0: "")
        return trained(tmp_path_factory.mktemp("grey") / "run", "srresnet", steps=4, save_every=4, channels=1)


def picture(h: int, w: int, channels: int = 3) -> np.ndarray:
    """Smooth, so that what is enlarged is near it."""
    rows, columns = np.mgrid[0:h, 0:w]
    planes = [128 + 100 * np.sin(rows / 7 + k) * np.cos(columns / 5) for k in range(channels)]
    return np.stack(planes, -1).astype(np.uint8) if channels > 1 else planes[0].astype(np.uint8)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def upscaled(run: Path, source: Path, *more: str) -> Image.Image:
    out = source.with_name(f"{source.stem}-large.png")
    assert main(["upscale", str(source), "--run", str(run), "--out", str(out), *more]) == 0
    return opened(out)


def near(large: Image.Image, small: Image.Image) -> float:
    """The mean difference to the bicubic enlargement, in levels."""
    plain = small.resize(large.size, Image.Resampling.BICUBIC)
    return float(np.abs(np.asarray(large, np.float32) - np.asarray(plain, np.float32)).mean())


def test_a_picture_of_odd_size_becomes_twice_as_large(run: Path, tmp_path: Path) -> None:
    small = Image.fromarray(picture(31, 45))
    small.save(tmp_path / "photo.jpg", quality=100)
    large = upscaled(run, tmp_path / "photo.jpg")
    assert large.size == (90, 62) and large.mode == "RGB" and near(large, small) < 40


def test_tiles_leave_no_seam(run: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(40, 50)).save(tmp_path / "photo.png")
    whole = np.asarray(upscaled(run, tmp_path / "photo.png", "--tile", "0"), np.int16)
    tiled = np.asarray(upscaled(run, tmp_path / "photo.png", "--tile", "16"), np.int16)
    assert np.abs(whole - tiled).max() <= 1


def test_grey_stays_grey(run: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(20, 24, 1)).save(tmp_path / "grey.png")
    assert upscaled(run, tmp_path / "grey.png").mode == "L"


def test_a_net_of_greys_leaves_colours_to_the_cubic(grey_run: Path, tmp_path: Path) -> None:
    small = Image.fromarray(picture(20, 24))
    small.save(tmp_path / "photo.png")
    large = upscaled(grey_run, tmp_path / "photo.png")
    assert large.mode == "RGB" and large.size == (48, 40)
    _, cb, cr = large.convert("YCbCr").split()
    _, *plain = small.convert("YCbCr").split()
    inside = np.asarray(large.convert("L"))
    unclipped = (inside > 60) & (inside < 190)  # where no colour is cut off
    for made, plane in zip((cb, cr), plain, strict=True):
        apart = np.asarray(made, np.int16) - np.asarray(plane.resize(large.size, Image.Resampling.BICUBIC), np.int16)
        assert np.median(np.abs(apart[unclipped])) <= 2


def test_opacity_is_kept_and_what_is_hidden_does_not_leak(run: Path, tmp_path: Path) -> None:
    pixels = np.zeros((24, 24, 4), np.uint8)
    pixels[..., :3] = 255, 0, 255  # of what is transparent
    pixels[6:18, 6:18] = 40, 120, 60, 255
    Image.fromarray(pixels).save(tmp_path / "cut.png")
    large = upscaled(run, tmp_path / "cut.png")
    assert large.mode == "RGBA" and large.size == (48, 48)
    seen = np.asarray(large)
    assert (seen[:8, :8, 3] == 0).all() and (seen[20:28, 20:28, 3] == 255).all()
    plain = pixels.copy()
    plain[..., :3] = 40, 120, 60
    Image.fromarray(plain).save(tmp_path / "plain.png")
    other = np.asarray(upscaled(run, tmp_path / "plain.png"))
    visible = seen[..., 3] > 0
    assert np.abs(seen.astype(np.int16) - other)[visible].max() <= 1


def test_sixteen_bits_are_read_by_their_range(run: Path, tmp_path: Path) -> None:
    deep = picture(20, 24, 1).astype(np.uint16) * 16  # of twelve bits
    Image.fromarray(deep).save(tmp_path / "deep.png")
    apart = decode_apart(tmp_path / "deep.png")
    assert apart.opacity is None and apart.colours.shape == (1, 20, 24)
    assert np.abs(apart.colours[0].astype(int) - deep / 4095 * 255).max() <= 1
    assert upscaled(run, tmp_path / "deep.png").mode == "L"


def test_pictures_are_turned_as_their_exif_data_say_and_keep_their_profile(run: Path, tmp_path: Path) -> None:
    small, exif = Image.fromarray(picture(20, 30)), Image.Exif()
    exif[274] = 6  # a quarter turn
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    small.save(tmp_path / "turned.jpg", exif=exif, icc_profile=profile)
    large = upscaled(run, tmp_path / "turned.jpg")
    assert large.size == (40, 60) and large.info["icc_profile"] == profile and 274 not in large.getexif()


def test_folders_keep_their_names(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name, (h, w) in (("a.png", (20, 21)), ("deep/b.jpg", (18, 25))):
        Image.fromarray(picture(h, w)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "c.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    Image.fromarray(picture(17, 17)).save(tmp_path / "single.png")
    out = tmp_path / "out"
    assert (
        main(["upscale", str(tmp_path / "in"), str(tmp_path / "single.png"), "--run", str(run), "--out", str(out)]) == 0
    )
    said = capsys.readouterr()
    assert "3 pictures in" in said.out and "2 times as large" in said.out and "c.png" in said.err
    sizes = {path.relative_to(out).as_posix(): opened(path).size for path in out.rglob("*.png")}
    assert sizes == {"a.png": (42, 40), "deep/b.png": (50, 36), "single.png": (34, 34)}


def test_what_cannot_be_done_is_said_in_a_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(20, 20)).save(tmp_path / "a.png")
    (tmp_path / "other").mkdir()
    Image.fromarray(picture(20, 20)).save(tmp_path / "other" / "a.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    to = ["--run", str(run), "--out"]
    for asked, expected in (
        ([str(tmp_path / "a.png"), *to, str(tmp_path / "b.jpg")], "is written as a .png"),
        ([str(tmp_path / "nothing.png"), *to, str(tmp_path / "b.png")], "there is no"),
        ([str(tmp_path / "broken.png"), *to, str(tmp_path / "b.png")], "cannot be read"),
        ([*to, str(tmp_path / "b")], "no pictures were named"),
        ([str(tmp_path / "a.png"), *to, str(tmp_path / "b.png"), "--tile", "3"], "tile must be 8 or more"),
    ):
        assert main(["upscale", *asked]) == 2
        assert expected in sentence(capsys)
    assert not (tmp_path / "b.png").exists() and not (tmp_path / "b").exists()


def test_a_run_that_enlarges_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.translation.compared.usable_network", lambda run, real, least=0: "")
        same = trained(tmp_path / "run", "pix2pix", steps=2, save_every=2)
    Image.fromarray(picture(20, 20)).save(tmp_path / "a.png")
    assert main(["upscale", str(tmp_path / "a.png"), "--run", str(same), "--out", str(tmp_path / "b.png")]) == 2
    assert "energan translate" in sentence(capsys)


def test_a_picture_that_memory_does_not_hold_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(20, 20)).save(tmp_path / "a.png")
    monkeypatch.setattr("energan.data.decoding.bounds.available_memory", lambda: 100)
    assert main(["upscale", str(tmp_path / "a.png"), "--run", str(run), "--out", str(tmp_path / "b.png")]) == 2
    assert "bytes of memory" in sentence(capsys)


def test_pictures_of_one_name_are_kept_apart(run: Path, tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        Image.fromarray(picture(20, 20)).save(tmp_path / folder / "a.png")
    there = [str(tmp_path / folder) for folder in ("one", "other")]
    assert main(["upscale", *there, "--run", str(run), "--out", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png.png", "a.png (2).png"}
