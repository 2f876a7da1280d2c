"""The zoo: each shipped model does what its row says, and zoo:NAME is refused in a sentence where it cannot be had."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from small_runs import sentence

import energan
from energan.cli import main
from energan.data import load
from energan.metrics.features.mnist_classifier import mnist_classifier
from energan.runs.checkpoints import SHARED
from energan.runs.references import run_folder
from energan.runs.sharing.zoo import zoo
from energan.utils.errors import UserError
from models import make

NAMES = sorted(json.loads((make.PACKAGE / "zoo.json").read_text())["models"])

PLACE = re.compile(r"(?<![\w.:])/(?:home|root|tmp|work|Users|mnt|data)/|[A-Za-z]:\\\\")


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package on Python's path, and an empty cache."""
    shutil.copytree(make.PACKAGE, tmp_path / "site" / "energan_models")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("ENERGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delitem(sys.modules, "energan_models", raising=False)
    return tmp_path / "site" / "energan_models"


def digits_seen(images: torch.Tensor) -> torch.Tensor:
    """The digit that the shipped classifier sees in each image of bytes."""
    with torch.no_grad():
        return mnist_classifier()(images).argmax(1)


def real_digits(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    try:
        data = load("mnist", "test", size=28)
    except UserError as error:
        pytest.skip(f"MNIST cannot be had here: {error}")
    return torch.as_tensor(data.images[:n]), torch.as_tensor(data.labels[:n])


# ------------------------------------------------------------------------------------------------- what each one does


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_what_its_row_says(name: str) -> None:
    entry, folder = zoo()[name], run_folder(f"zoo:{name}")
    assert entry == make.described(name, make.ZOO[name])
    record = json.loads((folder / "run.json").read_text())
    assert record["command"] == entry["command"]
    assert tuple(record["data"]["shape"]) == energan.load(f"zoo:{name}").shape
    for part in folder.iterdir():
        if part.suffix in (".json", ".md"):
            assert not (found := PLACE.search(part.read_text())), f"{part.name}: {found[0]}"


BY_CHAINS = ("plug-and-play-mnist",)  # 80 digits take minutes

SLOW = [pytest.param(name, marks=pytest.mark.slow) if name in BY_CHAINS else name for name in NAMES]


@pytest.mark.parametrize("name", SLOW)
def test_a_model_that_draws_draws_its_picture_again(name: str, tmp_path: Path) -> None:
    from PIL import Image, ImageChops, ImageStat

    if not make.ZOO[name].sheet:
        pytest.skip("it draws nothing")
    flags = [*make.ZOO[name].sheet, "--device", "cpu", "--out", str(tmp_path / "sheet.png")]
    assert main(["sample", f"zoo:{name}", *flags]) == 0
    drawn, kept = (
        Image.open(path).convert("RGB") for path in (tmp_path / "sheet.png", make.PACKAGE / name / "samples.png")
    )
    assert drawn.size == kept.size
    assert sum(ImageStat.Stat(ImageChops.difference(drawn, kept)).mean) < 6  # of 3 x 255: processors round otherwise


@pytest.mark.skipif("conditional-dcgan-mnist" not in NAMES, reason="not made yet")
def test_the_digit_that_is_asked_for_is_seen() -> None:
    asked = torch.arange(10).repeat(20)
    images = energan.load("zoo:conditional-dcgan-mnist").sample(200, seed=3, conditions=torch.eye(10)[asked])
    assert (digits_seen(images) == asked).float().mean() > 0.9


@pytest.mark.skipif("ebgan-pt-mnist" not in NAMES, reason="not made yet")
def test_all_digits_are_drawn_and_noise_has_a_higher_energy() -> None:
    model = energan.load("zoo:ebgan-pt-mnist")
    images = model.sample(200, seed=0)
    assert len(digits_seen(images).unique()) == 10
    noise = torch.randint(256, images.shape, generator=torch.Generator().manual_seed(0)).byte()
    assert model.score(noise).min() > model.score(images).max()


@pytest.mark.skipif("plug-and-play-mnist" not in NAMES, reason="not made yet")
def test_a_few_steps_of_a_chain_are_drawn(tmp_path: Path) -> None:
    from PIL import Image

    out = tmp_path / "sheet.png"
    flags = ["--class", "3", "--n", "2", "--chain-steps", "3", "--device", "cpu", "--out", str(out)]
    assert main(["sample", "zoo:plug-and-play-mnist", *flags]) == 0
    (low, high) = Image.open(out).convert("L").getextrema()
    assert high - low > 60  # something is drawn


@pytest.mark.skipif("ladder-mnist" not in NAMES, reason="not made yet")
def test_the_ladder_errs_as_often_as_its_record_says() -> None:
    images, labels = real_digits(2000)
    found = energan.load("zoo:ladder-mnist").probabilities(images).argmax(1)
    recorded = json.loads((make.PACKAGE / "ladder-mnist" / "evaluation.json").read_text())["classification"]["error"]
    assert abs(float((found != labels).float().mean()) * 100 - recorded) < 2


def test_a_model_of_the_zoo_is_trained_on_no_further(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    name = NAMES[0]
    assert main(["resume", f"zoo:{name}"]) == 2
    assert "cannot be resumed" in sentence(capsys)
    if "ladder-mnist" in NAMES:
        assert main(["restart", "zoo:ladder-mnist", "--steps", "3", "--out", str(tmp_path / "again")]) == 2
        assert "leaves out what only training needs" in capsys.readouterr().err
        assert not (tmp_path / "again").exists()


# ---------------------------------------------------------------------------------------------------------- the package


def test_the_files_are_small() -> None:
    sizes = {path: path.stat().st_size for path in make.PACKAGE.rglob("*") if path.is_file()}
    assert max(sizes.values()) < make.LARGEST_FILE
    assert sum(sizes.values()) < make.LARGEST


def test_the_page_has_the_table_of_the_package() -> None:
    text = (make.HERE / "README.md").read_text()
    assert make.TABLE.search(text)[0] == make.table(zoo())
    for name in NAMES:
        assert f"`zoo:{name}`" in text and f"(energan_models/{name}/" in text


def test_the_wheel_has_the_models_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(make.HERE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("energan_models-*.whl"))) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
    files = {path.relative_to(make.HERE).as_posix() for path in make.PACKAGE.rglob("*") if path.is_file()}
    assert inside == {name for name in files if "__pycache__" not in name}
    assert {path.suffix for path in map(Path, inside)} <= {".py", ".json", ".safetensors", ".png", ".md"}


def test_list_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--zoo"]) == 0
    shown = capsys.readouterr().out
    assert all(f"zoo:{name}" in shown and make.ZOO[name].about in shown for name in NAMES)
    assert main(["list", "--zoo", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["models"]) == {f"zoo:{name}" for name in NAMES}


# ------------------------------------------------------------------------------------------------------ what goes wrong


def refused(name: str, match: str) -> None:
    with pytest.raises(UserError, match=match) as error:
        energan.load(f"zoo:{name}")
    assert "\n" not in str(error.value)


def test_a_package_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if not Path(p, "energan_models").is_dir()])
    sys.path_importer_cache.clear()
    assert main(["sample", "zoo:ladder-mnist"]) == 2
    assert sentence(capsys) == "energan: the zoo's models are not installed: pip install energan-models"
    monkeypatch.setitem(sys.modules, "energan_models", None)
    refused("ladder-mnist", "pip install energan-models")


def test_names_that_there_are_not() -> None:
    refused(f"{NAMES[0]}s", f"did you mean zoo:{NAMES[0]}")
    for name in (
        "",
        "qqqqqqqq",
        "..",
        "../energan_models",
        f"../energan_models/{NAMES[0]}",
        "/etc",
        "a\nb",
        "x" * 5000,
    ):
        refused(name, "there is no model zoo:")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format": "1"}', '{"format": true, "models": {}}', '{"format": 1}',
     '{"format": 1, "models": []}', '{"format": 1, "models": {"a": 3}}', '{"format": 1, "models": {"a": {}}}',
     "[" * 100_000],
)  # fmt: skip
def test_a_damaged_index_is_a_sentence(installed: Path, content: str) -> None:
    (installed / "zoo.json").write_text(content)
    refused(NAMES[0], "zoo.json is damaged: pip install --force-reinstall energan-models")


def test_a_newer_package_and_a_newer_model_are_sentences(installed: Path) -> None:
    (installed / "zoo.json").write_text('{"format": 2, "models": {}}')
    refused(NAMES[0], "have format 2, this Energan reads up to 1: upgrade energan")
    shutil.copy(make.PACKAGE / "zoo.json", installed)
    record = json.loads((installed / NAMES[0] / "run.json").read_text())
    (installed / NAMES[0] / "run.json").write_text(json.dumps({**record, "format": 99}))
    refused(NAMES[0], "upgrade energan")


def test_damaged_models_are_sentences(installed: Path) -> None:
    weights = installed / NAMES[0] / SHARED
    content = weights.read_bytes()
    for damaged in (
        b"",
        content[:1000],
        content[: len(content) // 2],
        content[:-100] + bytes(100),
        b"PK\3\4" + content,
    ):
        weights.write_bytes(damaged)
        refused(NAMES[0], "damaged|pickled")
    weights.unlink()
    refused(NAMES[0], "has no checkpoint")
    (installed / NAMES[0] / "run.json").unlink()
    refused(NAMES[0], "is damaged: it has no run.json")


def test_no_code_of_the_package_is_run(installed: Path) -> None:
    (installed / "__init__.py").write_text("raise SystemExit('run')")
    (installed / NAMES[0] / "__init__.py").write_text("raise SystemExit('run')")
    assert energan.load(f"zoo:{NAMES[0]}").shape
    assert not (run_folder(f"zoo:{NAMES[0]}") / "__init__.py").exists()
