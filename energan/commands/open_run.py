"""What commands that open a run share: where it is, its model, and the flag --trust."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

from energan.utils.errors import UserError
from energan.utils.specification import trusting

if TYPE_CHECKING:
    from energan.data import ImageSet
    from energan.inference.model import Model

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


def with_run_anywhere(command: Callable[..., int]) -> Callable[..., int]:
    """The command, whose `run` may be a model.zip or a name such as hf:owner/name; as it is where it has no `run`."""
    signature = inspect.signature(command)
    if "run" not in signature.parameters:
        return command

    @functools.wraps(command)
    def anywhere(*args: Any, **kwargs: Any) -> int:
        from energan.runs.references import run_folder

        given = signature.bind(*args, **kwargs)
        named = given.arguments["run"]
        folder = given.arguments["run"] = str(run_folder(named))
        try:
            return command(*given.args, **given.kwargs)
        except UserError as error:  # which names the copy in the cache, of which the user does not know
            raise UserError(error.message.replace(folder, named)) from error

    anywhere.__signature__ = signature  # type: ignore[attr-defined]
    anywhere.__doc__ = (command.__doc__ or "").replace(
        "The run's folder.", "The run's folder, model.zip or hf:owner/name."
    )
    del anywhere.__wrapped__
    return anywhere


def open_model(run: str | Path, command: str, checkpoint: str = "", device: str = "cpu") -> "Model":
    """The run's trained model.

    Args:
        run: The run's folder.
        command: The command's name; the run's system must have a capability that serves it.
        checkpoint: "best", a step, or a path; "" for the newest.
        device: Where it computes: cpu, cuda, cuda:1, or auto.

    Raises:
        UserError: The device is not there, the folder is no sound run, or its system cannot do what the command is for.
    """
    from energan import capabilities
    from energan.runs.rebuild import load

    model = load(run, checkpoint=checkpoint or None, device=device)
    capabilities.require(model.game, command)
    return model


def skipped_note(data: "ImageSet") -> str:
    """The end of a sentence that says how many files were left out, or ""."""
    n = len(data.skipped)
    return f"; {n} unreadable {'file was' if n == 1 else 'files were'} left out" if n else ""
