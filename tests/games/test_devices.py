"""Every game on a device that is not the CPU (helpers/elsewhere.py): no operation mixes devices, or waits for one."""

from collections.abc import Container, Iterable
from typing import Any

import pytest
import torch
from elsewhere import DEVICE, devices, elsewhere
from torch._subclasses.fake_tensor import DataDependentOutputException

from energan.engine import Ensemble, Trainer
from energan.engine.game import Game, Move
from energan.games import GAMES
from energan.inference.guided import latent_maps
from energan.inference.model import Model
from tests.games.test_all_games import SMALL, images

# of several forms of a game, and of games under vmap, which share their optimizers, some are enough in `make test`
BATCHED = ("gan", "unrolled", "began", "wgan", "dgn-am", "classifier")


def some(names: Iterable[str], quick: Container[str]) -> list[Any]:
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def played(game: Game, name: str, steps: int = 1, **settings) -> Trainer:
    one = Trainer(game, images(name), device=DEVICE, **settings)
    for _ in range(steps):
        logs = one.step()
    assert {log.device.type for log in logs.values()} == {DEVICE}
    return one


@pytest.mark.parametrize("name", some(SMALL, GAMES))
def test_a_step_stays_on_its_device_and_waits_for_nothing(name):
    with elsewhere():
        game = SMALL[name].build(0, 0)
        learners = [who for who, player in game.players.items() if player.optimizer]
        one = played(game, name, steps=2 if game.order else 1, ema=dict.fromkeys(learners, 0.9))
        state = one.state()
        assert devices({part: state[part] for part in ("weights", "moments", "ema")}) == {DEVICE}


@pytest.mark.parametrize("name", some(SMALL, BATCHED))
def test_a_step_of_many_stays_on_its_device_and_waits_for_nothing(name):
    with elsewhere():
        games, sources = [SMALL[name].build(i, i) for i in range(2)], [images(name, i) for i in range(2)]
        many = Ensemble(games, sources, seeds=[0, 1], device=DEVICE)
        assert {log.device.type for log in many.step().values()} == {DEVICE}
        state = many.state()
        assert devices({part: state[part] for part in ("weights", "moments", "hyperparameters")}) == {DEVICE}


@pytest.mark.parametrize("name", GAMES)
def test_what_a_trained_game_can_do_computes_on_its_device(name):
    small = SMALL[name]
    with elsewhere():
        game = small.build(0, 0)
        model = Model(game, {who: player.net for who, player in game.players.items()}, device=DEVICE)
        x = torch.zeros(4, *small.shape, device=DEVICE)
        if game.sample is not None and game.noise:
            with torch.no_grad():
                drawn = model.generator(*model.noise(4, model.noise_of_seed(0)))
            assert drawn.device.type == DEVICE
        if game.energy is not None:
            assert model.energy(x).device.type == DEVICE
        if game.logits is not None:
            assert model.classifier(x).device.type == DEVICE
        if game.codes is not None:
            maps = latent_maps(model)
            codes = maps.encode(x)
            read = [maps.decode(codes), maps.logits(x), *([maps.prior(codes)] if maps.prior else [])]
            assert {values.device.type for values in (codes, *read)} == {DEVICE}


def spoiled(name: str, spoil) -> Game:
    """The small game, whose first objective also does what `spoil` does."""
    game = SMALL[name].build(0, 0)
    turn, (move, *others) = next(iter(game.turns.items()))

    def objective(p, b):
        loss, logs = move.objective(p, b)
        return loss + spoil(loss, b), logs

    return game._replace(turns={**game.turns, turn: (Move(objective, move.min, move.max), *others)})


def test_a_tensor_made_on_the_cpu_is_found():
    with elsewhere(), pytest.raises(RuntimeError, match=r"two (different )?devices"):
        played(spoiled("gan", lambda loss, b: (b.x * torch.ones(b.x.shape)).sum()), "gan")


def test_a_value_that_is_waited_for_is_found():
    with elsewhere(), pytest.raises(DataDependentOutputException):
        played(spoiled("gan", lambda loss, b: float(loss)), "gan")
