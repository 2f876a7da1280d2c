"""What is not installed is said in one sentence, and loading and sampling need none of it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from small_runs import trained

import energan
from energan.cli import main
from energan.utils import extras
from energan.utils.errors import UserError

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({sorted(extras.EXTRA_OF)}))\n"  # as if none were installed


def packages(requirements: list[str]) -> set[str]:
    return {re.split(r"[><=\[]", each)[0].lower() for each in requirements}


def test_every_extra_brings_what_it_is_said_to_bring() -> None:
    brought = PROJECT["optional-dependencies"]
    for module, extra in extras.EXTRA_OF.items():
        package = {"pillow_heif": "pillow-heif", "imageio_ffmpeg": "imageio-ffmpeg"}.get(module, module)
        assert extras.NAMES.get(module, package) in packages(brought[extra]), module
        assert extras.NAMES.get(module, package) not in packages(PROJECT["dependencies"])


def test_training_needs_all_of_its_extra() -> None:
    brought = PROJECT["optional-dependencies"]
    needed = packages(brought["train"] + brought["report"]) - {"energan"}
    assert {extras.NAMES.get(name, name) for name in extras.TRAIN} == needed


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("sklearn.svm", "this needs scikit-learn, which is not installed: pip install 'energan[train]'"),
        ("onnx", "this needs onnx, which is not installed: pip install 'energan[export]'"),
        ("my_own", None),
        (None, None),
    ],
)
def test_a_missing_module_says_what_to_install(module: str | None, sentence: str | None) -> None:
    assert extras.missing(ModuleNotFoundError(name=module)) == sentence


def test_a_training_that_would_fail_at_its_end_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"need matplotlib, not installed: pip install 'energan\[train\]'"):
        extras.require_training()
    assert main(["train", "lsgan-mnist", "--data", "digits", "--out", str(tmp_path / "run")]) == 2
    assert "energan[train]" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_a_command_that_lacks_a_package_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path / "run")
    for name in [name for name in sys.modules if name == "jinja2" or name.startswith(("jinja2.", "energan.report"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["report", str(run)]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("energan: this needs jinja2, which is not inst")


def test_names_of_the_package_say_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("sklearn", "energan.estimators"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'energan\[train\]'"):
        _ = energan.EBGAN


def test_the_core_loads_draws_and_scores(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    code = WITHOUT + f"import energan; model = energan.load({str(run)!r}); print(len(model.score(model.sample(3))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr
    sampled = WITHOUT + "from energan.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", sampled, "sample", str(run), "--n", "4", "--out", str(tmp_path / "four.png")]
    assert subprocess.run(command, check=False).returncode == 0 and (tmp_path / "four.png").is_file()
