"""Where a run's images are now, and whether they are still those that it was trained on.

Nothing outside a run's folder is read because run.json says so, unless this user signed it (signature.py): built-in
sets are, and files inside the folder. Anything else is named by the user, and then compared with the record.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from energan.data import NAMED, ImageSet
from energan.experiment import Experiment
from energan.runs.record import FORMAT
from energan.runs.signature import is_signed, sign
from energan.utils.console import warn
from energan.utils.errors import UserError
from energan.utils.files import user_path

CONTENT = 2  # format from which on a data set's sha256 is of its content; before, it was of paths and times of files

OF_AN_ENCODER = ("_weights_of_file", "_weights_of_run", "_trained_weights")  # functions that read files before step 1


class Sources(NamedTuple):
    """What a run reads, by the names of the flags: paths or names of sets, "" for none.

    data: the training images; test: labelled images to measure a classifier with; labels_csv: labels of the images;
    target: pictures of another domain.
    """

    data: str = ""
    test: str = ""
    labels_csv: str = ""
    target: str = ""

    def resolved(self) -> "Sources":
        """The same with paths in full, so that they are right from any folder."""
        return Sources(*(str(user_path(s).resolve()) if _is_path(s) else s for s in self))


OF_PREPARE = ("labels_csv", "target")  # arguments of a recipe's `prepare`, wherever they are in the description

AS_RECORDED = Sources()  # nothing is named anew


def _is_path(source: str) -> bool:
    return bool(source) and source not in NAMED and not source.startswith("hf:")


def recorded(record: Mapping[str, Any]) -> Sources:
    """The sources that run.json names."""
    parts = _parts(record)
    data, test = (value if isinstance(value := parts.get(name), str) else "" for name in ("source", "test"))
    entries = [*_entries(record["experiment"])]
    labels_csv, target = (
        next((value for key, value in entries if key == name and isinstance(value, str) and value), "")
        for name in OF_PREPARE
    )
    return Sources(data, test, labels_csv, target)


def settled(record: dict[str, Any], folder: Path, named: Sources = AS_RECORDED) -> dict[str, Any]:
    """The record of the run in `folder`, whose sources may be read: those of `named`, which the user gave now, and its
    own as far as they may be.

    Raises:
        UserError: run.json of someone else names images outside of the folder; or there is none such to name anew.
    """
    own, ours = recorded(record), is_signed(record)
    for name, given, before in zip(Sources._fields, named, own, strict=True):
        if given and not before and name != "test":
            raise UserError(f"`{name}` {given}: this run was made without any")
    now = Sources(
        *(
            given or _allowed(name, before, folder, ours)
            for name, given, before in zip(Sources._fields, named.resolved(), own, strict=True)
        )
    )
    return record if ours and now == own else _with_sources(record, now)


def encoder_of(record: Mapping[str, Any]) -> str:
    """The file or run whose weights the run starts with, where it is not a built-in set's; "" for none."""
    for key, value in _entries(_parts(record).get("initialise")):
        if key == "partial" and isinstance(value, dict) and str(value["partial"]).endswith(OF_AN_ENCODER):
            texts = [v for v in value.get("positional", ()) if isinstance(v, str) and v not in NAMED]
            return texts[0] if texts else ""
    return ""


def _allowed(name: str, source: str, folder: Path, ours: bool) -> str:
    """The source if it may be read: of a relative path inside of the folder, that path. UserError if it may not."""
    if not source or source in NAMED or ours:
        return source
    inside = folder / source
    if inside.exists() and inside.resolve().is_relative_to(folder.resolve()):
        return str(inside.resolve())
    raise UserError(
        f"{folder} has no signature of yours: it was made elsewhere, or by an older Energan; so {source}, which its "
        f"run.json names, is not read: `{name}` says where its {_WORDS[name]}"
    )


_WORDS = {
    "data": "training images are",
    "test": "test images are",
    "labels_csv": "labels are",
    "target": "pictures of the other domain are",
}


def training_images(experiment: Experiment, record: Mapping[str, Any], folder: Path) -> ImageSet:
    """The images that the run was trained on. UserError where they are not to be had, or are others now."""
    source = experiment.source
    if _is_path(source) and not Path(source).exists():
        raise UserError(f"{folder} was trained on images in {source}, which is no longer there: `data` says where")
    try:
        data = experiment.training_set()
    except UserError:
        raise
    except Exception as error:  # of a description that names a loader with arguments of other types
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{folder}'s run.json is damaged: its images cannot be loaded so ({reason})") from error
    if other := _differences(record, data):
        raise UserError(
            f"the images or labels of {source} are not those that {folder} was trained on ({other}); "
            "`data` names those that are, or start a new run"
        )
    if record["format"] < CONTENT and record["data"]["sha256"] != data.sha256:
        warn(
            f"{folder} is of an older Energan, which kept no hash of its images: they were compared by number, shape "
            "and classes"
        )
    return data


def remembered(record: Mapping[str, Any], data: ImageSet, before: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json is to say once the images were found to be the run's; {} where it says so already.

    record: as `settled` gave it; before: as it was read. What the user named, this user signs, unless the description
    has anything else to read that nobody named.
    """
    ours = is_signed(dict(before))
    if ours and record["experiment"] == before["experiment"] and record["format"] == FORMAT:
        return {}
    trusted = ours or not encoder_of(record)
    return {
        "format": FORMAT,
        "experiment": record["experiment"],
        "arguments": record["arguments"],
        "data": {**record["data"], "name": data.name, "source": data.source, "sha256": data.sha256},
        "signature": sign(record["experiment"]) if trusted else "",
    }


def _differences(record: Mapping[str, Any], data: ImageSet) -> str:
    """What of the images is not as run.json has it, in words; "" where all is."""
    known = record["data"]
    if len(data.images) != known["n"]:
        return f"{len(data.images)} images instead of {known['n']}"
    if list(data.images.shape[1:]) != known["shape"]:
        there, then = (" x ".join(map(str, shape)) for shape in (data.images.shape[1:], known["shape"]))
        return f"{there} instead of {then}"
    if known.get("classes") is not None and list(data.classes) != known["classes"]:
        return "their classes are others"
    if record["format"] >= CONTENT and data.sha256 != known["sha256"]:
        return "as many, of the same shape, but with other content"
    return ""


# --------------------------------------------------------------------------------------- in the description's JSON


def _parts(record: Mapping[str, Any]) -> dict[str, Any]:
    value = record["experiment"].get("value")
    parts = value.get("dict") if isinstance(value, dict) else None
    return parts if isinstance(parts, dict) else {}


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """(key, value) of every object in a value of JSON, however deep; of the key "partial", the whole object."""
    todo = [value]
    while todo:
        match todo.pop():
            case dict(entries):
                yield from ((k, entries if k == "partial" else v) for k, v in entries.items())
                todo += entries.values()
            case list(items):
                todo += items


def _with_sources(record: dict[str, Any], now: Sources) -> dict[str, Any]:
    """The record with other sources. It is a copy where it differs."""

    def changed(value: Any) -> Any:
        match value:
            case dict(entries):
                return {
                    k: getattr(now, k) if k in OF_PREPARE and isinstance(v, str) and v else changed(v)
                    for k, v in entries.items()
                }
            case list(items):
                return [*map(changed, items)]
        return value

    if not _parts(record):
        raise UserError("this run's run.json is damaged: its experiment is none")
    try:
        experiment = changed(record["experiment"])
    except RecursionError as error:
        raise UserError("this run's run.json is damaged: its experiment is nested too deeply") from error
    experiment["value"]["dict"] |= {"source": now.data, "test": now.test}
    arguments = {k: getattr(now, k) if k in Sources._fields else v for k, v in record["arguments"].items()}
    return {**record, "experiment": experiment, "arguments": arguments}
