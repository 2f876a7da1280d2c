"""What the studio shows of a folder of runs, and that it reads nothing else."""

import json
import shutil
from pathlib import Path

import pytest

from energan.capabilities import CAPABILITIES
from energan.studio.runs import DEEP, DOES, Runs
from energan.utils.errors import UserError
from energan.utils.files import exclusive


@pytest.fixture
def folder(small_runs_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(small_runs_folder, tmp_path / "runs")
    return tmp_path / "runs"


def test_a_run_is_a_row_with_its_newest_numbers(folder: Path) -> None:
    row = Runs(folder).row("first")
    assert (row.recipe, row.data, row.state) == ("ebgan-pt-mnist", "digits", "finished")
    assert row.step == row.steps > 0 and row.does == "draws, scores"
    (folder / "first" / "evaluation.json").write_text(json.dumps({"metrics": {"FID": 2.5, "bad": "x", "NaN": None}}))
    assert Runs(folder).row("first").metrics == {"FID": 2.5}


def test_what_a_run_does_is_said_of_readouts_that_there_are() -> None:
    assert DOES.keys() <= {each.readout for each in CAPABILITIES.values()}


def test_runs_below_folders_are_found_and_others_are_not(folder: Path) -> None:
    deep, too_deep = folder / "a" / "b" / "run", folder / "a" / "b" / "c" / "run"
    shutil.copytree(folder / "first", deep), shutil.copytree(folder / "first", too_deep)
    shutil.copytree(folder / "first", folder / ".hidden")
    (folder / "link").symlink_to(folder / "first")
    (folder / "no run").mkdir()
    assert DEEP == 3 and Runs(folder).names() == ["a/b/run", "first"]
    assert Runs(folder / "absent").rows() == []


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../runs/first",
        "/etc",
        "first/../first",
        "",
        ".",
        "no such",
        "a\0b",
        "x" * 5000,
        "first/checkpoints",
        "ABSOLUTE",
    ],
)
def test_no_other_path_is_read(folder: Path, name: str) -> None:
    with pytest.raises(UserError, match="there is no run"):
        Runs(folder).path(name.replace("ABSOLUTE", str(folder / "first")))


def test_sheets_of_a_linked_folder_are_not_shown(folder: Path, tmp_path: Path) -> None:
    assert Runs(folder).sheets("first")
    (folder / "first" / "samples").rename(tmp_path / "outside")
    (folder / "first" / "samples").symlink_to(tmp_path / "outside")
    assert Runs(folder).sheets("first") == []


def test_a_link_out_of_the_folder_is_no_run(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "first", tmp_path / "elsewhere")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError):
        Runs(folder).path("link")


def test_a_damaged_run_is_told_and_the_others_are_shown(folder: Path) -> None:
    shutil.copytree(folder / "first", folder / "broken")
    (folder / "broken" / "run.json").write_text("{")
    states = {row.name: row.state for row in Runs(folder).rows()}
    assert states == {"first": "finished", "broken": "damaged"}


def test_a_run_trains_while_a_process_has_its_lock(folder: Path) -> None:
    record = json.loads((folder / "first" / "run.json").read_text())
    record["status"]["state"] = "running"
    (folder / "first" / "run.json").write_text(json.dumps(record))
    assert Runs(folder).row("first").state == "stopped"  # its process was killed
    with exclusive(folder / "first", "taken"):
        assert Runs(folder).row("first").state == "running"
