"""Numbers, durations and sizes as people read them."""

from datetime import datetime

from energan.runs.reader import number


def figure(value: object) -> str:
    """A number to four significant digits, whole ones in full: 0.0977, 12,288, 3.2e-07. A dash for no number."""
    x = number(value)
    if x is None:
        return "–"
    if x == int(x) and abs(x) < 1e15:
        return f"{int(x):,}"
    if abs(x) >= 1000:
        return f"{x:,.0f}" if abs(x) < 1e7 else f"{x:.3e}"
    return f"{x:.4g}"


def duration(seconds: object) -> str:
    """3 min 22 s; 2 h 5 min; 0.4 s."""
    s = number(seconds)
    if s is None:
        return "an unknown time"
    if s < 60:
        return f"{s:.3g} s"
    minutes, hours = divmod(round(s), 60), divmod(round(s / 60), 60)
    return f"{minutes[0]} min {minutes[1]} s" if s < 3600 else f"{hours[0]:,} h {hours[1]} min"


def moment(text: object) -> str:
    """An ISO 8601 time to the minute; any other text as it is."""
    try:
        return datetime.fromisoformat(str(text)).strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return str(text)


def size(count: object) -> str:
    """Bytes as kB, MB or GB (powers of ten)."""
    n = number(count)
    if n is None:
        return "–"
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= scale:
            return f"{n / scale:.3g} {unit}"
    return f"{n:.0f} bytes"


DEEPEST = 20  # lists in lists that are written


def plain(value: object, depth: int = 0) -> str:
    """Any JSON value on one line, as a person would write it; numbers stay exact. Deeper than 20 lists, it is "...".

    >>> plain({"G": [1, True]})
    'G 1, yes'
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict) and depth > DEEPEST:
        return "..."
    if isinstance(value, list):
        return ", ".join(plain(v, depth + 1) for v in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{k} {plain(v, depth + 1)}" for k, v in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10000 else str(value)
