"""The command `lab STUDY`: the study's arguments are its flags."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from energan.utils.arguments import recorder
from energan.utils.console import STOPPED, say


def lab_command(name: str) -> Callable[..., int]:
    """The command `lab STUDY`."""
    from energan.lab import STUDIES

    study = STUDIES[name]

    def lab(arguments: Annotated[dict[str, Any], arg(name="", constructor=recorder(study))]) -> int:
        from energan.lab.study import Stopped

        folder = Path(arguments["out"] or Path("lab") / name)
        try:
            study(**arguments)
        except Stopped:
            say("stopped and saved; the same command continues exactly here")
            return STOPPED
        say((folder / "table.md").read_text())
        say(f"figures and numbers: {folder}")
        return 0

    lab.__doc__ = study.__doc__
    return lab
