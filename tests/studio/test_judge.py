"""Judge: scores, the threshold and its false alarms, nearest training images, in numbers and in a browser."""

import shutil
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from browser import eventually
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from small_runs import pictures

from energan.cli import main
from energan.data.decoding.cache import decoded_in
from energan.inference.calibration import calibration
from energan.runs.calibration import FILE, calibration_of, checkpoint_identity
from energan.runs.folder import RunFolder
from energan.runs.rebuild import load
from energan.utils.console import heard, say, warn
from energan.utils.errors import UserError
from tests.studio.conftest import Server

pytest.importorskip("nicegui", reason="needs energan[studio]")

from energan.studio.models import Models, Opened
from energan.studio.pages.judge.judged import at, histogram, judged, nearest
from energan.studio.runs import Runs
from energan.studio.sources import serving


def test_scores_are_those_of_the_command(small_runs_folder: Path, tmp_path: Path) -> None:
    run, images = small_runs_folder / "first", pictures(tmp_path / "<b>=1")
    found = judged(load(run), run, RunFolder(run).checkpoint(), str(images), calibrate=True)
    assert main(["score", str(images), "--run", str(run), "--out", str(tmp_path / "scores.csv")]) == 0
    assert found.csv() == (tmp_path / "scores.csv").read_bytes()
    assert found.found.usual is not None and (run / "calibration.json").is_file()  # as `score --false-alarms` does
    assert found.order("unusual") == found.order("usual")[::-1] and found.order("name") == list(range(12))
    with pytest.raises(UserError, match="more than the 3 images"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[judged.__module__], "MOST", 3)
        judged(load(run), run, RunFolder(run).checkpoint(), str(images), calibrate=False)


@pytest.fixture
def own_run(small_runs_folder: Path, tmp_path: Path) -> Path:
    """A copy of the small run, which has no calibration yet."""
    run = Path(shutil.copytree(small_runs_folder / "first", tmp_path / "run"))
    (run / FILE).unlink(missing_ok=True)
    return run


def test_a_calibration_is_of_the_weights_that_were_measured(own_run: Path, tmp_path: Path) -> None:
    newest, models = RunFolder(own_run).checkpoint(), Models()
    kept = newest.rename(tmp_path / "kept")
    with models.use(own_run) as before:
        kept.rename(newest)  # the run saves meanwhile
        judged(before.model, own_run, before.checkpoint, str(pictures(tmp_path / "images")), calibrate=True)
    stored = calibration_of(own_run, before.checkpoint)
    assert stored is not None and (stored.step, stored.digest) == checkpoint_identity(before.checkpoint)
    assert before.checkpoint != newest and calibration_of(own_run, newest) is None
    with models.use(own_run, str(before.checkpoint)) as again:  # a later page of its pictures
        assert again.model is before.model
    with models.use(own_run) as after:
        assert after.checkpoint == newest and after.model is not before.model


def test_a_checkpoint_that_was_replaced_while_one_waited_is_read_anew(own_run: Path) -> None:
    models, best, found = Models(at_once=2), RunFolder(own_run).checkpoint("best"), list[Opened]()

    def wait() -> None:
        with models.use(own_run, "best") as opened:
            found.append(opened)

    thread = threading.Thread(target=wait)
    with models.use(own_run, "best") as before:
        thread.start()
        time.sleep(0.3)  # it has the old model in its hands by now
        shutil.copyfile(RunFolder(own_run).checkpoints()[0], best.with_suffix(".tmp"))
        best.with_suffix(".tmp").replace(best)
    thread.join()
    assert found[0].model is not before.model and found[0].written == best.stat().st_mtime_ns != before.written


def test_what_a_threshold_says(small_runs_folder: Path, tmp_path: Path) -> None:
    run = small_runs_folder / "first"
    found = judged(load(run), run, RunFolder(run).checkpoint(), str(pictures(tmp_path / "images")), calibrate=True)
    usual = found.found.usual
    assert usual is not None
    low, high = found.span
    assert at(found, low - 1).outliers == 12 and at(found, high).outliers == 0
    assert "0 are: 0 % false alarms" in at(found, high).words
    assert at(found, usual.threshold).outliers == int(found.found.columns["outlier"].sum())
    twelve = usual._replace(normal=calibration(torch.arange(12.0)))  # 1 of 13 is more than 7.692 %
    assert at(found._replace(found=found.found._replace(usual=twelve)), 12).words.endswith("about 7.692 %.")
    unknown = found._replace(found=found.found._replace(usual=None))
    assert "not known" in at(unknown, 0.0).words


@pytest.mark.parametrize("threshold", [0.5, 1.0, 1.5, 3.0, 9.0])
def test_the_rate_of_a_threshold_is_one_that_gives_no_higher_threshold(threshold: float) -> None:
    normal = calibration(torch.tensor([1.0, 2.0, 2.0, 3.0]))
    rate = normal.false_alarms(threshold)
    assert rate == 1 or normal.threshold(rate) <= threshold


def test_the_histogram_is_a_density() -> None:
    shown = histogram([("a", torch.tensor([0.0, 1.0, 6.0])), ("b", torch.tensor([6.0, 6.0]))])
    assert [each["name"] for each in shown] == ["3 of a", "2 of b"]
    assert all(sum(d for _, d in each["points"]) * 0.1 == pytest.approx(1) for each in shown)
    assert shown[1]["points"][-1] == pytest.approx([5.95, 10.0])
    assert histogram([("one", torch.tensor([2.0]))])[0]["points"][0][1] > 0  # no width


@pytest.mark.parametrize("threshold", [1234.5, 1200.0, 1300.0])
def test_the_axis_holds_all_energies_and_the_threshold(
    small_runs_folder: Path, tmp_path: Path, threshold: float
) -> None:
    from energan.studio.pages.judge.scoring import _chart

    run = small_runs_folder / "first"
    found = judged(load(run), run, RunFolder(run).checkpoint(), str(pictures(tmp_path / "images")), calibrate=False)
    axis = _chart(found._replace(sets=[("these", torch.tensor([1234.1, 1234.9]))]), threshold)["xAxis"]
    assert axis["min"] < min(1234.1, threshold) and max(1234.9, threshold) < axis["max"]


def test_the_nearest_training_image_of_one_is_itself(small_runs_folder: Path) -> None:
    from energan.data import load as images
    from energan.data import pad

    digits = pad(images("digits", "train", size=28), 32).images
    run = small_runs_folder / "first"
    assert load(run).shape == tuple(digits.shape[1:])
    found = nearest(run, digits[5], k=2)
    assert found.distances[0] == 0 and torch.equal(found.images[0], digits[5]) and len(found.names) == 2


def test_runs_that_serve_a_command(small_runs_folder: Path) -> None:
    runs = Runs(small_runs_folder)
    assert serving(runs, "score") == ["first"] and serving(runs, "predict") == []


def test_what_is_said_is_heard_and_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with heard() as lines:
        say("one\ntwo")
        warn("three")
    say("four")
    assert lines == ["one", "two", "warning: three"] and capsys.readouterr() == ("four\n", "")


def test_images_are_decoded_where_they_will_be_removed(tmp_path: Path) -> None:
    from energan.data import load as images

    with decoded_in(tmp_path / "here"):
        assert len(images(pictures(tmp_path / "images")).images) == 12
    assert len(list((tmp_path / "here").glob("*.u8"))) == 1


def test_dropped_pictures_are_scored(studio_server: Server, studio_browser: webdriver.Chrome, tmp_path: Path) -> None:
    page = studio_browser
    strange = pictures(tmp_path / "drop")
    (strange / "00.png").rename(strange / "=1+1 <b>ü.png")
    (strange / "broken.png").write_bytes(b"none")

    def find(css: str) -> list[webdriver.remote.webelement.WebElement]:
        return page.find_elements(By.CSS_SELECTOR, css)

    page.get(f"{studio_server.address}/judge?run=first")
    assert eventually(lambda: find("input[type=file]"))
    find("input[type=file]")[0].send_keys("\n".join(map(str, sorted(strange.iterdir()))))
    assert eventually(lambda: len(find("button.judge-card")) == 12)
    names = [each.text for each in find("button.judge-card .judge-name")]
    assert "=1+1 _b_ü.png" in names and not find(".judge-card b")  # a name is text
    assert any("broken.png" in each.text for each in find(".judge-warning"))
    assert all(each.get_attribute("alt") for each in find(".judge-card img:first-child"))
    before = find(".judge-words")[0].text
    page.execute_script("arguments[0].focus()", find(".judge-threshold .q-slider [tabindex]")[0])

    def lower() -> bool:
        ActionChains(page).send_keys(Keys.PAGE_DOWN * 10).perform()  # ten steps each
        return find(".judge-words")[0].text.startswith("12 of 12")

    assert eventually(lower)
    assert find(".judge-words")[0].text != before and len([m for m in find(".judge-mark") if m.is_displayed()]) == 12
    find("button.judge-card")[0].send_keys(Keys.ENTER)
    assert eventually(lambda: len(find(".judge-details .judge-card img")) == 6)
    ActionChains(page).send_keys(Keys.ESCAPE).perform()
    assert eventually(lambda: not find(".judge-details"))
    page.set_window_size(390, 844)
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    page.set_window_size(1200, 900)


def test_a_path_outside_is_refused(studio_server: Server, studio_browser: webdriver.Chrome, tmp_path: Path) -> None:
    page = studio_browser
    page.get(f"{studio_server.address}/judge?run=first")
    assert eventually(lambda: page.find_elements(By.CSS_SELECTOR, ".judge-given input[aria-label=Pictures]"))
    page.find_element(By.CSS_SELECTOR, ".judge-given input[aria-label=Pictures]").send_keys(
        str(pictures(tmp_path / "x"))
    )
    next(b for b in page.find_elements(By.TAG_NAME, "button") if b.text.lower() == "score").click()
    assert eventually(lambda: "there are no images" in page.find_element(By.TAG_NAME, "body").text)
