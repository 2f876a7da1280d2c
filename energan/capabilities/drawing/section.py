"""The report of a system that draws: its sheets over time, and the training images nearest to what it drew."""

from statistics import median

from energan.capabilities.capability import Section, Sheets
from energan.html.pictures import frames, groups, picture, sheets
from energan.runs.reader import RunFiles, number, sequence

SAMPLES = Sheets(
    plural="Samples",
    last="Drawn by the generator",
    what="",
    frame="Generated images at the chosen step",
    over_time="The same noise at every step, so each place in the sheet shows one image taking shape.",
)


def sections(run: RunFiles) -> list[Section]:
    """The sections "Over time" and "Neighbours"."""
    return [over_time(run, SAMPLES), nearest(run, "a sample")]


def over_time(run: RunFiles, words: Sheets) -> Section:
    """The sheets of the folder samples/, one after another."""
    there = sheets(run.path / "samples")
    values = {"frames": frames(there), "sheets": len(there), "words": words}
    return Section("growth", "Over time", "drawing/over_time.html", values, late=True)


def nearest(run: RunFiles, one: str) -> Section:
    """Images and their nearest training images: in strips of one image each where that is known.

    one: what the first image of a strip is.
    """
    return Section("copies", "Neighbours", "drawing/nearest.html", _nearest(run, one), late=True)


def _nearest(run: RunFiles, one: str) -> dict[str, object] | None:
    path, layout = run.path / "neighbours.png", run.json("neighbours.json")
    whole = picture(path)
    if whole is None:
        return None
    rows = [row if isinstance(row, list) else [row] for row in sequence(layout.get("distances"))]
    least = [number(row[0]) if row else None for row in rows]
    known = [distance for distance in least if distance is not None]
    k, columns = len(rows[0]) if rows else 0, number(layout.get("columns")) or 0
    strips = groups(path, int(columns), k + 1, len(rows))
    return {
        "whole": whole,
        "strips": list(zip(strips, least, strict=False)),
        "one": one,
        "k": k,
        "space": layout.get("space") or "an unnamed space",
        "searched": layout.get("searched"),
        "least": min(known, default=None),
        "median": median(known) if known else None,
    }
