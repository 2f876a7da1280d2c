"""A loop by hand: its nets, optimizers and random numbers, its batches and its turns."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from energan.engine.game import Game, Source

SIZE = (1, 32, 32)
LR, BETA1, RATE, CLIP, CRITIC_STEPS, K = 2e-4, 0.5, 5e-5, 0.01, 5, 5
MARGIN, PT, PENALTY, GAMMA, BALANCE, STEP, ENTROPY, MISMATCH = 10.0, 0.1, 10.0, 1.0, 0.5, 1e-3, 10.0, 0.5
FEATURES = 0.01
WIDTHS, EPSILON, ITERATIONS = (4.0, 10.0, 20.0, 40.0, 80.0, 160.0), 10.0, 20


class Hand:
    """The nets, optimizers and random numbers of a loop by hand."""

    def __init__(self, game: Game, source: Source, precision: str) -> None:
        self.nets = {k: player.net.to(memory_format=torch.channels_last) for k, player in game.players.items()}  # type: ignore[call-overload]
        rmsprop = "f" in game.players and not game.hyperparameters
        self.of = {k: _optimizer(self.nets[k], rmsprop) for k, player in game.players.items() if player.optimizer}
        first, second = [*self.of, *self.of][:2]
        self.G, self.D, self.of_G, self.of_D = self.nets[first], self.nets[second], self.of[first], self.of[second]
        self.source, self.noise, self.draws = source, game.noise, 0
        self.generator = torch.Generator().manual_seed(0)
        self.autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")
        self.k = 0.0  # BEGAN's
        self.steps = 0  # DANN's
        self.more: dict[str, torch.optim.Optimizer] = {}  # of players that have one for each turn

    def further(self, letter: str, turn: str) -> torch.optim.Optimizer:
        """A player's own optimizer in a further turn."""
        if turn not in self.more:
            self.more[turn] = _optimizer(self.nets[letter], rmsprop=False)
        return self.more[turn]

    def batch(self) -> tuple[Tensor, ...]:
        """x, any y and h, the game's noise; and a number drawn in vain, because the engine draws one for its layers."""
        data = self.source(self.draws)
        self.draws += 1
        noise = [draw(self.generator, len(data["x"])) for draw in self.noise.values()]
        torch.randint(2**31, (), generator=self.generator)
        return *data.values(), *noise


def _optimizer(net: nn.Module, rmsprop: bool) -> torch.optim.Optimizer:
    if rmsprop:
        return torch.optim.RMSprop(net.parameters(), lr=RATE, foreach=True)
    return torch.optim.Adam(net.parameters(), lr=LR, betas=(BETA1, 0.999), fused=True)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


Loss = Callable[..., Tensor]  # of D, x, G(z) and the game's other noise


def in_turns(h: Hand, of_D: Loss, of_G: Loss, critic_steps: int = 1, clip: float = 0.0) -> None:
    """`critic_steps` turns of D, then one of G."""
    h.D.requires_grad_(True)
    for _ in range(critic_steps):
        x, z, *rest = h.batch()
        with h.autocast:
            with torch.no_grad():
                fake = h.G(z)
            loss = of_D(h.D, x, fake, *rest)
        descend(h.of_D, loss)
        if clip:
            with torch.no_grad():
                weights = list(h.D.parameters())
                torch._foreach_clamp_min_(weights, -clip)
                torch._foreach_clamp_max_(weights, clip)
    h.D.requires_grad_(False)
    x, z, *rest = h.batch()
    with h.autocast:
        loss = of_G(h.D, x, h.G(z))
    descend(h.of_G, loss)


def alone(h: Hand, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    """A turn of G, against a distance between x and G(z)."""
    x, z = h.batch()
    with h.autocast:
        value = loss(x, h.G(z))
    descend(h.of_G, value)


def together(h: Hand, loss: Tensor, *letters: str) -> None:
    """Several players' step down the sum of their losses."""
    for letter in letters:
        h.of[letter].zero_grad(set_to_none=True)
    loss.backward()
    for letter in letters:
        h.of[letter].step()
