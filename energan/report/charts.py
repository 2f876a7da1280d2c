"""Curves and histograms of what a run logged.

A quantity is logged as "PLAYER/NAME", such as "D/E(x)". The quantities of a game that panels.py does not list still get
a chart each: nothing that was logged is left out.
"""

from collections.abc import Sequence

from energan.report.folder import Histogram, Json, Logged, number
from energan.report.panels import OTHERS, PANELS, TONES, Panel
from energan.report.pictures import evenly

POINTS = 500  # a curve; a longer one is averaged, and says so
HISTOGRAMS = 60  # in one page, at most
BINS = 120  # in one histogram, at most
WIDE = 5  # a curve whose largest value is this many times its least offers a logarithmic axis
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
STEEP = 50  # a curve whose largest value is this many times its median starts on a logarithmic axis


Chart = dict[str, object]


def curves(logs: Sequence[Logged], numbers: Json) -> list[Chart]:
    """The charts of everything that was logged: the known panels first, then one chart for each other quantity."""
    keys = list(dict.fromkeys(key for line in logs for key in line.values))
    named = {key: key.split("/", 1)[-1] for key in keys}
    known = {name for panel in PANELS for name in panel.names}
    rest = dict.fromkeys(name for name in named.values() if name not in known)
    panels = (*PANELS, *(Panel(name, (name,), "A quantity that this game logs.", zero=False) for name in rest))
    charts = []
    for panel in panels:
        chosen = [key for name in panel.names for key in keys if named[key] == name]
        if chosen:
            charts.append(_chart(panel, chosen, logs, _level(panel, list(named.values()), numbers)))
    return charts


def single(title: str, key: str, logs: Sequence[Logged], meaning: str, *, zero: bool = True) -> Chart:
    """A chart of one quantity."""
    return _chart(Panel(title, (key,), meaning, zero=zero), [key], logs, None)


def histograms(energies: Sequence[Histogram], numbers: Json) -> Chart | None:
    """Shares of real and generated images per energy, at most HISTOGRAMS steps; None without any."""
    if not energies:
        return None
    chosen = [_coarser(energies[i]) for i in evenly(len(energies), HISTOGRAMS)]
    return {
        "frames": [
            {"step": h.step, "edges": h.edges, "real": _shares(h.real), "fake": _shares(h.fake)} for h in chosen
        ],
        "margin": number(numbers.get("margin")),
    }


def _level(panel: Panel, logged: Sequence[str], numbers: Json) -> dict[str, object] | None:
    if panel.level is not None:
        return {"name": "cannot tell", "value": panel.level}
    value = number(numbers.get(panel.number))
    # A margin that changes is logged, and then drawn as a curve.
    return None if value is None or panel.number in logged else {"name": panel.number, "value": value}


def _chart(panel: Panel, keys: list[str], logs: Sequence[Logged], level: dict[str, object] | None) -> Chart:
    names = [key.split("/", 1)[-1] for key in keys]
    series: list[dict[str, object]] = []
    values: list[float] = []
    merged, others = 1, iter(OTHERS * len(keys))
    for key, name in zip(keys, names, strict=True):
        points = [(line.step, line.values[key]) for line in logs if key in line.values]
        values += [v for _, v in points if v is not None]
        points, merged = _averaged(points)
        tone = TONES.get(name) or next(others)
        series.append(
            {
                "name": _shown(name) if names.count(name) == 1 else f"{_shown(name)}, {key.split('/', 1)[0]}’s turn",
                "tone": tone,
                "dashed": tone in [s["tone"] for s in series],
                "points": points,
            }
        )
    return {
        "title": panel.title,
        "meaning": panel.meaning,
        "series": series,
        "level": level,
        "zero": panel.zero and min(values, default=0) >= 0,
        "one": panel.one,
        "log": _steep(values),
        "merged": merged,
        "logarithmic": min(values, default=0) > 0 and max(values) > WIDE * min(values),
    }


def _shown(name: str) -> str:
    """C_12 as C₁₂, train_distance as train distance."""
    base, _, index = name.rpartition("_")
    return base + index.translate(SUBSCRIPTS) if base and index.isdecimal() else name.replace("_", " ")


def _averaged(points: list[tuple[int, float | None]]) -> tuple[list[tuple[int, float | None]], int]:
    """At most POINTS points, each the mean of `merged` neighbouring ones; a gap stays a gap."""
    merged = -(-len(points) // POINTS)
    if merged <= 1:
        return points, 1
    means: list[tuple[int, float | None]] = []
    for group in (points[i : i + merged] for i in range(0, len(points), merged)):
        values = [v for _, v in group if v is not None]
        means.append((group[-1][0], sum(values) / len(values) if len(values) == len(group) else None))
    return means, merged


def _steep(values: list[float]) -> bool:
    positive = sorted(values)
    return bool(positive) and positive[0] > 0 and positive[-1] > STEEP * positive[len(positive) // 2]


def _coarser(h: Histogram) -> Histogram:
    """Neighbouring bins joined until there are at most BINS of them."""
    k = -(-len(h.real) // BINS)
    real, fake = ([sum(counts[i : i + k]) for i in range(0, len(counts), k)] for counts in (h.real, h.fake))
    edges = [*h.edges[:-1:k], h.edges[-1]]
    return Histogram(h.step, edges, real, fake)


def _shares(counts: list[float]) -> list[float]:
    total = sum(counts)
    return [round(c / total, 6) if total > 0 else 0.0 for c in counts]
