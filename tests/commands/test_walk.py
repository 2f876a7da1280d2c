"""walk through noise, arithmetic, traverse and --truncation: what they write and say, and what they refuse."""

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import sentence, trained

import energan
from energan.cli import main
from energan.commands.probe import exemplars, observer
from energan.utils.films import save_films, usable_film


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs: one of normal noise, one that draws classes from uniform noise."""
    folder = tmp_path_factory.mktemp("walked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energan.capabilities.reference.usable_network", lambda run, real, least=0: "")
        trained(folder / "run", "lsgan-mnist", steps=2, save_every=2, z=12)
        trained(folder / "asked", "conditional-dcgan-mnist", steps=2, save_every=2, z=12)
    return folder


@pytest.fixture(autouse=True)
def inside(there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for path in there.iterdir():
        copytree(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exemplars, "SEARCHED", 30)
    yield


def said(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(line.split()) == 0
    return capsys.readouterr().out


def tiles(path: str, rows: int, columns: int, size: int) -> np.ndarray:
    with Image.open(path) as sheet:
        assert sheet.size == (columns * (size + 1) - 1, rows * (size + 1) - 1)
        padded = np.pad(np.asarray(sheet), ((0, 1), (0, 1)))
    grid = padded.reshape(rows, size + 1, columns, size + 1)
    return grid.transpose(0, 2, 1, 3)[..., :size, :size]


def test_a_walk_goes_from_sample_to_sample(capsys: pytest.CaptureFixture[str]) -> None:
    told = said("walk run --pairs 2 --frames 3", capsys)
    assert "run/probes/walk.png and run/probes/walk.gif: 2 pairs of samples, 3 frames" in told
    assert "z along a great circle; largest step between frames" in told and "fades of one image of digits" in told
    samples = energan.load("run").sample(4)[:, 0].numpy()
    shown = tiles("run/probes/walk.png", 2, 3, 32)
    assert np.array_equal(shown[:, [0, 2]].reshape(4, 32, 32), samples)
    found = json.loads(Path("run/probes/walk.json").read_text())
    values = {number["name"]: number["value"] for number in found["numbers"]}
    assert values["largest step"] >= values["mean step"] >= 0 and values["features"] == "mnist"
    assert values["largest step of fades"] > 0 and found["step"] == 2
    with Image.open("run/probes/walk.gif") as film:
        assert film.size == (2 * 32 * 4, 32 * 4)


def test_a_walk_holds_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "z along a straight line" in said("walk asked --classes 3 --pairs 1 --frames 2 --out x.png", capsys)
    assert not Path("asked", "probes").exists()
    expected = energan.load("asked").sample(2, 0, 3)[:, 0].numpy()
    assert np.array_equal(tiles("x.png", 1, 2, 28)[0], expected)
    said("walk asked --pairs 1 --frames 2 --out y.png", capsys)
    model = energan.load("asked")
    rows = model.noise_of([0, 1])
    expected = model.decode({"z": rows["z"], "c": rows["c"][:1].expand(2, -1)})[:, 0].numpy()
    assert np.array_equal(tiles("y.png", 1, 2, 28)[0], expected)


def test_a_loop_ends_where_it_began(capsys: pytest.CaptureFixture[str]) -> None:
    assert "a film of 3 samples that ends where it began" in said("walk run --pairs 3 --frames 4 --loop", capsys)
    shown = tiles("run/probes/walk.png", 3, 4, 32)
    assert all(np.array_equal(shown[i, -1], shown[(i + 1) % 3, 0]) for i in range(3))
    assert not np.array_equal(shown[0, 0], shown[0, -1])


def test_arithmetic_by_number(capsys: pytest.CaptureFixture[str]) -> None:
    told = said("arithmetic run --plus 0,1,2 --minus 3,4 --plus 5", capsys)
    assert "run/probes/arithmetic.png: 0,1,2 + 5 - 3,4; the length of the sum’s noise, a sample’s being 1: z " in told
    model = energan.load("run")
    z = model.noise_of(range(6))["z"]
    shown = tiles("run/probes/arithmetic.png", 6, 6, 32)
    total = z[:3].mean(0) - z[3:5].mean(0) + z[5]
    for place, row in (((0, 5), z[:3].mean(0)), ((2, 4), z[3:5].mean(0)), ((4, 2), total)):
        assert np.array_equal(shown[place], model.decode({"z": row[None]})[0, 0].numpy())
    assert np.array_equal(shown[0, 1:4], model.sample(3)[:, 0].numpy())


def test_arithmetic_of_ones_own_images(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    Path("cats").mkdir()
    for path in ("cats/a.png", "cats/b.png", "a,b.png", "3.png"):
        Image.fromarray(rng.integers(0, 256, (40, 40), dtype=np.uint8)).save(path)
    Path("cats/broken.png").write_bytes(b"\x89PNG")
    told = said("arithmetic run --plus 4,cats --plus 3.png,7 --minus a,b.png --steps 3", capsys)
    assert "images: cats (2); 1 unreadable file was left out" in told
    assert "4,cats: 2 images, drawn with a mean error of " in told
    assert "a,b.png: 1 image, drawn with a mean error of " in told
    assert "4,cats + 7,3.png - a,b.png; the length of the sum’s noise" in told
    model = energan.load("run")
    z = model.noise_of(range(8))["z"]
    shown = tiles("run/probes/arithmetic.png", 6, 6, 32)
    assert np.array_equal(shown[0, 1], model.decode({"z": z[4:5]})[0, 0].numpy())  # samples first, then images
    assert not np.array_equal(shown[0, 2], shown[0, 3])
    assert "turned from 3.png to cats in 8" in said("arithmetic run --turn 3.png cats --steps 0 --out t.png", capsys)


def test_only_some_images_of_a_folder_are_projected(capsys: pytest.CaptureFixture[str]) -> None:
    Path("many").mkdir()
    for i in range(18):
        Image.new("L", (32, 32), i).save(f"many/{i}.png")
    told = said("arithmetic asked --plus many --class 3 --steps 0 --out x.png", capsys)
    assert "many: the first 16 of 18 images, drawn with" in told


def test_a_classifier_finds_exemplars_and_a_turn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "judge_by", lambda had, folder: (None, lambda images: torch.arange(len(images)) % 3))
    assert "1 - 2; " in said("arithmetic run --plus-class 1 --minus-class 2 --out x.png", capsys)
    assert np.array_equal(tiles("x.png", 5, 6, 32)[0, 1:4], energan.load("run").sample(8)[[1, 4, 7], 0].numpy())
    told = said("arithmetic run --turn-class 0 1 --out y.png", capsys)
    assert "5 samples, turned from 0 to 1 in 8 steps" in told
    model = energan.load("run")
    z, shown = model.noise_of(range(12))["z"], tiles("y.png", 7, 9, 32)
    turned = z[2] + z[[1, 4, 7, 10]].mean(0) - z[[0, 3, 6, 9]].mean(0)
    assert np.array_equal(shown[2, [0, 8]], model.decode({"z": torch.stack([z[2], turned])})[:, 0].numpy())


def test_directions_are_traversed(capsys: pytest.CaptureFixture[str]) -> None:
    for method in ("pca", "factors"):
        told = said(f"traverse run --method {method} --directions 2 --steps 3 --n 2", capsys)
        assert "rows from the top: z 1 (" in told and "z 2 (" in told
        shown = tiles("run/probes/traverse.png", 4, 3, 32)
        assert np.array_equal(shown[[0, 1], 1], energan.load("run").sample(2)[:, 0].numpy())
    assert len(json.loads(Path("run/probes/traverse.json").read_text())["numbers"]) == 2


def test_truncated_samples(capsys: pytest.CaptureFixture[str]) -> None:
    said("sample run --n 2 --truncation 0.5 --out x.npz", capsys)
    model = energan.load("run")
    assert np.array_equal(np.load("x.npz")["images"], model.sample(2, truncation=0.5).numpy())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("walk run --frames 1", "frames must be 2 or more"),
        ("walk run --pairs 0", "pairs must be 1 or more"),
        ("walk run --loop --pairs 1", "pairs must be 2 or more"),
        ("walk run --pairs 10000000000", "memory"),
        ("walk run --classes 3", "run draws no classes"),
        ("walk run --out x.txt", "images go to a .png"),
        ("arithmetic run", "say what is added"),
        ("arithmetic run --plus 1 --turn 1 2", "say what is added"),
        ("arithmetic run --minus 1", "something must be added"),
        ("arithmetic run --plus 1,x", "'x' is neither a number of a sample nor an image that is there"),
        ("arithmetic run --plus run,./run", "names an image twice"),
        ("arithmetic run --plus 1 --minus run/log.jsonl", "run/log.jsonl"),
        ("arithmetic run --plus 1 --steps -1", "steps must be 0 or more"),
        ("arithmetic run --plus 1,1", "names a sample twice"),
        ("arithmetic run --plus 99999999", "numbered from 0 to 999,999"),
        ("arithmetic run --plus 1 --spread -1", "spread must be 0 or above"),
        ("arithmetic run --plus 1 --out x.gif", "images go to a .png"),
        ("arithmetic asked --plus 1 --class 3,4", "one class or sentence here"),
        ("arithmetic run --plus-class 12", "there is no class"),
        ("traverse run --noise eps", "reads no noise 'eps'; it reads z"),
        ("traverse run --method codes", "no noise of this run can be traversed by codes"),
        ("traverse run --steps 1", "steps must be 2 or more"),
        ("traverse run --reach 0", "reach must be above 0"),
        ("sample asked --truncation 2", "changes nothing"),
        ("sample run --truncation -1", "truncation must be above 0"),
    ],
)
def test_what_cannot_be_probed(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    assert told in sentence(capsys) and not Path("run", "probes").exists()


def test_real_images_that_are_gone(capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads(Path("run/run.json").read_text())
    record["experiment"]["value"]["dict"]["source"] = "/somewhere/else"
    Path("run/run.json").write_text(json.dumps(record))
    assert main(["walk", "run", "--pairs", "1", "--frames", "2"]) == 0
    told = capsys.readouterr()
    assert "no fade of real images is measured" in told.err and "largest step between frames" in told.out


def test_a_video_needs_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("energan.utils.films.find_spec", lambda name: None)
    with pytest.raises(energan.UserError, match="pip install 'energan\\[video\\]' brings one"):
        usable_film(tmp_path / "x.mp4")


def test_a_film_of_pictures_with_opacity_is_on_white(tmp_path):
    films = torch.full((1, 2, 4, 8, 8), 255, dtype=torch.uint8)
    films[:, :, 1:3, :4] = 0  # red
    films[:, :, 3, 4:] = 0  # transparent, which is seen as white
    save_films(films, tmp_path / "x.gif")
    with Image.open(tmp_path / "x.gif") as film:
        shown = film.convert("RGBA")
    assert shown.getpixel((1, 1)) == (255, 0, 0, 255) and shown.getpixel((1, 31)) == (255, 255, 255, 255)
