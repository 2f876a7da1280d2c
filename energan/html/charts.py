"""Curves of what a run logged.

A quantity is logged as "TURN/NAME", such as "D/E(x)". Quantities that panels.py does not list still get a chart each:
nothing that was logged is left out.
"""

from collections.abc import Sequence

from energan.html.panels import OTHERS, PANELS, TONES, Panel, tone
from energan.runs.reader import Json, Logged, number

POINTS = 500  # a curve; a longer one is averaged, and says so

WIDE = 5  # a curve whose largest value is this many times its least offers a logarithmic axis

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

MOST = 2 * len(OTHERS)  # curves of one chart: as many as there are tones, solid and dashed

APART = 10  # times less than the largest one: a curve of a joined panel that is drawn apart, too

STEEP = 50  # a curve whose largest value is this many times its median starts on a logarithmic axis

OVERLAID = ("real", "fake", *OTHERS)  # tones of runs, solid and then dashed

OWN = "The same curve on its own scale."

UNKNOWN = "A quantity that this game logs."

Chart = dict[str, object]

Level = dict[str, object] | None  # a line across a chart: its name and value


def curves(logs: Sequence[Logged], numbers: Json, meanings: Json) -> list[Chart]:
    """The charts of everything that was logged: those of PANELS first, then one for each other quantity.

    A quantity belongs to the first panel that names it. numbers: the game's hyperparameters; meanings: what its
    quantities mean, by name.
    """
    named = {key: _name(key) for line in logs for key in line.values}
    logged = list(named.values())
    charts: list[Chart] = []
    for panel in PANELS:
        names = [n for pattern in panel.names for n in dict.fromkeys(named.values()) if _is(n, pattern)]
        chosen = [key for name in names for key in named if named[key] == name]
        named = {key: name for key, name in named.items() if key not in chosen}
        level = _level(panel, logged, numbers)
        draw = _joined if panel.joined else _parts
        charts += draw(panel, chosen, logs, level, meanings)
    for name in dict.fromkeys(named.values()):
        rest = Panel(_shown(name), (name,), zero=False)
        charts += _parts(rest, [key for key in named if named[key] == name], logs, None, meanings)
    return charts


def single(title: str, key: str, logs: Sequence[Logged], meaning: str, *, zero: bool = True) -> Chart:
    """A chart of one quantity."""
    return _chart(Panel(title, (key,), zero=zero), [key], logs, None, meaning)


def overlaid(title: str, runs: Sequence[tuple[str, Sequence[Logged]]], key: str, meaning: str) -> Chart:
    """A chart of one quantity in several runs, a curve each: (the run's name, its lines); a colour is a run's place."""
    lines = [(name, [(line.step, line.values[key]) for line in logs if key in line.values]) for name, logs in runs]
    merged, series, values = 1, list[dict[str, object]](), list[float]()
    for place, (name, points) in enumerate(lines):
        if not points:
            continue
        averaged, several = _averaged(points)
        merged = max(merged, several)
        known = [v for _, v in points if v is not None]
        values += known
        series.append(
            {
                "name": name,
                "tone": OVERLAID[place % len(OVERLAID)],
                "dashed": place >= len(OVERLAID),
                "points": averaged,
                "last": known[-1] if known else None,
            }
        )
    return _described(Panel(title, (key,), zero=False), series, values, meaning, None, merged)


def _is(name: str, pattern: str) -> bool:
    """Whether the quantity is the named one; * in the pattern is any text but none."""
    head, any_text, tail = pattern.partition("*")
    longer = len(name) > len(head + tail)
    return name == pattern or bool(any_text and longer and name.startswith(head) and name.endswith(tail))


def _joined(panel: Panel, keys: list[str], logs: Sequence[Logged], level: Level, meanings: Json) -> list[Chart]:
    """A curve for each quantity, its mean over the turns that logged it; much smaller ones in their own charts, too."""
    turns: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: (TONES.index(tone(_name(key))), _name(key))):
        turns.setdefault(_name(key), []).append(key)
    lines = [
        Logged(line.step, {of[0]: _mean(values) for of in turns.values() if (values := _of(line, of))}) for line in logs
    ]
    firsts = [of[0] for of in turns.values()]
    sizes = [max((abs(v) for line in lines if (v := line.values.get(key)) is not None), default=0.0) for key in firsts]
    small = [key for key, size in zip(firsts, sizes, strict=True) if size * APART < max(sizes)]
    alone = [
        _chart(panel._replace(title=f"{panel.title}: {_shown(_name(key))}"), [key], lines, None, OWN) for key in small
    ]
    return [*_parts(panel, firsts, lines, level, meanings), *alone]


def _of(line: Logged, keys: Sequence[str]) -> list[float | None]:
    return [line.values[key] for key in keys if key in line.values]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _parts(panel: Panel, keys: list[str], logs: Sequence[Logged], level: Level, meanings: Json) -> list[Chart]:
    """The panel's chart; none without quantities, several where it has more curves than can be told apart."""
    parts = [keys[i : i + MOST] for i in range(0, len(keys), MOST)]
    titles = [f"{panel.title} ({i + 1} of {len(parts)})" if parts[1:] else panel.title for i in range(len(parts))]
    return [
        _chart(panel._replace(title=title), part, logs, level, _meaning(title, part, meanings))
        for title, part in zip(titles, parts, strict=True)
    ]


def _meaning(title: str, keys: Sequence[str], meanings: Json) -> str:
    """What a chart's quantities mean, each after its name but for one that the title names."""
    known = [(_shown(name), meanings[name]) for name in dict.fromkeys(map(_name, keys)) if name in meanings]
    return " ".join(f"{meaning}." if name == title else f"{name}: {meaning}." for name, meaning in known) or UNKNOWN


def _name(key: str) -> str:
    """What is logged, without whose turn it was: E(x) of D/E(x)."""
    return key.split("/", 1)[-1]


def _level(panel: Panel, logged: Sequence[str], numbers: Json) -> Level:
    if panel.level is not None:
        return {"name": "cannot tell", "value": panel.level}
    value = number(numbers.get(panel.number))
    # A margin that changes is logged, and then drawn as a curve.
    return None if value is None or panel.number in logged else {"name": panel.number, "value": value}


def _chart(panel: Panel, keys: list[str], logs: Sequence[Logged], level: Level, meaning: str) -> Chart:
    names = [_name(key) for key in keys]
    series: list[dict[str, object]] = []
    values: list[float] = []
    merged, others = 1, iter(OTHERS * len(keys))
    for key, name in zip(keys, names, strict=True):
        points = [(line.step, line.values[key]) for line in logs if key in line.values]
        values += [v for _, v in points if v is not None]
        points, merged = _averaged(points)
        colour = tone(name) or next(others)
        series.append(
            {
                "name": _shown(name) if names.count(name) == 1 else f"{_shown(name)}, {key.split('/', 1)[0]}’s turn",
                "tone": colour,
                "dashed": colour in [s["tone"] for s in series],
                "points": points,
                "last": next((v for _, v in reversed(points) if v is not None), None),
            }
        )
    return _described(panel, series, values, meaning, level, merged)


def _described(
    panel: Panel, series: list[dict[str, object]], values: list[float], meaning: str, level: Level, merged: int
) -> Chart:
    """The chart as the page's script reads it; values: all of its numbers."""
    return {
        "title": panel.title,
        "meaning": meaning,
        "series": series,
        "level": level,
        "zero": panel.zero and min(values, default=0) >= 0,
        "one": panel.one,
        "log": _steep(values),
        "merged": merged,
        "finite": bool(values),
        "logarithmic": min(values, default=0) > 0 and max(values) > WIDE * min(values),
    }


def _shown(name: str) -> str:
    """C_12 as C₁₂, train_distance as train distance; what is in brackets has its own name, such as a layer's."""
    if "(" in name:
        return name
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
