"""A run of pictures with opacity does all that a run does, and its pictures open anywhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from small_runs import sentence, trained

import energan
from energan.cli import main
from energan.data import load
from energan.data.decoding.fitting import fit
from energan.runs.folder import RunFolder


def icons(folder: Path, n: int = 6, greys: bool = False) -> Path:
    folder.mkdir(parents=True)
    for i in range(n):
        y, x = np.mgrid[:20, :20] - 9.5
        pixels = np.zeros((20, 20, 4), np.uint8)
        pixels[x**2 + y**2 < (4 + i) ** 2] = (200, 40 * i, 20, 255 - 20 * i)
        image = Image.fromarray(pixels)
        (image.convert("L") if greys else image).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("opacity")
    data = str(icons(folder / "icons"))
    return trained(folder / "run", "dcgan-64", data=data, channels=4, steps=2, batch=4)


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translator")
    for split in ("train", "test"):
        icons(folder / "both" / "input" / split, 4, greys=True)
        icons(folder / "both" / "output" / split, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.translation.compared.usable_network", lambda *_, **__: "")
        given = {"data": str(folder / "both"), "channels": 1, "outputs": 4, "steps": 2, "batch": 2}
        return trained(folder / "run", "pix2pix", **given)


def mode(path: Path) -> str:
    with Image.open(path) as image:
        image.load()
        return image.mode


def test_the_record_and_the_sheets_have_four_channels(run: Path) -> None:
    assert RunFolder(run).record["data"]["shape"] == [4, 64, 64]
    assert {mode(run / "real.png"), *map(mode, (run / "samples").glob("*.png"))} == {"RGBA"}
    with Image.open(run / "real.png") as sheet:
        opacity = np.array(sheet)[..., 3]
    assert opacity.min() == 0 and (opacity[64] == 255).all()  # the gap


def test_samples_are_written_as_viewers_expect_them_and_as_they_are(run: Path, tmp_path: Path) -> None:
    images = energan.load(run).sample(3, seed=0)
    for out in ("sheet.png", "folder", "s.npz"):
        assert main(["sample", str(run), "--n", "3", "--out", str(tmp_path / out)]) == 0
    assert mode(tmp_path / "sheet.png") == mode(tmp_path / "folder" / "00000.png") == "RGBA"
    assert torch.equal(load(tmp_path / "s.npz", channels=4).images, images)
    read = load(tmp_path / "folder", channels=4).images
    assert torch.equal(read[:, 3], images[:, 3])
    floor = 255 - images[:, 3:].int()  # what a viewer shows at the least, however dark the colour
    assert int((read[:, :3].int() - torch.maximum(images[:, :3].int(), floor)).abs().max()) <= 1


def test_resuming_measuring_scoring_and_the_report(run: Path, tmp_path: Path) -> None:
    others = icons(tmp_path / "others", 3)
    for command in (
        ["resume", str(run), "--steps", "3", "--quiet"],
        ["evaluate", str(run), "--n", "4"],
        ["report", str(run)],
        ["score", str(others), "--run", str(run), "--out", str(tmp_path / "scores.csv")],
        ["walk", str(run), "--pairs", "1", "--frames", "3", "--out", str(tmp_path / "walk.gif")],
        ["export", str(run), "--out", str(tmp_path / "export")],
    ):
        assert main(command) == 0, command
    assert "data:image/png" in (run / "report.html").read_text()
    with Image.open(tmp_path / "walk.gif") as film:
        assert "transparency" not in film.info  # on white: a GIF has no opacity in between
    assert any(4 in weight.shape for weight in load_file(tmp_path / "export" / "generator.safetensors").values())


def test_a_model_reads_pillow_images_as_files_and_arrays_as_it_draws_them(run: Path) -> None:
    model = energan.load(run)
    picture = Image.fromarray(np.random.RandomState(0).randint(0, 256, (64, 64, 4)).astype(np.uint8))
    as_drawn = torch.from_numpy(fit(picture, None, 4))[None]
    assert torch.equal(model.score(picture), model.score(as_drawn))
    assert torch.equal(model.score([picture.convert("RGB")])[0], model.score(picture.convert("RGB"))[0])
    assert not torch.equal(model.score(picture), model.score(torch.from_numpy(np.array(picture)).permute(2, 0, 1)))
    with pytest.raises(energan.UserError, match="mode CMYK: convert it to RGBA"):
        model.score(picture.convert("CMYK"))


def test_pictures_get_an_opacity(translator: Path, tmp_path: Path) -> None:
    images = icons(tmp_path / "in", 2, greys=True)
    assert main(["translate", str(images), "--run", str(translator), "--out", str(tmp_path / "out")]) == 0
    assert {mode(path) for path in (tmp_path / "out").glob("*.png")} == {"RGBA"}
    assert RunFolder(translator).record["data"]["targets"]["shape"][0] == 4


@pytest.mark.parametrize(
    ("recipe", "channels", "said"),
    [
        ("dcgan-64", 4, "digits has no opacity"),
        ("dcgan-64", 2, "1 (grey), 3 (RGB) or 4 (RGB and opacity)"),
        ("mode-regularised-mnist", 4, "images have 1 (grey) or 3 (RGB) --channels, not 4"),
        ("ladder-mnist", 4, "images have 1 (grey) or 3 (RGB) --channels, not 4"),
        ("dann-mnist", 4, "images have 1 (grey) or 3 (RGB) --channels, not 4"),
        ("srgan", 4, "--channels is 1 (grey) or 3 (colour), not 4"),
        ("pix2pix", 2, "1 (grey), 3 (RGB) or 4 (RGB and opacity) channels"),
    ],
)
def test_channels_that_are_not_kept_are_refused(
    recipe: str, channels: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--data", "digits", "--channels", str(channels), "--steps", "1", "--out", str(tmp_path / "run")]
    assert main(["train", recipe, *given]) == 2
    assert said in sentence(capsys) and not (tmp_path / "run").exists()
