"""The report of a run that draws by chains: reconstructions, images of each class, paths, critics and cost."""

import json
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from PIL import Image
from report_runs import (
    CHAIN_STEPS,
    change,
    digits,
    make_codes,
    make_run,
    page_of,
    text_of,
    write,
)

from energan.engine.game import SamplerSettings
from energan.html import charts
from energan.html.panels import PANELS
from energan.recipes.build import build
from energan.report import write_report
from energan.report.page import metric_meaning
from energan.runs.reader import Logged


def shown(page: str) -> list[dict]:
    """The charts' data."""
    blocks = [json.loads(b) for b in re.findall(r'<script type="application/json">(.*?)</script>', page, re.S)]
    return [b for b in blocks if isinstance(b, dict) and "series" in b]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of both critics, reported once; read-only."""
    run = make_codes(tmp_path_factory.mktemp("runs") / "combined")
    write_report(run)
    return run


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """The same run, to be changed."""
    return copytree(whole, tmp_path / "run")


def test_the_sections_of_a_run_with_codes(whole: Path):
    page, text = (whole / "report.html").read_text(encoding="utf-8"), text_of(whole)
    targets = re.findall(r'href="#(\w+)"', page)
    assert targets == ["samples", "codes", "quality", "curves", "growth", "copies", "configuration", "reproduce"]
    assert all(f'id="{target}"' in page for target in targets)
    for words in (
        "Reconstructions : what the generator makes of the codes of the real images, place by place, at step 3,000",
        "Reconstructions over time What the generator made of the codes of the same training images at every step",
        "Measured at step 3,000 on reconstructions of mnist test, 10000 images (held out) and 100 images drawn by",
        "First an image that a chain drew, then the 3 training images most like it.",
        "On the left an image that was not trained on, on the right what the generator makes of its code.",
        "where 10 chains with different starts ended",
    ):
        assert words in text
    for words in ("Drawn by the generator", "Samples over time", "The same noise", "no energy histograms"):
        assert words not in text


def test_a_run_that_draws_otherwise_has_none_of_it(tmp_path: Path):
    run = make_run(tmp_path / "run", game="gan")
    page = page_of(run)
    for words in ("Reconstructions", 'id="codes"', 'id="path"', "How its chains are set"):
        assert words not in page
    assert "Samples over time" in page


def test_images_stand_beside_their_reconstructions(whole: Path):
    page = (whole / "report.html").read_text(encoding="utf-8")
    found = re.findall(r'<img src="([^"]*)" width="65" height="32" alt="An image and its reconstruction"', page)
    assert len(found) == 20
    for uri, image in zip(found, digits()[100:120], strict=True):
        pixels = np.asarray(Image.open(BytesIO(b64decode(uri.split(",", 1)[1]))))
        assert np.array_equal(pixels[:, :32], image)
        assert np.array_equal(pixels[:, 33:], image // 2)


def test_classes_are_rows_with_their_names_and_columns_with_their_steps(tmp_path: Path):
    names = ["zero", "one", "<two>"]
    page = page_of(make_codes(tmp_path / "run", names))
    rows = re.findall(r'<div class="names" style="grid-template-rows: repeat\(3, .*?>(.*?)</div>', page)
    assert [re.findall(r">([^<]+)</span>", row) for row in rows] == [["zero", "one", "&lt;two&gt;"]] * 2
    steps = re.search(r'<div class="steps" style="grid-template-columns: repeat\(11, .*?>(.*?)</div>', page).group(1)
    assert re.findall(r">([^<]+)</span>", steps) == [str(s) for s in CHAIN_STEPS]
    player = json.loads(re.search(r'id="path">\s*<script type="application/json">(.*?)</script>', page, re.S).group(1))
    assert player == {"steps": CHAIN_STEPS, "rows": 3, "width": 11 * 33 - 1, "height": 3 * 33 - 1}
    assert page.count('class="tile"') == 3


def test_sheets_of_unknown_layout_are_shown_whole(run: Path):
    (run / "chains.json").unlink()
    page = page_of(run)
    assert page.count('<figure class="neighbours"><img') == 3
    assert "Each image that was not trained on, followed by what the generator makes of its code." in text_of(run)
    assert 'id="path"' not in page
    assert 'class="names"' not in page


@pytest.mark.parametrize(
    "layout", [{"classes": ["a", "b", "c"]}, {"steps": [0, 1]}, {"steps": [0, None, *CHAIN_STEPS[2:]]}]
)
def test_what_does_not_fit_its_sheet_is_not_played(run: Path, layout: dict):
    write(run / "chains.json", {**json.loads((run / "chains.json").read_text()), **layout})
    assert 'id="path"' not in page_of(run)


@pytest.mark.parametrize("name", ["reconstructions.png", "classes.png", "path.png"])
def test_what_is_missing_or_damaged_is_a_sentence(run: Path, name: str):
    (run / name).write_bytes(b"\x89PNG")
    write_report(run)
    assert f"{name}, in this run folder that can be read: energan evaluate" in text_of(run)
    for path in (name, "evaluation.json", "chains.json"):
        (run / path).unlink()
    write_report(run)
    assert f"{name}, in this run folder: energan evaluate" in text_of(run)


def test_metrics_say_what_they_are(whole: Path):
    text = text_of(whole)
    assert "reconstruction MSE ↓ lower is better 0.0313 mean squared difference between an image" in text
    assert "conditional accuracy, own ↑ higher is better 0.97 the same share by the classifier that led" in text
    assert "conditional accuracy ↑ higher is better 0.83 share of the chains’ images" in text
    assert "diversity in a class of real 6.45 the same for real images" in text
    assert metric_meaning("reconstruction MNIST-FID")[0] == "lower"


def test_settings_of_the_chain_and_numbers_of_the_game_are_explained(whole: Path):
    text = text_of(whole)
    assert (
        "How its chains are set eps1 0.0123 epsilon 1: how far a step goes towards likelier codes eps2 1.0 epsilon 2"
        in text
    )
    assert "eps3 1e-15 epsilon 3" in text
    assert "last rate – final rate of a linear schedule" in text
    assert "clip 0.0, 30.0 lowest and highest code" in text
    assert "mu h 0.1" not in text  # the letter of the equation stays
    assert "mu_x 2.0 weight of the images mu_h 0.1 weight of the codes" in text
    assert "penalty 10.0 mu_x" in text  # run.json says nothing of it


def test_run_json_holds_the_chains_settings_of_what_draws_by_chains_alone():
    made = build("latent-discriminators-mnist", data="digits", width=2, chain_steps=33, device="cpu")
    game = json.loads(json.dumps(made.described(made.training_set())["game"]))
    assert game["codes"] == json.loads(json.dumps(SamplerSettings(eps3=1e-15, steps=33)._asdict()))
    assert game["chain_meanings"].keys() == game["codes"].keys()
    assert game["meanings"] == made.game.meanings and "W(h)" in game["meanings"]
    other = build("gan-mnist", data="digits", device="cpu")
    assert not {"codes", "chain_meanings"} & other.described(other.training_set())["game"].keys()


def test_what_it_cost_is_told_by_player(whole: Path):
    text = text_of(whole)
    assert "3,000 steps took 3 min 22 s, 0.0672 s each with its share of sheets" in text
    assert "14,501 parameters learn." in text  # 11219 + 2433 + 849
    assert "E the encoder 2,027,722 frozen" in text
    assert "D_x critic of images 2,433 learn D_h critic of codes 849 learn" in text


def test_each_critic_is_a_curve_and_a_small_one_has_a_chart_of_its_own(whole: Path):
    found = {c["title"]: c for c in shown((whole / "report.html").read_text(encoding="utf-8"))}
    assert list(found)[:6] == [
        "Wasserstein estimates", "Wasserstein estimates: W(h)", "Reconstruction losses", "Reconstruction losses: L(h)",
        "Gradient penalties", "Losses",
    ]  # fmt: skip
    assert found["Wasserstein estimates"]["meaning"] == "W(x): distance of images. W(h): distance of codes."
    both = found["Wasserstein estimates"]["series"]
    assert [(s["name"], s["tone"]) for s in both] == [("W(x)", "real"), ("W(h)", "a")]
    own = found["Wasserstein estimates: W(h)"]["series"]
    assert own == both[1:]
    assert own[0]["points"][0] == [50, pytest.approx(0.4 * np.exp(-0.1) - 0.01)]
    assert [s["name"] for s in found["Reconstruction losses"]["series"]] == ["L(x)", "L(h)"]


def test_a_critic_is_one_curve_whichever_turn_it_learned_in():
    logs = [
        Logged(1, {"D/W(x)": 3.0, "D/W(h)": 1.0}),
        Logged(2, {"D/W(x)": 3.0, "D_x/W(x)": 1.0, "D_h/W(h)": 2.0}),
        Logged(3, {"D_x/W(x)": 0.5}),
        Logged(4, {"D/W(x)": None, "D_x/W(x)": 1.0}),
    ]
    chart, *others = charts.curves(logs, {}, {})
    assert others == []
    points = {s["name"]: s["points"] for s in chart["series"]}
    assert points == {"W(x)": [(1, 3.0), (2, 2.0), (3, 0.5), (4, None)], "W(h)": [(1, 1.0), (2, 2.0)]}


def test_critics_of_any_layers_share_charts_as_far_as_they_can_be_told_apart():
    layers = ["x", "h", "features.0", *(f"layer_{i}" for i in range(8))]
    line = Logged(1, {f"D/W({layer})": 1.0 for layer in layers} | {"D/W()": 1.0, "D/W": 2.0, "D/mutual": 1.0})
    found = charts.curves([line], {}, {})
    first, second = "Wasserstein estimates (1 of 2)", "Wasserstein estimates (2 of 2)"
    assert [c["title"] for c in found] == [first, second, "W()", "mutual"]
    names = [s["name"] for c in found[:2] for s in c["series"]]
    assert set(names) == {"W", *(f"W({layer})" for layer in layers)}
    looks = [(s["tone"], s["dashed"]) for s in found[0]["series"]]
    assert len(set(looks)) == len(looks) == 8


def test_what_quantities_mean_is_the_games_word_and_names_share_panels():
    names = [name for panel in PANELS for name in panel.names]
    assert len(set(names)) == len(names)
    logs = [Logged(1, {"D+k/L(x)": 0.2, "D+k/L(G(z))": 0.1, "D+k/k": 0.3, "D+k/M": 0.4})]
    meanings = {"L(x)": "of real images", "L(G(z))": "of generated ones", "k": "the balance", "L_img": "another"}
    charted = charts.curves(logs, {}, meanings)
    assert [(c["title"], c["meaning"]) for c in charted] == [
        ("Reconstruction losses", "L(x): of real images. L(G(z)): of generated ones."),
        ("k", "the balance."),
        ("M", "A quantity that this game logs."),
    ]


@pytest.mark.parametrize("junk", [None, -1, "text", [[1, "x"], [3]], {"a": {}}, 1e300])
def test_unexpected_types_never_raise(run: Path, junk: object):
    for sheet in sorted((run / "samples").glob("*.png"))[1:]:  # to make each small enough takes most of a report
        sheet.unlink()
    layout = json.loads((run / "chains.json").read_text())
    write(run / "chains.json", dict.fromkeys(layout, junk))
    write_report(run)
    game = json.loads((run / "run.json").read_text())["game"]
    for changed in ({"classes": junk}, {"steps": [junk] * 11, "each": junk, "pairs": junk}):
        write(run / "chains.json", {**layout, **changed})
        change(run, game={**game, "codes": {"eps1": junk}, "players": {"E": junk, "G": {"parameters": junk}}})
        write_report(run)
    write(run / "chains.json", junk)
    change(run, status={"seconds": junk, "step": junk}, data={"shape": junk}, game={**game, "codes": junk})
    write_report(run)


def test_names_cannot_become_markup(tmp_path: Path):
    attack = "</script></span><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    run = make_codes(tmp_path / "run", [attack, "b"])
    game = json.loads((run / "run.json").read_text())["game"]
    change(run, game={**game, "codes": {attack: attack}, "players": {attack: {"parameters": attack}}})
    page = page_of(run)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert attack in text_of(run)
