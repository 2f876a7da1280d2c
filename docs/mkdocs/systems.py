"""What the page of a system has that nobody writes twice: its equations, names, quantities, recipes and source.

`docs/systems/STEM.md` has a few sentences of judgement. Before its first heading come the equations, and after its last
section what else the game's file says: docstring and MEANINGS. Of the recipes that the page names in its front matter
come the first sentence, and the flags that only some recipes have.
"""

import re
import sys
from dataclasses import fields
from functools import cache
from html import escape
from inspect import Parameter, getdoc
from pathlib import Path
from typing import Any, NamedTuple

from columns import literal
from equations import letters, table

from energan.games.catalog import GAMES
from energan.recipes.catalog import RECIPES
from energan.recipes.common import GeneratorTraining
from energan.utils.arguments import parameters

SECTIONS = ("Command", "What it gives", "Pitfalls")  # what a page is to say by hand, in this order

COMMON = {"data", *(field.name for field in fields(GeneratorTraining))}

FAMILIES = {
    "gan": "GANs", "energy": "Energies", "critic_free": "Without a critic", "latent": "Codes of images",
    "conditional": "Asked for", "semi_supervised": "Few labels", "translation": "Pictures from pictures",
    "adaptation": "Another domain", "plug_and_play": "Plug and play",
}  # fmt: skip


class System(NamedTuple):
    """The file of one or several systems: its stem, family and docstring, and the systems' names in GAMES."""

    stem: str
    family: str
    text: str
    meanings: dict[str, str]
    games: list[str]


@cache
def systems() -> dict[str, System]:
    """All systems by the stem of their file, in the order of the families."""
    found: dict[str, System] = {}
    for name, game in GAMES.items():
        family, stem = game.__module__.split(".")[-2:]
        module = sys.modules[game.__module__]
        system = System(stem, family, module.__doc__ or "", getattr(module, "MEANINGS", {}), [])
        found.setdefault(stem, system).games.append(name)
    families = list(FAMILIES)
    return dict(sorted(found.items(), key=lambda item: (families.index(item[1].family), item[0])))


class Text(NamedTuple):
    """A docstring in parts: where it is from; the equations, in HTML, and what is said of them; names; notes."""

    source: str
    equations: str
    names: list[str]
    notes: list[str]


NAMED = ("Also known as", "Not to be confused", "PT is also known")


def parts(text: str) -> Text:
    """A game's docstring in parts.

    An indented block is equations. A line that begins with "Also known as", "Not to be confused" or "NOTE" begins a
    part of its own.
    """
    head, *paragraphs = re.split(r"\n\s*\n", text.strip("\n"))
    body: list[str] = []
    names: list[str] = []
    notes: list[str] = []
    lines = head.splitlines()
    block = next((i for i, line in enumerate(lines) if line.startswith("    ")), len(lines))
    if block < len(lines):  # equations right below the source
        head, paragraphs = "\n".join(lines[:block]), ["\n".join(lines[block:]), *paragraphs]
    for paragraph in paragraphs:
        for run in runs(paragraph.splitlines()):
            first = run[0]
            if first.startswith("    "):
                body.append(table(run))
            elif first.startswith(NAMED):
                names.append(said(run))
            elif first.startswith("NOTE"):
                notes.append(re.sub(r"^NOTE[:,]? ", "", said(run)))
            elif first.startswith("  "):
                body.append("\n".join(f"- {said(item)}" for item in items(run)))
            else:
                body.append(said(run))
    return Text(said(head.splitlines()), "\n\n".join(body), names, notes)


def runs(lines: list[str]) -> list[list[str]]:
    """Lines that belong together: equations, a list, or sentences from one beginning to the next."""
    found: list[list[str]] = []
    for line in lines:
        indent = min(len(line) - len(line.lstrip()), 4) // 2 * 2
        begins = line.startswith((*NAMED, "NOTE"))
        before = found[-1][0] if found else None
        same = before is not None and (indent >= 4) == before.startswith("    ")
        listed = before is not None and before.lstrip().startswith("- ") and not begins and indent >= 2
        if before is None or begins or not ((same and (indent == 0) == (before[0] != " ")) or listed):
            found.append([line])
        else:
            found[-1].append(line)
    return found


def items(lines: list[str]) -> list[list[str]]:
    found: list[list[str]] = []
    for line in lines:
        if line.strip().startswith("- "):
            found.append([line.strip()[2:]])
        else:
            found[-1].append(line)
    return found


def said(lines: list[str]) -> str:
    """Lines of a docstring as a paragraph of Markdown, with its links."""
    text = literal(letters(" ".join(line.strip() for line in lines)))
    text = re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    text = re.sub(r"docs/(results/[\w-]+\.md)", r"[the results](../\1)", text)
    return re.sub(r"(?<![\w/\\])(?:[\w\\]+/)?([\w\\]+)\.py", page_of, text)


def page_of(found: re.Match[str]) -> str:
    """A file of a game as a link to its page; any other file as it is."""
    stem = found[1].replace("\\", "")
    return f"[{stem}]({stem}.md)" if stem in systems() else f"`{found[0]}`".replace("\\", "")


def pages(folder: Path) -> dict[str, dict[str, str]]:
    """The titles of the pages in a folder by stem, by family; those of no game, such as DCGAN, are GANs."""
    order, known = [*systems()], systems()
    found: dict[str, dict[str, str]] = {name: {} for name in FAMILIES.values()}
    names = (file.stem for file in folder.glob("*.md"))
    for stem in sorted(names, key=lambda stem: (order.index(stem) if stem in known else -1, stem)):
        family = known[stem].family if stem in known else "gan"
        title = re.search(r"^# (.+)$", (folder / f"{stem}.md").read_text(), re.M)
        found[FAMILIES[family]][stem] = title[1] if title else stem
    return {family: titles for family, titles in found.items() if titles}


def page(stem: str, markdown: str, recipes: list[str]) -> str:
    """The page of docs/systems/STEM.md, with what the code says of the system."""
    system = systems().get(stem)
    start, heading, rest = markdown.partition("\n## ")
    if not system:  # a recipe that has a name of its own, such as DCGAN
        return f"{markdown.rstrip()}\n\n{settings(recipes)}\n"
    text = parts(system.text)
    where = f"energan/games/{system.family}/{stem}.py"
    after = [settings(recipes), quantities(system.meanings)]
    if text.names:
        after.append("## Names\n\n" + "\n\n".join(text.names))
    if text.notes:
        after.append("## Departures and readings\n\n" + "\n".join(f"- {note}" for note in text.notes))
    games = ", ".join(f"`{name}`" for name in system.games)
    after.append(f"## Source\n\n{text.source}\n\nIn the package: `{where}`, in `GAMES` as {games}.")
    equations = f"## Equations\n\n{text.equations}\n"
    return f"{start}\n\n{equations}{heading}{rest.rstrip()}\n\n" + "\n\n".join(part for part in after if part) + "\n"


def settings(recipes: list[str]) -> str:
    """The recipes, what they train, and their own flags with their defaults."""
    if not recipes:
        return ""
    rows = ["| recipe | what it trains | its own flags |", "|---|---|---|"]
    for name in recipes:
        what = re.split(r"\n\s*\n", getdoc(RECIPES[name]) or "")[0].replace("\n", " ")
        own = {flag: default for flag, default in parameters(RECIPES[name]).items() if flag not in COMMON}
        rows.append(f"| `{name}`{{.flag}} | {literal(what)} | {' '.join(flag_of(*item) for item in own.items())} |")
    return (
        "## Recipes\n\n" + "\n".join(rows) + "\n\nAnd those of [every training](../cli.md#train), such as `--steps` "
        "and `--batch`. What a flag means: `energan train RECIPE --help`."
    )


def flag_of(name: str, default: Any) -> str:
    """A flag as it is typed, with its default."""
    flag = f"--{name.replace('_', '-')}"
    if default is Parameter.empty or isinstance(default, bool) or default in (None, "", ()):
        return f"`{flag}`{{.flag}}"
    values = default if isinstance(default, tuple) else (default,)
    return f"`{flag} {' '.join(f'{v:g}' if isinstance(v, float) else str(v) for v in values)}`{{.flag}}"


def quantities(meanings: dict[str, str]) -> str:
    """What the run's log and report have, and the hyperparameters."""
    if not meanings:
        return ""
    cells = (f"<tr><td>{escape(name)}</td><td>{escape(meaning)}</td></tr>" for name, meaning in meanings.items())
    return (
        "## Quantities\n\nHyperparameters, and what a run logs:\n\n<table><tbody>" + "".join(cells) + "</tbody></table>"
    )
