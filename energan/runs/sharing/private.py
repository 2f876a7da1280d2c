"""What of a run's record is its maker's own business: places on the machine, names of files, the signature.

Names of classes, settings, versions and the processor's model stay: they say what the model is, and how it was made.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, final

from energan.data import NAMED
from energan.runs.sources import encoder_of, recorded

PLACE = re.compile(r"(?<![\w.:/~\\-])(?:~|/|[A-Za-z]:\\)[^\s'\",;:()\[\]{}<>]*[/\\]([^\s'\",;:()\[\]{}<>/\\]*)")

ABSOLUTE = re.compile(r"~|/[^/\s]|[A-Za-z]:[\\/]")

OWN_FLAGS = ("--out", "--track", "--quiet")  # of a command line: where its maker wanted what


@final
class Cleaned:
    """A record without what is private.

    Attributes:
        record: The record.
        places: How many texts named a place on the maker's machine, of which the last name is left.
        files: How many names of files that could not be read were removed.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        named = [*recorded(record), encoder_of(record)]
        self._known = sorted((n for n in named if n and n not in NAMED and not n.startswith("hf:")), key=len)[::-1]
        self.places, skipped = 0, record["data"].get("skipped")
        self.files = len(skipped) if isinstance(skipped, list) else 0
        data = {k: [] if k == "skipped" else v for k, v in record["data"].items()}
        rest = {k: v for k, v in record.items() if k != "signature"} | {"data": data}
        self.record: dict[str, Any] = {
            **self.value({k: v for k, v in rest.items() if k != "command"}),
            "command": self._command(rest.get("command")),
            "signature": "",
        }

    def value(self, value: Any) -> Any:
        """A value of JSON without places."""
        match value:
            case str(text):
                return self._text(text)
            case list(items):
                return [self.value(item) for item in items]
            case dict(entries):
                return {key: self.value(item) for key, item in entries.items()}
        return value

    def _text(self, text: str) -> str:
        clean = text
        for known in self._known:
            clean = clean.replace(known, _last(known))
        if ABSOLUTE.match(clean) and "\n" not in clean and ": " not in clean and ", " not in clean:
            clean = _last(clean)
        clean = PLACE.sub(lambda found: found[1] or "...", clean)
        self.places += clean != text
        return clean

    def _command(self, command: object) -> str:
        """The command line, of which places are names, and without what says where its maker wanted the run."""
        try:
            words = shlex.split(command) if isinstance(command, str) else []
        except ValueError:
            return ""
        kept: list[str] = []
        skip = False
        for word in words:
            flag, equals, value = word.partition("=")
            if skip and not word.startswith("--"):
                skip = False
            elif flag in OWN_FLAGS:
                skip, self.places = not equals, self.places + 1
            else:
                skip = False
                kept.append(f"{flag}={self._word(value)}" if equals and flag.startswith("--") else self._word(word))
        return shlex.join(kept)

    def _word(self, word: str) -> str:
        if word in NAMED or word.startswith(("hf:", "zoo:")) or "/" not in word:
            return self._text(word)
        self.places += 1
        return _last(word)


def _last(path: str) -> str:
    """The last name of a path."""
    return PurePath(path.replace("\\", "/")).name or "..."
