"""The page of several runs: what differs, the best of each metric, curves by run, and names that are a stranger's."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
from report_runs import change, make_run

from energan.html.charts import overlaid
from energan.report.compare.runs import compared_runs, write_runs
from energan.runs.reader import Logged
from energan.utils.errors import UserError


def page(runs: list[Path], tmp_path: Path) -> str:
    return write_runs(compared_runs(runs), tmp_path / "page.html").read_text()


def table(html: str, section: str) -> dict[str, list[str]]:
    """The rows of a section's first table by their names; markup left out."""
    text = html.split(f'id="{section}"')[1].split("</table>", maxsplit=1)[0]
    rows = {}
    for row in re.findall(r"<tr>(.*?)</tr>", text, re.S)[1:]:
        cells = [unescape(re.sub(r"<span.*?</span>|<[^>]*>", "", cell)).strip() for cell in re.split(r"</t[hd]>", row)]
        rows[cells[0]] = cells[1:-1]
    return rows


def test_only_what_differs_is_listed(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "first"), make_run(tmp_path / "second")
    change(second, batch=32, seed=7)
    assert table(page([first, second], tmp_path), "settings") == {"batch": ["64", "32"], "seed": ["0", "7"]}


def test_equal_runs_differ_in_nothing(tmp_path: Path) -> None:
    html = page([make_run(tmp_path / "first"), make_run(tmp_path / "second")], tmp_path)
    assert "all settings in run.json are the same" in html


def test_the_best_of_each_metric_where_all_were_measured_alike(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "first"), make_run(tmp_path / "second")
    measured = json.loads((second / "evaluation.json").read_text())
    measured["metrics"] |= {"MNIST-FID": 9.5, "MNIST-IS": 8.0}
    (second / "evaluation.json").write_text(json.dumps(measured))
    html = page([first, second], tmp_path)
    best = re.findall(r'<td class="best">([^<]*)', html)
    assert best == ["9.5", "8.21"]  # the lower FID, the higher IS; the others are equal
    measured["samples"] = 500
    (second / "evaluation.json").write_text(json.dumps(measured))
    html = page([first, second], tmp_path)
    assert 'class="best"' not in html and "none is called the best" in html


@pytest.mark.parametrize("other", [{"sha256": "0" * 64}, {"shape": [1, 8, 8]}])
def test_none_is_the_best_of_images_that_share_only_a_name(tmp_path: Path, other: dict[str, object]) -> None:
    first, second = make_run(tmp_path / "first"), make_run(tmp_path / "second")
    measured = json.loads((second / "evaluation.json").read_text())
    measured["metrics"] |= {"MNIST-FID": 9.5}
    (second / "evaluation.json").write_text(json.dumps(measured))
    assert 'class="best"' in page([first, second], tmp_path)
    change(second, data=json.loads((second / "run.json").read_text())["data"] | other)
    html = page([first, second], tmp_path)
    assert 'class="best"' not in html and "none is called the best" in html


def test_a_curve_is_a_runs_and_keeps_its_colour(tmp_path: Path) -> None:
    lines = [Logged(1, {"D/loss": 1.0}), Logged(2, {"D/loss": 3.0})]
    chart = overlaid("loss", [("a", lines), ("b", [Logged(1, {})]), ("c", lines[:1])], "D/loss", "")
    assert [(s["name"], s["tone"], s["points"]) for s in chart["series"]] == [  # type: ignore[union-attr]
        ("a", "real", [(1, 1.0), (2, 3.0)]), ("c", "a", [(1, 1.0)]),
    ]  # fmt: skip
    many = overlaid("loss", [(str(i), lines) for i in range(12)], "D/loss", "")["series"]
    assert len({(s["tone"], s["dashed"]) for s in many}) == 12  # type: ignore[union-attr, index]


def test_charts_of_several_runs_come_first(tmp_path: Path) -> None:
    html = page([make_run(tmp_path / "e"), make_run(tmp_path / "f"), make_run(tmp_path / "g", game="gan")], tmp_path)
    charts = [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', html)]
    curves = [len(chart["series"]) for chart in charts if chart["title"] not in ("MNIST-FID", "MNIST-IS")]
    assert curves == sorted(curves, reverse=True) and curves[0] == 2 and curves[-1] == 1


def test_samples_of_the_last_step_of_all(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "first"), make_run(tmp_path / "second")
    for step in (2750, 3000):
        (second / "samples" / f"{step:06}.png").unlink()
    html = page([first, second], tmp_path)
    assert "At step 2,500" in html and "The last sheet of each" in html
    assert html.count("data:image/") == 4


def test_names_of_strangers_are_text(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "<script>alert(1)</script>"[:9]), make_run(tmp_path / "=1+1 ünï 🐈")
    change(second, recipe="<img src=x onerror=alert(1)>", command="</script><script>alert(1)</script>")
    (second / "log.jsonl").write_text('{"step": 1, "logs": {"</script><b>": 1.0, "D/loss": NaN}}\n')
    html = page([first, second], tmp_path)
    assert "<img src=x" not in html and "</script><b>" not in html and "&lt;script&gt;" in html


def test_what_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for runs, told in (
        ([run], "2 to 12 runs, not 1"), ([run] * 13, "not 13"), ([run, run], "named twice"), ([run, tmp_path], "run"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=told):
            write_runs(compared_runs(runs), tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
