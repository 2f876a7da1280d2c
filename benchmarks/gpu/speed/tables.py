"""What was measured, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

TITLES = {"steps": "A step of one model", "ensembles": "Many models", "peers": "Peers, on equal networks"}

APART = 0.05  # of the way that the weights went, from which a difference is pointed out


def report(results: Mapping[str, Any]) -> str:
    """The machine, its ceilings, a table of each kind of comparison, and what is missing."""
    rows = results["rows"]
    parts = [*_machine(results)]
    for name, title in TITLES.items():
        if found := [row for row in rows if row["table"] == name and "why" not in row]:
            parts += ["", f"### {title}", "", *_table(found)]
    if notes := [f"- {row['what']}, {row['setting']}: {note}" for row in rows if (note := _note(row))]:
        parts += ["", "### Notes", "", *dict.fromkeys(notes)]
    if missing := _missing(rows):
        parts += ["", "### Not measured", "", *missing]
    if results["stopped"]:
        parts += ["", f"Stopped before its end: {results['stopped']}."]
    return "\n".join(parts)


def _machine(results: Mapping[str, Any]) -> list[str]:
    here, limits = results["machine"], results.get("ceilings")
    names = [here.get("gpu") or here["cpu"], f"torch {here['torch']}", f"Python {here['python']}"]
    names += [f"{k} {here[k]}" for k in ("cuda", "cudnn", "triton") if here.get(k)]
    names += [f"{here['cores']} cores", f"{here['threads']} threads", f"commit {here['commit']}"]
    lines = [", ".join(names)]
    if here["device"] == "cpu":
        lines += [
            "",
            "**A processor, with toys in the place of the networks: nothing here says how fast anything is.**",
        ]
    for when, smi in (("before", here.get("nvidia_smi")), ("after the ceilings", (limits or {}).get("nvidia_smi"))):
        if smi:
            lines += ["", f"nvidia-smi {when}: " + ", ".join(f"{k} {v}" for k, v in smi.items())]
    if limits:
        rates = [f"{k} {rate / 1e12:.3g} Top/s" for k, rate in limits["operations_per_second"].items()]
        memory = [f"{m['rate'] / 1e9:.0f} GB/s ({m['moved'] / 2**20:g} MiB)" for m in limits["bytes_per_second"]]
        lines += ["", f"Ceilings, measured in this run: {', '.join(rates)}; memory {', '.join(memory)}."]
    return lines


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Without the columns that no row says anything in."""
    cells = {name: [say(row) for row in rows] for name, say in COLUMNS.items()}
    kept = {name: said for name, said in cells.items() if any(said)}
    lines = [list(kept), ["---"] * len(kept), *zip(*kept.values(), strict=True)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _models(row: Mapping[str, Any]) -> str:
    if "models" not in row:
        return ""
    stepped = row["stepped"]
    return str(row["models"]) if stepped == row["models"] else f"{row['models']} ({stepped} stepped)"


def _quartiles(values: Sequence[float], digits: int = 4) -> str:
    low, middle, high = (f"{value:.{digits}g}" for value in values)
    return f"{middle} ({low} to {high})"


COLUMNS = {  # heading -> what a row says there
    "what": lambda row: row["what"],
    "models": _models,
    "precision": lambda row: row.get("precision", ""),
    "batch": lambda row: str(row.get("batch", "")),
    "setting": lambda row: row["setting"],
    "ms a step": lambda row: _quartiles([1e3 * s for s in row["seconds"]]),
    "times as fast": lambda row: _quartiles(row["times_as_fast"], 3),
    "images/s": lambda row: f"{row['images_per_second']:,.0f}",
    "floor": lambda row: f"{row['share']:.0%}" if "share" in row else "",
    "ready, s": lambda row: f"{row['made']:.1f}",
    "peak MiB": lambda row: "" if row["peak"] is None else f"{row['peak'] / 2**20:,.0f}",
}


def _note(row: Mapping[str, Any]) -> str:
    if "why" in row:
        return ""
    notes = [row["note"]] if row.get("note") else []
    if (apart := row.get("apart") or 0.0) > APART:
        notes.append(f"after the warm-up its weights are {apart:.0%} of the way apart from the first setting's")
    return "; ".join(notes)


def _missing(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each comparison and reason."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if "why" in row:
            what = f"{row['what']}, {row['precision']}" if row.get("precision") else row["what"]
            grouped.setdefault((row["table"], what, row["why"]), []).append(row["setting"])
    return [f"- {table}: {what} ({'; '.join(settings)}): {why}" for (table, what, why), settings in grouped.items()]
