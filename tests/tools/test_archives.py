"""The wheel and the source archive have all files of the package, and nothing else of a work tree."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import yaml

from tools.release import with_addresses

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
BESIDE = (  # what a work tree has beside the package
    "tests/test_own.py", "runs/own/run.json", "carry/own.whl", "site/index.html", "notebooks/own.ipynb", "build/own.py",
    "docs/own.md", "benchmarks/own.py", "tools/own.py", "energan/__pycache__/own.pyc", ".venv/own.py",
)  # fmt: skip


def package(root: Path = ROOT) -> set[str]:
    files = (file for file in (root / "energan").rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {str(file.relative_to(root)) for file in files}


def test_every_file_that_is_no_code_is_declared() -> None:
    declared = SETTINGS["tool"]["setuptools"]["package-data"]["energan"]
    others = [name.removeprefix("energan/") for name in package() if not name.endswith(".py")]
    assert "py.typed" in others and "html/vendor/LICENSE" in others
    lost = [name for name in others if not any(fnmatch(name, pattern.replace("**/", "*")) for pattern in declared)]
    assert not lost, "pyproject.toml's package-data lacks them"
    assert not [pattern for pattern in declared if not list((ROOT / "energan").glob(pattern))], "nothing is called so"


def built(kind: str, folder: Path, into: Path) -> Path:
    """An archive, built as pip builds it."""
    command = [sys.executable, "-c", BUILD, kind, str(into)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return into / done.stdout.splitlines()[-1]


def test_the_archives_have_the_package_and_nothing_else(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "energan", tree / "energan", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tree)
    for name in BESIDE:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("")
    stem = f"energan-{PROJECT['version']}"
    with tarfile.open(built("build_sdist", tree, tmp_path)) as files:
        inside = {member.name.removeprefix(f"{stem}/") for member in files if member.isfile()}
        files.extractall(tmp_path / "source", filter="data")
    top = {
        *("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"),
        *("PKG-INFO", "setup.cfg"),
    }
    assert {name for name in inside if not name.startswith("energan.egg-info/")} == package() | top
    with zipfile.ZipFile(built("build_wheel", tmp_path / "source" / stem, tmp_path)) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(f"{stem}.dist-info/METADATA").decode()
    about = f"{stem}.dist-info/"
    assert {name for name in names if not name.startswith(about)} == package()
    assert f"{about}licenses/LICENSE" in names
    assert "Author: The Energan authors" in metadata and "Project-URL: Issues, https://" in metadata


def extras(*names: str) -> set[str]:
    """What these extras bring, those among them too."""
    brought: set[str] = set()
    for requirement in (each for name in names for each in PROJECT["optional-dependencies"][name]):
        inner = requirement.removeprefix("energan[").removesuffix("]").split(",")
        brought |= extras(*inner) if requirement.startswith("energan[") else {requirement}
    return brought


def test_all_brings_every_extra_but_those_of_developers() -> None:
    users = set(PROJECT["optional-dependencies"]) - {"all", "dev", "docs", "test"}
    assert extras("all") == extras(*users)


def test_the_page_says_what_each_extra_brings() -> None:
    told = (ROOT / "docs/install.md").read_text().partition("## Extras")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.*) \|$", told, re.M)
    brought = {extra: {re.split("[><=]", each)[0] for each in extras(extra)} for extra, _ in rows}
    assert set(brought) == set(PROJECT["optional-dependencies"]) - {"dev", "docs", "test"}
    for extra, packages in rows:
        if extra not in ("all", "train"):
            assert set(packages.split(", ")) == brought[extra] - (brought["train"] if extra == "studio" else set()), (
                extra
            )
    assert set(dict(rows)["train"].split(", ")) == brought["train"] - brought["report"]


def test_the_citation_and_the_classifiers_agree_with_the_project() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert citation["repository-code"] == PROJECT["urls"]["Homepage"]
    assert (
        "Programming Language :: Python :: " + PROJECT["requires-python"].removeprefix(">=") in PROJECT["classifiers"]
    )


def test_forms_and_workflows_can_be_read() -> None:
    forms = [yaml.safe_load(file.read_text()) for file in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")]
    assert sum({"name", "description", "body"} <= set(form) for form in forms) == 3
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert all(job["steps"] for job in jobs.values())


def test_the_readme_of_the_index_has_addresses() -> None:
    home = "https://x.org/e"
    assert with_addresses("[a](docs/a.md#b), [c](#d), [e](https://f.g)", home, "v1") == (
        "[a](https://x.org/e/blob/v1/docs/a.md#b), [c](#d), [e](https://f.g)"
    )
    assert (
        with_addresses('<img src="docs/a.png" alt="">', home, "v1")
        == '<img src="https://x.org/e/raw/v1/docs/a.png" alt="">'
    )
    text = with_addresses((ROOT / "README.md").read_text(), str(ROOT), "HEAD")
    for address in [part.split(")")[0].split("#")[0] for part in text.split(f"]({ROOT}/")[1:]]:
        assert (ROOT / address.split("/HEAD/")[1]).exists(), address
