"""The equations of a docstring as HTML: subscripts, Greek letters, hats and columns, without scripts and fonts.

    L_f = E f(G(z)) - E f(x)        x^ = eps x        eq. 3

is a row of a table; what two spaces part are its cells, and cells that begin at one column stand below each other. So
the equations of a page are those of the game's file, and no formula is written twice.
"""

import re
from html import escape
from itertools import pairwise
from unicodedata import normalize

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "epsilon": "ε", "theta": "θ", "lambda": "λ",
    "mu": "μ", "sigma": "σ", "phi": "φ", "chi": "χ", "prod": "Π",
}  # fmt: skip

WITH_PLACE = {*GREEK, "min", "max", "sum", "grad"}  # words that may have a subscript, as letters may

SIGNS = (("<=>", "⇔"), ("<=", "≤"), (">=", "≥"), ("!=", "≠"), ("->", "→"), ("<-", "←"), ("||", "‖"))

TOKEN = re.compile(
    r"""
      (?P<code>`[^`]*` | [\w/]+\.py)            # what is no formula
    | (?P<name>[A-Za-z]{2,}_\w+ | '[a-z]\b)      # clear_from; D's
    | (?P<sub>_\{[^}]*\} | _[A-Za-z0-9]+)       # x_i, x_{i+1}
    | (?P<sup>\^\{[^}]*\} | \^\d+)              # x^2; x^ alone is x with a hat
    | (?P<above>(?<=[A-Za-z])[\^~](?![\w(]) | (?<=[A-Za-z])[\^~](?=_)) # x^, x~, x^_1
    | (?P<plus>(?<=\])\+)                       # [m - E]+
    | (?P<word>[A-Za-z]+)
    | (?P<other>.)
    """,
    re.VERBOSE,
)

ABOVE = {"^": "\N{COMBINING CIRCUMFLEX ACCENT}", "~": "\N{COMBINING TILDE}"}

PROSE = re.compile(r" [A-Za-z]{2,}")  # a word that stands after "a" makes of it an article


def formula(text: str) -> str:
    """A formula as HTML.

    >>> formula("||grad f(x^)||_2 - eps_1^2")
    '‖∇ <i>f</i>(<i>x̂</i>)‖<sub>2</sub> − ε<sub>1</sub><sup>2</sup>'
    """
    for ascii_, sign in SIGNS:
        text = text.replace(ascii_, sign)
    text = re.sub(r"(?<!\w)-|-(?!\w)", "−", text)
    text = re.sub(r"\b(eps|sigma|lambda)(\d)", r"\1_\2", text)
    parts: list[str] = []
    for token in TOKEN.finditer(text):
        kind, said = token.lastgroup, token[0]
        if kind in ("sub", "sup"):
            inner = said[1:].strip("{}")
            parts.append(f"<{kind}>{formula(inner) if len(inner) > 1 and '_' not in inner else escape(inner)}</{kind}>")
        elif kind == "above":
            last = parts.pop()
            parts.append(f"{last[:-4]}{ABOVE[said]}</i>" if last.endswith("</i>") else last + ABOVE[said])
        elif kind == "code":
            parts.append(f"<code>{escape(said.strip('`'))}</code>")
        elif kind == "name":
            base, _, place = said.partition("_")
            if base in WITH_PLACE:
                parts += [word(base, f"_{place}"), f"<sub>{formula(place) if len(place) > 1 else place}</sub>"]
            else:
                parts.append(said)
        elif kind == "plus":
            parts.append("<sub>+</sub>")
        elif kind == "word":
            parts.append(word(said, text[token.end() :]))
        else:
            parts.append(escape(said, quote=False))
    return normalize("NFC", "".join(parts))


def word(said: str, rest: str) -> str:
    """A word upright, the name of a letter as that letter, and a letter, which is a variable, slanted."""
    if said in GREEK:
        return GREEK[said]
    if said == "grad":
        return "∇"
    if said == "sum" and rest.startswith("_"):
        return "Σ"
    article = said in ("a", "A") and PROSE.match(rest)
    return f"<i>{said}</i>" if len(said) == 1 and not article else said


def table(lines: list[str]) -> str:
    """Rows of equations as a table."""
    rows = [[(cell.start(), cell[0]) for cell in re.finditer(r"\S+(?: \S+)*", line)] for line in lines]
    columns = sorted({start for row in rows for start, _ in row})
    html = []
    for row in rows:
        places = [columns.index(start) for start, _ in row]
        cells = ["<td></td>" * places[0]]
        for place, after, (_, text) in zip(places, [*places[1:], len(columns)], row, strict=True):
            span = f' colspan="{after - place}"' if after - place > 1 else ""
            cells.append(f"<td{span}>{formula(text)}</td>")
        html.append(f"<tr>{''.join(cells)}</tr>")
    # as wide as in the source, in a font half as wide: else a long formula would stretch the columns that it crosses
    widths = "".join(f'<col style="width: {0.4 * (b - a):.1f}em">' for a, b in pairwise(columns)) + "<col>"
    rows_ = "".join(html)
    return f'<div class="equations"><table class="equations"><colgroup>{widths}</colgroup>{rows_}</table></div>'


LETTER = re.compile(
    r"(?P<code>`[^`]*`)"
    r"|(?<![\w.])(?P<letter>(?:[A-Za-z][\^~]?|sum|min|max|lambda)_(?:\{[^}]*\}|[A-Za-z0-9]+))(?![\w(]*_)"
    r"|(?<![\w.])(?P<above>[A-Za-z][\^~])(?![\w^~])"
    r"|(?<=[\w)|\]])\^(?P<power>\w)(?!\w)"
)


def letters(text: str) -> str:
    """A sentence in which letters with subscripts, hats and powers are formulas.

    >>> letters("In L_D, `L_D` is code, and s^2 a square")
    'In <i>L</i><sub>D</sub>, `L_D` is code, and s<sup>2</sup> a square'
    """

    def html(found: re.Match[str]) -> str:
        return found["code"] or (f"<sup>{found['power']}</sup>" if found["power"] else formula(found[0]))

    return LETTER.sub(html, text)
