"""The commands by name: a command is a function, its flags are its arguments, its docstring their help.

A command returns the exit code. `train`, `bench`, `sweep` and `lab`, which take a recipe or a study, are in cli.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from energan.commands.adapt import adapt
from energan.commands.adapt import flags_of as flags_of_adapt
from energan.commands.anomalies.detect import detect
from energan.commands.anomalies.detect import flags_of as flags_of_detect
from energan.commands.anomalies.score import score
from energan.commands.compare.compare import compare
from energan.commands.config import Config, config_in, configured, read_config
from energan.commands.evaluate import evaluate, report
from energan.commands.explore.excite import excite
from energan.commands.explore.inpaint import inpaint
from energan.commands.explore.invert import invert
from energan.commands.explore.restyle import restyle
from energan.commands.explore.sample import sample
from energan.commands.export import export
from energan.commands.few_labels.classify import classify
from energan.commands.few_labels.classify import flags_of as flags_of_classify
from energan.commands.info import doctor, info, recipes
from energan.commands.look.look import look
from energan.commands.margin import margin
from energan.commands.open_run import with_run_anywhere, with_trust
from energan.commands.pictures.translate import translate
from energan.commands.pictures.upscale import upscale
from energan.commands.predict import predict
from energan.commands.probe.arithmetic import arithmetic
from energan.commands.probe.forget import forget
from energan.commands.probe.linear import probe
from energan.commands.probe.neighbours import neighbours
from energan.commands.probe.project import project
from energan.commands.probe.traverse import traverse
from energan.commands.share.pack import pack, push
from energan.commands.share.pull import pull
from energan.commands.studio import studio
from energan.commands.train import resume
from energan.commands.walk.walk import walk

COMMANDS: dict[str, Callable[..., int]] = {
    "classify": classify,
    "adapt": adapt,
    "detect": detect,
    "resume": with_trust(resume),
    "sample": with_trust(sample),
    "invert": with_trust(invert),
    "inpaint": with_trust(inpaint),
    "walk": with_trust(walk),
    "arithmetic": with_trust(arithmetic),
    "traverse": with_trust(traverse),
    "excite": with_trust(excite),
    "restyle": with_trust(restyle),
    "translate": with_trust(translate),
    "upscale": with_trust(upscale),
    "project": with_trust(project),
    "neighbours": with_trust(neighbours),
    "forget": with_trust(forget),
    "probe": with_trust(probe),
    "evaluate": with_trust(evaluate),
    "score": with_trust(score),
    "predict": with_trust(predict),
    "report": report,
    "export": with_trust(export),
    "pack": pack,
    "push": push,
    "pull": pull,
    "look": look,
    "compare": compare,
    "margin": margin,
    "studio": studio,
    "list": recipes,
    "info": info,
    "doctor": doctor,
}
COMMANDS |= {name: with_run_anywhere(command) for name, command in COMMANDS.items()}

CONFIGURED: dict[str, Callable[[Config], Mapping[str, Any]]] = {  # --config: their flags, of a run that they made
    "classify": flags_of_classify,
    "adapt": flags_of_adapt,
    "detect": flags_of_detect,
}


def configured_command(name: str, command: Callable[..., int], line: Sequence[str]) -> Callable[..., int]:
    """The command, whose flags have the values of the run that --config names on the line, where it does."""
    if name not in CONFIGURED or not (source := config_in(line)):
        return command
    return configured(command, source, CONFIGURED[name](read_config(source, line)))
