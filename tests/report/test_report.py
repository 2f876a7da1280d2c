"""The report: everything the run folder holds is on one page, and what it lacks is said in its place."""

import json
import re
from base64 import b64decode
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_runs import (
    change,
    configuration,
    make_run,
    sheet,
    text_of,
    write,
)
from small_runs import trained

from energan.capabilities.energies.section import Histogram, energies, histograms
from energan.html import charts, formatting
from energan.html.pictures import FRAMES, evenly, frames, groups, picture, sheets
from energan.report import write_report
from energan.report.page import LICENCE, SCRIPTS, STYLES, metric_meaning
from energan.runs.reader import Logged, read
from energan.utils.errors import UserError
from energan.utils.files import write_json


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run, reported once; read-only."""
    run = make_run(tmp_path_factory.mktemp("runs") / "first")
    write_report(run)
    return run


DRAWING = {"format": 1, "game": {"readouts": ["sample", "energy"]}}


def bare(run: Path, config: dict | None = None) -> Path:
    """A run folder that holds run.json alone."""
    run.mkdir(parents=True)
    write(run / "run.json", {"format": 1} if config is None else config)
    return run


def test_every_number_of_the_configuration_is_on_the_page(whole: Path):
    text = text_of(whole)
    config = configuration("ebgan-pt")
    for leaf in leaves_of({k: v for k, v in config.items() if k not in ("format", "created", "status")}):
        assert " ".join(plain(leaf).split()) in text, leaf
    for name in [*config["arguments"], *config["game"]["hyperparameters"], *config["environment"], *config["data"]]:
        assert name.replace("_", " ") in text, name
    assert "2026-11-21 22:00 UTC" in text
    assert "3 min 22 s" in text
    assert "900 MB" in text
    assert "It finished." in text
    assert "3.2 times through the data" in text


def leaves_of(value: object):
    """The values at the ends of a JSON tree."""
    if isinstance(value, dict | list):
        for v in value.values() if isinstance(value, dict) else value:
            yield from leaves_of(v)
    else:
        yield value


def plain(value: object) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) and value >= 10000 else str(value)


def test_metrics_come_with_their_feature_network_and_sample_count(whole: Path):
    text = text_of(whole)
    assert "MNIST-FID ↓ lower is better 12.34" in text
    assert "MNIST-IS ↑ higher is better 8.21" in text
    assert "on 10,000 samples against mnist test, 10000 images, with the feature network mnist" in text
    assert "First a sample, then the 3 training images most like it." in text
    assert "in MNIST features among 20,000 training images" in text
    assert "to the nearest is 9.5 , the least 4." in text
    assert all(f"distance {4 + i}" in text for i in range(12))


def test_without_an_evaluation_the_last_metrics_of_training_are_shown(tmp_path: Path):
    run = make_run(tmp_path / "run")
    (run / "evaluation.json").unlink()
    write_report(run)
    assert "Measured during training at step 3,000" in text_of(run)
    assert "MNIST-FID ↓ lower is better 14.12" in text_of(run)  # 12 + 90 exp(-3000 / 800)


def test_the_page_loads_nothing_and_holds_every_image(whole: Path):
    page = (whole / "report.html").read_text(encoding="utf-8")
    addresses = re.findall(r"""(?:src|href|action|poster|data)=["']([^"']*)["']""", page)
    addresses += re.findall(r"url\(([^)]*)\)", page)
    assert all(a.startswith(("data:", "#")) for a in addresses)
    assert "@import" not in page
    assert "default-src 'none'" in page
    final, real, neighbours, shown, all_frames = 1, 1, 12, 1, 13
    assert len(re.findall(r"data:image/(?:png|webp);base64,", page)) == final + real + neighbours + shown + all_frames


@pytest.mark.parametrize(
    "missing",
    ["log.jsonl", "samples", "real.png", "evaluation.json", "neighbours.png", "neighbours.json", "checkpoints"],
)
def test_a_missing_piece_is_a_sentence(tmp_path: Path, missing: str):
    run = make_run(tmp_path / "run")
    (run / missing).rename(tmp_path / "elsewhere")
    write_report(run)
    said = {
        "log.jsonl": "Nothing has been logged yet",
        "samples": "No sample sheet has been written",
        "real.png": "The sheet of real images, real.png, is not in this run folder",
        "evaluation.json": "Measured during training",
        "neighbours.png": "neighbours.png is missing",
        "neighbours.json": "Samples, each followed by",
        "checkpoints": "holds no checkpoint",
    }
    assert said[missing] in text_of(run)


def test_run_json_alone_is_enough(tmp_path: Path):
    run = bare(tmp_path / "run", DRAWING)
    text = (write_report(run), text_of(run))[1]
    for sentence in (
        "has not been measured",
        "Nothing has been logged yet",
        "no energy histograms",
        "holds no arguments",
        "names no players",
        "does not describe the data",
        "does not describe the machine",
        "does not hold the command",
        "Its state is unknown",
    ):
        assert sentence in text


@pytest.mark.parametrize("junk", [None, 3, "text", [1, [2]], {"a": {"b": None}}, {"G": "text"}, {"name": {}}])
def test_unexpected_types_in_a_run_folder_never_raise(tmp_path: Path, junk: object):
    keys = [key for key in configuration("ebgan-pt") if key != "format"]
    run = bare(tmp_path / "run", {"format": 1, **dict.fromkeys(keys, junk)})
    lines = [
        junk,
        {"step": junk, "logs": {}},
        {"step": 1, "logs": junk},
        {"step": 2, "energies": junk},
        {"step": 3, "metrics": junk},
        {"step": 4, "logs": {"D/E(x)": junk, "x": junk}, "images_per_second": junk},
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name in ("evaluation.json", "neighbours.json"):
        write(run / name, {"metrics": junk, "distances": junk, "columns": junk, "step": junk, "samples": junk})
    assert write_report(run).stat().st_size > 10_000
    parts = configuration("ebgan-pt")
    for part in ("game", "data", "environment", "status"):
        write(run / "run.json", {**parts, part: dict.fromkeys(parts[part], junk)})
        assert write_report(run).stat().st_size > 10_000


def test_names_and_texts_cannot_become_markup(tmp_path: Path):
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    run = make_run(tmp_path / "<script>alert(1)<")
    parts = configuration("ebgan-pt")
    change(
        run,
        recipe=attack,
        command=attack,
        arguments={attack: attack},
        data={**parts["data"], "name": attack, "skipped": [attack]},
        status={"state": attack, "message": attack},
        game={
            "name": attack,
            "hyperparameters": {attack: attack},
            "players": {attack: {"net": attack, "optimizer": attack}},
        },
    )
    with (run / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": 9000, "logs": {f"D/{attack}": 1.0}}) + "\n")
    write(run / "evaluation.json", {"metrics": {attack: 1.0}, "network": attack, "reference": attack})
    write(run / "neighbours.json", {"space": attack, "distances": [1.0], "columns": attack})
    page = write_report(run).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert attack in text_of(run)


def test_a_diverged_run_shows_its_message_and_gaps(tmp_path: Path):
    run = make_run(tmp_path / "run")
    change(run, status={"state": "diverged", "step": 1200, "seconds": 80, "message": "E(x) became NaN at step 1200."})
    with (run / "log.jsonl").open("a") as log:
        log.write('{"step": 3100, "logs": {"D/E(x)": null, "D/E(G(z))": NaN, "G/PT": Infinity}}\n{"step": 3150, "lo')
    page = write_report(run).read_text(encoding="utf-8")
    assert "It diverged" in text_of(run)
    assert "E(x) became NaN at step 1200." in text_of(run)
    assert "for 1,200 steps of 3,000" in text_of(run)
    for block in re.findall(r'<script type="application/json">(.*?)</script>', page, re.S):
        json.loads(block, parse_constant=lambda name: pytest.fail(f"{name} is not JSON that a browser reads"))
    assert "[3100, null]" in page


def test_a_gan_shows_probabilities_and_losses(tmp_path: Path):
    page = write_report(make_run(tmp_path / "run", game="gan")).read_text(encoding="utf-8")
    for title in ("Probabilities of being real", "Losses", "Speed"):
        assert f"<h3>{title}</h3>" in page
    assert "<h3>Energies</h3>" not in page
    assert 'id="energy"' not in page


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="is not a run folder"):
        write_report(tmp_path / "nowhere")
    for damaged in ("{", "[]", "3", "{}", '{"format": "x"}'):
        (tmp_path / "run.json").write_text(damaged)
        with pytest.raises(UserError, match=r"not a run folder|is damaged"):
            write_report(tmp_path)
    (tmp_path / "run.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is damaged"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_newer_format_asks_for_an_upgrade(tmp_path: Path):
    with pytest.raises(UserError, match="has run folder format 3, this Energan reads up to 2: upgrade energan"):
        write_report(bare(tmp_path / "run", {"format": 3}))


def test_a_second_report_replaces_the_first_and_leaves_nothing_else(tmp_path: Path):
    run = bare(tmp_path / "run")
    (run / "report.html").write_text("old")
    assert write_report(run) == run / "report.html"
    assert sorted(p.name for p in run.iterdir()) == ["report.html", "run.json"]


def test_many_large_sheets_stay_below_a_megabyte_and_a_half(tmp_path: Path):
    run = bare(tmp_path / "run", DRAWING)
    (run / "samples").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (460, 460, 3), dtype=np.uint8)  # what compresses worst
    for path in (run / "samples" / "000000.png", run / "real.png", run / "neighbours.png"):
        Image.fromarray(noise).save(path, compress_level=1)
    for step in range(100, 4500, 100):
        (run / "samples" / f"{step:06}.png").hardlink_to(run / "samples" / "000000.png")
    assert write_report(run).stat().st_size < 1.5e6
    assert "20 of the run’s 45 sheets, evenly spaced" in text_of(run)


def test_frames_are_evenly_spaced_with_the_first_and_the_last(tmp_path: Path):
    for step in range(0, 12300, 100):
        Image.new("L", (8, 8), step // 100).save(tmp_path / f"{step:06}.png")
    (tmp_path / "grid.png").write_bytes(b"not a step")
    steps = [step for step, _ in frames(sheets(tmp_path))]
    assert (len(steps), steps[0], steps[-1]) == (FRAMES, 0, 12200)
    assert {b - a for a, b in pairwise(steps)} == {600, 700}
    assert evenly(3, 40) == [0, 1, 2]


def test_a_picture_that_is_made_smaller_keeps_its_opacity(tmp_path: Path):
    pixels = np.random.RandomState(0).randint(0, 256, (200, 200, 4)).astype(np.uint8)
    pixels[:100, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "x.png")
    shown = picture(tmp_path / "x.png", most=20_000)
    assert shown is not None and shown.uri.startswith("data:image/webp")
    with Image.open(BytesIO(b64decode(shown.uri.partition(",")[2]))) as smaller:
        assert smaller.mode == "RGBA" and np.array(smaller)[:20, :, 3].max() < 128


def test_unreadable_pictures_are_left_out(tmp_path: Path):
    run = make_run(tmp_path / "run")
    good = (run / "samples" / "003000.png").read_bytes()
    (run / "samples" / "003000.png").write_bytes(good[: len(good) // 2])
    (run / "real.png").write_text("<svg onload=alert(1)>")
    write_report(run)
    assert "at step 2,750" in text_of(run)
    assert "Unreadable and left out: 003000.png" in text_of(run)
    assert "real.png, is not" in text_of(run)
    assert picture(run / "none.png") is None


def test_a_sheet_of_neighbours_is_cut_into_strips_of_one_sample_each(tmp_path: Path):
    values = np.arange(1, 17, dtype=np.uint8)[:, None, None].repeat(6, 1).repeat(5, 2)  # 16 images 6 high, 5 wide
    sheet(values, 8).save(tmp_path / "sheet.png")
    strips = groups(tmp_path / "sheet.png", 8, 4, 3)
    assert [(s.width, s.height) for s in strips] == [(23, 6)] * 3
    for i, strip in enumerate(strips):
        pixels = np.asarray(Image.open(BytesIO(b64decode(strip.uri.split(",", 1)[1]))))
        assert pixels[0].tolist()[::6] == [4 * i + 1, 4 * i + 2, 4 * i + 3, 4 * i + 4]
    assert groups(tmp_path / "sheet.png", 7, 7, 3) == []
    assert groups(tmp_path / "sheet.png", 8, 3, 3) == []
    assert groups(tmp_path / "none.png", 8, 4, 3) == []


def test_neighbours_of_unknown_layout_are_shown_whole(tmp_path: Path):
    run = make_run(tmp_path / "run")
    (run / "neighbours.json").unlink()
    write_report(run)
    assert "Samples, each followed by the training images most like it." in text_of(run)
    assert 'class="neighbours"' in (run / "report.html").read_text(encoding="utf-8")


def test_no_feature_network_is_named_where_none_measured(tmp_path: Path):
    run = make_run(tmp_path / "run")
    write(run / "evaluation.json", {"step": 3000, "samples": 12, "metrics": {"E(G(z))": 8.5}, "network": ""})
    write_report(run)
    assert "Measured at step 3,000 on 12 samples." in text_of(run)
    assert "E(G(z)) 8.5 mean energy of generated images" in text_of(run)


def test_a_resumed_run_counts_each_step_once_and_half_lines_not_at_all(tmp_path: Path):
    run = bare(tmp_path / "run")
    lines = [
        {"step": s, "logs": {"D/E(x)": v}} for s, v in ((100, 5.0), (200, 4.0), (300, 9.0), (200, 4.5), (300, 3.0))
    ]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 400, "logs": {"D/E')
    assert read(run).logged("logs") == [
        Logged(100, {"D/E(x)": 5.0}),
        Logged(200, {"D/E(x)": 4.5}),
        Logged(300, {"D/E(x)": 3.0}),
    ]


def test_histograms_that_do_not_fit_together_are_dropped(tmp_path: Path):
    run = bare(tmp_path / "run")
    good = {"edges": [0.0, 1.0, 2.0], "real": [3, 1], "fake": [0, 0]}
    bad = [{**good, "edges": [0.0, 2.0, 1.0]}, {**good, "real": [1]}, {**good, "fake": [None, 1]}, {"edges": [0.0]}]
    (run / "log.jsonl").write_text(
        "".join(json.dumps({"step": i, "energies": h}) + "\n" for i, h in enumerate([good, *bad]))
    )
    assert energies(read(run)) == [Histogram(0, [0.0, 1.0, 2.0], [3, 1], [0, 0])]
    assert histograms(energies(read(run)), {"margin": "x"}) == {
        "frames": [
            {"step": 0, "edges": [0.0, 1.0, 2.0], "real": [0.75, 0.25], "fake": [0.0, 0.0], "low": 0.0, "high": 2.0}
        ],
        "margin": None,
        "low": 0.0,
        "top": 2.0,
        "most": 2.0,
    }


def test_a_histogram_that_blew_up_does_not_flatten_the_maps_of_the_others():
    calm = [Histogram(i, [0.0, 2.0, 4.0, 6.0], [0, 3, 0], [0, 1, 0]) for i in range(3)]
    blown = Histogram(3, [0.0, 1e6, 1e30], [0, 1], [0, 0])
    chart = histograms([*calm, blown], {"margin": 10.0})
    assert [(f["low"], f["high"]) for f in chart["frames"]] == [(2.0, 4.0)] * 3 + [(1e6, 1e30)]
    assert (chart["low"], chart["top"], chart["most"]) == (2.0, 12.0, 1e30)
    assert histograms([*calm, blown], {"margin": 20.0})["top"] == pytest.approx(20.6)  # and the margin is seen
    assert histograms(calm, {})["top"] == 4.0
    empty = Histogram(0, [1.0, 2.0, 3.0], [0, 0], [0, 0])
    assert (histograms([empty], {})["low"], histograms([empty], {})["top"]) == (1.0, 3.0)


def test_a_curve_knows_its_last_finite_value():
    logs = [Logged(1, {"v": 2.0}), Logged(2, {"v": 3.0}), Logged(3, {"v": None})]
    chart = charts.single("t", "v", logs, "")
    assert (chart["series"][0]["last"], chart["finite"]) == (3.0, True)
    never = charts.single("t", "v", [Logged(1, {"v": None})], "")
    assert (never["series"][0]["last"], never["finite"]) == (None, False)


def test_what_is_inlined_cannot_end_its_element_and_names_uplots_licence(whole: Path):
    page = (whole / "report.html").read_text(encoding="utf-8")
    here = files("energan")
    for name in (*STYLES, *SCRIPTS, LICENCE):
        text = here.joinpath(name).read_text(encoding="utf-8")
        assert text in page
        assert not re.search(r"</(script|style)|<!--|\r", text, re.I), name
    assert "*/" not in here.joinpath(LICENCE).read_text(encoding="utf-8")
    assert (whole / "report.html").stat().st_size < 1.5e6


def test_fine_histograms_are_made_coarser_without_losing_images():
    fine = Histogram(5, [float(i) for i in range(251)], [1.0] * 250, [2.0] * 250)
    chart = histograms([fine], {})
    frame = chart["frames"][0]
    assert len(frame["real"]) == 84  # groups of three, the last of one
    assert (len(frame["edges"]), frame["edges"][0], frame["edges"][1], frame["edges"][-1]) == (85, 0.0, 3.0, 250.0)
    assert sum(frame["real"]) == pytest.approx(1, abs=1e-4)


def test_the_margin_is_a_line_unless_it_is_logged_as_a_curve():
    fixed = charts.curves([Logged(1, {"D/E(x)": 2.0})], {"margin": 10.0}, {})
    assert fixed[0]["level"] == {"name": "margin", "value": 10.0}
    moving = charts.curves([Logged(1, {"D/E(x)": 2.0, "D/margin": 9.0})], {"margin": 10.0}, {})
    assert moving[0]["level"] is None
    assert [s["name"] for s in moving[0]["series"]] == ["E(x)", "margin"]


def test_curves_name_the_player_only_where_two_log_the_same_and_keep_unknown_quantities():
    found = charts.curves([Logged(1, {"D/E(x)": 2.0, "D/E(G(z))": 3.0, "G/E(G(z))": 4.0, "Q/mutual": 0.1})], {}, {})
    assert [c["title"] for c in found] == ["Energies", "mutual"]
    assert [s["name"] for s in found[0]["series"]] == ["E(x)", "E(G(z)), D’s turn", "E(G(z)), G’s turn"]
    assert [s["dashed"] for s in found[0]["series"]] == [False, False, True]


def test_long_curves_are_averaged_and_keep_their_gaps():
    chart = charts.single("t", "v", [Logged(i, {"v": float(i) if i != 7 else None}) for i in range(1, 1501)], "")
    points = chart["series"][0]["points"]
    assert (chart["merged"], len(points)) == (3, 500)
    assert points[0] == (3, 2.0)
    assert points[2] == (9, None)
    assert points[-1] == (1500, 1499.0)


def test_an_exploding_curve_starts_on_a_logarithmic_axis():
    calm = [Logged(i, {"v": 5.0 + i / 10}) for i in range(10)]
    assert not charts.single("t", "v", calm, "")["log"]
    assert charts.single("t", "v", [*calm, Logged(10, {"v": 1e6})], "")["log"]
    assert not charts.single("t", "v", [*calm, Logged(10, {"v": 1e6}), Logged(11, {"v": 0.0})], "")["log"]


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("MNIST-FID", "lower"),
        ("FID-MobileNetV2", "lower"),
        ("MNIST-IS", "higher"),
        ("MNIST-I", "higher"),
        ("recall-MobileNetV2", "higher"),
        ("train distance", ""),
        ("novel", ""),
    ],
)
def test_metrics_are_known_by_the_word_in_their_name(name: str, better: str):
    assert metric_meaning(name)[0] == better


@pytest.mark.parametrize(
    ("write_as", "value", "text"),
    [
        (formatting.figure, 0.09766, "0.09766"),
        (formatting.figure, 12288.0, "12,288"),
        (formatting.figure, 3.2e-7, "3.2e-07"),
        (formatting.figure, None, "–"),
        (formatting.figure, float("nan"), "–"),
        (formatting.duration, 59.9, "59.9 s"),
        (formatting.duration, 201.5, "3 min 22 s"),
        (formatting.duration, 7500, "2 h 5 min"),
        (formatting.size, 9e8, "900 MB"),
        (formatting.size, 12, "12 bytes"),
        (formatting.plain, True, "yes"),
        (formatting.plain, 0.0002, "0.0002"),
        (formatting.plain, {"G": 0.999}, "G 0.999"),
    ],
)
def test_numbers_read_as_people_write_them(write_as, value: object, text: str):
    assert write_as(value) == text


def test_half_a_character_is_no_reason_to_write_no_page(tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", record | {"arguments": {"\ud800": None}})
    assert "</html>" in write_report(run).read_text(encoding="utf-8")
