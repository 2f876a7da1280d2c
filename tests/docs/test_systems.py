"""The pages of systems: each system has one, each says what a page is to say, and each command exists."""

import json
import re
import shlex
from inspect import signature
from pathlib import Path

import pytest
import systems as made

from energan.commands.catalog import COMMANDS
from energan.recipes.catalog import RECIPES

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path.read_text() for path in sorted((ROOT / "docs/systems").glob("*.md"))}
RECIPES_ALONE = {"dcgan"}  # pages of recipes that have a name of their own, and no game
FLAGS = json.loads((ROOT / "tests/recipes/flags.json").read_text())
OF_TRAINING = {"out", "quiet", "trust", "config", "track", "microbatches", "sync-batch-stats", "stop-when-flat"}
OF_CHAINS = {"classifier", "module", "eps1", "eps2", "eps3", "chain-steps", "rate", "gradient", "normalise"}


def recipes_of(text: str) -> list[str]:
    found = re.match(r"---\nrecipes: \[(.*)\]\n---\n", text)
    assert found, "a page begins with its recipes"
    return [name for name in found[1].split(", ") if name]


def test_every_system_has_a_page_and_every_page_a_system() -> None:
    assert set(PAGES) == set(made.systems()) | RECIPES_ALONE


def test_every_recipe_is_on_one_page() -> None:
    named = [name for text in PAGES.values() for name in recipes_of(text)]
    assert sorted(named) == sorted(RECIPES)


@pytest.mark.parametrize("stem", PAGES)
def test_a_page_says_what_a_page_is_to_say(stem: str) -> None:
    text = PAGES[stem]
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert tuple(headings[: len(made.SECTIONS)]) == made.SECTIONS
    start = text.partition("\n## ")[0]
    pictured = re.search(r"^!\[.+\]\((\S+)\)\n\n\*.+\*$", start, re.M)  # a picture has a caption with its command
    assert pictured or re.search(r"^\*No picture.*\*$", start, re.M), "a picture, or that there is none"
    assert re.findall(r"^- ", text.partition("## Pitfalls")[2], re.M), "no pitfalls"
    assert len(text.split()) < 700, "the page of a system is short"


@pytest.mark.parametrize("stem", PAGES)
def test_commands_on_a_page_exist(stem: str) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGES[stem], re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert any(line.startswith("energan ") for line in lines)
    for line in lines:
        words = shlex.split(line, comments=True)
        flags = {word.removeprefix("--").removeprefix("no-") for word in words if word.startswith("--")}
        if words[:2] == ["python", "-m"]:
            assert ROOT.joinpath(*words[2].split(".")).with_suffix(".py").is_file(), line
        elif words[1] == "train":
            known = {flag.replace("_", "-") for flag in FLAGS[words[2]]} | OF_TRAINING
            assert flags - {"help"} <= known, line
        elif words[1] != "lab":
            known = {name.strip("_").replace("_", "-") for name in signature(COMMANDS[words[1]]).parameters}
            assert flags <= known | OF_CHAINS, line


def test_the_navigation_has_every_page() -> None:
    nav = made.pages(ROOT / "docs/systems")
    assert sorted(stem for family in nav.values() for stem in family) == sorted(PAGES)
    assert all(title and not title.startswith("#") for family in nav.values() for title in family.values())


def test_the_code_speaks_on_a_page() -> None:
    page = made.page("wgan_gp", PAGES["wgan_gp"].partition("---\n\n")[2], ["wgan-gp-mnist"])
    headings = re.findall(r"^## (.+)$", page, re.M)
    assert headings == ["Equations", *made.SECTIONS, "Recipes", "Quantities", "Names", "Source"]
    assert "`--penalty 10`{.flag}" in page and "--steps 2000" not in page and "arxiv.org/abs/1704.00028" in page


PICTURES = [path for path in sorted((ROOT / "docs").rglob("*.*")) if path.suffix in (".png", ".gif")]
LEAGUE = ROOT / "docs/results/league"  # which are on the league's page, all of them


@pytest.mark.parametrize("picture", [path for path in PICTURES if path.parent != LEAGUE])
def test_every_picture_is_in_the_gallery(picture: Path) -> None:
    assert f"]({picture.relative_to(ROOT / 'docs')})" in (ROOT / "docs/gallery.md").read_text()
