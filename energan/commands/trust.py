"""The flag --trust of commands that open runs: modules of the user's own that a run may name, and that are imported."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from energan.utils.specification import trusting

HELP = "trust: Your own modules that the run names (a net or a recipe of your own): their code is run."


def with_trust(command: Callable[..., int]) -> Callable[..., int]:
    """The command, with one flag more."""

    @functools.wraps(command)
    def trusted(*args: Any, trust: tuple[str, ...] = (), **kwargs: Any) -> int:
        with trusting(*trust):
            return command(*args, **kwargs)

    own = inspect.Parameter("trust", inspect.Parameter.KEYWORD_ONLY, default=(), annotation=tuple[str, ...])
    signature = inspect.signature(command)
    parameters = [*signature.parameters.values(), own]
    trusted.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    trusted.__annotations__ = {**command.__annotations__, "trust": own.annotation}
    trusted.__doc__ = f"{(command.__doc__ or '').rstrip()}\n        {HELP}\n    "
    del trusted.__wrapped__  # whose signature readers would take
    return trusted
