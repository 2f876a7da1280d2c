"""A run's curves as options of ECharts, which draws them in the page."""

from typing import Any

from energan.html.charts import Chart, curves, single
from energan.html.panels import OTHERS
from energan.report.page import metric_meaning
from energan.runs.reader import RunFiles, mapping

TONES = {"real": "#2f7d4f", "fake": "#c2502e"}
REST = ("#3366aa", "#8a4fa3", "#b8860b", "#00838f", "#7a5c3e", "#5d6d7e", "#ad1457", "#33691e")


def curves_of(run: RunFiles) -> list[Chart]:
    """The charts of metrics first, then of everything that was logged."""
    metrics = run.logged("metrics")
    names = dict.fromkeys(name for line in metrics for name in line.values)
    measured = []
    for name in names:
        if sum(name in line.values for line in metrics) > 1:
            better, says = metric_meaning(name)
            measured.append(single(name, name, metrics, f"{says}. {better} is better." if says else ""))
    game = run.game
    return measured + curves(run.logged("logs"), mapping(game.get("hyperparameters")), mapping(game.get("meanings")))


def options(chart: Chart) -> dict[str, Any]:
    """The chart for ui.echart: a line a series, steps across; on a logarithmic axis where most of it would be flat."""
    series: Any = chart["series"]
    lines = [
        {
            "type": "line", "name": str(one["name"]), "showSymbol": len(one["points"]) < 3, "animation": False,
            "data": [[step, value] for step, value in one["points"]],
            "lineStyle": {"type": "dashed" if one["dashed"] else "solid", "width": 1.5, "color": colour(one["tone"])},
            "itemStyle": {"color": colour(one["tone"])},
        }
        for one in series
    ]  # fmt: skip
    level: Any = chart["level"]
    if level and lines:
        lines[0]["markLine"] = {
            "silent": True, "symbol": "none", "data": [{"yAxis": level["value"], "name": level["name"]}],
            "label": {"formatter": str(level["name"]), "position": "insideEndTop"},
        }  # fmt: skip
    return {
        "title": {"text": str(chart["title"]), "textStyle": {"fontSize": 14}},
        "tooltip": {"trigger": "axis"},
        "legend": {"bottom": 0, "type": "scroll", "show": len(lines) > 1},
        "grid": {"left": 8, "right": 16, "top": 36, "bottom": 36 if len(lines) > 1 else 8, "containLabel": True},
        "xAxis": {"type": "value", "min": "dataMin", "max": "dataMax"},
        "yAxis": {"type": "log" if chart["log"] else "value", "scale": not chart["zero"]},
        "series": lines,
        "aria": {"enabled": True},
    }


def colour(tone: object) -> str:
    """A colour of a tone of html/panels.py, which can be told apart on white and on black."""
    if tone in TONES:
        return TONES[str(tone)]
    return REST[OTHERS.index(str(tone)) % len(REST)] if tone in OTHERS else REST[0]
