"""The pages that lie outside docs/ become pages of the site, and links between all pages follow them.

On GitHub, README.md links to docs/data.md and docs/bench.md to ../benchmarks/README.md. The site has README.md as its
index and everything else where it lies; links to any other file outside docs/ fail the build.

The page of a system gets what its code says of it (systems.py), and the navigation all of these pages, by family.
"""

import logging
import re
import sys
from pathlib import Path
from posixpath import dirname, normpath, relpath

from drawing import scripts
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from energan.utils.errors import UserError

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "models" / "energan_models"

sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

import systems  # noqa: E402

OUTSIDE = {  # page in the repository -> page of the site
    "README.md": "index.md",
    "models/README.md": "models/zoo.md",  # a README would become the page of its section
    **{str(page.relative_to(ROOT)): str(page.relative_to(ROOT)) for page in (
        ROOT / "CHANGELOG.md", ROOT / "SECURITY.md",
        *sorted(ROOT.glob("benchmarks/*.md")), *sorted(ROOT.glob("reproductions/*.md")),
    )},
}  # fmt: skip

LINK = re.compile(r"""(\]\(|<img src=")([^)"#\s]+)((?:#[^)\s]*)?[)"])""")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The pages of systems join the section `Systems`, in the order of their families."""
    section = next(part["Systems"] for part in config.nav or [] if "Systems" in part)
    for family, pages in systems.pages(ROOT / "docs/systems").items():
        section.append({family: [{title: f"systems/{stem}.md"} for stem, title in pages.items()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages outside docs/, pictures of the zoo, and what the page draw.md loads."""
    for source, target in OUTSIDE.items():
        files.append(File.generated(config, target, content=(ROOT / source).read_text()))
    for picture in sorted(ZOO.glob("*/*.png")):
        files.append(File.generated(config, str(picture.relative_to(ROOT)), abs_src_path=str(picture)))
    for target, content in drawing().items():
        files.append(File.generated(config, target, content=content))
    return files


def drawing() -> dict[str, str]:
    """The scripts of draw.md by their paths; none, and a warning, where they cannot be made: the page says so."""
    try:
        return scripts(ZOO)
    except UserError as error:
        logging.getLogger("mkdocs.plugins.draw").warning(f"draw.md cannot draw: {error}")
        return {}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are on GitHub -> links between pages of the site."""
    target = page.file.src_uri
    if target.startswith("systems/"):
        markdown = systems.page(Path(target).stem, markdown, page.meta.get("recipes", []))
    source = next((source for source, name in OUTSIDE.items() if name == target), f"docs/{target}")

    def moved(link: re.Match[str]) -> str:
        before, path, after = link.groups()
        if "://" in path or path.startswith("mailto:"):
            return link[0]
        place = normpath(f"{dirname(source)}/{path}") if dirname(source) else normpath(path)
        return f"{before}{relpath(OUTSIDE.get(place, place.removeprefix('docs/')), dirname(target) or '.')}{after}"

    return LINK.sub(moved, markdown)
