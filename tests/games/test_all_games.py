"""Every game through the same checks. A game joins with its file, tests/games/<family>/test_<stem>.py:

SMALL    "<name in GAMES> <what is special>" -> Small: a small game
BY_HAND  the same name -> its losses, written again from the paper's equations:
         function of the nets, the batch, the hyperparameters, the optimizers and t
         -> {turn: loss, or {player: loss} where several move}
"""

import math
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from itertools import chain, cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from close import assert_close_to_scale, assert_equal, assert_states_close
from small_games import Small, float64, source, turn_batch
from torch import Tensor

from energan.engine import Ensemble, Trainer, leaves
from energan.engine.game import Batch, Noise
from energan.engine.optimizers import SGD, PauseOnZeroGradient
from energan.engine.optimizers.wrappers import Several
from energan.engine.rng import stream
from energan.games import GAMES

FILES = sorted(Path(__file__).parent.glob("*/test_*.py"))
SYSTEMS = [import_module(f"tests.games.{path.parent.name}.{path.stem}") for path in FILES]
SMALL: dict[str, Small] = dict(chain.from_iterable(system.SMALL.items() for system in SYSTEMS))
BY_HAND = dict(chain.from_iterable(system.BY_HAND.items() for system in SYSTEMS))
# One for each kind of gradient: of batch norm, through a gradient, through D's steps, through a frozen encoder, of a
# ladder. `make test` differentiates the compiled code of these, and traces all others.
DIFFERENTIATED = {"ebgan-pt", "wgan-gp", "unrolled", "noiseless-joint-ppgn-h", "ladder"}
# All whose objectives and layers others have too (`test_all_objectives_and_layers_are_compiled`): only in `make slow`
REPEATED = {
    *("cgan", "ebgan", "ebgan-pt dropout", "gan", "gan simultaneous", "gan-cls", "gan-int"),
    *("improved-gan-ssl", "sgan"),
}
every_game = pytest.mark.parametrize("name", SMALL)


def images(name: str, seed: int = 0):
    return source(SMALL[name], seed)


def trainer(name: str, seed: int = 0, i: int = 0, only: str | None = None, **settings) -> Trainer:
    game = SMALL[name].build(seed, i)
    if only:
        game = game._replace(order=lambda t: (only,))
    return Trainer(game, images(name, seed), seed=seed, **settings)


def copy(state: dict) -> dict:
    return {k: copy(v) if isinstance(v, dict) else v.clone() for k, v in state.items()}


# ---- the checks ----


def test_every_game_is_checked():
    assert {name.split()[0] for name in SMALL} == set(GAMES)
    assert {name.split()[0] for name in BY_HAND} == set(GAMES)


def test_every_number_and_log_has_a_meaning_and_no_meaning_is_unused():
    unused: dict[str, set[str]] = {}
    for name, row in SMALL.items():
        game = row.build(0, 0)
        logs = {key.split("/", 1)[1] for turn in game.turns for key in trainer(name, only=turn).step()}
        named = logs | set(game.hyperparameters)
        players = set(game.players)
        if game.codes:
            named |= players
        assert named <= set(game.meanings), (name, named - set(game.meanings))
        assert all(text and not text.endswith(".") for text in game.meanings.values())
        left = set(game.meanings) - named - players
        module = GAMES[name.split()[0]].__module__
        unused[module] = unused.get(module, left) & left
    assert not any(unused.values()), unused


@every_game
def test_a_turn_moves_its_players_only_and_all_their_weights(name):
    turns = SMALL[name].build(0, 0).turns
    for turn, moves in turns.items():
        player = trainer(name, only=turn, precision="fp64")
        before = copy(player.state()["weights"])
        player.step()
        movers = {m for move in moves for m in (*move.min, *move.max)}
        for who, weights in player.players._nets.items():
            for k, w in weights.state_dict().items():
                changed = not torch.equal(w, before[who][k])
                is_weight = k in dict(weights.named_parameters())
                assert changed == (who in movers and is_weight), (turn, who, k)


@every_game
def test_gradients_reach_all_weights_of_the_movers(name):
    game = SMALL[name].build(0, 0)
    players = float64(game)
    for move in chain.from_iterable(game.turns.values()):
        with stream(torch.tensor(1)):
            loss, logs = move.objective(players, turn_batch(SMALL[name], game))
        assert loss.shape == () and all(v.shape == () for v in logs.values())
        for who in (*move.min, *move.max):
            for k, w in players.weights(who).items():
                (g,) = torch.autograd.grad(loss, w, retain_graph=True)
                assert bool(g.isfinite().all()) and float(g.abs().sum()) > 0, (who, k)


@every_game
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_losses_are_finite_and_float32(name, precision):
    player = trainer(name, precision=precision)
    for _ in range(3):
        logs = player.step()
    assert logs and all(bool(v.isfinite()) and v.dtype == torch.float32 and not v.requires_grad for v in logs.values())
    assert all(w.dtype == torch.float32 for _, w in leaves({"": player.state()["weights"]}))
    game = player.game
    for move in chain.from_iterable(game.turns.values()):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            assert (
                move.objective(player.players, turn_batch(SMALL[name], game, torch.float32))[0].dtype == torch.float32
            )


@every_game
def test_samples_are_images_in_minus_one_to_one(name):
    game = SMALL[name].build(0, 0)
    if game.sample is None:
        return
    for player in game.players.values():
        for w in player.net.parameters():
            w.data.mul_(100)  # trained weights may be large
    with torch.no_grad():
        sample = game.sample(float64(game), turn_batch(SMALL[name], game, n=4))
    assert sample.shape == (4, *SMALL[name].shape)
    assert float(sample.abs().max()) <= 1 or not SMALL[name].images
    assert sample.std() > 0.01


@every_game
def test_energy_reading(name):
    game = SMALL[name].build(0, 0)
    if game.energy is None:
        return
    players = float64(game)
    for who in players:
        getattr(players, who).eval()
    b = turn_batch(SMALL[name], game)
    reading = game.energy(players, b)
    assert reading.shape == (5,) and bool(reading.isfinite().all())
    assert bool((reading >= 0).all()) or not SMALL[name].bounded
    torch.testing.assert_close(game.energy(players, Batch({"x": b.x[2:3]})), reading[2:3])  # of x alone, and alone


@every_game
def test_classes_are_read_off_each_image_alone(name):
    game = SMALL[name].build(0, 0)
    assert (game.logits is None) == (SMALL[name].classes == 0)
    if game.logits is None:
        return
    players = float64(game)
    for who in players:
        getattr(players, who).eval()
    b = turn_batch(SMALL[name], game)
    logits = game.logits(players, Batch({"x": b.x}))
    assert logits.shape == (5, SMALL[name].classes) and bool(logits.isfinite().all())
    torch.testing.assert_close(game.logits(players, Batch({"x": b.x[2:3]})), logits[2:3])


class InTurn:
    """Several optimizers of the same weights; each step is by the next one."""

    def __init__(self, optimizers: list[torch.optim.Optimizer]) -> None:
        self.next = cycle(optimizers)

    def step(self) -> None:
        next(self.next).step()


def torch_optimizer(optimizer, weights) -> torch.optim.Optimizer | InTurn:
    """torch's own optimizer with the same settings."""
    weights = list(weights)
    if isinstance(optimizer, Several):  # of two updates, the first is by the first
        return InTurn([torch_optimizer(each, weights) for each in optimizer.optimizers])
    if isinstance(optimizer, SGD):
        return torch.optim.SGD(weights, optimizer.lr, optimizer.momentum)
    adam = optimizer.optimizer if isinstance(optimizer, PauseOnZeroGradient) else optimizer
    return torch.optim.Adam(weights, adam.lr, (adam.beta1, adam.beta2), adam.eps, adam.weight_decay)


def recorded(noise: Noise, into: list[Tensor]) -> Noise:
    return lambda generator, n: into.append(noise(generator, n)) or into[-1]


@pytest.mark.parametrize("name", BY_HAND)
def test_two_steps_are_the_papers_equations(name):
    """The engine against a loop written here, with torch's optimizers and the losses of BY_HAND."""
    for i in (0, 1):
        game = SMALL[name].build(3, i)
        drawn: dict[str, list[Tensor]] = {k: [] for k in game.noise}

        noisy = {k: recorded(noise, drawn[k]) for k, noise in game.noise.items()}
        player = Trainer(game._replace(noise=noisy), images(name), precision="fp64")
        nets = {k: p.net.double() for k, p in SMALL[name].build(3, i).players.items()}
        learning = {who: p.optimizer for who, p in game.players.items() if p.optimizer}
        optimizers = {who: torch_optimizer(optimizer, nets[who].parameters()) for who, optimizer in learning.items()}
        count = 0
        for t in range(2):
            player.step()
            turns = game.turns_at(t)
            for before, turn in zip((None, *turns), turns, strict=False):
                if turn not in game.share or game.share[turn] != before:  # else the batch of the turn before
                    data = {k: v.double() for k, v in images(name)(count).items()}
                    noise = {k: tensors.pop(0).double() for k, tensors in drawn.items()}
                losses = BY_HAND[name](**nets, **data, **noise, **game.hyperparameters, optimizers=optimizers, t=t)[
                    turn
                ]
                losses = losses if isinstance(losses, dict) else {turn: losses}
                grads = {who: torch.autograd.grad(loss(), list(nets[who].parameters())) for who, loss in losses.items()}
                for who, gradient in grads.items():  # all have theirs from the same point
                    for w, g in zip(nets[who].parameters(), gradient, strict=True):
                        w.grad = g
                    if not isinstance(learning[who], PauseOnZeroGradient) or any(bool(g.any()) for g in gradient):
                        optimizers[who].step()
                    for w in nets[who].parameters():
                        w.data.clamp_(*SMALL[name].clamp.get(who, (-math.inf, math.inf)))
                count += 1
        assert not any(drawn.values())
        assert_close_to_scale(player.state()["weights"], {k: n.state_dict() for k, n in nets.items()})


@every_game
def test_many_models_are_each_the_model_alone(name):
    """Different seeds, data, margins and learning rates: as if each were trained by itself."""
    count, steps = 3, 3
    alone = [trainer(name, seed=i, i=i, precision="fp64") for i in range(count)]
    many = Ensemble(
        [SMALL[name].build(i, i) for i in range(count)],
        [images(name, i) for i in range(count)],
        seeds=range(count),
        precision="fp64",
    )
    assert len(many) == count
    for _ in range(steps):
        together = many.step()
        apart = [m.step() for m in alone]
        for k, v in together.items():
            assert_close_to_scale(v, torch.stack([logs[k] for logs in apart]))
    for i, model in enumerate(alone):
        for who in model.players:
            assert_close_to_scale(many.players(i).weights(who), model.players.weights(who))
    margins = [{k: v[i].item() for k, v in many.state()["hyperparameters"].items()} for i in range(count)]
    assert margins == [pytest.approx(SMALL[name].build(i, i).hyperparameters) for i in range(count)]


@every_game
def test_a_saved_state_continues_identically(name):
    ema = {who: 0.9 for who, player in SMALL[name].build(0, 0).players.items() if player.optimizer}
    whole, resumed = trainer(name, ema=ema), trainer(name, seed=0, i=0, ema=ema)
    for _ in range(2):
        whole.step()
    middle = copy(whole.state())
    for _ in range(2):
        last = whole.step()
    other = Trainer(SMALL[name].build(9, 0), images(name), seed=9, ema=ema)
    for player in (other, resumed):
        player.load(middle)
        player.step()
        logs = player.step()
        assert logs.keys() == last.keys() and all(torch.equal(logs[k], last[k]) for k in logs)
        assert_equal(player.state(), whole.state())


@every_game
def test_a_saved_state_of_many_continues_identically(name):
    def many(seed: int) -> Ensemble:
        sources = [images(name, i) for i in range(2)]
        return Ensemble([SMALL[name].build(seed, i) for i in range(2)], sources, seeds=[seed, seed + 1])

    whole = many(0)
    whole.step()
    middle = copy(whole.state())
    last = whole.step()
    fresh = many(5)
    fresh.load(middle)
    logs = fresh.step()
    assert all(torch.equal(logs[k], last[k]) for k in last)
    assert_equal(fresh.state(), whole.state())


def compiled() -> Iterator[Any]:
    """A small game and the compiler that it is for; what `make test` leaves out is slow."""
    for name in SMALL:
        if name in GAMES:
            yield pytest.param(name, "compile_cheaply", marks=() if name in DIFFERENTIATED else pytest.mark.slow)
        if name not in DIFFERENTIATED:
            variant = name in REPEATED or name not in GAMES  # of a game that is compiled itself
            yield pytest.param(name, "trace_only", marks=pytest.mark.slow if variant else ())


@pytest.mark.compiles
@pytest.mark.parametrize(("name", "compiler"), [*compiled()])
def test_compiles_without_a_graph_break_and_equals_eager(name, compiler, request):
    request.getfixturevalue(compiler)
    eager, compiled = trainer(name, precision="fp64"), trainer(name, precision="fp64", compile=True)
    for _ in range(2):
        a, b = eager.step(), compiled.step()
    assert_close_to_scale(b, a, rtol=1e-12)
    assert_states_close(compiled.state(), eager.state(), rtol=1e-11)


def written(function: Any) -> str:
    """A function by its name, with the arguments that it is bound to."""
    if not isinstance(function, partial):
        return f"{function.__module__}.{function.__qualname__}" if callable(function) else repr(function)
    bound = [*function.args, *chain.from_iterable(sorted(function.keywords.items()))]
    return f"{written(function.func)} of {', '.join(map(written, bound))}"


def test_all_objectives_and_layers_are_compiled():
    """Games that share objectives or layers need not all be compiled, but each objective and each layer is."""
    parts: dict[str, set[str]] = {}
    for name, row in SMALL.items():
        game = row.build(0, 0)
        turns = {turn for t in range(2) for turn in game.turns_at(t)}
        layers = {type(layer) for player in game.players.values() for layer in player.net.modules()}
        parts[name] = {written(move.objective) for turn in turns for move in game.turns[turn]} | set(
            map(written, layers)
        )
    assert set(parts) >= REPEATED | DIFFERENTIATED and not REPEATED & DIFFERENTIATED
    alone = set().union(*parts.values()) - set().union(*(parts[name] for name in set(parts) - REPEATED))
    assert not alone, f"only games in REPEATED have {sorted(alone)}"


@pytest.mark.usefixtures("trace_only")
def test_the_batched_turn_compiles_without_a_graph_break_and_equals_eager():
    """A turn of G, which passes D as well, of a game whose layers draw; tracing a batched turn takes seconds."""
    name = "gan minimax dropout"

    def many(compile: bool) -> Ensemble:
        sources = [images(name, i) for i in range(2)]
        games = [SMALL[name].build(i, i)._replace(order=lambda t: ("G",)) for i in range(2)]
        return Ensemble(games, sources, seeds=[0, 1], precision="fp64", compile=compile)

    eager, compiled = many(False), many(True)
    for _ in range(2):
        a, b = eager.step(), compiled.step()
    assert_close_to_scale(b, a, rtol=1e-12)
    assert_states_close(compiled.state(), eager.state(), rtol=1e-11)


@pytest.mark.slow
@pytest.mark.usefixtures("compile_truly")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch's own
def test_generated_code_of_one_equals_eager():
    eager, compiled = trainer("autoencoder"), trainer("autoencoder", compile=True)
    for _ in range(2):
        a, b = eager.step(), compiled.step()
    assert all(torch.allclose(a[k], b[k], rtol=1e-4, atol=1e-6) for k in a)


@pytest.mark.slow  # of one model it is tested each time
@pytest.mark.usefixtures("compile_truly")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch's own
def test_generated_code_of_many_equals_eager():
    logs = []
    for compile in (False, True):
        games = [SMALL["autoencoder"].build(i, i) for i in range(2)]
        many = Ensemble(games, [images("autoencoder")] * 2, seeds=[0, 1], compile=compile)
        many.step()
        logs.append(many.step())
    assert all(torch.allclose(logs[0][k], logs[1][k], rtol=1e-4, atol=1e-6) for k in logs[0])
