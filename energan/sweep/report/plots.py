"""The pictures of a sweep's page, as SVG: histogram, main effects, parallel coordinates. They need no script."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple, final

from markupsafe import Markup, escape

from energan.html.formatting import figure, plain
from energan.sweep.table import LARGEST_VALUE

WIDE, HIGH = 420, 230  # of a plot, in units of its own
LEFT, RIGHT, TOP, BOTTOM = 54, 12, 10, 34  # its margins
BINS = 24  # of a histogram, at most
GROUPS = 6  # of a range: a median each
LINES = 400  # trials of parallel coordinates, at most: the best
MARKS = 12  # choices that are written beside an axis, at most
DIGITS = (3, 4, 5, 6)  # of a mark: so many that no two are alike
WIDTH_OF_TEXT = 14  # letters of a mark


@final
class Scale(NamedTuple):
    """Where values stand on an axis, from 0 to 1. Numbers by size, or by their logarithm; others side by side."""

    low: float
    high: float
    log: bool
    names: tuple[str, ...]

    def at(self, value: Any) -> float:
        if self.names:
            return (self.names.index(plain(value)) + 0.5) / len(self.names)
        x = math.log(value) if self.log else value
        return (x - self.low) / (self.high - self.low)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """Where an axis is marked, and with what."""
        if self.names:
            step = -(-len(self.names) // MARKS)
            return [(self.at(name), _short(name)) for name in self.names[::step]]
        ends = [self.low, (self.low + self.high) / 2, self.high]
        values = [math.exp(x) for x in ends] if self.log else ends
        for digits in DIGITS:
            marks = [figure(float(f"{v:.3g}")) if digits == DIGITS[0] else f"{v:.{digits}g}" for v in values]
            if len(set(marks)) == len(marks):
                break
        return [(i / 2, mark) for i, mark in enumerate(marks)]


def scale_of(values: Sequence[Any]) -> Scale:
    """The scale of a setting's values. Numbers that span more than 20 times their least stand by their logarithm."""
    numbers = [v for v in values if type(v) in (int, float) and abs(v) < LARGEST_VALUE]
    distinct = {plain(v) for v in values}
    if len(numbers) < len(values) or len(distinct) < 2:
        return Scale(0, 1, False, tuple(sorted(distinct)))
    low, high = min(numbers), max(numbers)
    log = low > 0 and high > 20 * low
    low, high = (math.log(low), math.log(high)) if log else (low, high)
    room = 0.04 * (high - low)
    return Scale(low - room, high + room, log, ())


def histogram(values: Sequence[float], name: str) -> Markup:
    """How many trials have which value of the metric."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5, high + 0.5
    n = max(1, min(BINS, math.ceil(2 * len(values) ** 0.5)))
    counts = [0] * n
    for value in values:
        counts[min(n - 1, int((value - low) / (high - low) * n))] += 1
    bars = []
    for i, count in enumerate(counts):
        height = (HIGH - TOP - BOTTOM) * count / max(counts)
        x, width = _x(i / n), (WIDE - LEFT - RIGHT) / n - 1
        told = f"{count} of {figure(low + (high - low) * i / n)} to {figure(low + (high - low) * (i + 1) / n)}"
        bars.append(
            Markup(
                '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
            ).format(x, HIGH - BOTTOM - height, width, height, told)
        )
    across = Scale(low, high, False, ())
    return _plot(
        [*bars, _below(across.marks, name), _beside([(0, "0"), (1, str(max(counts)))])], f"Histogram of {name}"
    )


def effect(name: str, settings: Sequence[Any], values: Sequence[float], metric: str, log: bool) -> Markup:
    """The metric against one setting: a point a trial, and the median of each choice, or of sixths of a range."""
    across, up = scale_of(settings), _upright(values, log)
    points = [
        Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="2.4"/>').format(_x(across.at(s)), _y(up.at(v)))
        for s, v in zip(settings, values, strict=True)
    ]
    medians = [(_x(across.at(at)), _y(up.at(middle))) for at, middle in _medians(settings, values, across)]
    line = Markup('<polyline class="median" points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y in medians))
    dots = [Markup('<circle class="middle" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(x, y) for x, y in medians]
    lines = [] if across.names else [line]
    return _plot([*points, *lines, *dots, _below(across.marks, name), _beside(up.marks)], f"{metric} against {name}")


def _medians(settings: Sequence[Any], values: Sequence[float], across: Scale) -> list[tuple[Any, float]]:
    """Settings, and the median of the metric there."""
    groups: dict[Any, list[float]] = {}
    distinct = {plain(s) for s in settings}
    if across.names or len(distinct) <= GROUPS:
        for setting, value in zip(settings, values, strict=True):
            groups.setdefault(plain(setting) if across.names else setting, []).append(value)
        return sorted(((at, median(of)) for at, of in groups.items()), key=lambda pair: across.at(pair[0]))
    order = sorted(zip(settings, values, strict=True))
    parts = [order[len(order) * i // GROUPS : len(order) * (i + 1) // GROUPS] for i in range(GROUPS)]
    return [(median(s for s, _ in part), median(v for _, v in part)) for part in parts if part]


def parallel(
    names: Sequence[str], rows: Sequence[Sequence[Any]], values: Sequence[float], metric: str, log: bool
) -> Markup:
    """A line a trial, over an axis for each setting and one for the metric; the best are drawn darkest, and last.

    rows and values: of the trials, best first.
    """
    rows, values = rows[:LINES], values[:LINES]
    scales = [*(scale_of([row[i] for row in rows]) for i in range(len(names))), _upright(values, log)]
    wide, between = 2 * WIDE, (2 * WIDE - 2 * LEFT) / len(names)
    lines = []
    for rank, (row, value) in reversed(list(enumerate(zip(rows, values, strict=True)))):
        points = " ".join(
            f"{LEFT + i * between:.1f},{_y(s.at(v)):.1f}"
            for i, (s, v) in enumerate(zip(scales, [*row, value], strict=True))
        )
        share = rank / max(1, len(rows) - 1)
        kind = "best" if share <= 0.1 else "rest"
        lines.append(Markup('<polyline class="{}" points="{}"/>').format(kind, points))
    axes = []
    for i, (name, scale) in enumerate(zip([*names, metric], scales, strict=True)):
        x = LEFT + i * between
        axes.append(
            Markup('<line class="axis" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(x, TOP, HIGH - BOTTOM)
        )
        axes.append(_text(x, HIGH - 8, _short(name, 24), "middle", "name"))
        axes += [_text(x + 4, _y(at) + 4, mark, "start") for at, mark in scale.marks]
    return _plot([*lines, *axes], f"Parallel coordinates of the settings and {metric}", wide)


def looks(lines: Sequence[Sequence[tuple[int, float]]], ended: Sequence[bool], metric: str) -> Markup:
    """What trials were seen to have at which step: a line or a point each; those that were trained to the end on top.

    lines: of trials, [(step, value), ...] by step, not empty.
    """
    across = scale_of([step for line in lines for step, _ in line])
    values = [value for line in lines for _, value in line]
    up = _upright(values, min(values) > 0)
    parts = []
    for line, whole in sorted(zip(lines, ended, strict=True), key=lambda pair: pair[1]):
        points = [(_x(across.at(step)), _y(up.at(value))) for step, value in line]
        kind = "best" if whole else "rest"
        if len(points) > 1:
            told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(Markup('<polyline class="{}" points="{}"/>').format(kind, told))
        x, y = points[-1]
        parts.append(
            Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.4"/>').format("middle" if whole else "point", x, y)
        )
    steps = sorted({step for line in lines for step, _ in line})
    marks = [(across.at(step), figure(step)) for step in steps[:: -(-len(steps) // MARKS)]]
    return _plot([*parts, _below(marks, "step"), _beside(up.marks)], f"{metric} at each look")


def _upright(values: Sequence[float], log: bool) -> Scale:
    scale = scale_of(list(values)) if log else None
    if scale is not None and scale.log:
        return scale
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 0.5
    return Scale(low - room, high + room, False, ())


def _x(share: float) -> float:
    return LEFT + share * (WIDE - LEFT - RIGHT)


def _y(share: float) -> float:
    return HIGH - BOTTOM - share * (HIGH - TOP - BOTTOM)


def _below(marks: Sequence[tuple[float, str]], name: str) -> Markup:
    line = Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        LEFT, WIDE - RIGHT, HIGH - BOTTOM, HIGH - BOTTOM
    )
    texts = [_text(_x(at), HIGH - BOTTOM + 14, mark, "end" if at == 1 else "middle") for at, mark in marks]
    return Markup("").join([line, *texts, _text(_x(0.5), HIGH - 4, _short(name, 40), "middle", "name")])


def _beside(marks: Sequence[tuple[float, str]]) -> Markup:
    return Markup("").join(_text(LEFT - 6, _y(at) + 4, mark, "end") for at, mark in marks)


def _text(x: float, y: float, text: str, anchor: str, kind: str = "mark") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, text)


def _plot(parts: Sequence[Markup], label: str, wide: int = WIDE) -> Markup:
    inside = Markup("").join(parts)
    return Markup('<svg class="sweep" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        wide, HIGH, escape(label), inside
    )


def _short(text: str, most: int = WIDTH_OF_TEXT) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
