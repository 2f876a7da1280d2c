"""The report of a classifier's run: its error, confusions and doubts, and no samples where it draws none."""

import json
import re
from base64 import b64decode
from html import unescape
from io import BytesIO
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_runs import (
    DIGITS,
    UNCERTAIN,
    change,
    classifier_logs,
    digits,
    make_classifier,
    page_of,
    sheet,
    text_of,
    write,
)
from scipy.stats import binomtest

from energan.capabilities.classification.section import wilson
from energan.html import charts
from energan.report import write_report
from energan.runs.reader import Logged, read, without


def classified(run: Path, **values: object) -> None:
    """Replaces entries of evaluation.json's classification."""
    evaluation = json.loads((run / "evaluation.json").read_text())
    write(run / "evaluation.json", {**evaluation, "classification": {**evaluation["classification"], **values}})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ladder's run, reported once; read-only."""
    run = make_classifier(tmp_path_factory.mktemp("runs") / "ladder")
    write_report(run)
    return run


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (64, 9564), (1, 2), (5000, 10000)])
def test_the_interval_is_wilsons(k: int, n: int):
    known = binomtest(k, n).proportion_ci(0.95, "wilson")
    assert wilson(k, n) == pytest.approx((100 * known.low, 100 * known.high), rel=1e-6, abs=1e-9)


def test_the_error_comes_with_its_interval_and_what_it_was_measured_on(whole: Path):
    text = text_of(whole)
    assert "Test error ↓ lower is better 0.67 %" in text  # 64 of 9,564
    assert "95 % interval 0.52 to 0.85 %: 64 of 9,564 images wrong" in text
    assert "Measured at step 3,000 on mnist test, 9564 images (held out)." in text
    assert "only runs with other label seeds show by how much" in text
    assert "Its classifier’s test error is 0.67 %." in text
    assert "(60,000 images of 1 × 32 × 32, 100 of them labelled) for 3,000 steps" in text
    assert "of 100 labelled and as many unlabelled images, 5 times through the data" in text
    assert "label seed 3" in text


def test_a_system_without_a_generator_has_no_sections_about_samples(whole: Path):
    page, text = (whole / "report.html").read_text(encoding="utf-8"), text_of(whole)
    for section in ("quality", "energy", "growth", "copies", "metrics"):
        assert f'id="{section}"' not in page
    targets = re.findall(r'href="#(\w+)"', page)
    assert targets == ["samples", "classifier", "labels", "curves", "configuration", "reproduce"]
    assert all(f'id="{target}"' in page for target in targets)
    assert "Real images from mnist ." not in text
    assert "Real images from mnist." in text
    for words in ("sample sheet", "Drawn by", "generator", "neighbours"):
        assert words not in re.sub(r"Arguments.*", "", text)


@pytest.mark.parametrize("system", ["ebgan-ln", "improved-gan-ssl"])
def test_a_classifier_with_a_generator_keeps_its_samples(tmp_path: Path, system: str):
    run = make_classifier(tmp_path / "run", system)
    page = page_of(run)
    for section in ("samples", "classifier", "quality", "growth", "copies"):
        assert f'id="{section}"' in page
    assert "Drawn by the generator" in page
    assert "How good are the images?" in page


def test_the_error_of_training_is_a_curve_of_its_own_section_and_no_other(whole: Path):
    blocks = re.findall(r'<script type="application/json">(.*?)</script>', (whole / "report.html").read_text(), re.S)
    shown = [json.loads(block) for block in blocks]
    errors = [c for c in shown if c["title"] == "Test error"]
    assert [len(c["series"][0]["points"]) for c in errors] == [6]
    assert errors[0]["series"][0]["points"][0] == [500, pytest.approx(5 + 80 * np.exp(-1.25))]
    assert not any("error" in c["title"] for c in shown if c is not errors[0])


def test_before_an_evaluation_the_last_error_of_training_is_shown(tmp_path: Path):
    run = make_classifier(tmp_path / "run")
    (run / "evaluation.json").unlink()
    write_report(run)
    text = text_of(run)
    assert "Measured during training at step 3,000. energan evaluate adds" in text
    assert "Test error ↓ lower is better 5.04 %" in text
    assert "95 % interval" not in text
    (run / "log.jsonl").unlink()
    write_report(run)
    assert "The classifier has not been measured." in text_of(run)


def test_without_labels_there_is_no_error_and_doubts_are_shown(tmp_path: Path):
    run = make_classifier(tmp_path / "run")
    classified(run, error=None, confusion=None, images=5000)
    page = page_of(run)
    assert "No error can be given: the 5,000 images that it classified at step 3,000 bear no labels." in text_of(run)
    assert "<svg class" not in page
    assert "Where it is least certain" in page


def test_an_error_without_a_confusion_matrix_has_its_interval(tmp_path: Path):
    run = make_classifier(tmp_path / "run")
    classified(run, error=5.0, confusion=None, images=200)
    write_report(run)
    low, high = wilson(10, 200)
    assert f"95 % interval {low:.2f} to {high:.2f} %: 10 of 200 images wrong" in text_of(run)


def test_the_confusion_matrix_says_every_count(whole: Path):
    page = (whole / "report.html").read_text(encoding="utf-8")
    says = [unescape(t) for t in re.findall(r"<title>(.*?)</title>", page)[1:]]
    assert len(says) == 10 + 3
    assert {"4 taken for 9: 40", "9 taken for 7: 10", "0 recognised: 950"} <= set(says)
    cell = r'<g class="(\w+)[^"]*"><title>{}</title><rect x="([\d.]+)" y="([\d.]+)"'
    cell += r'.*?fill-opacity="([\d.]+)"/><text.*?>(\d+)<'
    kind, x, y, strength, count = re.search(cell.format("4 taken for 9: 40"), page).groups()
    _, x0, y0, *_ = re.search(cell.format("0 recognised: 950"), page).groups()
    assert (kind, count) == ("miss", "40")
    wide = (float(x) - float(x0)) / 9  # column 9, row 4
    assert wide >= 34
    assert float(y) - float(y0) == pytest.approx(4 * 34)
    assert float(strength) == pytest.approx(sqrt(40 / 990), abs=1e-3)


def test_recall_is_told_for_each_class_the_worst_first(whole: Path):
    text = text_of(whole)
    assert "most often taken for 4 96.0 % 990 9 (40) 9 97.5 % 974 4 (14) 0 100.0 % 950 – 1 100.0 %" in text


@pytest.mark.parametrize(
    ("classes", "counts", "names"), [(2, True, True), (20, True, True), (30, False, True), (100, False, False)]
)
def test_many_classes_lose_their_numbers_then_their_names(tmp_path: Path, classes: int, counts: bool, names: bool):
    matrix = 5 * np.eye(classes, dtype=int)
    matrix[0, 1], matrix[classes - 1] = 3, 0  # the last class has no images
    called = [f"class of a long name {i}" for i in range(classes)]
    page = page_of(make_classifier(tmp_path / "run", counts=matrix, names=called))
    assert page.count('<g class="hit') == classes - 1
    assert page.count('<g class="miss') == 1
    assert (len(re.findall(r"/><text[^>]*>\d+</text></g>", page)) == classes) == counts
    assert ('<text class="row"' in page) == names
    assert f"<title>{called[0]} taken for {called[1]}: 3</title>" in page
    rows = re.findall(r'<tr><th scope="row">(class of[^<]*)', page)
    assert sorted(rows) == sorted(called)
    assert rows[-1] == called[-1]
    assert re.search(rf"{called[-1]}</th><td>–</td><td>0</td><td>–</td>", page)
    width, height = map(float, re.search(r'class="confusion" viewBox="0 0 (\d+) (\d+)"', page).groups())
    places = [(float(x), float(y)) for x, y in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"', page)]
    assert all(0 <= x < width and 0 <= y < height for x, y in places)


def test_uncertain_images_come_one_by_one_with_their_words(whole: Path):
    page = (whole / "report.html").read_text(encoding="utf-8")
    found = re.findall(r'<figure>\s*<img src="([^"]*)" width="32" height="32" alt="(Image [^"]*)"', page)
    assert len(found) == UNCERTAIN
    for (uri, _), image in zip(found, digits()[:UNCERTAIN], strict=True):
        assert np.array_equal(np.asarray(Image.open(BytesIO(b64decode(uri.split(",", 1)[1])))), image)
    entries = json.loads((whole / "evaluation.json").read_text())["classification"]["uncertain"]
    for (_, alt), e in zip(found, entries, strict=True):
        verdict = (
            "no label" if not e["truth"] else "right" if e["truth"] == e["predicted"] else f"wrong: truly {e['truth']}"
        )
        assert (
            alt == f"Image {e['index']}: taken for {e['predicted']} with probability {e['probability']:.2f}; {verdict}"
        )
    assert {a.split("; ")[1] for _, a in found} == {"no label", "right", "wrong: truly 0", "wrong: truly 1"}


def test_uncertain_images_without_their_sheet_are_words(tmp_path: Path):
    run = make_classifier(tmp_path / "run")
    sheet(digits()[:9], 3).save(run / "uncertain.png")  # of another layout
    page = page_of(run)
    assert "row by row in the order of the list below" in page
    assert page.count("<li>Image ") == UNCERTAIN
    (run / "uncertain.png").unlink()
    assert "uncertain.png, is not in this run folder" in page_of(run)
    assert page_of(run).count("<li>Image ") == UNCERTAIN


def test_a_ladder_logs_costs_of_its_layers_in_one_chart():
    found = charts.curves([Logged(1, classifier_logs("ladder", 1))], {"sigma": 0.3}, {})
    assert [c["title"] for c in found] == ["Cross-entropy", "Denoising costs"]
    series = found[1]["series"]
    assert [s["name"] for s in series] == ["C₀", "C₁", "C₂", "C₃", "C₄", "C₅", "C₆"]
    assert len({(s["tone"], s["dashed"]) for s in series}) == 7


def test_an_ebgan_ln_shows_its_falling_margin_among_the_energies_and_goes_on_after_the_switch():
    found = charts.curves([Logged(s, classifier_logs("ebgan-ln", s)) for s in (100, 1400, 1600)], {"margin": 16.0}, {})
    assert [c["title"] for c in found] == ["Energies", "Cross-entropy"]
    names = ["E(u), D’s turn", "E(u), L’s turn", "E(G(z)), D’s turn", "E(G(z)), G’s turn", "margin"]
    assert [s["name"] for s in found[0]["series"]] == names
    assert [s["tone"] for s in found[0]["series"]] == ["real", "real", "fake", "fake", "line"]
    assert [s["dashed"] for s in found[0]["series"]] == [False, True, False, True, False]
    assert found[0]["level"] is None
    assert found[0]["series"][-1]["points"][0] == (100, pytest.approx(16 * 14 / 15))


def test_an_improved_gan_shows_probabilities_and_feature_matching():
    found = charts.curves([Logged(1, classifier_logs("improved-gan-ssl", 1))], {}, {})
    assert [c["title"] for c in found] == ["Cross-entropy", "Probabilities of being real", "matching"]
    assert [(s["name"], s["tone"]) for s in found[1]["series"]] == [("D(u)", "real"), ("D(G(z))", "fake")]


def test_metrics_of_one_step_are_joined_and_the_error_is_apart(tmp_path: Path):
    run = make_classifier(tmp_path / "run")
    lines = [{"test error %": 9.0}, {"MNIST-FID": 20.0}, {"test error %": 8.0}]
    (run / "log.jsonl").write_text("".join(json.dumps({"step": 5, "metrics": m}) + "\n" for m in lines))
    metrics = read(run).logged("metrics")
    assert metrics == [Logged(5, {"test error %": 8.0, "MNIST-FID": 20.0})]
    assert without(metrics, {"test error %"}) == [Logged(5, {"MNIST-FID": 20.0})]
    assert without(metrics, {"test error %", "MNIST-FID"}) == []


@pytest.mark.parametrize("junk", [None, -1, "text", [], [[1, "x"], [3]], {"a": {}}, [{"predicted": [1]}]])
def test_unexpected_types_of_a_classification_never_raise(tmp_path: Path, junk: object):
    run = make_classifier(tmp_path / "run")
    for key in ("classes", "images", "error", "confusion", "uncertain"):
        whole = (run / "evaluation.json").read_text()
        classified(run, **{key: junk})
        write_report(run)
        (run / "evaluation.json").write_text(whole)
    change(run, arguments={"labels": junk, "label_seed": junk})
    write(run / "evaluation.json", {"classification": junk})
    write_report(run)


def test_names_of_classes_cannot_become_markup(tmp_path: Path):
    attack = "</title></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    run = make_classifier(tmp_path / "run", names=[attack, *DIGITS[1:]])
    page = page_of(run)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert f"wrong: truly {attack}" in unescape(page)
