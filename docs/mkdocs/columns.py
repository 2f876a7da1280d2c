"""Readies docstrings for the reference, where inner modules are terse.

Two columns of names and meanings become a list:

    steps, batch   training steps; images a turn        - `steps, batch`: training steps; images a turn
    width          feature maps at half                 - `width`: feature maps at half resolution
                   resolution

The fields of a NamedTuple, which have no docstrings of their own, are listed as its signature. Underscores and stars of
equations are no emphasis. An example without a heading gets one.
"""

import re

import griffe

ROW = re.compile(r"^(?P<name>[\w`](?: ?[^\s.:]| ?[.:](?=\S))*)(?P<gap> {2,})(?P<text>\S.*)$")

EMPHASIS = re.compile(r"(?<![\w*])\*\w[\w -]*\w\*(?![\w*])|`[^`]*`")


def as_list(lines: list[str]) -> list[str] | None:
    """Two columns of names and meanings as a list; None for anything else."""
    first = ROW.match(lines[0])
    if not first:
        return None
    column, rows = first.end("gap"), []
    for line in lines:
        row = ROW.match(line)
        if rows and not line[:column].strip():
            rows[-1] += " " + line.strip()
        elif row and (row.end("gap") == column or len(row["name"]) + 2 >= column):
            rows.append(f"- `{row['name'].strip('`')}`: {row['text']}")
        else:
            return None
    return rows


def literal(line: str) -> str:
    """A line of text whose underscores and stars stay what they are, but for *words* and `code`."""
    if line.startswith("    "):
        return line
    parts, end = [], 0
    for kept in EMPHASIS.finditer(line):
        parts += [re.sub(r"([*_[])", r"\\\1", line[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join(parts) + re.sub(r"([*_[])", r"\\\1", line[end:])


def readable(text: str) -> str:
    """A docstring as Markdown."""
    blocks = []
    for block in re.split(r"\n[ \t]*\n", text):
        lines = block.split("\n")
        if lines[0].startswith(">>> "):
            lines = ["Examples:", *(f"    {line}" for line in lines)]
        elif lines[0] == "Example:":
            lines[0] = "Examples:"  # the name of the section that mkdocstrings shows as code
        rows = as_list(lines)
        blocks.append("\n".join(map(literal, rows or lines)))
    return re.sub(r"^- ", r"\\- ", "\n\n".join(blocks))  # an equation that starts with a minus


class Columns(griffe.Extension):
    """Rewrites docstrings before mkdocstrings reads them."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: object) -> None:
        """A name is shown where it is defined, not also where `__init__` exports it."""
        modules = [pkg]
        while modules:
            module = modules.pop()
            module.exports = None
            modules += [x for x in module.modules.values() if not x.is_alias]

    def on_object(self, *, obj: griffe.Object, **kwargs: object) -> None:
        if obj.docstring:
            obj.docstring.value = readable(obj.docstring.value)
        if isinstance(obj, griffe.Class) and "NamedTuple" in map(str, obj.bases):
            kind = griffe.ParameterKind.positional_or_keyword
            fields = [
                griffe.Parameter(field.name, annotation=field.annotation, kind=kind, default=field.value)
                for field in obj.attributes.values()
                if field.annotation is not None
            ]
            obj.set_member("__init__", griffe.Function("__init__", parameters=griffe.Parameters(*fields)))
