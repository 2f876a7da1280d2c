"""A trained game, ready for use: averaged weights, standing statistics, eval mode.

What is here are ordinary modules: one sample or score never depends on its neighbours in a batch.
"""

from typing import final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from energan.data.pixels import to_bytes, to_unit
from energan.engine.game import Game
from energan.inference.modules import ClassifierModule, EnergyModule, GeneratorModule
from energan.utils.errors import UserError

CHUNK = 250  # images at a time

UNSEEN = 1 << 30  # added to seeds: the noise of a run with the same seed is what its G was trained on


@final
class Model:
    """`.generator`, `.energy` and `.classifier` as modules, and what one does with them."""

    def __init__(self, game: Game, nets: dict[str, nn.Module], device: str = "cpu") -> None:
        self.game, self.nets, self.device = game, nets, torch.device(device)
        for net in nets.values():
            net.to(self.device, torch.float32).eval().requires_grad_(False)

    @property
    def generator(self) -> GeneratorModule:
        """`sample` as a module. UserError for a game that draws nothing."""
        return GeneratorModule(self.game, self.nets).eval()

    @property
    def energy(self) -> EnergyModule:
        """`energy` as a module. UserError for a game that has no such reading."""
        return EnergyModule(self.game, self.nets).eval()

    @property
    def classifier(self) -> ClassifierModule:
        """`logits` as a module. UserError for a game that does not classify."""
        return ClassifierModule(self.game, self.nets).eval()

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

    def _drawn(self, draw: GeneratorModule, noise: list[Tensor]) -> list[Tensor]:
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
