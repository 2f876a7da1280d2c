"""What may be added to a critic, whatever its loss, as flags: more of its turns, a penalty, packs of images."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from energan.recipes.classes import Asked
from energan.utils.checks import at_least, not_negative
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from energan.engine.game import Game


@dataclass(frozen=True, kw_only=True)
class CriticOptions:
    """More of D."""

    critic_steps: int = 1
    """Turns of D, each on a fresh batch, before each of G."""
    gradient_penalty: Literal["none", "r1", "one-sided", "dragan"] = "none"
    """Penalty on D's gradient, at real images (r1), between them and samples (one-sided), or around them (dragan); D
    then has no batch norm."""
    penalty: float = 10.0
    """Its weight."""
    pack: int = 1
    """Images that D sees at once (PacGAN): the batch, of images, must be a multiple of it; the authors' is of packs."""

    @property
    def norm(self) -> bool:
        """Whether D may have batch norm: a penalty is of single images."""
        return self.gradient_penalty == "none"

    def critic(self, asked: Asked, make: "Callable[[int], nn.Module]", channels: int, batch: int | str) -> "nn.Module":
        """D, told the classes that are asked for; make(k) takes k channels. UserError for packs that cannot be."""
        from energan.networks.layers.minibatch_discrimination import Packed

        at_least(1, pack=self.pack)
        if self.pack == 1:
            return asked.critic(lambda more: make(channels + more))
        if asked.names:
            raise UserError("`pack` shows D several images at once, `classes` tells it that of one: give one of them")
        if not self.norm:
            raise UserError("`gradient_penalty` is of single images, and `pack` shows D several: give one of them")
        if isinstance(batch, int) and batch % self.pack:
            raise UserError(f"`batch` {batch} is no multiple of `pack` {self.pack}")
        return Packed(make(channels * self.pack), self.pack)

    def game(self, game: "Game") -> "Game":
        """The game with what was asked for. UserError for numbers that are none."""
        from energan.games.gan.variations import penalised, repeated

        at_least(1, critic_steps=self.critic_steps)
        not_negative(penalty=self.penalty)
        if self.gradient_penalty != "none":
            game = penalised(game, self.gradient_penalty, self.penalty)
        return repeated(game, self.critic_steps) if self.critic_steps > 1 else game


PLAIN = CriticOptions()
