"""A run that reads noise from images: images drawn again, what its categories are of, one code changed at a time."""

from typing import NamedTuple

from energan.capabilities.capability import Section
from energan.capabilities.classification.section import wilson
from energan.capabilities.encoding.measure import RMS
from energan.html.formatting import figure, plain
from energan.html.pictures import LARGEST, Picture, groups, picture
from energan.runs.reader import Json, RunFiles, mapping, number, sequence

MOST = 8  # sheets of one kind that are shown


class Category(NamedTuple):
    """One category: the class that most of its training images have, how many these are, and how many images it has."""

    place: int
    name: str
    share: float | None
    training: float | None


class Read(NamedTuple):
    """A noise's categories, named by classes; None where a number is not known."""

    name: str
    error: float | None
    images: float | None
    interval: tuple[float, float] | None
    rows: list[Category]


def sections(run: RunFiles) -> list[Section]:
    """The section "Encoding"."""
    measured = mapping(run.json("evaluation.json").get("encoding"))
    read = [_read(name, mapping(each)) for name, each in mapping(measured.get("categories")).items()]
    error = next((each.error for each in read if each.error is not None), None)
    headline = "" if error is None else f"Of images, {error:.2f} % have a category of another class than theirs."
    values = {**encoding(run), "categories": read}
    shown = Section("encoding", "Encoding", "encoding/section.html", values, headline=headline)
    return [shown]


def encoding(run: RunFiles) -> dict[str, object]:
    """What the section shows, but for the categories."""
    evaluation, layout = run.json("evaluation.json"), run.json("encoding.json")
    measured = mapping(evaluation.get("encoding"))
    return {
        "evaluated": bool(measured),
        "step": evaluation.get("step"),
        "reference": measured.get("reference"),
        "where": measured.get("where"),
        "redraws": measured.get("redraws") is True,
        "rms": number(mapping(evaluation.get("metrics")).get(RMS)),
        "read": [_told(name, mapping(each)) for name, each in mapping(measured.get("read")).items()],
        "pairs": _pairs(run, layout),
        "whole": picture(run.path / "reconstructions.png"),
        "traversed": _sheets(run, "traversal", sequence(layout.get("traversed"))),
        "scattered": _sheets(run, "plane", sequence(layout.get("scattered"))),
    }


def _told(name: str, each: Json) -> str:
    """What is read, in words: "z, 10 numbers"."""
    width, used = number(each.get("width")), number(each.get("used"))
    if each.get("kind") == "category":
        return f"{name}, one of {figure(width)} categories, of which {figure(used)} are used"
    return f"{name}, {figure(width)} number{'' if width == 1 else 's'}"


def _pairs(run: RunFiles, layout: Json) -> list[Picture]:
    """An image and what was drawn again of it, each; none where the sheet cannot be cut, or is too large for it."""
    path = run.path / "reconstructions.png"
    if not path.is_file() or path.stat().st_size > LARGEST:
        return []
    return groups(path, int(number(layout.get("columns")) or 0), 2, int(number(layout.get("pairs")) or 0))


def _read(name: str, each: Json) -> Read:
    images, wrong = number(each.get("images")), number(each.get("wrong"))
    sound = images is not None and wrong is not None and 0 <= wrong <= images and images > 0
    error = 100 * wrong / images if sound and images and wrong is not None else None
    interval = wilson(round(wrong or 0), round(images or 1)) if sound else None
    rows = [mapping(row) for row in sequence(each.get("rows"))]
    return Read(name, error, images, interval, [_category(i, row) for i, row in enumerate(rows)])


def _category(place: int, row: Json) -> Category:
    training, of_it = number(row.get("training")), number(row.get("of it"))
    share = of_it / training if of_it is not None and training else None
    return Category(place, plain(row.get("class")), share, training)


def _sheets(run: RunFiles, stem: str, shown: list[object]) -> list[tuple[str, Picture]]:
    """(what it shows, the picture) of each sheet that is there."""
    found = []
    for i, each in enumerate(shown[:MOST]):
        told = f"{plain(each.get('name'))}: {plain(each.get('what'))}" if isinstance(each, dict) else plain(each)
        if (there := picture(run.path / f"{stem}-{i}.png")) is not None:
            found.append((told, there))
    return found
