"""The commands by name: a command is a function, its flags are its arguments, its docstring their help.

A command returns the exit code. `train`, `bench` and `lab`, which take a recipe or a study, are in cli.py.
"""

from collections.abc import Callable

from energan.commands.classify import classify
from energan.commands.evaluate import evaluate, report
from energan.commands.explore.excite import excite
from energan.commands.explore.inpaint import inpaint
from energan.commands.explore.invert import invert
from energan.commands.explore.sample import sample
from energan.commands.explore.walk import walk
from energan.commands.export import export
from energan.commands.info import doctor, recipes
from energan.commands.margin import margin
from energan.commands.score import predict, score
from energan.commands.train import resume

COMMANDS: dict[str, Callable[..., int]] = {
    "classify": classify,
    "resume": resume,
    "sample": sample,
    "invert": invert,
    "inpaint": inpaint,
    "walk": walk,
    "excite": excite,
    "evaluate": evaluate,
    "score": score,
    "predict": predict,
    "report": report,
    "export": export,
    "margin": margin,
    "list": recipes,
    "doctor": doctor,
}
