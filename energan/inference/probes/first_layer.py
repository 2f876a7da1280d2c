"""The first layer of a generator that sees a noise: its weight as that noise sees it, and its activations.

It is found by running the generator: of all layers with a weight, the first whose input depends on the noise. Classes
and words that enter beside the noise are parts of that input which do not.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

Draw = Callable[[Float[Tensor, " n *d"]], Tensor]  # of one noise, all else fixed -> images

ACTIVATIONS = (
    nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Sigmoid,
    nn.Tanh, nn.GLU,
)  # fmt: skip


class FirstLayer(NamedTuple):
    """A layer, and its input for one row of the noise."""

    layer: nn.Module
    x: Tensor
    gradient: Callable[[int], Tensor]  # of one number of x, as a function of its place -> (*d)


class _Found(Exception):
    """Ends a pass where what it was run for is known."""


def first_layer(draw: Draw, z: Float[Tensor, " 1 *d"], nets: Iterable[nn.Module]) -> FirstLayer | None:
    """The first layer with a weight whose input depends on z; None where a generator has none as a module."""
    found: list[tuple[nn.Module, Tensor]] = []

    def see(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if _weighs(layer) and _learns(inputs):
            found.append((layer, inputs[0]))
            raise _Found

    free = z.detach().clone().requires_grad_()
    with torch.enable_grad():
        with _hooked(nets, lambda net: net.register_forward_pre_hook(see)):
            _run(draw, free)
        if not found:
            return None
        layer, x = found[0]
        flat = x.flatten()
    return FirstLayer(layer, x.detach(), lambda i: torch.autograd.grad(flat[i], free, retain_graph=True)[0][0])


def weight(first: FirstLayer) -> Float[Tensor, "m d"]:
    """The layer's weight, (numbers of its output, numbers of the noise)."""
    flat = first.x.flatten()
    J = torch.stack([first.gradient(i).flatten() for i in range(len(flat))])  # of the input by the noise
    moved = (flat + torch.eye(len(flat)).to(flat)).view(-1, *first.x.shape[1:])
    with torch.no_grad():
        A = torch.cat([first.layer(some) - first.layer(first.x) for some in moved.split(64)])  # it is affine
    return A.flatten(1).T @ J


def seen(first: FirstLayer) -> Bool[Tensor, " d"]:
    """Which numbers of the noise the layer sees: others enter later."""
    flat = first.x.flatten()
    return torch.stack([first.gradient(i).flatten() != 0 for i in range(len(flat))]).any(0)


def activations(draw: Draw, z: Float[Tensor, " n *d"], first: FirstLayer, nets: Iterable[nn.Module]) -> Tensor:
    """The layer's units after their non-linearity, (n, m); as they are where none follows as a module."""
    after: list[Tensor] = []
    reached: list[Tensor] = []

    def see(unit: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if unit is first.layer and not reached:
            reached.append(output)
        elif reached and isinstance(unit, ACTIVATIONS) and _learns(inputs):
            after.append(output)
            raise _Found

    with torch.enable_grad(), _hooked(nets, lambda net: net.register_forward_hook(see)):
        _run(draw, z.detach().clone().requires_grad_())
    return (after or reached)[0].detach().flatten(1)


def _weighs(layer: nn.Module) -> bool:
    """Whether it is a layer with a weight, also one that is made of others, as under spectral norm."""
    linear = isinstance(layer, nn.Linear | nn.modules.conv._ConvNd)
    return linear or any(w.dim() > 1 for w in layer.parameters(recurse=False))


def _learns(inputs: tuple[Any, ...]) -> bool:
    return bool(inputs) and isinstance(inputs[0], Tensor) and inputs[0].requires_grad


def _run(draw: Draw, z: Tensor) -> None:
    with suppress(_Found):
        draw(z)


@contextmanager
def _hooked(nets: Iterable[nn.Module], hook: Callable[[nn.Module], Any]) -> Iterator[None]:
    """Hooks on every module within the block."""
    handles = [hook(module) for net in nets for module in net.modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
