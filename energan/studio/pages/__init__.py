"""The pages, a file each: a function that is given the studio and registers its paths."""

from collections.abc import Callable
from pathlib import Path

from energan.studio.pages.judge import judge
from energan.studio.pages.label import label
from energan.studio.pages.play import play
from energan.studio.pages.run import run
from energan.studio.pages.runs import runs
from energan.studio.pages.toy import toy
from energan.studio.pages.train import train
from energan.studio.studio import Studio

PAGES: tuple[Callable[[Studio], None], ...] = (runs, run, train, play, judge, label, toy)


def static() -> Path:
    """The folder of styles and scripts."""
    return Path(__file__).parent.parent / "static"
