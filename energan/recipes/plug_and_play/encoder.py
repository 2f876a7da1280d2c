"""Classifiers that are inverted, or that steer: the house's own, a run's, or anyone's.

A net takes images (n, c, h, w) in [-1, 1] to logits (n, classes). Where no source is named, it is the thesis' CNN,
which the recipe `encoder-mnist` trains once for each set of images; the run is kept in the cache folder.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from energan.data import ImageSet
from energan.data.pixels import to_unit
from energan.engine.precision import autocast
from energan.engine.rng import seeded
from energan.inference.chunks import CHUNK
from energan.inference.modules import classifier_module
from energan.networks.layers import FeatureExtractor
from energan.networks.pretrained import ENCODERS, frozen, import_network, load_network_weights
from energan.recipes.semi_supervised.classifier import encoder_mnist
from energan.runs.folder import RunFolder
from energan.runs.rebuild import load as load_model
from energan.runs.references import run_folder
from energan.training import loop
from energan.utils.arguments import call
from energan.utils.console import counted, warn
from energan.utils.errors import UserError
from energan.utils.files import cache_dir, read_weights, write_weights
from energan.utils.specification import named


def open_classifier(source: str, module: str, classes: int, net: str = "thesis") -> nn.Module:
    """The net of a run's folder, or of `module` with the weights of a .safetensors file, frozen and in eval mode.

    With neither, one of ENCODERS, not trained: `trained_classifier` has its weights. UserError for what cannot be used.
    """
    if module:
        with seeded(0):  # without weights, at least the same ones each time
            E = import_network(module)
        if source:
            load_network_weights(E, Path(source))
    elif source:
        E = of_run(run_folder(source))
    else:
        E = ENCODERS[net](classes)
    return frozen(E)


def of_run(folder: Path) -> nn.Module:
    """The classifier of a run: its only player's net, or what reads its logits. UserError for a run without one."""
    if not folder.exists():
        raise UserError(f"the classifier's run {folder} is not there; runs that were made with it need it in its place")
    if folder.is_file():
        raise UserError(f"{folder} holds weights; `module` my.module:Net says what they are the weights of")
    model = load_model(folder)
    if model.game.codes is not None:
        raise UserError(f"{folder} generates images; name the run of a classifier, such as encoder-mnist")
    reader = classifier_module(model.game)
    return next(iter(model.nets.values())) if len(model.nets) == 1 else reader


def known_classes(source: str, module: str) -> tuple[str, ...] | None:
    """Names of the classes that a classifier knows: a run's; () of anyone's net; None of one for the images' own."""
    if module:
        return ()
    return tuple(RunFolder(run_folder(source)).record["data"].get("classes", ())) if source else None


def trained_classifier(
    data: str, classes: int, net: str = "thesis", value_range: tuple[float, float] | None = None
) -> nn.Module:
    """One of ENCODERS with its weights, trained now where the cache has none. UserError where that is stopped."""
    arguments = {"data": data, "classes": classes, "net": net, "device": "cpu", "value_range": value_range}
    run = call(encoder_mnist, **arguments)
    images = run.training_set()
    folder = cache_dir() / "encoders" / f"{net}-{images.sha256[:16]}"
    if not (folder / "run.json").exists():
        command = f"energan train encoder-mnist --data {data} --net {net}"
        RunFolder(folder).create(run, images, "encoder-mnist", arguments, command)
    if RunFolder(folder).record["status"]["state"] != "finished":
        warn(f"training the encoder of {images.name} first, once and for all (kept in {folder})")
        if loop.train(run, RunFolder(folder), images) == "stopped":
            raise UserError("its encoder is stopped and saved; `energan resume` of this run goes on with it")
    return of_run(folder)


def initialiser(
    E: nn.Module,
    source: str,
    module: str,
    data: str,
    classes: int,
    net: str = "thesis",
    value_range: tuple[float, float] | None = None,
) -> Callable[[ImageSet], None] | None:
    """What brings the trained weights into E before a run's first step; None where the net is all that there is.

    A run that is rebuilt has E as it was made. Its checkpoints have the weights: without one, they come from here.
    """
    if source:
        return partial(_weights_of_file if module else _weights_of_run, E, source)
    return None if module else partial(_trained_weights, E, data, classes, net, value_range)


@named
def _weights_of_file(E: nn.Module, path: str, data: ImageSet) -> None:
    load_network_weights(E, Path(path))


@named
def _weights_of_run(E: nn.Module, folder: str, data: ImageSet) -> None:
    E.load_state_dict(of_run(Path(folder)).state_dict())


@named
def _trained_weights(
    E: nn.Module, source: str, classes: int, net: str, value_range: tuple[float, float] | None, data: ImageSet
) -> None:
    E.load_state_dict(trained_classifier(source, classes, net, value_range).state_dict())


@named
@torch.no_grad()
def encode_images(data: ImageSet, E: FeatureExtractor, layer: str, precision: str) -> Float[Tensor, " n *d"]:
    """What a layer of E says of each image, as it says it of generated ones in that precision; kept in the cache."""
    digest = hashlib.sha256(f"{data.sha256} {tuple(data.images.shape)} {layer} {precision} {E.module}".encode())
    for w in E.state_dict().values():
        digest.update(w.contiguous().cpu().numpy().tobytes())
    path = cache_dir() / "codes" / f"{digest.hexdigest()[:32]}.safetensors"
    if path.is_file():
        return read_weights(path)[0]["codes"]
    device = next(E.parameters()).device
    chunks, read = data.images.split(CHUNK), []
    for chunk in counted(chunks, len(data.images), f"encoding {data.name}", each=CHUNK):
        with autocast(precision, device):
            read.append(E(to_unit(chunk.to(device))).layers[layer].float().cpu())
    write_weights(path, {"codes": torch.cat(read)}, {"layer": layer})
    return torch.cat(read)
