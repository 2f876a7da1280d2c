"""What Trainer and Ensemble share: a turn's data and noise, and trees of tensors."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from energan.engine.distributed import ALONE, Ranks, slices
from energan.engine.game import Game, Source
from energan.engine.optimizers import Rate, Tree
from energan.utils.errors import UserError

DTYPES = {"fp64": torch.float64, "fp32": torch.float32, "bf16": torch.float32}  # of the weights

State = dict[str, Any]  # nested dicts whose leaves are tensors


class Inputs(NamedTuple):
    """What the host gives a turn: all that changes from step to step, and that is not in the state.

    Attributes:
        data: The source's batch on the device; of a GatheringSource, what it chose.
        t: The step.
        rates: The factor of each scheduled optimizer's learning rate, by player: a number, or (N,) of N models.
        shares: The share of the weights after this step in their average, by player.
    """

    data: Mapping[str, Tensor]
    t: int | Tensor
    rates: Mapping[str, Rate]
    shares: Mapping[str, Rate] = {}


@runtime_checkable
class GatheringSource(Protocol):
    """A source in two halves: the host chooses rows, in few bytes, and the device that has the data gathers them.

    source(k) is source.gathered(source.chosen(k)). `chosen` returns tensors on the CPU. `gathered` takes them on
    `device`, and looks at no tensor's value, so that it can be a part of a CUDA graph.
    """

    @property
    def device(self) -> torch.device: ...

    def __call__(self, k: int) -> Mapping[str, Tensor]: ...
    def chosen(self, k: int) -> Mapping[str, Tensor]: ...
    def gathered(self, chosen: Mapping[str, Tensor]) -> Mapping[str, Tensor]: ...


def halved(source: Source, device: torch.device) -> Source:
    """Returns the source for a trainer on this device. One that gathers on another device loses its halves: its batches
    are sent whole."""
    if isinstance(source, GatheringSource) and not _same(source.device, device):
        return source.__call__
    return source


def _same(a: torch.device, b: torch.device) -> bool:
    # "cuda" is the current GPU; what is moved there says that it is on "cuda:0"
    return a.type == b.type and (a.index == b.index or torch.empty(0, device=b).device.index == a.index)


def chosen(source: Source, k: int) -> Mapping[str, Tensor]:
    """Returns the host's half of batch k; all of it, where the source has no halves."""
    return source.chosen(k) if isinstance(source, GatheringSource) else source(k)


def gathered(source: Source, data: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Returns the batch, of what `chosen` returned."""
    return source.gathered(data) if isinstance(source, GatheringSource) else data


def sent(x: Tensor, device: torch.device) -> Tensor:
    """Returns x on the device, without waiting for it; x may be dropped, and its memory used again, at once.

    From memory that is not pinned CUDA may copy whenever it gets there: it then must be staged by us. Pinned memory is
    kept by torch until it has been copied.
    """
    if device.type == "cuda" and x.device.type == "cpu":
        x = x.pin_memory()
    return x.to(device, non_blocking=True)


def parameters(net: nn.Module) -> Tree:
    """Returns the parameters that learn, by name: all but those that the user froze (requires_grad False)."""
    return {k: w for k, w in net.named_parameters() if w.requires_grad}


def draw(
    game: Game, data: Mapping[str, Tensor], generator: torch.Generator, dtype: torch.dtype, ranks: Ranks = ALONE
) -> Tree:
    """Returns one turn's data and noise, and the key of the layers' stream.

    data: a rank's own rows. Noise is drawn for all ranks' rows, so that their generators stay the same.
    """
    values = {k: v.to(dtype) if v.is_floating_point() else v for k, v in data.items()}
    n = len(next(iter(values.values()))) * ranks.count
    for name, noise in game.noise.items():
        values[name] = ranks.rows(noise(generator, n)).to(dtype)
    values["key"] = torch.randint(2**31, (), generator=generator, device=generator.device)
    return values


def gradient(w: Tensor) -> Tensor:
    """Returns the gradient of a weight; 0 where no move depended on it."""
    if w.grad is None:
        w.grad = torch.zeros_like(w)
    return w.grad


def divided(values: Tree, parts: int) -> list[Tree]:
    """Returns a turn's data and noise in equal parts of their rows, in their order; the key is that of all.

    UserError if they cannot be divided.
    """
    if parts == 1:
        return [values]
    rows = {k: slices(v, parts) for k, v in values.items() if k != "key"}
    return [{"key": values["key"], **{k: v[i] for k, v in rows.items()}} for i in range(parts)]


def check(game: Game) -> None:
    """UserError for a move of a player that cannot learn, and for layers under which a step is no pure function."""
    for name, player in game.players.items():
        for path, layer in player.net.named_modules() if player.optimizer else ():
            if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.track_running_stats:
                what = "whose running averages would mix real images with samples"
            elif isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0:
                what = "whose masks no seed of the run repeats"
            else:
                continue
            kind = type(layer).__name__
            ours = "Dropout" if kind.endswith(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d")) else "BatchNorm"
            raise UserError(f"player {name!r} has a {kind} at {path!r}, {what}; use energan.networks.layers.{ours}")
    for turn, moves in game.turns.items():
        for name in (name for move in moves for name in move.min + move.max):
            if name not in game.players or game.players[name].optimizer is None:
                raise UserError(f"turn {turn!r} moves {name!r}, which is not a player with an optimizer")
    for turn, other in game.share.items():
        if not {turn, other} <= game.turns.keys():
            raise UserError(f"turn {turn!r} shares the batch of {other!r}; the turns are {', '.join(game.turns)}")


def copy(tree: Tree) -> Tree:
    return {k: w.detach().clone() for k, w in tree.items()}


def copy_into(mine: Any, other: Any) -> None:
    """Copies one tree's leaves into another's. KeyError or RuntimeError unless both have the same leaves."""
    if not isinstance(other, Mapping):
        raise KeyError(f"a tensor stands in the place of {', '.join(map(str, mine))}")
    keys, others = ({k for k, v in tree.items() if isinstance(v, Tensor) or v} for tree in (mine, other))
    if keys != others:  # but for empty trees, of which a file keeps nothing
        raise KeyError(", ".join(sorted(keys ^ others)))
    for key in keys:
        value = mine[key]
        if isinstance(value, Tensor):
            given = other[key]
            if not isinstance(given, Tensor):
                raise RuntimeError(f"{key} is no tensor")
            if (given.shape, given.dtype) != (value.shape, value.dtype):
                raise RuntimeError(
                    f"{key} is {given.dtype} {tuple(given.shape)} instead of {value.dtype} {tuple(value.shape)}"
                )
            value.copy_(given)
        else:
            copy_into(value, other[key])


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yields the leaves of a state as ("weights/G/0.weight", tensor) pairs, in the tree's order."""
    for key, value in tree.items():
        if isinstance(value, Tensor):
            yield prefix + key, value
        else:
            yield from leaves(value, f"{prefix}{key}/")


def tree(flat: Mapping[str, Tensor]) -> State:
    """Returns the state that has these leaves: the inverse of `leaves`. KeyError where one is below another."""
    # these may be empty, and then have no leaves
    state: State = {"weights": {}, "moments": {}, "ema": {}, "hyperparameters": {}}
    for key, tensor in flat.items():
        *branches, leaf = key.split("/")
        node = state
        for branch in branches:
            node = node.setdefault(branch, {})
            if isinstance(node, Tensor):
                raise KeyError(f"{key} is below a tensor")
        if node.get(leaf):  # what is empty was named in advance
            raise KeyError(f"tensors are below {key}")
        node[leaf] = tensor
    return state
