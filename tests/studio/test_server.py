"""The port is this server's alone from the moment that it has it."""

from pathlib import Path

import pytest

from energan.cli import main
from energan.studio.server import _listening
from energan.utils.errors import UserError


def test_two_servers_do_not_share_a_port() -> None:
    with _listening(0) as first, pytest.raises(UserError, match="is taken"):
        _listening(first.getsockname()[1])


@pytest.mark.parametrize("port", [-1, 70_000])
def test_what_is_no_port_is_told(port: int) -> None:
    with pytest.raises(UserError, match=str(port)):
        _listening(port)


def test_a_folder_of_images_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, images = tmp_path / "runs", tmp_path / "nowhere"
    assert main(["studio", "--runs", str(runs), "--data", str(images), "--port", "0"]) == 2
    assert f"--data {images} is not there" in capsys.readouterr().err and not runs.exists()
