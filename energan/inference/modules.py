"""A game's readouts as ordinary modules: generator, encoder, energy, classifier."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from energan.engine.game import Batch, Game, Players, Readout
from energan.utils.errors import UserError
from energan.utils.specification import recorded

Part = Literal["generator", "encoder", "energy", "energy map", "classifier", "latent space"]

PARTS: dict[Part, tuple[str, str]] = {  # the field of Game, and what is said where it is None
    "generator": ("sample", "this run's system has no generator to draw images with"),
    "encoder": ("encode", "this run's system has no encoder: it reads no noise from images"),
    "energy": ("energy", "this run's system has no energy to score images with"),
    "energy map": (
        "energy_map",
        "this run's system has no energy of single pixels: maps are of systems whose energy is a reconstruction error, "
        "such as EBGAN, BEGAN and auto-encoders",
    ),
    "classifier": ("logits", "this run's system has no classifier"),
    "latent space": (
        "codes",
        "this run's system has no codes to look for: train one of plug and play (energan list)",
    ),
}


def require(game: Game, part: Part) -> None:
    """Raises a UserError, one sentence, if the game lacks the part."""
    field, sentence = PARTS[part]
    if getattr(game, field) is None:
        raise UserError(sentence)


def inputs(game: Game) -> tuple[str, ...]:
    """The names of what the game's `sample` reads, in their order: its noise, and c where the noise has none."""
    drawn = () if game.conditions is None or game.conditions.draw is None else ("c",)
    return (*game.noise, *drawn)


def drawn(game: Game, nets: dict[str, nn.Module], n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """n rows of each of `inputs`, in their order: noise, and conditions as training had them."""
    noise = {name: draw(generator, n) for name, draw in game.noise.items()}
    if (conditions := game.conditions) is not None and conditions.draw is not None:
        with torch.no_grad():
            noise["c"] = conditions.draw(Players(nets), Batch(noise))
    return noise


class GeneratorModule(nn.Module):
    """The game's `sample` as a module: what `inputs` names, in its order -> images (n, c, h, w) in [-1, 1].

    only: the names that it takes, where it is not to take all.
    """

    def __init__(self, game: Game, nets: dict[str, nn.Module], only: tuple[str, ...] | None = None) -> None:
        super().__init__()
        require(game, "generator")
        self.nets = nn.ModuleDict(nets)
        self._sample, self.inputs = game.sample, inputs(game) if only is None else only

    def forward(self, *values: Tensor) -> Tensor:
        assert self._sample is not None
        return self._sample(Players(dict(self.nets)), Batch(dict(zip(self.inputs, values, strict=True))))


def generator_of_what_it_reads(
    game: Game, nets: dict[str, nn.Module], values: Sequence[Tensor]
) -> tuple[GeneratorModule, tuple[Tensor, ...]]:
    """The generator without the inputs that `sample` does not read, and the values of those that are left.

    So no noise is asked for that only the training has: WGAN-GP's point between two images, what draws conditions.
    values: a few rows of each of `inputs`.
    """
    rows = dict(zip(inputs(game), values, strict=True))
    for name in inputs(game):
        without = {k: v for k, v in rows.items() if k != name}
        try:
            GeneratorModule(game, nets, tuple(without)).eval()(*without.values())
        except AttributeError:  # the batch has no such entry: it is read
            continue
        rows = without
    return GeneratorModule(game, nets, tuple(rows)).eval(), tuple(rows.values())


class ReadoutModule(nn.Module):
    """A readout of one tensor as a module, such as those of `game.codes`: `letter` is x for images, h for codes."""

    def __init__(self, read: Readout, letter: str, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleDict(nets)
        self._read, self.inputs = read, (letter,)

    def forward(self, values: Tensor) -> Tensor:
        if not values.is_floating_point():
            kind = str(values.dtype).removeprefix("torch.")
            raise UserError(f"modules take floats from -1 to 1, not {kind}: energan.data.to_unit makes them of bytes")
        return self._read(Players(dict(self.nets)), Batch({self.inputs[0]: values}))


class EncoderModule(nn.Module):
    """The game's `encode` as a module: images (n, c, h, w) in [-1, 1] -> the noise that it reads, by name, (n, d)."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        require(game, "encoder")
        self.nets = nn.ModuleDict(nets)
        self._codes = dict(game.encode or {})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        players, batch = Players(dict(self.nets)), Batch({"x": x})
        return {name: code.read(players, batch) for name, code in self._codes.items()}


class EnergyModule(ReadoutModule):
    """The game's `energy` as a module: images (n, c, h, w) in [-1, 1] -> (n,), high where unlike the training data."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        require(game, "energy")
        assert game.energy is not None
        super().__init__(game.energy, "x", nets)


class EnergyMapModule(ReadoutModule):
    """The game's `energy_map` as a module: images (n, c, h, w) in [-1, 1] -> what each pixel adds, (n, h, w)."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        require(game, "energy map")
        assert game.energy_map is not None
        super().__init__(game.energy_map, "x", nets)


class VerdictModule(nn.Module):
    """An energy and what is said by it, as a module: images (n, c, h, w) in [-1, 1] -> a tensor for each of `outputs`.

    energy (n,); score (n,), the share of normal images with less (inference.calibration); outlier (n,) bool, energy
    above the threshold; and map (n, h, w), where the game has one.

    usual: energies of normal images, ascending, (k,); threshold: above which an image is an outlier. Both are float32,
    as energies are.
    """

    usual: Tensor
    threshold: Tensor

    def __init__(self, game: Game, nets: dict[str, nn.Module], usual: Tensor, threshold: float) -> None:
        super().__init__()
        require(game, "energy")
        self.nets = nn.ModuleDict(nets)
        self._energy, self._map = game.energy, game.energy_map
        self.outputs = ("energy", "score", "outlier", *(("map",) if self._map else ()))
        self.register_buffer("usual", usual.float())
        self.register_buffer("threshold", torch.tensor(threshold, dtype=torch.float32))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        assert self._energy is not None
        players, batch = Players(dict(self.nets)), Batch({"x": x})
        energy = self._energy(players, batch)
        below = (self.usual[None] < energy[:, None]).sum(1)
        score = below.to(energy.dtype) / (len(self.usual) + 1)
        maps = (self._map(players, batch),) if self._map else ()
        return energy, score, energy > self.threshold, *maps


class ClassifierModule(ReadoutModule):
    """The game's `logits` as a module: images (n, c, h, w) in [-1, 1] -> (n, classes), divided by `temperature`."""

    def __init__(self, game: Game, nets: dict[str, nn.Module], temperature: float = 1.0) -> None:
        require(game, "classifier")
        assert game.logits is not None
        super().__init__(game.logits, "x", nets)
        self.temperature = temperature

    def forward(self, values: Tensor) -> Tensor:
        logits = super().forward(values)
        return logits if self.temperature == 1 else logits / self.temperature


@recorded
def classifier_module(game: Game) -> ClassifierModule:
    """The game's `logits` as a module of its players' networks, in eval mode. UserError where it does not classify."""
    return ClassifierModule(game, {name: player.net for name, player in game.players.items()}).eval()
