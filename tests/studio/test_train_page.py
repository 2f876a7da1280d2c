"""What the form may name: built-in sets, and what is below folders that the server was told of."""

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("nicegui", reason="needs energan[studio]")

from energan.recipes.catalog import RECIPES
from energan.studio.pages.given import counted, source
from energan.studio.pages.run_state import thumbnail
from energan.studio.pages.train import FOR, _check, _check_paths, often
from energan.studio.pages.typed import advised_rate, rate_of
from energan.studio.runs import Runs
from energan.studio.sources import named_images
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


def test_links_in_a_folder_lead_nowhere_else(studio: Any, tmp_path: Path) -> None:
    """Judge, Label and the form read what is below the folders alone: a run that came from elsewhere may have links."""
    images, elsewhere = tmp_path / "runs" / "x" / "samples", tmp_path / "elsewhere"
    images.mkdir(parents=True), elsewhere.mkdir(), (tmp_path / "photos").mkdir()
    (images / "1.png").write_bytes(b""), (elsewhere / "secret.png").write_bytes(b"")
    (tmp_path / "photos" / "2.png").write_bytes(b"")
    (images / "own").symlink_to(tmp_path / "photos")  # which may be read
    (tmp_path / "photos" / "round").symlink_to(images)
    assert named_images(studio, "x") == str(tmp_path / "runs" / "x")
    _check_paths(studio, {"data": str(images)})
    for place, target in ((images, "secret.png"), (tmp_path / "photos", ".")):
        link = place / "link.png"
        link.symlink_to(elsewhere / target)
        with pytest.raises(UserError, match="is a link to"):
            named_images(studio, "x")
        with pytest.raises(UserError, match="is a link to"):
            _check_paths(studio, {"data": str(images)})
        link.unlink()


def test_another_address_is_refused(studio: Any) -> None:
    with pytest.raises(UserError, match="another address"):
        _check_paths(studio, {"data": "hf:owner/name"})


@pytest.mark.parametrize(
    "words",
    [
        "--lr nan", "--lr inf", "--lr -1", "--steps 0", "--steps -1", f"--steps {2**70}", "--batch 0", "--seed -1",
        f"--batch {2**60}", f"--seed {2**70}", "--width 0",
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_before_it_waits(studio: Any, words: str) -> None:
    with pytest.raises(UserError, match=words.split(maxsplit=1)[0][2:]):
        _check(studio, "ebgan-pt-mnist", ["--data", "digits", *words.split()])


def test_what_can_be_trained_is_not_refused(studio: Any) -> None:
    _check(studio, "ebgan-pt-mnist", ["--data", "digits", "--batch", "auto", "--seed", str(2**62)])


def test_recipes_that_are_marked_are_there() -> None:
    assert FOR.keys() <= RECIPES.keys()


@pytest.mark.parametrize(
    ("steps", "every"), [("100", "20"), ("1250", "250"), ("9999", "250"), ("1", "1"), ("", "250"), ("-3", "250")]
)
def test_a_short_training_has_five_sheets(steps: str, every: str) -> None:
    assert often(steps, "250") == every


def test_what_was_dropped_is_counted_and_what_is_no_picture_is_named() -> None:
    assert counted({"a.png"}) == "1 picture was dropped"
    assert counted({"a.zip"}) == "a.zip was dropped"
    assert counted({"a.png", "b.jpg", "README.md"}).endswith("README.md, which is no picture")
    assert counted({"x.pdf"}) == "0 pictures were dropped, and x.pdf, which is no picture"
    assert source(Path("d"), {"a.zip"}) == str(Path("d", "a.zip")) and source(Path("d"), {"a.png"}) == "d"


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf", "1e"])
def test_a_rate_that_cannot_be_read_begins_nothing(text: str) -> None:
    with pytest.raises(UserError, match="the rate is a number from"):
        rate_of(text)


def test_the_rate_of_a_verdicts_command_is_offered() -> None:
    assert advised_rate("G wins: energan restart 'a b' --from best --lr 3.3e-05.") == "3.3e-05"
    assert advised_rate("all is well") == rate_of(" ") == ""


def test_a_thumbnail_is_a_corner_of_the_newest_sheet(small_runs_folder: Path) -> None:
    studio: Any = SimpleNamespace(runs=Runs(small_runs_folder))
    with Image.open(BytesIO(thumbnail(studio, "first"))) as image:
        assert image.width <= 272 and image.height <= 136
    assert thumbnail(studio, "none") == thumbnail(studio, "../first") == b""
