"""The command line: energan train | bench | sweep | lab | classify | resume | sample | evaluate | report | list ...

Exit codes: 0, 1 for a defect of ours, 2 for input that cannot be used (one sentence on stderr), 130 after Ctrl-C.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from datetime import timedelta
from difflib import get_close_matches
from functools import partial, wraps
from io import StringIO
from pathlib import Path
from typing import Any

from energan.commands.bench import bench_command
from energan.commands.catalog import COMMANDS, configured_command
from energan.commands.config import Config, config_in, read_config, word_after
from energan.commands.lab import lab_command
from energan.commands.look.advised import advised_config
from energan.commands.open_run import with_trust
from energan.commands.restart import restart_command
from energan.commands.sweep.sweep import sweep_command, sweep_report
from energan.commands.train import train_command
from energan.engine.distributed import rank_from_env
from energan.recipes.catalog import RECIPES
from energan.utils.console import (
    COMMAND_LINE,
    STOPPED,
    LastingStream,
    complain,
    first_line,
    lasting_streams,
    progress_shown,
    say,
)
from energan.utils.errors import UserError, printable
from energan.utils.extras import missing
from energan.utils.signals import interruptible
from energan.utils.version import __version__

RESTART = "restart"  # a command whose flags are those of the recipe of the run that it names

FAMILIES = {
    "train": "recipe",
    "bench": "recipe",
    "sweep": "recipe",
    "lab": "study",
}  # commands that take a name, and what it names

CONFIGURED = ("train", "sweep")  # those of them that --config gives the settings of a run


def _members(family: str) -> Mapping[str, Callable[..., Any]]:
    if family != "lab":
        return RECIPES
    from energan.lab import STUDIES  # which need torch

    return STUDIES


def _without_recipe(family: str, line: Sequence[str]) -> Config | None:
    """The recipe and the settings that are taken where the line begins with a flag: those of the run that --config
    names, or, of `train`, what suits the images that --data names. None: neither is there."""
    if source := config_in(line):
        return read_config(source, line)
    if family != "train":
        return None
    return advised_config(data, line) if (data := word_after("--data", line)) else None


def _member_command(family: str, member: str, line: Sequence[str], config: Config | None = None) -> Callable[..., int]:
    """The command of one recipe or study. UserError for a name that there is not.

    line: the words that follow, of which --config is read before the others. config: what it would read.
    """
    if (family, member) == ("sweep", "report"):
        return sweep_report
    if family == "lab" or ":" not in member:  # my.module:recipe is anyone's
        _pick(member, list(_members(family)), FAMILIES[family])
    if family in CONFIGURED and not config and (source := config_in(line)):
        config = read_config(source, line, recipe=member)
    return {
        "train": lambda recipe: with_trust(train_command(recipe, config)),
        "bench": bench_command,
        "sweep": lambda recipe: sweep_command(recipe, config),
        "lab": lab_command,
    }[family](member)


def _help() -> str:
    lines = ["usage: energan COMMAND [flags]      (energan COMMAND --help tells its flags)", ""]
    lines += [
        "  train RECIPE  Train a recipe, or your own (my.module:recipe); energan train --help lists them. Without one,",
        "                energan train --data DIR trains what suits the images of a folder, as energan look advises.",
    ]
    lines += ["  restart RUN   Begin a new run with the weights of another one, at other rates (--from best --lr X)."]
    lines += ["  bench RECIPE  Measure a recipe's step on this machine, beside the least time it could take."]
    lines += [
        "  sweep RECIPE  Train a recipe with many settings and seeds; energan sweep report DIR writes a page of it."
    ]
    lines += ["  lab STUDY     Run a study of theory or toys; energan lab --help lists the studies."]
    lines += [f"  {name:14}{first_line(command)}" for name, command in COMMANDS.items()]
    return "\n".join([*lines, "", f"energan {__version__}; a first run: energan train ebgan-pt-mnist"])


def _family_help(command: str, what: str, members: Mapping[str, Callable[..., Any]]) -> str:
    usage = f"energan {command} {what.upper()}"
    lines = [f"usage: {usage} [flags]      ({usage} --help tells its flags)", ""]
    return "\n".join([*lines, *(f"  {name:28}{first_line(make)}" for name, make in members.items())])


def _pick(name: str, names: Sequence[str], what: str) -> str:
    if name not in names:
        close = get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
        raise UserError(f"there is no {what} {name!r}: {hint}")
    return name


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(_help())
        return 0
    if arguments[0] == "--version":
        say(__version__)
        return 0
    name, rest = _pick(arguments[0], [*FAMILIES, *COMMANDS, RESTART], "command"), arguments[1:]
    config = _without_recipe(name, rest) if name in CONFIGURED and rest and rest[0].startswith("-") else None
    if config:
        rest = [config.recipe, *rest]
    elif name == "train" and rest and rest[0].startswith("-") and rest[0] not in ("-h", "--help"):
        raise UserError("`energan train` needs a recipe first, or your images alone: energan train --data DIR")
    elif name == "sweep" and rest and rest[0].startswith("-") and rest[0] not in ("-h", "--help"):
        raise UserError("`energan sweep` needs a recipe first, or a run to begin with: energan sweep --config RUN")
    if name == RESTART:
        if not rest or rest[0].startswith("-"):
            raise UserError("`energan restart` needs a run's folder first: energan restart RUN --from best --lr 0.0001")
        command, name, rest = with_trust(restart_command(rest[0], rest)), f"{name} {rest[0]}", rest[1:]
    elif name in FAMILIES:
        if not rest or rest[0] in ("-h", "--help"):
            say(_family_help(name, FAMILIES[name], _members(name)))
            return 0
        member, rest = rest[0], rest[1:]
        command, name = _member_command(name, member, rest, config), f"{name} {member}"
    else:
        command = configured_command(name, COMMANDS[name], rest)
    from energan.utils.hardware import keep_memory

    keep_memory()
    return _parsed(command, name, rest)()


def _parsed(command: Callable[..., int], name: str, arguments: list[str]) -> Callable[[], int]:
    """The command with its arguments. tyro leaves with 2 for wrong ones, which it repeats: unprintable, as escapes."""
    import tyro

    @wraps(command)
    def bound(*args: Any, **kwargs: Any) -> Callable[[], int]:
        return partial(command, *args, **kwargs)

    heard = StringIO()
    strange = not all(argument.isprintable() for argument in arguments)
    try:
        with redirect_stderr(heard) if strange else nullcontext():  # tyro's colours are for a terminal
            # options that are grouped in a dataclass are flags like all others: --steps, not --training.steps
            return tyro.cli(bound, prog=f"energan {name}", args=arguments, config=(tyro.conf.OmitArgPrefixes,))
    finally:
        sys.stderr.write(printable(heard.getvalue(), keep="\n"))


def main(arguments: list[str] | None = None) -> int:
    """The program. Returns the exit code; tyro leaves with 2 for wrong flags itself."""
    arguments = sys.argv[1:] if arguments is None else arguments
    typed = COMMAND_LINE.set(["energan", *arguments])
    try:
        with lasting_streams() as streams, progress_shown(True):
            try:
                code = _told(arguments)
            except SystemExit as leaving:  # tyro's, after a command's help or for wrong flags
                if leaving.code or not _lost(streams):
                    raise
                code = 0
            if (lost := _lost(streams)) and not code:
                complain(f"energan: what was to be printed is lost: {(lost.strerror or str(lost)).lower()}")
                code = 2
            return code
    finally:
        COMMAND_LINE.reset(typed)


def _lost(streams: Sequence[LastingStream]) -> OSError | None:
    """Why something that was printed went nowhere, though somebody may want it; None where nothing did."""
    for stream in streams:
        stream.flush()
    return next((stream.lost for stream in streams if stream.lost), None)


def _told(arguments: list[str]) -> int:
    """The exit code of a command, whose errors are one sentence on stderr."""
    try:
        with interruptible():
            return _dispatch(arguments)
    except UserError as error:
        complain(f"energan: {error.with_flags()}")
        return 2
    except OSError as error:  # of a file system: a name that is too long, a folder that may not be looked into
        why = (error.strerror or str(error)).lower()
        complain(
            f"energan: {error.filename}: {why}; name another file or folder" if error.filename else f"energan: {why}"
        )
        return 2
    except ModuleNotFoundError as error:
        if (sentence := missing(error)) is None:
            raise
        complain(f"energan: {sentence}")
        return 2
    except KeyboardInterrupt:
        complain("energan: interrupted")
        return STOPPED


TOLD = timedelta(seconds=10)  # how long a rank that fails waits for the first to say why


def one_voice(program: Callable[[], int]) -> int:
    """The program's exit code. Of several ranks, the first is heard; another only if it fails and the first is silent.

    A rank that fails waits for the first to have spoken: torchrun ends all others as soon as one has ended.
    """
    rank, count, _ = rank_from_env()
    if count == 1:
        return program()
    heard = StringIO()
    with Path(os.devnull).open("w") as nowhere:
        code = 1
        try:
            if rank == 0:
                code = program()
            else:
                with redirect_stdout(nowhere), redirect_stderr(heard):
                    code = program()
        except SystemExit as leaving:  # wrong flags
            code = int(leaving.code or 0)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, to ranks that end a moment after the first
            if code and not _heard(rank) and rank:
                sys.stderr.write(f"rank {rank}: {heard.getvalue()}")
    return code


def _heard(rank: int) -> bool:
    """Rank 0 lets the others know that it has spoken; another waits to hear that it has."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    key = f"energan/told/{os.environ.get('TORCHELASTIC_RESTART_COUNT')}"
    sys.stderr.flush()
    try:
        store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=TOLD)
        if rank == 0:
            store.set(key, "yes")
        else:
            store.wait([key], TOLD)
    except RuntimeError:  # the store is gone, or nothing was said
        return False
    return True
