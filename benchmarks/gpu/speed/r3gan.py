"""R3GAN's training step as its authors wrote it, at their preset for 64 x 64, and our game `r3gan` on their networks.

Read from a checkout of brownvc/R3GAN; none of its code is here. The authors' step is the body of the `while` in
training/training_loop.py as it stands, from fetching data to averaging G's weights, without augmentation (the pipe is
None), on one GPU, with data that are there already. Adam begins with betas (0.0, 0.0), where they wrote (0, 0), which
torch refuses today; their step sets both. Ours plays the very same modules, loaded anew.

Their CUDA operators (an activation, a resampler) are compiled by nvcc, which takes a minute or two, by

    python -m benchmarks.gpu.speed.r3gan CHECKOUT

They cannot be differentiated by torch.func, as our penalties are. So our side has the operators that the authors give
for other devices; so has a row of theirs, which is the equal one.
"""

import ast
import copy
import importlib
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.peer_parts import read_file
from energan.engine.game import Batch, Game, Players
from energan.engine.optimizers import Adam
from energan.games.gan.r3gan import r3gan
from energan.utils.errors import UserError

Z, SIDE, GAMMA, LR, BETA2 = 64, 64, 2.0, 2e-4, 0.9

WIDTHS, BLOCKS, GROUPS = (768, 768, 768, 768, 384), 2, (96, 96, 96, 96, 48)  # its preset FFHQ-64, from 4 x 4 on

HALF = (-1, -2, -3, -4)  # stages in bfloat16

TOY = (8, 8, 8, 8, 4), 1, (2, 2, 2, 2, 1)

OPERATORS = ("bias_act", "upfirdn2d")  # what it has in CUDA

ROOTS = ("R3GAN", "training", "torch_utils", "dnnlib")  # its packages


class Authors(NamedTuple):
    """Their networks, their optimizers and their step. names: what the step's statements see."""

    G: nn.Module
    D: nn.Module
    step: Callable[[], None]
    names: dict[str, Any]


def loop_body(text: str, filename: str) -> tuple[CodeType, CodeType]:
    """Their schedule's function, and the statements of their loop up to the maintenance. UserError: another version."""
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    known = "cosine_decay_with_warmup" in functions and "training_loop" in functions
    loops = [n for n in ast.walk(functions["training_loop"]) if isinstance(n, ast.While)] if known else []
    if len(loops) != 1:
        raise UserError(f"{filename} has not the functions and the loop that this benchmark plays: another version")
    body = list(itertools.takewhile(lambda s: not _assigns(s, "done"), loops[0].body))
    parts = [functions["cosine_decay_with_warmup"]], body
    first, second = (compile(ast.Module(list(part), []), filename, "exec", dont_inherit=True) for part in parts)
    return first, second


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name


@contextmanager
def imported(folder: Path, plugins: bool) -> Iterator[None]:
    """Inside the block, the checkout's packages can be imported; without `plugins` they compile no operators."""
    missing = _missing()
    sys.modules.update(missing)
    with patch.object(sys, "path", [str(folder), *sys.path]):
        importlib.invalidate_caches()
        try:
            if not plugins:
                for name in OPERATORS:
                    operator: Any = importlib.import_module(f"torch_utils.ops.{name}")
                    operator._init = lambda: False  # what they ask before they use their operator
            yield
        finally:
            for known in [known for known in sys.modules if known in missing or known.split(".")[0] in ROOTS]:
                del sys.modules[known]


def _missing() -> dict[str, ModuleType]:
    """Stands for what its files import of old setuptools and Pythons, where that is gone."""
    from packaging.version import parse

    made: dict[str, ModuleType] = {}
    for name, function, value in (("pkg_resources", "parse_version", parse), ("distutils.util", "strtobool", bool)):
        try:
            with warnings.catch_warnings(action="ignore"):
                importlib.import_module(name)
        except ImportError:
            made[name] = ModuleType(name)
            setattr(made[name], function, value)
            if "." in name:
                made.setdefault("distutils", ModuleType("distutils"))
    return made


def load(folder: Path, batch: int, device: str, *, plugins: bool, small: bool = False, half: bool = True) -> Authors:
    """Their networks and their step on the device; `small`: narrow ones; without `half` all stages are in float32."""
    path = folder / "training" / "training_loop.py"
    schedule, body = loop_body(read_file(path, False), str(path))
    with imported(folder, plugins):
        networks: Any = importlib.import_module("training.networks")
        losses: Any = importlib.import_module("training.loss")
        misc: Any = importlib.import_module("torch_utils.misc")
        EasyDict: Any = importlib.import_module("dnnlib").EasyDict
    widths, blocks, groups = TOY if small else (WIDTHS, BLOCKS, GROUPS)
    stages = [blocks] * len(widths)
    same = {"ExpansionFactor": 2, "c_dim": 0, "img_resolution": SIDE}
    G = networks.Generator(NoiseDimension=Z, WidthPerStage=[*widths], CardinalityPerStage=[*groups],
                           BlocksPerStage=stages, FP16Stages=[*HALF] if half else [], **same)  # fmt: skip
    D = networks.Discriminator(WidthPerStage=[*reversed(widths)], CardinalityPerStage=[*reversed(groups)],
                               BlocksPerStage=stages, FP16Stages=[x + len(HALF) for x in HALF] if half else [],
                               **same)  # fmt: skip
    G, D = (net.train().requires_grad_(False).to(device) for net in (G, D))
    phases = [
        EasyDict(name=name, module=net, batch_gpu=batch, start_event=None, end_event=None,
                 opt=torch.optim.Adam(net.parameters(), betas=(0.0, 0.0), eps=1e-8))
        for name, net in (("D", D), ("G", G))
    ]  # fmt: skip
    constant = lambda value: {"base_value": value, "final_value": value, "total_nimg": 2e7}  # noqa: E731
    g = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (8, batch, 3, SIDE, SIDE), dtype=torch.uint8, generator=g).to(device)
    names: dict[str, Any] = {
        "torch": torch, "np": np, "misc": misc, "G": G, "D": D, "G_ema": copy.deepcopy(G).eval(), "phases": phases,
        "loss": losses.R3GANLoss(G=G, D=D, augment_pipe=None), "augment_pipe": None, "device": torch.device(device),
        "training_set_iterator": itertools.cycle([(x, torch.zeros(batch, 0, device=device)) for x in images]),
        "batch_size": batch, "d_batch_gpu": batch, "g_batch_gpu": batch, "num_gpus": 1, "cur_nimg": 0, "batch_idx": 0,
        "lr_scheduler": constant(LR), "beta2_scheduler": constant(BETA2), "gamma_scheduler": constant(GAMMA),
        "ema_scheduler": constant(5e5), "aug_scheduler": constant(0.0),
    }  # fmt: skip
    exec(schedule, names)

    def step() -> None:
        exec(body, names)

    return Authors(G, D, step, names)


class Unconditional(nn.Module):
    """Their network without a condition: x -> net(x, None)."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x, None)


def game(authors: Authors) -> Game:
    """Our r3gan, played by their modules."""
    G, D = (Unconditional(net.requires_grad_(True)) for net in (authors.G, authors.D))
    adam = Adam(LR, beta1=0.0, beta2=BETA2)
    return r3gan(G, D, Z, gamma=GAMMA, optimizer_G=adam, optimizer_D=adam)


def agreement(folder: Path) -> tuple[int, int]:
    """Plays a small step of theirs and holds its gradients against ours; gives what was compared, of D and of G.

    At the moment of each of their updates: the gradient of our objective with their weights, noise and images.
    AssertionError where it is another one.
    """
    authors = load(folder, 4, "cpu", plugins=False, small=True, half=False)
    theirs = {"G": authors.G, "D": authors.D}
    for net in theirs.values():  # as they begin, a layer of each block is 0, and hides what is below it
        for w in net.parameters():
            w.add_(0.1 * torch.randn(w.shape, generator=torch.Generator().manual_seed(w.numel())))
    ours = {name: Unconditional(copy.deepcopy(net).requires_grad_(True)) for name, net in theirs.items()}
    turns = r3gan(ours["G"], ours["D"], Z).turns
    fetched = [next(authors.names["training_set_iterator"]) for _ in "DG"]
    images = {name: x for name, (x, _) in zip("DG", fetched, strict=True)}
    authors.names["training_set_iterator"] = itertools.cycle(fetched)
    drawn: dict[str, Tensor] = {}
    compared: dict[str, int] = {}

    def keep(net: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        drawn["z"] = arguments[0].detach().clone()

    def compare(name: str, *_: Any) -> None:
        for key, net in theirs.items():
            ours[key].net.load_state_dict(net.state_dict())
        x = images[name].float() / 127.5 - 1
        batch = Batch({"x": x, "z": drawn["z"], "gamma": torch.tensor(GAMMA)})
        with torch.enable_grad():
            loss, _logs = turns[name][0].objective(Players(ours), batch)
            grads = torch.autograd.grad(loss, list(ours[name].parameters()))
        found = [w.grad for w in theirs[name].parameters()]
        largest = max(float(g.abs().max()) for g in grads)
        torch.testing.assert_close(found, list(grads), rtol=1e-3, atol=1e-4 * largest)
        compared[name] = sum(g.numel() for g in grads)

    authors.G.register_forward_pre_hook(keep)
    for phase in authors.names["phases"]:
        phase.opt.register_step_pre_hook(lambda *_, name=phase.name: compare(name))
    authors.step()
    return compared["D"], compared["G"]


def is_built() -> bool:
    """Whether their CUDA operators were compiled before."""
    from torch.utils.cpp_extension import _get_build_directory

    folders = (Path(_get_build_directory(f"{name}_plugin", False)) for name in OPERATORS)
    return all(any(folder.glob("*/*.so")) for folder in folders)


def build(folder: Path) -> None:
    """Compiles their CUDA operators, which torch keeps for later runs."""
    with imported(folder, True):
        for name in OPERATORS:
            operator: Any = importlib.import_module(f"torch_utils.ops.{name}")
            operator._init()


if __name__ == "__main__":
    build(Path(sys.argv[1]))
