"""`energan score`, as a detector of anomalies: verdicts, maps, and what is measured where the truth is known."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from parts import normal_parts, parts, run_of_parts
from PIL import Image
from small_runs import leftovers, sentence, trained

import energan
from energan.cli import main
from energan.commands.anomalies.maps import safe_name
from energan.inference.pictures.heat import heat, overlay, top_of_scale


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    run_of_parts(folder / "run", parts(folder / "bottle"))
    normal_parts(folder / "fresh")
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the run, the parts it was trained on, and other normal ones."""
    monkeypatch.chdir(tmp_path)
    for name in ("run", "bottle", "fresh"):
        shutil.copytree(made / name, name)
    return Path("run")


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def read(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_verdicts_and_measures_of_a_folder_in_mvtec_s_layout(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "bottle", "--run", "run", "--false-alarms", "10%", "--normal", "fresh"]) == 0
    said = capsys.readouterr().out
    assert "by fresh (30); a fresh normal image is called one with probability 10 % at most" in said
    assert "bottle/test: normal is good (10), not normal bent (3), spot (3)" in said
    assert "AUROC by kind: bent " in said and "of pixels: AUROC " in said
    scored, about = rows("scores.csv"), json.loads(Path("scores.json").read_text())
    calibration = json.loads((run / "calibration.json").read_text())
    assert calibration["n"] == len(calibration["energies"]) == 30 and calibration["energies"] == sorted(
        calibration["energies"]
    )
    assert calibration["threshold"] == calibration["energies"][27] == about["threshold"]  # the 28th: ceil(31 x 0.9)
    energies = [float(row["energy"]) for row in scored]
    assert [row["outlier"] == "true" for row in scored] == [e > about["threshold"] for e in energies]
    for row, e in zip(scored, energies, strict=True):
        assert float(row["score"]) == pytest.approx(sum(c < e for c in calibration["energies"]) / 31, abs=1e-3)
    assert about["outliers"] == sum(row["outlier"] == "true" for row in scored)
    assert set(about["images"]) >= {"AUROC", "average precision", "F1", "best F1", "found", "false alarms"}
    assert set(about["AUROC by kind"]) == {"bent", "spot"} and about["pixels"]["images"] == 16
    assert about["pixels"]["AUROC"] > 0.9  # white squares on grey


def test_one_image_gets_a_verdict_by_what_the_run_remembers(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "fresh/000.png", "--run", "run", "--false-alarms", "5%", "--normal", "fresh"]) == 0
    assert "1 of these 1 images are among those that calibrate" in capsys.readouterr().err
    shutil.rmtree("fresh")
    Path("=1+1 <b> ünïcode 🐈.png").write_bytes(Path("bottle/test/spot/000.png").read_bytes())
    assert main(["score", "=1+1 <b> ünïcode 🐈.png", "--run", "run"]) == 0
    said = capsys.readouterr()
    assert "=1+1 <b> ünïcode 🐈.png is " in said.out and "of normal images have less" in said.out
    assert list(rows("scores.csv")[0]) == ["index", "file", "energy", "label", "score", "outlier"]
    assert main(["score", "bottle/test/spot/000.png", "--run", "run", "--false-alarms", "50%"]) == 0
    assert "probability 50 % at most" in capsys.readouterr().out


def test_without_a_rate_nothing_is_added(run: Path) -> None:
    assert main(["score", "fresh", "--run", "run"]) == 0
    assert list(rows("scores.csv")[0]) == ["index", "file", "energy", "label"] and not Path("scores.json").exists()
    assert not (run / "calibration.json").exists()


def test_images_that_were_trained_on_do_not_calibrate(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("bottle/train/good", "mixed")
    assert main(["score", "fresh", "--run", "run", "--false-alarms", "5%", "--normal", "mixed"]) == 2
    assert "mixed has no normal image that the run was not trained on" in sentence(capsys)
    for path in sorted(Path("fresh").iterdir())[:20]:
        shutil.copy(path, f"mixed/fresh-{path.name}")
    assert main(["score", "fresh", "--run", "run", "--false-alarms", "5%", "--normal", "mixed"]) == 0
    assert "24 of the 44 images of mixed were trained on, and do not calibrate" in capsys.readouterr().err
    assert json.loads((run / "calibration.json").read_text())["images"] == "mixed (20)"


def test_a_run_s_own_held_out_normal_images_calibrate(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "bottle", "--run", "run", "--false-alarms", "0.1"]) == 0
    said = capsys.readouterr()
    assert "by bottle/test (10)" in said.out  # the good ones
    assert "10 of these 16 images are among those that calibrate" in said.err


def test_images_that_a_stranger_s_run_names_do_not_calibrate(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("bottle", "secret")
    written = (run / "run.json").read_text()
    source = json.loads(written)["arguments"]["data"]
    (run / "run.json").write_text(written.replace(source, str(Path("secret").resolve())))
    assert main(["score", "fresh", "--run", "run", "--false-alarms", "10%"]) == 2
    assert "run has no signature of yours, so images that its run.json names are not read: --normal" in sentence(capsys)
    assert not (run / "calibration.json").exists() and not Path("scores.csv").exists()
    assert main(["score", "fresh", "--run", "run", "--false-alarms", "10%", "--normal", "fresh"]) == 0


def test_classes_and_masks_are_checked_before_anything_is_written(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "bottle", "--run", "run", "--normal", "fresh", "--false-alarms", "10%"]) == 0
    before = (run / "calibration.json").read_bytes()
    again = ["score", "bottle", "--run", "run", "--out", "x.csv"]
    capsys.readouterr()
    for told, expected in (
        (["--normal", "bottle", "--normal-class", "typo"], "--normal-class typo: bottle has no such class"),
        (["--normal", "cd", "--normal-class", "good"], "--normal-class good: cd has no such class, it has c, d"),
        (["--normal-class", "typo"], "--normal-class typo: bottle has no such class"),
    ):
        for name in "cd":
            normal_parts(Path("cd") / name, 12)
        assert main([*again, *told]) == 2 and expected in sentence(capsys)
        assert (run / "calibration.json").read_bytes() == before and not [*Path().glob("x.*")]
    Image.new("L", (16, 16)).save("bottle/ground_truth/bent/000_mask.png")
    assert main(again) == 0 and "1 images that are not normal have a mask in " in capsys.readouterr().err
    for path in Path().glob("x.*"):
        path.unlink()
    Image.new("L", (16, 8)).save("bottle/ground_truth/bent/000_mask.png")
    assert main(again) == 2 and "has 16 x 8 pixels, and its image bottle/test/bent/000.png" in sentence(capsys)
    shutil.rmtree("bottle/ground_truth")
    Path("bottle/ground_truth/bent").mkdir(parents=True)
    shutil.copy("fresh/000.png", "bottle/ground_truth/bent/unmatched.png")
    assert main([*again, "--normal", "fresh"]) == 2 and "holds no mask of these images" in sentence(capsys)
    assert (run / "calibration.json").read_bytes() == before and not [*Path().glob("x.*")]
    small = ["--size", "16", "--steps", "2", "--features", "none", "--out", "new"]
    assert main(["detect", "--normal", "bottle", *small]) == 2 and "holds no mask of these" in sentence(capsys)
    Path("bottle/ground_truth/bent/unmatched.png").unlink()
    assert main(again) == 2 and sentence(capsys) and not [*Path().glob("x.*")]
    assert main(["detect", "--normal", "bottle", *small]) == 2 and sentence(capsys) and not Path("new").exists()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("--false-alarms 2", "--false-alarms must be above 0 and below 1, such as 1% or 0.01, got '2'"),
        ("--false-alarms 1%", "--false-alarms 1 % needs at least 99 normal images to calibrate with, and there are 10"),
        ("--normal nowhere", "there is no nowhere"),
        ("--normal-class cat", "--normal-class cat: fresh has no such class"),
        ("--maps fresh", "--maps fresh is there already and not empty"),
        ("--maps file/maps", "cannot write file/maps: not a directory"),
    ],
)
def test_bad_input_is_one_sentence(run: Path, capsys: pytest.CaptureFixture[str], told: str, expected: str) -> None:
    Path("file").write_text("a file")
    assert main(["score", "fresh", "--run", "run", *told.split()]) == 2
    assert expected in sentence(capsys)
    assert not leftovers(Path()) and not Path("maps").exists()


def test_a_calibration_of_another_checkpoint_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "bottle", "--run", "run", "--normal", "fresh", "--false-alarms", "5%"]) == 0
    capsys.readouterr()
    older = ["score", "bottle", "--run", "run", "--checkpoint", "2", "--out", "older.csv"]
    assert main([*older, "--false-alarms", "5%"]) == 2
    assert "run/calibration.json is of another checkpoint: --normal names images" in sentence(capsys)
    assert main(older) == 0 and "outlier" not in rows("older.csv")[0]
    assert main([*older, "--normal", "fresh"]) == 0  # 1 in 31, the least there are images for
    assert "probability 3.226 % at most" in capsys.readouterr().out


def test_a_damaged_calibration_is_one_sentence(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "calibration.json").write_text("{")
    assert main(["score", "bottle", "--run", "run"]) == 2
    assert "run/calibration.json is damaged: delete it" in sentence(capsys)


def test_maps_are_files_with_safe_names_and_one_scale(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = normal_parts(Path("odd names"), 3)
    (folder / "000.png").rename(folder / "=1+1 <b> ünïcode 🐈.png")
    (folder / "001.png").rename(folder / ("x" * 200 + ".png"))
    assert main(["score", "odd names", "--run", "run", "--maps", "maps"]) == 0
    scale = json.loads(Path("maps/scale.json").read_text())
    assert f"an energy of {scale['brightest']:.4g} a pixel and above, in all alike" in capsys.readouterr().out
    assert list(scale["files"].values()) == [row["file"] for row in rows("scores.csv")] or len(scale["files"]) == 3
    names = sorted(path.name for path in Path("maps").iterdir())
    assert len(names) == 2 * 3 + 2 and all(name.isascii() and len(name) < 70 for name in names)
    model = energan.load("run")
    number = next(name for name, file in scale["files"].items() if file == "002.png")
    data = energan.data.load("odd names", size=64, channels=3, progress=False)
    expected = model.energy_map(data.images[data.files.index("002.png")][None])[0]
    assert np.array_equal(read(f"maps/{number}-map.png"), heat(expected, scale["brightest"]).permute(1, 2, 0).numpy())
    over = overlay(data.images[data.files.index("002.png")], expected, scale["brightest"])
    assert np.array_equal(read(f"maps/{number}-overlay.png"), over.permute(1, 2, 0).numpy())
    assert read("maps/most-unusual.png").shape[1] > 500


def test_a_system_without_maps_refuses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trained(Path("gan"), "lsgan-mnist", steps=2)
    assert main(["score", "digits", "--run", "gan", "--maps", "maps"]) == 2
    assert "this run's system has no energy of single pixels" in sentence(capsys) and not Path("scores.csv").exists()
    assert main(["score", "digits", "--run", "gan", "--false-alarms", "5%", "--normal-class", "0"]) == 0  # but verdicts


def test_colours_by_hand() -> None:
    one = torch.tensor([[0.0, 1.0, 2.0]])
    assert heat(one, 1.0)[:, 0, 0].tolist() == [0, 0, 4] and torch.equal(heat(one, 1.0)[..., 1], heat(one, 1.0)[..., 2])
    image = torch.tensor([30, 60, 90], dtype=torch.uint8).view(3, 1, 1).expand(3, 1, 3)
    assert overlay(image, one, 1.0)[:, 0, 0].tolist() == [60, 60, 60]
    assert torch.equal(overlay(image, one, 1.0)[..., 2], heat(one, 1.0)[..., 2])
    assert top_of_scale(torch.zeros(2, 3, 3)) == 1.0
    assert len({safe_name(i, "ü/🐈.png") for i in range(3)}) == 3 and safe_name(1, "a/../b c.png") == "00001-b-c"


def test_an_export_has_threshold_and_scores(run: Path) -> None:
    import onnxruntime
    from safetensors.torch import load_file

    assert main(["score", "fresh", "--run", "run", "--normal", "fresh", "--false-alarms", "10%"]) == 0
    assert main(["export", "run", "--out", "export", "--onnx"]) == 0
    about = json.loads(Path("export/model.json").read_text())["parts"]["energy"]
    calibration = json.loads((run / "calibration.json").read_text())
    assert about["outputs"] == {"energy": [], "score": [], "outlier": [], "map": [64, 64]}
    assert about["calibration"] == {"threshold": calibration["threshold"], "false alarms": 0.1, "by": "fresh (30)"}
    weights = load_file("export/energy.safetensors")
    assert weights["usual"].double().tolist() == calibration["energies"]
    assert float(weights["threshold"]) == calibration["threshold"]
    data = energan.data.load("bottle", "test", size=64, channels=3, progress=False)
    session = onnxruntime.InferenceSession("export/energy.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["energy", "score", "outlier", "map"]
    energy, score, outlier, maps = session.run(None, {"x": energan.data.to_unit(data.images).numpy()})
    model = energan.load("run")
    np.testing.assert_allclose(energy, model.score(data.images), rtol=1e-3)
    np.testing.assert_allclose(maps, model.energy_map(data.images), rtol=1e-2, atol=1e-4)
    assert np.array_equal(outlier, energy > np.float32(calibration["threshold"]))
    usual = np.float32(calibration["energies"])
    np.testing.assert_allclose(score, (usual[None] < energy[:, None]).sum(1) / 31, rtol=1e-6)


def test_detect_trains_calibrates_scores_and_reports(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made / "bottle", "bottle")
    small = ["--normal", "bottle", "--size", "16", "--steps", "4", "--features", "none", "--held-out", "0.4"]
    assert main(["detect", *small, "--false-alarms", "15%", "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert "by bottle/train (10)" in said and "report: run/report.html" in said
    assert json.loads(Path("run/run.json").read_text())["data"]["n"] == 14  # 10 of 24 were set apart
    calibration, about = (json.loads(Path(f"run/{name}.json").read_text()) for name in ("calibration", "scores"))
    assert calibration["false_alarms"] == "3/20" and about["threshold"] == calibration["threshold"]
    assert about["pixels"]["images"] == 16 and len(list(Path("run/maps").iterdir())) == 2 * 16 + 2
    page = Path("run/report.html").read_text()
    assert 'id="anomalies"' in page and "AUROC by kind" in page and 'id="energy"' not in page
    capsys.readouterr()
    assert main(["score", "bottle/train", "--run", "run", "--out", "known.csv"]) == 0
    heard = capsys.readouterr()
    assert "the run was trained on" in heard.err and "the oddest: " in heard.out
    assert main(["score", "bottle/test", "--run", "run", "--out", "fresh.csv"]) == 0
    assert "the run was trained on" not in capsys.readouterr().err
    checkpoint = Path("run/checkpoints/000004.safetensors").read_bytes()
    assert main(["detect", *small, "--out", "run", "--images", "bottle/test/bent"]) == 0  # goes on: nothing to train
    assert Path("run/checkpoints/000004.safetensors").read_bytes() == checkpoint
    assert len(rows("run/scores.csv")) == 3 and len(list(Path("run/maps").iterdir())) == 2 * 3 + 2
    capsys.readouterr()
    assert main(["detect", "--config", "run", "--steps", "2", "--out", "again"]) == 0
    assert "settings of run, but for steps 2 (there 4)" in capsys.readouterr().out
    record = json.loads(Path("again/run.json").read_text())
    assert (record["recipe"], record["steps"]) == ("autoencoder", 2)
    assert record["arguments"]["calibration"] == 0.4 and record["arguments"]["size"] == 16
    assert main(["detect", *small, "--seed", "1", "--out", "run"]) == 2
    assert "run was made with --seed 0: give that again, or choose another --out" in sentence(capsys)
    assert main(["detect", *small, "--steps", "5", "--out", "run"]) == 2
    assert "run has 4 steps: leave out --steps" in sentence(capsys)
    assert main(["detect", *small, "--batch", "3", "--out", "run"]) == 2
    assert "run was made with --batch 14: give that again" in sentence(capsys)
    Path("run/evaluation.json").unlink()  # as if it had been killed while it measured, and while it drew maps
    Path("run/.maps-01234567.tmp").mkdir()
    assert main(["detect", *small, "--out", "run", "--images", "bottle/test/bent"]) == 0
    assert Path("run/evaluation.json").is_file() and not [*Path("run").glob(".maps*")]
    shutil.copy("bottle/train/good/000.png", "bottle/train/good/001.png")
    assert main(["detect", *small, "--out", "run"]) == 2
    assert "bottle are not those that run was made of: choose another --out" in sentence(capsys)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("--false-alarms 1%", "1 % needs at least 99 normal images that are held out, and of 24 there are 5"),
        ("--held-out 0", "--held-out is a share of the images, above 0 and below 1, got 0"),
        ("--held-out 0.001", "leaves nothing of one part: give more images"),
        ("--system ebgan-pt --features mobilenetv2", "--system ebgan-pt sees pixels: --features none"),
        ("--images nowhere", "there is no nowhere"),
        ("--size 30 --features none", "--size must be a multiple of 8, got 30"),
        ("--batch 20", "a batch of 20 cannot be drawn"),
        ("--false-alarms x", "--false-alarms must be above 0 and below 1"),
    ],
)  # fmt: skip
def test_detect_refuses_bad_input_before_it_trains(
    run: Path, capsys: pytest.CaptureFixture[str], told: str, expected: str
) -> None:
    assert main(["detect", "--normal", "bottle", *told.split()]) == 2
    assert expected in sentence(capsys)
    assert not Path("runs").exists() or not any(Path("runs").iterdir())


def test_copies_of_training_images_do_not_calibrate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for i, path in enumerate(sorted(normal_parts(Path("parts"), 24).iterdir())):
        for copy in range(3 if i < 12 else 0):
            shutil.copy(path, f"parts/{path.stem}-{copy}.png")
    small = ["--normal", "parts", "--size", "16", "--steps", "2", "--features", "none", "--batch", "4"]
    assert main(["detect", *small, "--out", "run"]) == 0
    said = capsys.readouterr()
    calibration = json.loads(Path("run/calibration.json").read_text())
    left = 12 - calibration["n"]  # of 60 images a fifth is set apart
    assert left > 0 and f"{left} of the 12 images of parts were trained on, and do not calibrate" in said.err
    assert f"{left} of those set apart are copies of training images, and left out" in said.out
    assert main(["detect", *small, "--false-alarms", "8%", "--out", "other"]) == 2
    assert f"for {left} are copies of training images" in sentence(capsys) and not Path("other").exists()
    for path in Path("parts").iterdir():
        shutil.copy("parts/000.png", path) if path.name != "000.png" else None
    assert main(["detect", *small, "--out", "other"]) == 2
    assert "images that are held out are copies of training images" in sentence(capsys)


def test_detect_by_features_of_a_frozen_network(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = ["--steps", "2", "--size", "16", "--batch", "4", "--false-alarms", "20%"]
    assert main(["detect", "--normal", str(made / "fresh"), *told]) == 0
    assert Path("runs/detect/calibration.json").is_file() and not Path("runs/detect/scores.csv").exists()
    assert energan.load("runs/detect").energy_map(torch.zeros(2, 3, 16, 16, dtype=torch.uint8)).shape == (2, 16, 16)
