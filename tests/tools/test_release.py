"""A release says why it is refused; the matrix counts what pytest wrote, and the docs show it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import environments, matrix
from tools.release import refusal, section

ROOT = Path(__file__).parents[2]

CHANGES = """# Changelog

## 1.10.0 (2027-01-01)

- new

### more

- x

## 1.1.0

- old

## 1.0.0

## 0.9.0 (unreleased)

- y
"""


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("1.10.0", ("1.10.0 (2027-01-01)", "- new\n\n### more\n\n- x\n")),
        ("1.1.0", ("1.1.0", "- old\n")),
        ("1.0.0", None),  # nothing is written there
        ("1.1", None),
        ("1x1.0", None),
    ],
)
def test_notes_are_the_section_of_their_version(number: str, found: tuple[str, str] | None) -> None:
    assert section(CHANGES, number) == found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def git(*words: str) -> None:
        person = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(("git", *person, *words), cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    git("init")
    git("add", "CHANGELOG.md")
    git("commit", "--message", "first")
    git("tag", "v1.1.0")
    return tmp_path


def test_a_release_is_refused_in_one_sentence(repository: Path) -> None:
    assert refusal("1.10.0", repository) is None
    assert "tag v1.1.0 exists" in str(refusal("1.1.0", repository))
    assert "no section `## 2.0.0`" in str(refusal("2.0.0", repository))
    assert "calls 0.9.0 unreleased" in str(refusal("0.9.0", repository))
    (repository / "left.txt").write_text("")
    assert "not committed" in str(refusal("1.10.0", repository))


def test_what_is_not_committed_is_not_built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (repository / "left.txt").write_text("")
    (repository / "CHANGELOG.md").write_text("changed")
    folder = environments.committed(tmp_path_factory.mktemp("source"), repository)
    assert [file.name for file in folder.iterdir()] == ["CHANGELOG.md"]
    assert (folder / "CHANGELOG.md").read_text() == CHANGES


def test_a_command_that_fails_ends_with_its_output() -> None:
    with pytest.raises(SystemExit, match=r"(?s)not a git command.*`git nonsense` failed"):
        environments.git("nonsense")


def test_the_matrix_counts_each_outcome(tmp_path: Path) -> None:
    cases = '<testcase classname="t" name="{}">{}</testcase>'
    inside = {"good": "", "bad": "<failure/>", "broken": "<error/>", "left": "<skipped/>", "fine": ""}
    (tmp_path / "junit.xml").write_text(
        f"<testsuites><testsuite>{''.join(cases.format(*each) for each in inside.items())}</testsuite></testsuites>"
    )
    assert matrix.outcome(tmp_path / "junit.xml") == {"passed": 2, "failed": ["t::bad", "t::broken"], "skipped": 1}


def test_a_cell_without_a_test_makes_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "build/matrix/py3-torch2").mkdir(parents=True)
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    monkeypatch.setattr(matrix, "environment", lambda *_, **__: sys.executable)
    monkeypatch.setattr(matrix, "install", lambda *_: None)
    with pytest.raises(SystemExit, match="exit code 5"):  # pytest found none, and wrote an XML of none
        matrix.cell("3", "2", tmp_path / "a.whl", tmp_path, [])


def test_the_docs_have_the_matrix_as_it_was_measured() -> None:
    assert matrix.table(json.loads(matrix.RECORD.read_text())) in (ROOT / "docs/architecture.md").read_text()


def test_the_image_has_the_newest_torch_that_was_tried() -> None:
    newest = max((row["torch"] for row in json.loads(matrix.RECORD.read_text())), key=matrix.numbers)
    assert (ROOT / "Dockerfile").read_text().count(f"ARG TORCH={newest.partition('+')[0]}\n") == 2
