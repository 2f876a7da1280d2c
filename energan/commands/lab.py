"""The command `lab STUDY`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from energan.utils.console import STOPPED, say
from energan.utils.flags import with_flags


def lab_command(name: str) -> Callable[..., int]:
    """The command `lab NAME`: the study's arguments are its flags."""
    from energan.lab import STUDIES

    def lab(**arguments: Any) -> int:
        from energan.lab.study import Stopped

        folder = Path(arguments["out"] or Path("lab") / name)
        try:
            STUDIES[name](**arguments)
        except Stopped:
            say("stopped and saved; the same command continues exactly here")
            return STOPPED
        say((folder / "table.md").read_text())
        say(f"figures and numbers: {folder}")
        return 0

    return with_flags(STUDIES[name], lab, {})
