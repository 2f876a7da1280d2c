"""compare: two sets of images, several runs, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_runs import change, make_run

from energan.cli import main

NET = """
from torch import nn

class Net(nn.Module):
    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)
"""


def pictures(folder: Path, n: int, size: tuple[int, int] = (40, 30), seed: int = 0, mode: str = "RGB") -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        coarse.resize(size).convert(mode).save(folder / f"{i:03d}.png")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "small_net.py").write_text(NET)
    return tmp_path


def compared(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    capsys.readouterr()
    assert main(["compare", *words, "--network", "small_net:Net", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_sets_of_any_sizes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = pictures(here / "real", 70), pictures(here / "fake <b> ünï 🐈", 40, (16, 16), 1)
    (real / "100.png").write_bytes((real / "000.png").read_bytes()[:60])
    found = compared(capsys, str(real), str(fake))
    assert (found["real"]["n"], found["fake"]["n"], found["shape"]) == (70, 40, [3, 16, 16])
    assert found["real"]["skipped"] == 1 and found["size"].startswith("all at 16 x 16")
    assert found["equal"]["n"] == 35 and found["names"]["FID"] == "FID-Net" and found["from_cache"] == [False, False]
    assert compared(capsys, str(real), str(fake))["from_cache"] == [True, True]
    assert compared(capsys, str(real), str(fake), "--size", "8")["shape"] == [3, 8, 8]
    assert compared(capsys, str(real), str(fake), "--n", "35")["real"]["n"] == 35


def test_images_of_one_size_stay_as_they_are_and_grey_meets_colour(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, grey = pictures(here / "real", 34), pictures(here / "grey", 34, mode="L")
    found = compared(capsys, str(real), str(grey))
    assert found["shape"] == [3, 30, 40] and found["size"] == "all as they are, 30 x 40"


def test_arrays_and_splits(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)
    np.savez(here / "a.npz", x_train=images, x_test=images[:40] // 2)
    found = compared(capsys, "digits", "a.npz", "--split", "train", "--fake-split", "train", "--n", "64")
    assert found["real"]["n"] == found["fake"]["n"] == 64
    assert compared(capsys, "digits", "a.npz")["fake"]["n"] == 40  # held out


def test_a_set_against_itself_is_warned_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = str(pictures(here / "real", 40))
    found = compared(capsys, real, real)
    assert found["scores"]["FID"] == pytest.approx(0, abs=1e-6) and found["scores"]["precision"] == 1
    assert any("no farther from REAL" in sentence for sentence in found["warnings"])


def test_the_table_and_the_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, fake = pictures(here / "real", 40), pictures(here / "<script>alert(1)", 40, (120, 100), 1)
    assert main(["compare", str(real), str(fake), "--network", "small_net:Net", "--out", "page.html"]) == 0
    out = capsys.readouterr().out
    assert "FID-Net" in out and "part of REAL" in out and "of infinitely many images" in out
    page = (here / "page.html").read_text()
    assert page.count("data:image/") == 4 and "<script>alert" not in page and "http://" not in page


def test_digits_go_to_the_digits_network(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "digits", "digits", "--split", "train", "--n", "40", "--network", "mnist", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shape"] == [1, 28, 28] and found["names"]["FID"] == "MNIST-FID"


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["compare", *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    return err


def test_what_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real, few, run = pictures(here / "real", 33), pictures(here / "few", 1), make_run(here / "run")
    (here / "empty").mkdir()
    net = ("--network", "small_net:Net")
    assert "got 1" in refused(capsys, str(real))
    assert "got 3" in refused(capsys, str(real), str(real), str(few))
    assert "FAKE, few (1), has 1 of the 32" in refused(capsys, str(real), str(few), *net)
    assert "holds no images" in refused(capsys, str(real), str(here / "empty"), *net)
    assert "there is no" in refused(capsys, str(real), str(here / "nowhere"), *net)
    assert "is a run and" in refused(capsys, str(run), str(real))
    assert "is one run" in refused(capsys, str(run))
    assert "--out page.txt" in refused(capsys, str(real), str(real), "--out", "page.txt")
    assert "unknown feature network" in refused(capsys, str(real), str(real), "--network", "vgg")
    (here / "called.py").write_text("def make():\n    open('made', 'w').close()\n")
    said = refused(capsys, str(real), str(real), "--network", "called:make")
    assert "--network called:make is no class of torch.nn.Module" in said
    assert not (here / "made").exists()
    assert "--network nowhere:Net cannot be used" in refused(capsys, str(real), str(real), "--network", "nowhere:Net")
    assert "--size" in refused(capsys, str(real), str(real), "--size", "-1", *net)
    assert "is named twice" in refused(capsys, str(run), str(run))


def test_runs_are_compared_on_one_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = make_run(here / "a" / "run"), make_run(here / "b" / "run"), make_run(here / "g", game="gan")
    change(second, batch=32, seed=7)
    assert main(["compare", str(first), str(second), str(third)]) == 0
    said = capsys.readouterr()
    assert said.err == "page: compare.html\n"
    lines = [line.split() for line in said.out.splitlines()]
    assert lines[0][:2] == ["a/run", "b/run"] and lines[0][2].startswith(here.name[:20])
    assert lines[1] == ["recipe", "ebgan-pt-mnist", "ebgan-pt-mnist", "gan-mnist"]
    assert ["batch", "64", "32", "64"] in lines
    page = (here / "compare.html").read_text()
    assert "a/run" in page and "b/run" in page and 'src="http' not in page


def test_what_is_known_of_runs_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(here / "a")
    change(second := make_run(here / "b"), batch=32)
    measured = json.loads((second / "evaluation.json").read_text())
    measured["metrics"] |= {"MNIST-FID": 9.5}
    (second / "evaluation.json").write_text(json.dumps(measured))
    assert main(["compare", "a", "b", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in found["runs"]] == ["a", "b"]
    assert found["settings"] == {"batch": {"a": 64, "b": 32}}
    assert found["metrics"]["MNIST-FID"]["b"] == 9.5 and found["best"] == {"MNIST-FID": "b"} and found["comparable"]
    assert not (here / "compare.html").exists()


def test_runs_that_are_too_many_for_the_terminal_are_below_each_other(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"a-run-whose-name-is-long-{i}" for i in range(3)]
    for i, name in enumerate(names):
        change(make_run(here / name), batch=i + 1)
    monkeypatch.setenv("COLUMNS", "72")
    assert main(["compare", *names]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 72 for line in lines)
    assert [line.split() for line in lines if line.strip().startswith("a-run")][:2] == [names[:2], names[2:]]
    assert [line.split()[1:] for line in lines if line.startswith("batch")] == [["1", "2"], ["3"]]


def test_one_run_may_lack_anything(here: Path) -> None:
    whole, bare = make_run(here / "whole"), make_run(here / "bare")
    for name in ("log.jsonl", "evaluation.json"):
        (bare / name).unlink()
    shutil.rmtree(bare / "samples")
    assert main(["compare", str(whole), str(bare), "--out", "page.html"]) == 0
    assert "No sample sheet." in (here / "page.html").read_text()
