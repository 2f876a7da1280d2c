"""What became of each item of the check, and how it is shown."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

LONG = 20.0  # seconds of an item that are told while others still run


@final
@dataclass(frozen=True)
class Result:
    """What became of an item: "right", "fault" or "skipped"; where it is not right, why."""

    group: str
    name: str
    result: str
    deviation: float | None
    tolerance: float | None
    seconds: float
    reason: str = ""
    note: str = ""
    trace: str = ""


def tell(result: Result) -> None:
    """Says on stderr what is wrong, and what took long."""
    if result.result == "fault" or result.seconds > LONG:
        words = f"{result.group}: {result.name}: {result.result} after {result.seconds:.1f} s"
        print(f"{words}{': ' * bool(result.reason)}{result.reason}", file=sys.stderr, flush=True)


def table(results: Sequence[Result]) -> str:
    """A markdown table: a row a group of items that are right, and one for each item that is not; notes below it."""
    lines = ["| item | result | worst deviation | may be | seconds |", "|---|---|---|---|---|"]
    notes: dict[str, list[str]] = {}
    for group in dict.fromkeys(r.group for r in results):
        mine = [r for r in results if r.group == group]
        right, others = [r for r in mine if r.result == "right"], [r for r in mine if r.result != "right"]
        if right:
            lines.append(_row(f"{group}: {_counted(right)}", "right", right))
        lines += [_row(f"{group}: {r.name}", f"{r.result}: {r.reason}".replace("|", "\\|"), [r]) for r in others]
        for r in right:
            if r.note:
                notes.setdefault(f"{group}: {r.note}", []).append(r.name)
    told = [f"- {note} ({', '.join(names)})" for note, names in notes.items()]
    return "\n".join([*lines, *([""] if told else []), *told])


def _counted(results: Sequence[Result]) -> str:
    return results[0].name if len(results) == 1 else f"{len(results)} items"


def _row(words: str, result: str, of: Sequence[Result]) -> str:
    seconds = f"{sum(r.seconds for r in of):.1f}"
    measured = [r for r in of if r.deviation is not None and r.tolerance is not None]
    if not measured:
        return f"| {words} | {result} | – | – | {seconds} |"
    worst = max(measured, key=lambda r: (r.deviation or 0.0) / (r.tolerance or 1.0))
    whose = f" ({worst.name})" if len(of) > 1 else ""
    return f"| {words} | {result} | {worst.deviation:.1e}{whose} | {worst.tolerance:.1e} | {seconds} |"
