"""What pages of comparisons share: rendered from templates/, self-contained, with a policy that forbids the network."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from energan.html import formatting
from energan.report.page import LICENCE, SCRIPTS, STYLES
from energan.utils.errors import printable
from energan.utils.files import write

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("energan.report", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"figure": formatting.figure, "plain": formatting.plain, "printable": printable}
    return environment


def write_page(path: Path, template: str, values: Mapping[str, object]) -> Path:
    """Writes a page of report/templates, and returns its path. UserError where it cannot be written."""
    from markupsafe import Markup

    here = files("energan")
    style, script = (
        "\n".join(here.joinpath(name).read_text(encoding="utf-8") for name in names) for names in (STYLES, SCRIPTS)
    )
    script = f"/*! {here.joinpath(LICENCE).read_text(encoding='utf-8')} */\n{script}"
    page = _environment().get_template(template)
    html = page.render(
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )
    return write(path, partial(_write_text, html))


def _write_text(html: str, path: Path) -> int:
    return path.write_text(html, encoding="utf-8", errors="replace")
