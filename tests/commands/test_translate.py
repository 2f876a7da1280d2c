"""`energan translate`: names and sizes are kept, unreadable pictures are said, nothing half is left."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from small_runs import leftovers, sentence, trained

from energan.cli import main
from energan.runs.folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.translation.compared.usable_network", lambda *_, **__: "")
        return trained(tmp_path_factory.mktemp("translate") / "run", "pix2pix", steps=2)


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.translation.compared.usable_network", lambda *_, **__: "")
        given = {"steps": 2, "outputs": 1}
        return trained(tmp_path_factory.mktemp("both") / "run", "cyclegan", **given)


def picture(path: Path, size: tuple[int, int], mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    Image.fromarray(pixels, "RGBA").convert(mode).save(path)
    return path


SIZES = {"a.png": (20, 24), "b/c.jpg": (7, 50), "b/c.webp": (33, 16), "train/d.bmp": (16, 16), "e.tiff": (3, 2)}


def folder_of_pictures(folder: Path) -> Path:
    for name, size in SIZES.items():
        picture(folder / name, size)
    return folder


def made(out: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(out)): opened(path).size for path in sorted(out.rglob("*.png"))}


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


KEPT = {
    "a.png": (20, 24), "b/c.jpg.png": (7, 50), "b/c.webp.png": (33, 16), "train/d.png": (16, 16), "e.png": (3, 2),
}  # fmt: skip


def test_names_folders_and_sizes_are_kept(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = folder_of_pictures(tmp_path / "there")
    assert main(["translate", str(there), "--run", str(run), "--out", str(tmp_path / "out")]) == 0
    assert made(tmp_path / "out") == KEPT and "5 pictures in" in capsys.readouterr().out
    with ZipFile(tmp_path / "there.zip", "w") as archive:
        for name in SIZES:
            archive.write(there / name, name)
    assert main(["translate", str(tmp_path / "there.zip"), "--run", str(run), "--out", str(tmp_path / "zip")]) == 0
    assert made(tmp_path / "zip") == KEPT
    same = [(tmp_path / each / "a.png").read_bytes() for each in ("out", "zip")]
    assert same[0] == same[1]


def test_no_picture_takes_the_place_of_another(run: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.jpg.webp", "b/A.png"):
        picture(tmp_path / "there" / name, (16, 16))
    assert main(["translate", str(tmp_path / "there"), "--run", str(run), "--out", str(tmp_path / "out")]) == 0
    assert set(made(tmp_path / "out")) == {"a.jpg.png", "a.png.png", "a.jpg (2).png", "b/A.png"}


def test_deep_pictures_are_read_by_the_runs_range(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energan.capabilities.translation.compared.usable_network", lambda *_, **__: "")
    for domain in ("input", "output"):
        for i in range(12):
            deep(tmp_path / "pairs" / domain / f"{i}.png", 4095)
    grey = {"data": str(tmp_path / "pairs"), "channels": 1, "outputs": 1, "steps": 1}
    folder = trained(tmp_path / "run", "pix2pix", **grey)
    assert RunFolder(folder).record["data"]["value_range"] == [0, 4095]
    bright = deep(tmp_path / "bright.png", 60000)
    assert main(["translate", str(bright), "--run", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert "lie outside 0..4095" in sentence(capsys) and not (tmp_path / "out").exists()


def deep(path: Path, top: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.linspace(0, top, 400).reshape(20, 20).astype(np.uint16)).save(path)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1"])
def test_every_kind_of_picture_is_read(run: Path, tmp_path: Path, mode: str) -> None:
    one = picture(tmp_path / "one.png", (9, 11), mode)
    assert main(["translate", str(one), "--run", str(run), "--out", str(tmp_path / "out")]) == 0
    assert made(tmp_path / "out") == {"one.png": (9, 11)}


def test_ways_have_channels_of_their_own(both_ways: Path, tmp_path: Path) -> None:
    one = picture(tmp_path / "one.png", (9, 11))
    for way, mode in (("xy", "L"), ("yx", "RGB")):
        out = tmp_path / way
        assert main(["translate", str(one), "--run", str(both_ways), "--way", way, "--out", str(out)]) == 0
        assert opened(out / "one.png").mode == mode


def test_the_noise_is_the_seed_s(run: Path, tmp_path: Path) -> None:
    one = str(picture(tmp_path / "one.png", (16, 16)))
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert main(["translate", one, "--run", str(run), "--seed", seed, "--out", str(tmp_path / name)]) == 0
    a, b, c = ((tmp_path / name / "one.png").read_bytes() for name in "abc")
    assert a == b != c


def test_unreadable_pictures_are_left_out_and_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = folder_of_pictures(tmp_path / "there")
    (there / "f.png").write_bytes((there / "a.png").read_bytes()[:60])
    assert main(["translate", str(there), "--run", str(run), "--out", str(tmp_path / "out")]) == 0
    assert (
        made(tmp_path / "out") == KEPT
        and "1 pictures cannot be read, and are left out: f.png" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{there}", "--way", "yx"], "goes the way xy, and not"),
        (["{there}", "--seed", "-1"], "--seed must be from 0 to"),
        (["{nothing}"], "name a picture, a folder, a .zip or a .tar"),
        (["{damaged}"], "none of the 1 pictures"),
        (["{there}", "--out", "{there}"], "is there already and not empty"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    run: Path, tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there = folder_of_pictures(tmp_path / "there")
    damaged = picture(tmp_path / "damaged" / "a.png", (20, 20))
    damaged.write_bytes(damaged.read_bytes()[:60])
    names = {"there": str(there), "damaged": str(damaged.parent), "nothing": str(tmp_path / "nothing")}
    given = [text.format(**names) for text in arguments]
    before = sorted(tmp_path.rglob("*"))
    out = [] if "--out" in given else ["--out", str(tmp_path / "out")]
    assert main(["translate", *given, "--run", str(run), *out]) == 2
    assert words in sentence(capsys)
    assert sorted(tmp_path.rglob("*")) == before and not leftovers(tmp_path)


def test_a_system_that_draws_from_noise_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = trained(tmp_path / "run", steps=1)
    one = str(picture(tmp_path / "one.png", (8, 8)))
    assert main(["translate", one, "--run", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert "needs a system that can make pictures of pictures" in sentence(capsys)
