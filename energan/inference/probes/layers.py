"""The layers of networks as a pass goes through them: what each gives once it is activated, and passes without some."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor, nn

SHAPES_ONLY = (nn.Flatten, nn.Unflatten, nn.Identity, nn.Dropout)  # modules that give what they got


class Layer(NamedTuple):
    """A layer with weights, by the module that gives its activated output.

    name: of that module, after the player's: "D/net.1". shape: of one row of the output.
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]


def weight_layers(nets: Mapping[str, nn.Module], run: Callable[[], object]) -> list[Layer]:
    """The layers with weights that `run` passes through, in their order.

    A layer ends where the next one with weights begins: its output is that of the last module before, which is its
    activation where that is a module. Of one that runs several times, the last time counts.

    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    >>> [(layer.name, layer.shape) for layer in weight_layers({"D": net}, lambda: net(torch.zeros(1, 1, 4, 4)))]
    [('D/1', (4, 2, 2)), ('D/3', (2,))]
    """
    found: list[Layer] = []
    weighs: list[bool] = []  # whether each output is that of a module with weights; else it goes on with the one before
    entered: list[int] = []  # how much was found when each pass that is under way began

    def enter(*_: Any) -> None:
        entered.append(len(found))

    def leave(name: str, module: nn.Module) -> Callable[[nn.Module, Any, Any], None]:
        heavy, leaf = any(p.dim() > 1 for p in module.parameters()), not any(True for _ in module.children())

        def see(_: nn.Module, inputs: Any, output: Any) -> None:
            whole = entered.pop() == len(found)  # nothing inside of it was called: it is one layer, as SpectralNorm is
            if whole and (heavy or leaf) and isinstance(output, Tensor) and output.dim() > 1:
                found.append(Layer(name, module, tuple(output.shape[1:])))
                weighs.append(heavy)

        return see

    handles = []
    for player, net in nets.items():
        for name, module in net.named_modules():
            if not isinstance(module, SHAPES_ONLY):
                handles.append(module.register_forward_pre_hook(enter))
                handles.append(module.register_forward_hook(leave(f"{player}/{name}" if name else player, module)))
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    first = next((i for i, heavy in enumerate(weighs) if heavy), len(weighs))
    layers = [found[i] for i in range(first, len(found)) if i + 1 == len(found) or weighs[i + 1]]
    return [
        layer for i, layer in enumerate(layers) if all(layer.module is not later.module for later in layers[i + 1 :])
    ]


def encoding_part(layers: list[Layer]) -> list[Layer]:
    """The layers up to the narrowest one, where a network encodes before it decodes; all but the last of any other.

    Narrow is what has few places: of maps, pixels; of units alone, units.

    >>> of = lambda *shapes: [Layer(str(s), nn.ReLU(), s) for s in shapes]
    >>> [layer.shape for layer in encoding_part(of((4, 8, 8), (8, 4, 4), (4, 8, 8), (1, 16, 16)))]
    [(4, 8, 8), (8, 4, 4)]
    >>> [layer.shape for layer in encoding_part(of((4, 8, 8), (8, 4, 4), (1, 1, 1)))]
    [(4, 8, 8), (8, 4, 4)]
    """
    hidden = layers[:-1]
    if not hidden:
        return []
    maps = [layer for layer in hidden if len(layer.shape) == 3]
    if maps and len(layers[-1].shape) == 3 and layers[-1].shape[1] > 1:
        sizes = [layer.shape[1] * layer.shape[2] if len(layer.shape) == 3 else 1 for layer in hidden]
    elif not maps and layers[-1].shape[0] > min(layer.shape[0] for layer in hidden):
        sizes = [layer.shape[0] for layer in hidden]
    else:
        return hidden
    return hidden[: len(sizes) - sizes[::-1].index(min(sizes))]


@contextmanager
def reading(layer: Layer) -> Iterator[list[Tensor]]:
    """Inside the block, the list takes the layer's output of each pass. Gradients pass."""
    outputs: list[Tensor] = []

    def keep(_: nn.Module, inputs: Any, output: Tensor) -> None:
        outputs.append(output.clone())  # the next module may write into it

    handle = layer.module.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()


@contextmanager
def without(layer: Layer, maps: Bool[Tensor, " m"]) -> Iterator[None]:
    """Inside the block, these maps of the layer, or units, are 0 everywhere."""
    handle = layer.module.register_forward_hook(lambda _, inputs, output: output * _kept(output, maps))
    try:
        yield
    finally:
        handle.remove()


def _kept(output: Tensor, maps: Bool[Tensor, " m"]) -> Tensor:
    return (~maps).to(output).view(1, -1, *[1] * (output.dim() - 2))


def pooled(maps: Tensor, side: int = 4) -> Float[Tensor, "n d"]:
    """Maps (n, c, h, w) max-pooled to side x side, as rows; smaller ones, and units, as they are.

    >>> pooled(torch.arange(16.0).view(1, 1, 4, 4), 2).tolist()
    [[5.0, 7.0, 13.0, 15.0]]
    """
    if maps.dim() == 4:
        h, w = (min(side, length) for length in maps.shape[2:])
        maps = nn.functional.adaptive_max_pool2d(maps.float(), (h, w))
    return maps.flatten(1).float()
