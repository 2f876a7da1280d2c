"""A game's readouts as ordinary modules: generator, energy, classifier."""

from torch import Tensor, nn

from energan.engine.game import Batch, Game, Players, Readout
from energan.utils.errors import UserError
from energan.utils.specification import recorded


class GeneratorModule(nn.Module):
    """The game's `sample` as a module: its noise, in the order of `game.noise` -> images (n, c, h, w) in [-1, 1]."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        if game.sample is None:
            raise UserError("this run's system has no generator to draw images with")
        self.nets = nn.ModuleDict(nets)
        self._sample, self._names = game.sample, tuple(game.noise)

    def forward(self, *noise: Tensor) -> Tensor:
        return self._sample(Players(dict(self.nets)), Batch(dict(zip(self._names, noise, strict=True))))


class EnergyModule(nn.Module):
    """The game's `energy` as a module: images (n, c, h, w) in [-1, 1] -> (n,), high where unlike the training data."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        if game.energy is None:
            raise UserError("this run's system has no energy to score images with")
        self.nets = nn.ModuleDict(nets)
        self._energy = game.energy

    def forward(self, x: Tensor) -> Tensor:
        return self._energy(Players(dict(self.nets)), Batch({"x": x}))


class ClassifierModule(nn.Module):
    """The game's `logits` as a module: images (n, c, h, w) in [-1, 1] -> (n, classes)."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        if game.logits is None:
            raise UserError("this run's system has no classifier")
        self.nets = nn.ModuleDict(nets)
        self._logits = game.logits

    def forward(self, x: Tensor) -> Tensor:
        return self._logits(Players(dict(self.nets)), Batch({"x": x}))


@recorded
def classifier_module(game: Game) -> ClassifierModule:
    """The game's `logits` as a module of its players' networks, in eval mode. UserError where it does not classify."""
    return ClassifierModule(game, {name: player.net for name, player in game.players.items()}).eval()


class ReadoutModule(nn.Module):
    """A readout of one tensor as a module, such as those of `game.codes`: `letter` is x for images, h for codes."""

    def __init__(self, read: Readout, letter: str, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleDict(nets)
        self._read, self._letter = read, letter

    def forward(self, values: Tensor) -> Tensor:
        return self._read(Players(dict(self.nets)), Batch({self._letter: values}))
