"""A trained game, ready for use: averaged weights, standing statistics, eval mode.

What is here are ordinary modules: one sample or score never depends on its neighbours in a batch.
"""

import copy
from typing import final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from energan.data.images import to_bytes, to_unit
from energan.errors import UserError
from energan.game import Batch, Game, Players, Readout
from energan.nets.layers import BatchNorm, standing_statistics
from energan.play import One

CHUNK = 250  # images at a time
STANDING = 16  # batches that standing statistics are measured over
UNSEEN = 1 << 30  # added to seeds: the noise of a run with the same seed is what its G was trained on


class Sampler(nn.Module):
    """The game's `sample` as a module: its noise, in the order of `game.noise` -> images (n, c, h, w) in [-1, 1]."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        if game.sample is None:
            raise UserError("this run's system has no generator to draw images with")
        self.nets = nn.ModuleDict(nets)
        self._sample, self._names = game.sample, tuple(game.noise)

    def forward(self, *noise: Tensor) -> Tensor:
        return self._sample(Players(dict(self.nets)), Batch(dict(zip(self._names, noise, strict=True))))


class Energy(nn.Module):
    """The game's `energy` as a module: images (n, c, h, w) in [-1, 1] -> (n,), high where unlike the training data."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        if game.energy is None:
            raise UserError("this run's system has no energy to score images with")
        self.nets = nn.ModuleDict(nets)
        self._energy = game.energy

    def forward(self, x: Tensor) -> Tensor:
        return self._energy(Players(dict(self.nets)), Batch({"x": x}))


class Classifier(nn.Module):
    """The game's `logits` as a module: images (n, c, h, w) in [-1, 1] -> (n, classes)."""

    def __init__(self, game: Game, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        if game.logits is None:
            raise UserError("this run's system has no classifier")
        self.nets = nn.ModuleDict(nets)
        self._logits = game.logits

    def forward(self, x: Tensor) -> Tensor:
        return self._logits(Players(dict(self.nets)), Batch({"x": x}))


class Reading(nn.Module):
    """A readout of one tensor as a module, such as those of `game.codes`: `letter` is x for images, h for codes."""

    def __init__(self, read: Readout, letter: str, nets: dict[str, nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleDict(nets)
        self._read, self._letter = read, letter

    def forward(self, values: Tensor) -> Tensor:
        return self._read(Players(dict(self.nets)), Batch({self._letter: values}))


@final
class Model:
    """`.generator`, `.energy` and `.classifier` as modules, and what one does with them."""

    def __init__(self, game: Game, nets: dict[str, nn.Module], device: str = "cpu") -> None:
        self.game, self.nets, self.device = game, nets, torch.device(device)
        for net in nets.values():
            net.to(self.device, torch.float32).eval().requires_grad_(False)

    @property
    def generator(self) -> Sampler:
        """`sample` as a module. UserError for a game that draws nothing."""
        return Sampler(self.game, self.nets).eval()

    @property
    def energy(self) -> Energy:
        """`energy` as a module. UserError for a game that has no such reading."""
        return Energy(self.game, self.nets).eval()

    @property
    def classifier(self) -> Classifier:
        """`logits` as a module. UserError for a game that does not classify."""
        return Classifier(self.game, self.nets).eval()

    def noise(self, n: int, generator: torch.Generator) -> list[Tensor]:
        return [noise(generator, n) for noise in self.game.noise.values()]

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0, wanted: int | None = None) -> UInt8[Tensor, "n c h w"]:
        """n images, bytes; the same seed gives the same images, and a larger n continues them.

        wanted: the class to draw, for a game whose noise has a c. UserError for one without, or without that class.
        """
        generator = torch.Generator(self.device).manual_seed(seed + UNSEEN)
        draw, names = self.generator, tuple(self.game.noise)
        if wanted is not None and not 0 <= wanted < self.classes:
            raise UserError(f"there is no class {wanted}: this run's system draws {self.classes or 'no'} classes")
        chunks = []
        for _ in range(0, n, CHUNK):
            noise = self.noise(CHUNK, generator)
            if wanted is not None:
                c = noise[names.index("c")]
                noise[names.index("c")] = torch.eye(self.classes, device=c.device, dtype=c.dtype)[wanted].expand_as(c)
            chunks += self._drawn(draw, noise)
        return torch.cat(chunks)[:n].contiguous()

    def _drawn(self, draw: Sampler, noise: list[Tensor]) -> list[Tensor]:
        """A chunk's images, in slices that take no more memory than images of 64 x 64 do."""
        pixels = draw(*(z[:1] for z in noise)).shape[2:].numel()
        n = _at_once(pixels)
        return [to_bytes(draw(*(z[i : i + n] for z in noise))).cpu() for i in range(0, CHUNK, n)]

    @property
    def classes(self) -> int:
        """How many classes `sample` can be asked for: the width of the noise c, 0 where there is none."""
        c = self.game.noise.get("c")
        return 0 if c is None else c(torch.Generator(self.device), 1).shape[1]

    @torch.no_grad()
    def score(self, images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
        """The energy of each image, in the units that the game was trained in."""
        read = self.energy
        chunks = images.split(_at_once(images.shape[2:].numel()))
        return torch.cat([read(to_unit(chunk.to(self.device))).float().cpu() for chunk in chunks])

    @torch.no_grad()
    def probabilities(self, images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The probability of each class, for each image."""
        read = self.classifier
        chunks = [read(to_unit(chunk.to(self.device))).float().softmax(1).cpu() for chunk in images.split(CHUNK)]
        return torch.cat(chunks)


def _at_once(pixels: int) -> int:
    """How many images of so many pixels go through the nets at a time."""
    return max(1, min(CHUNK, CHUNK * 64**2 // pixels))


def ready(one: One, images: UInt8[Tensor, "n c h w"], batch: int, seed: int = 0) -> Model:
    """The model as it stands now: a copy with averaged weights, its statistics measured over noise and real images.

    An energy's statistics are those of real images. In training a batch of samples is normalised by itself, so there
    D gives samples other (higher) energies than `score` does; those of real images agree (but for those of a D that saw
    augmented images alone: its statistics are measured on images as they are).
    """
    game = one.game
    nets = {name: copy.deepcopy(net) for name, net in one.nets.items()}
    for name, weights in one.averaged().items():
        nets[name].load_state_dict(weights, strict=False)
    model = Model(game, nets, str(one.device))
    generator = torch.Generator(one.device).manual_seed(seed + UNSEEN)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[: STANDING * batch]
    whole = [i for i in order.split(batch) if len(i) == min(batch, len(images))]  # a single row has no statistics
    chunks = [to_unit(images[i].to(one.device)) for i in whole]
    real = iter(chunks)
    players = Players(nets)

    def draws() -> Batch:
        return Batch({**dict(zip(game.noise, model.noise(batch, generator), strict=True)), "x": chunks[0]})

    if (draw := game.sample) is not None:
        standing_statistics(nets.values(), lambda: draw(players, draws()), STANDING)
    if (codes := game.codes) is not None:  # of those that learn: a frozen encoder has its own
        learn = [net for name, net in nets.items() if game.players[name].optimizer]
        inverted = (codes.decode(players, Batch({"h": codes.encode(players, Batch({"x": x}))})) for x in chunks)
        standing_statistics(learn, lambda: next(inverted), len(chunks))
    if (read := game.energy or game.logits) is not None:
        standing_statistics(nets.values(), lambda: read(players, Batch({"x": next(real)})), len(chunks))
    return model


def standing(model: Model) -> dict[str, Tensor]:
    """The measured statistics as "G/net.1.mean" -> tensor, for a checkpoint."""
    return {
        f"{name}/{path}.{key}": getattr(layer, key)
        for name, net in model.nets.items()
        for path, layer in net.named_modules()
        if isinstance(layer, BatchNorm)
        for key in ("mean", "var")
    }
