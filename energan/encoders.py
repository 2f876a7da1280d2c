"""Classifiers that are inverted, or that steer: the house's own, a run's, or anyone's.

A net takes images (n, c, h, w) in [-1, 1] to logits (n, classes). Where no source is named, it is the thesis' CNN,
which the recipe `encoder-mnist` trains once for each set of images; the run is kept in the cache folder.
"""

import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan import runs
from energan.data import Images
from energan.data.images import to_unit
from energan.data.progress import counted
from energan.data.registry import cache_dir, warn
from energan.errors import UserError
from energan.files import read_weights, write_weights
from energan.nets import latent_discriminators, sgan
from energan.nets.taps import Tapped
from energan.noise import seeded
from energan.play.one import autocast

CHUNK = 250  # images at a time
NETS: dict[str, Callable[[int], nn.Module]] = {  # classes -> the house's own, not trained
    "thesis": latent_discriminators.Encoder,
    "sgan": lambda classes: sgan.Encoder(classes=classes),
}


def build(source: str, module: str, classes: int, net: str = "thesis") -> nn.Module:
    """The net of a run's folder, or of `module` with the weights of a .safetensors file, frozen and in eval mode.

    With neither, one of NETS, not trained: `trained` has its weights. UserError for what cannot be used.
    """
    if module:
        with seeded(0):  # without weights, at least the same ones each time
            E = _import(module)
        if source:
            _load(E, Path(source))
    elif source:
        E = of_run(Path(source))
    else:
        E = NETS[net](classes)
    return E.eval().requires_grad_(False)


def of_run(folder: Path) -> nn.Module:
    """The classifier of a run: its only player's net, or what reads its logits. UserError for a run without one."""
    if not folder.exists():
        raise UserError(f"the classifier's run {folder} is not there; runs that were made with it need it in its place")
    if folder.is_file():
        raise UserError(f"{folder} holds weights; --module my.module:Net says what they are the weights of")
    model = runs.load(folder)
    if model.game.codes is None:
        reader: nn.Module = model.classifier
    else:
        raise UserError(f"{folder} generates images; name the run of a classifier, such as encoder-mnist")
    return next(iter(model.nets.values())) if len(model.nets) == 1 else reader


def trained(data: str, classes: int, net: str = "thesis") -> nn.Module:
    """One of NETS with its weights, trained now where the cache has none. UserError where that is stopped."""
    from energan.recipes import RECIPES
    from energan.train import train

    arguments = {"data": data, "classes": classes, "net": net, "device": "cpu"}
    run = RECIPES["encoder-mnist"](**arguments)
    images = run.training_set()
    folder = cache_dir() / "encoders" / f"{net}-{images.sha256[:16]}"
    if not (folder / "run.json").exists():
        command = f"energan train encoder-mnist --data {data} --net {net}"
        runs.create(folder, run, images, "encoder-mnist", arguments, command)
    if runs.read(folder)["status"]["state"] != "finished":
        warn(f"training the encoder of {images.name} first, once and for all (kept in {folder})")
        if train(run, folder, images) == "stopped":
            raise UserError("its encoder is stopped and saved; `energan resume` of this run goes on with it")
    return of_run(folder)


def initialiser(
    E: nn.Module, source: str, module: str, data: str, classes: int, net: str = "thesis"
) -> Callable[[Tensor], None] | None:
    """What brings the trained weights into E before a run's first step; None where `build` has done so already."""
    if source or module:
        return None
    return lambda images: E.load_state_dict(trained(data, classes, net).state_dict()) and None


def tapped(
    net: nn.Module, layers: tuple[str, ...], image: tuple[int, ...]
) -> tuple[Tapped, dict[str, tuple[int, ...]]]:
    """The net with its layers read, and the shape of each for one image of shape `image`.

    UserError for layers that there are not, and for a net that does not take such images.
    """
    E = Tapped(net, layers)
    try:
        with torch.no_grad():
            read = E(torch.zeros(2, *image))
    except UserError:
        raise
    except Exception as error:  # anyone's net may raise anything
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{type(net).__name__} does not take images of {image}: {told}") from error
    if not isinstance(read.output, Tensor) or read.output.dim() != 2:
        raise UserError(f"{type(net).__name__} must give logits, (n, classes)")
    return E, {name: tuple(x.shape[1:]) for name, x in read.layers.items()}


@torch.no_grad()
def codes(data: Images, E: Tapped, layer: str, precision: str) -> Float[Tensor, " n *d"]:
    """What a layer of E says of each image, as it says it of generated ones in that precision; kept in the cache."""
    digest = hashlib.sha256(f"{data.sha256} {tuple(data.images.shape)} {layer} {precision} {E.module}".encode())
    for w in E.state_dict().values():
        digest.update(w.contiguous().cpu().numpy().tobytes())
    path = cache_dir() / "codes" / f"{digest.hexdigest()[:32]}.safetensors"
    if path.is_file():
        return read_weights(path)[0]["codes"]
    device = next(E.parameters()).device
    chunks, read = data.images.split(CHUNK), []
    for chunk in counted(chunks, len(data.images), f"encoding {data.name}", each=CHUNK, show=sys.stderr.isatty()):
        with autocast(precision, device):
            read.append(E(to_unit(chunk.to(device))).layers[layer].float().cpu())
    write_weights(path, {"codes": torch.cat(read)}, {"layer": layer})
    return torch.cat(read)


def _import(module: str) -> nn.Module:
    """An instance of `my.module:Net`, looked for in the current folder too. UserError where there is none."""
    path, _, name = module.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        make = getattr(importlib.import_module(path), name)
        net = make()
    except Exception as error:  # anyone's code may raise anything
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"--module {module} cannot be used ({told}); write package.module:Class, made without arguments"
        ) from error
    finally:
        sys.path.pop(0)
    if not isinstance(net, nn.Module):
        raise UserError(f"--module {module} gives a {type(net).__name__}, not a torch.nn.Module")
    return net


def _load(net: nn.Module, path: Path) -> None:
    try:
        net.load_state_dict(read_weights(path)[0])
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} does not hold the weights of {type(net).__name__}: {reason}") from error
