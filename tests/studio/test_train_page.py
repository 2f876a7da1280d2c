"""What the form may name: built-in sets, and what is below folders that the server was told of."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nicegui", reason="needs energan[studio]")

from energan.studio.pages.train import _check_paths
from energan.utils.errors import UserError


@pytest.fixture
def studio(tmp_path: Path) -> Any:
    return SimpleNamespace(data=(tmp_path / "photos",), runs=SimpleNamespace(folder=tmp_path / "runs"))


@pytest.mark.parametrize("name", ["data", "labels_csv", "test", "encoder", "target"])
def test_a_path_that_the_server_was_not_told_of_is_refused_by_any_name(studio: Any, name: str, tmp_path: Path) -> None:
    for path in ("/etc", str(tmp_path), f"{tmp_path}/photos/../secret", f"{tmp_path}/photos2"):
        with pytest.raises(UserError, match="no folder that the studio was told of"):
            _check_paths(studio, {name: path})


def test_what_it_was_told_of_may_be_named(studio: Any, tmp_path: Path) -> None:
    for path in (
        "mnist",
        "",
        str(tmp_path / "photos"),
        str(tmp_path / "photos" / "a.zip"),
        str(tmp_path / "runs" / "x"),
    ):
        _check_paths(studio, {"data": path, "steps": 3})


def test_a_link_out_of_a_folder_is_refused(studio: Any, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "link").symlink_to("/etc")
    with pytest.raises(UserError):
        _check_paths(studio, {"data": str(tmp_path / "photos" / "link")})
