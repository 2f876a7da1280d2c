"""The player that sees images without drawing any: the critic, or an encoder; and its features."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from energan.data.pixels import to_unit
from energan.engine.game import Game
from energan.engine.isolation import isolated
from energan.inference.modules import GeneratorModule, drawn
from energan.inference.probes.layers import Layer, encoding_part, pooled, reading, weight_layers
from energan.utils.errors import UserError


class Critic(NamedTuple):
    """A player that takes images, and its hidden layers.

    see: images in [-1, 1] -> anything. told: whether it is told a class, or words: then it is told the mean of them.
    """

    name: str
    see: Callable[[Tensor], object]
    layers: list[Layer]
    told: bool


Nets = dict[str, nn.Module]
Shape = tuple[int, int, int]

ASKED = 1000  # conditions, whose mean is what a critic is told

CHUNK = 100  # images at a time


@isolated(gradients=False)
def critic_of(game: Game, nets: Nets, shape: Shape, name: str = "") -> Critic:
    """The player of that name; else the one called D, or the first, of those that take images, learn, and draw none.

    UserError where there is none such with hidden layers.
    """
    found = critics(game, nets, shape)
    if name:
        named = _critic(game, nets, shape, name) if name in nets else None
        if named is None:
            known = ", ".join(critic.name for critic in found) or "none"
            raise UserError(f"`player` {name!r} is none that takes images and has hidden layers; there are: {known}")
        return named
    if not found:
        raise UserError("this run has no player that takes images and draws none: it has no features to probe")
    return min(found, key=lambda critic: (critic.name != "D", not critic.name.startswith("D")))  # the first of equals


@isolated(gradients=False)
def critics(game: Game, nets: Nets, shape: Shape) -> list[Critic]:
    """The players that take images, learn, and draw none, as far as they have hidden layers."""
    drawing = _drawing(game, nets)
    learning = [name for name in nets if game.players[name].optimizer is not None and name not in drawing]
    return [critic for name in learning if (critic := _critic(game, nets, shape, name)) is not None]


def _device(nets: Nets) -> torch.device:
    return next((p.device for net in nets.values() for p in net.parameters()), torch.device("cpu"))


def _noise(game: Game, nets: Nets, n: int) -> dict[str, Tensor]:
    return drawn(game, nets, n, torch.Generator(_device(nets)).manual_seed(0))


def _drawing(game: Game, nets: Nets) -> set[str]:
    """The players that images are drawn with."""
    if game.sample is None:
        return set()
    called: set[str] = set()
    handles = [net.register_forward_hook(lambda *_, name=name: called.add(name)) for name, net in nets.items()]
    try:
        GeneratorModule(game, nets)(*_noise(game, nets, 2).values())
    finally:
        for handle in handles:
            handle.remove()
    return called


def _critic(game: Game, nets: Nets, shape: Shape, name: str) -> Critic | None:
    """The player as a critic; None where it takes no images, or has no hidden layer."""
    net, x = nets[name], torch.zeros(2, *shape, device=_device(nets))
    asked = None if game.sample is None else _noise(game, nets, ASKED).get("c")
    mean = None if asked is None else asked.float().mean(0, keepdim=True)

    def alone(images: Tensor) -> object:
        return net(images)

    def told(images: Tensor) -> object:
        assert mean is not None
        return net(images, mean.expand(len(images), -1))

    for see in (alone,) if mean is None else (alone, told):
        try:
            layers = weight_layers({name: net}, partial(see, x))
        except Exception:  # a net that takes something else than images may raise anything
            continue
        if hidden := encoding_part(layers):
            return Critic(name, see, hidden, see is told)
    return None


def layers_of(critic: Critic, x: Float[Tensor, "n c h w"]) -> list[Tensor]:
    """Each hidden layer, of images in [-1, 1]. Gradients pass."""
    with ExitStack() as stack:
        read = [stack.enter_context(reading(layer)) for layer in critic.layers]
        critic.see(x)
    return [outputs[-1] for outputs in read]


@isolated(gradients=False)
def features(critic: Critic, images: UInt8[Tensor, "n c h w"], device: torch.device) -> list[Float[Tensor, "n _"]]:
    """Each hidden layer, max-pooled to 4 x 4, a row for each image."""
    chunks = [[pooled(f).cpu() for f in layers_of(critic, to_unit(x.to(device)))] for x in images.split(CHUNK)]
    return [torch.cat(parts) for parts in zip(*chunks, strict=True)]


@isolated(gradients=False)
def generator_layer(game: Game, nets: Nets, height: int = 2) -> Layer:
    """A layer of the generator, counted from the top: 1 gives the image, 2 is the second-highest, whose maps it is of.

    UserError where there is none such, or the layer is the image itself.
    """
    noise = _noise(game, nets, 2)
    layers = weight_layers(nets, lambda: GeneratorModule(game, nets)(*noise.values()))
    if not 2 <= height <= len(layers):
        there = f"from 2 to {len(layers)}" if len(layers) > 1 else "none"
        raise UserError(f"`layer` {height} is none that maps could be dropped of: this run's generator has {there}")
    return layers[-height]
