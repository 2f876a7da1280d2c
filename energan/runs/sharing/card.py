"""The model card: README.md of a model that travels, of nothing but what run.json and evaluation.json say.

All text of a record is anyone's: it is escaped in Markdown, and written as JSON's strings in the YAML header.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from energan.data.named.licences import ON_THE_HUB, licence_of
from energan.runs.reader import mapping, number, sequence
from energan.runs.sources import encoder_of, recorded
from energan.utils.errors import printable

MOST = 40  # rows of a table, and names of classes

CHANNELS = {1: "grey", 3: "colour", 4: "colour with opacity"}

PICTURES = {
    "samples.png": "Samples at step {step}, from one fixed seed; none was picked.",
    "asked.png": "What was asked for: a row each. The columns share their noise.",
}


class Card(NamedTuple):
    """What a card is made of.

    Attributes:
        record: run.json, without what is private.
        config: config.json.
        measured: evaluation.json, {} where nothing was measured.
        pictures: Names of the pictures beside the card.
        place: What the model is loaded by.
        licence: Of the model, as the hub names it; "" where nobody says.
        calibrated: Whether a calibration is beside it, so that single images get a verdict.
    """

    record: Mapping[str, Any]
    config: Mapping[str, Any]
    measured: Mapping[str, Any]
    pictures: Sequence[str]
    place: str
    licence: str
    calibrated: bool


def card(c: Card) -> str:
    """The text of README.md."""
    title = f"# {_md(_title(c))}"
    parts = (_header(c), title, _what(c), *_pictures(c), _use(c), _made(c), _numbers(c), _data(c), _not_for(c))
    return "\n\n".join(part for part in parts if part) + "\n"


def _title(c: Card) -> str:
    return f"{c.config['recipe']} on {c.record['data']['name']}"


# ------------------------------------------------------------------------------------------------------- the header


def _header(c: Card) -> str:
    """The YAML header that the hub reads. JSON's strings and lists are YAML's."""
    source = recorded(c.record).data
    task, dataset = _task(c), source.removeprefix("hf:") if source.startswith("hf:") else ON_THE_HUB.get(source, "")
    entries: dict[str, object] = {"license": c.licence} if c.licence else {}
    entries |= {"library_name": "energan", "pipeline_tag": task} if task else {"library_name": "energan"}
    entries["tags"] = ["energan", "safetensors", str(c.config["system"]), *_kinds(c)]
    if dataset:
        entries["datasets"] = [dataset]
    if metrics := _header_metrics(c.measured):
        name = c.record["data"]["name"]
        result: dict[str, object] = {"dataset": {"name": name, "type": dataset or _slug(name)}, "metrics": metrics}
        task_of = {"task": {"type": task, "name": task.replace("-", " ")}} if task else {"task": {"type": "other"}}
        entries["model-index"] = [{"name": _title(c), "results": [{**task_of, **result}]}]
    lines = [f"{key}: {json.dumps(value)}" for key, value in entries.items()]
    return "\n".join(["---", *lines, "---"])


def _task(c: Card) -> str:
    """The hub's name of what the model is for; "" where it has none that fits."""
    can, kind = _can(c), mapping(c.config.get("conditions")).get("kind")
    if kind == "text":
        return "text-to-image"
    if "translate" in can:
        return "image-to-image"
    if "logits" in can and "sample" not in can:
        return "image-classification"
    return "unconditional-image-generation" if "sample" in can or "codes" in can else ""


def _kinds(c: Card) -> list[str]:
    return [tag for read, tag in (("energy", "anomaly-detection"), ("sample", "image-generation")) if read in _can(c)]


def _can(c: Card) -> Sequence[object]:
    return sequence(c.config.get("readouts"))


def _header_metrics(measured: Mapping[str, Any]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, value in mapping(measured.get("metrics")).items():
        if (finite := number(value)) is not None:
            rows.append({"type": _slug(name), "name": f"{name} ({_of_what(measured, name)})", "value": finite})
    if (error := number(mapping(measured.get("classification")).get("error"))) is not None:
        images = mapping(measured.get("classification")).get("images")
        rows.append({"type": "error", "name": f"test error %, {images} images", "value": error})
    return rows[:MOST]


def _of_what(measured: Mapping[str, Any], name: str = "") -> str:
    """How many samples, against what; and the feature network, if the quantity has its name. "" where none is named."""
    network = str(measured.get("network") or "")
    words = [f"{network} features"] if network and network.lower() in name.lower() else []
    words += [f"{measured['samples']:,} samples"] if isinstance(measured.get("samples"), int) else []
    words += [f"against {measured['reference']}"] if measured.get("reference") else []
    return ", ".join(words)


def _slug(name: object) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-") or "other"


# --------------------------------------------------------------------------------------------------------- the text


def _what(c: Card) -> str:
    channels, height, width = c.record["data"]["shape"]
    images = f"{height} x {width} {CHANNELS.get(channels, '')} images"
    can = _can(c)
    verbs = [words for read, words in (
        ("sample", f"draws {images}"),
        ("codes", f"draws {images} by chains that a classifier guides"),
        ("energy", "scores how unlike its training images a picture is"),
        ("energy_map", "shows where"),
        ("logits", "tells classes apart"),
        ("encode", "reads what an image was drawn from"),
        ("translate", "makes other pictures of pictures"),
    ) if read in can]  # fmt: skip
    does = ", ".join(verbs[:-1]) + (" and " if len(verbs) > 1 else "") + "".join(verbs[-1:]) or f"reads {images}"
    lines = [f"A **{_md(c.config['system'])}** model of Energan: it {does}."]
    names = [_md(name) for name in c.config["classes"]]
    if names:
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        lines.append(f"Classes: {', '.join(names[:MOST])}{more}.")
    if mapping(c.config.get("conditions")).get("kind") == "text":
        lines.append(
            "It is asked in sentences. The network that reads them is not part of this model: Energan fetches it when "
            "the first sentence is read."
        )
    if c.calibrated:
        lines.append("It is calibrated: a single image gets a verdict, at a stated rate of false alarms.")
    return "\n".join(lines)


def _pictures(c: Card) -> list[str]:
    step = c.config["step"]
    return [f"![{name}]({name})\n\n{PICTURES[name].format(step=step)}" for name in c.pictures]


def _use(c: Card) -> str:
    place, can = c.place, _can(c)
    hub = place.startswith("hf:")
    lines = ["pip install 'energan[hub]'" if hub else "pip install energan"]
    kind = mapping(c.config.get("conditions")).get("kind")
    asked = {"classes": " --class all", "text": " --text 'what to draw'"}.get(str(kind), "")
    lines += [f"energan sample {place} --n 8{asked}"] if "sample" in can or "codes" in can else []
    lines += [f"energan score images/ --run {place}"] if "energy" in can else []
    lines += [f"energan predict images/ --run {place}"] if "logits" in can else []
    lines += [f"energan translate images/ --run {place} --out pictures"] if "translate" in can else []
    python = ["import energan", f"model = energan.load({json.dumps(place)})"]
    python += (
        ["images = model.sample(8, seed=0)  # bytes, (n, c, h, w)"] if "sample" in can
        else ["energies = model.score(images)"] if "energy" in can
        else ["probabilities = model.probabilities(images)"] if "logits" in can else []
    )  # fmt: skip
    return "\n".join(["## Use", "", "```bash", *lines[:4], "```", "", "```python", *python, "```"])


def _made(c: Card) -> str:
    r = c.record
    command = printable(r.get("command") or "")
    fence = "`" * (3 + max((len(run) for run in re.findall("`+", command)), default=0))
    hyper = ", ".join(f"{name} {value}" for name, value in mapping(c.config.get("hyperparameters")).items())
    sizes = ", ".join(f"{name} {size:,}" for name, size in c.config["parameters"].items() if isinstance(size, int))
    rows = [
        ("step", f"{c.config['step']:,} of {r['steps']:,}, {r['batch']} images a turn"),
        ("labels", f"{sum(labels)} of {r['data']['n']:,} images" if (labels := r["data"].get("labels")) else ""),
        ("seed", r["seed"]),
        ("hyperparameters", hyper),
        ("weights", sizes),
        ("averaged weights", ", ".join(f"{name} {decay}" for name, decay in r["ema"].items())),
        ("computed in", f"{r['precision']} on {r['device']}"),
        ("Energan", r.get("energan", "")),
        ("begun", r.get("created", "")),
        ("inverts", encoder_of(r)),
    ]
    table = [f"| {name} | {_md(value)} |" for name, value in rows if value not in ("", None)]
    shown = [fence + "bash", command, fence, ""] if command else []
    left = "The optimizers' state is not part of it: `energan restart` trains on from these weights, `resume` cannot."
    if c.config["resumable"]:
        left = "The weights come with all that training goes on from."
    return "\n".join(["## How it was trained", "", *shown, "| | |", "|---|---|", *table, "", left])


def _numbers(c: Card) -> str:
    metrics = [(name, number(value)) for name, value in mapping(c.measured.get("metrics")).items()]
    rows = [f"| {_md(name)} | {value:.5g} |" for name, value in metrics if value is not None][:MOST]
    classified = mapping(c.measured.get("classification"))
    if (error := number(classified.get("error"))) is not None:
        rows.append(f"| test error % | {error:.4g} of {_md(classified.get('images'))} images |")
    if not rows:
        return "## Numbers\n\nNothing was measured of these weights: `energan evaluate` does it, given the images."
    network, told = c.measured.get("network"), _of_what(c.measured)
    note = f"Of {_md(told)}. " if told and metrics else ""
    note += f"Those with {_md(network)} in their names are of features of that network. " if network and metrics else ""
    note += "A number is comparable only with one of the same network, the same number of samples and the same images."
    return "\n".join(["## Numbers", "", "| | |", "|---|---|", *rows, "", note])


def _data(c: Card) -> str:
    data, source = c.record["data"], recorded(c.record).data
    told = f"{data['n']:,} images: {_md(data.get('source') or data['name'])}."
    return "\n".join(
        [
            "## Data",
            "",
            told,
            f"SHA-256 of their content: `{re.sub('[^0-9a-f]', '', str(data['sha256']))}`.",
            "",
            f"Licence of the images: {_md(licence_of(source))}."
            + ("" if c.licence else " Licence of this model: not stated by whoever gave it away."),
        ]
    )


def _not_for(c: Card) -> str:
    can = _can(c)
    lines = ["- Images unlike those that it was trained on: what it makes or says of them was not measured."]
    if "sample" in can or "codes" in can:
        lines.append("- Passing samples off as real pictures. Some may be near copies of training images.")
    if "energy" in can:
        lines.append("- A sole judge where a missed or false alarm does harm: an energy is no probability.")
    if "logits" in can:
        lines.append("- Decisions about people. Its probabilities were checked on nothing but the set above.")
    return "\n".join(["## What it is not for", "", *lines])


def _md(value: object) -> str:
    """The text as Markdown shows it: no markup, no HTML, one line."""
    text = html.escape(printable(" ".join(str(value).split())), quote=False)
    return re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", text)
