"""The flag --trust of commands that open runs: modules of the user's own that a run may name, and that are imported."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

from tyro.conf import arg

from energan.utils.specification import trusting

Trust = Annotated[
    tuple[str, ...], arg(help="Your own modules that a run names, of a net or a recipe of your own: their code is run.")
]


def with_trust(command: Callable[..., int]) -> Callable[..., int]:
    """The command, with one flag more."""

    @functools.wraps(command)
    def trusted(*args: Any, trust: tuple[str, ...] = (), **kwargs: Any) -> int:
        with trusting(*trust):
            return command(*args, **kwargs)

    own = inspect.Parameter("trust", inspect.Parameter.KEYWORD_ONLY, default=(), annotation=Trust)
    signature = inspect.signature(command)
    parameters = [*signature.parameters.values(), own]
    trusted.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    trusted.__annotations__ = {**command.__annotations__, "trust": own.annotation}
    del trusted.__wrapped__  # whose signature readers would take
    return trusted
