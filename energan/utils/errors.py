"""UserError: bad input, told in the caller's words, be it Python or the command line."""

import re

PARAMETER = re.compile(r"`([a-z]\w*)`")  # a name alone: `energan resume run` is a command and stays as it is


def printable(text: object, keep: str = "") -> str:
    """The text with what no terminal should get (control characters, such as colours; half characters) as escapes.

    Names of files, columns and classes are a stranger's. Everything that is printed goes through here.

    Args:
        text: What is to be shown.
        keep: Characters that stay as they are, such as line breaks.

    >>> print(printable(f"a{chr(27)}[2Jb"))
    a\\x1b[2Jb
    """
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in str(text))


class UserError(ValueError):
    """Bad input, in one clear sentence: what was wrong, where, and what to do.

    The message names a parameter between backticks, and any number of them. A Python caller reads its name, the user
    of the command line its flag; the command line prints no traceback and exits with code 2.

    Example:
        >>> error = UserError("`save_every` must be 1 or more, got 0")
        >>> str(error)
        'save_every must be 1 or more, got 0'
        >>> error.with_flags()
        '--save-every must be 1 or more, got 0'
        >>> error.argument
        'save_every'
    """

    @property
    def message(self) -> str:
        """The message as it was raised; a message that contains it names the same parameters."""
        return str(self.args[0])

    @property
    def argument(self) -> str:
        """The first parameter that the message names, or "" if it names none."""
        match = PARAMETER.search(self.message)
        return match[1] if match else ""

    def with_flags(self) -> str:
        """The message for the command line: each parameter is its flag."""
        return printable(PARAMETER.sub(lambda match: flag(match[1]), self.message))

    def __str__(self) -> str:
        return printable(PARAMETER.sub(r"\1", self.message))


def flag(parameter: str) -> str:
    """The command line's flag for a parameter."""
    return f"--{parameter.strip('_').replace('_', '-')}"
