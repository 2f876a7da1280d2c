"""A batch that two turns share, and what is kept of it: against a loop written here, and against drawing again."""

from collections.abc import Callable
from contextlib import suppress

import pytest
import torch
from small_games import source
from torch import Tensor, nn

from energan.engine import Ensemble, Trainer, leaves
from energan.engine.game import Batch, Game, Logs, Move, Player, Players
from energan.engine.kept_calls import KeptCalls
from energan.engine.noise import normal
from energan.engine.optimizers import SGD
from energan.engine.rng import seeded
from energan.games.gan.variations import shared
from energan.networks.layers import BatchNorm, Dropout
from energan.utils.errors import UserError
from tests.games.test_all_games import SMALL

STEPS = 3


class Counted(nn.Sequential):
    """A net that counts its passes."""

    passes = 0

    def forward(self, *x: Tensor) -> Tensor:
        self.passes += 1
        return super().forward(*x)


def of_D(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = (p.D(b.x) - p.D(p.G(b.z).detach())).mean() + p.D(b.x).square().mean()
    return loss, {"loss": loss, "z": b.z.sum(), "x": b.x.sum()}


def of_G(p: Players, b: Batch) -> tuple[Tensor, Logs]:
    loss = p.D(p.G(b.z)).mean()
    return loss, {"loss": loss, "z": b.z.sum(), "x": b.x.sum()}


def nets(*more: nn.Module) -> tuple[Counted, nn.Module]:
    with seeded(0):
        G = Counted(nn.Linear(2, 4), nn.Tanh(), *more, nn.Linear(4, 3))
        return G, nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def game(*more: nn.Module, D=of_D, G: Callable | tuple[Move, ...] = of_G, order=("D", "G"), share: bool = True) -> Game:
    generator, critic = nets(*more)
    return Game(
        {"G": Player(generator, SGD(0.1)), "D": Player(critic, SGD(0.1))},
        {"D": (Move(D, min=("D",)),), "G": G if isinstance(G, tuple) else (Move(G, min=("G",)),)},
        order=lambda t: order,
        noise={"z": normal(2)},
        share={"G": "D"} if share else {},
    )


def rows(k: int) -> dict[str, Tensor]:
    return {"x": torch.randn(6, 3, generator=torch.Generator().manual_seed(k))}


def trained(played: Game, steps: int = STEPS, data=rows, **settings) -> Trainer:
    one = Trainer(played, data, precision="fp64", **settings)
    for _ in range(steps):
        one.step()
    return one


def assert_same(a: Trainer, b: Trainer) -> None:
    others = dict(leaves(b.state()))
    for name, value in leaves(a.state()):
        assert torch.equal(value, others[name]), name


@pytest.fixture
def draw_again(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trainer]:
    """Trains with shared batches, of which nothing is kept."""

    def again(played: Game, **settings) -> Trainer:
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_keeping", lambda *_: None)
            return trained(played, **settings)

    return again


def passes(one: Trainer) -> int:
    return one.nets["G"].passes


# ---- what is played ----


def test_it_is_a_loop_that_shows_both_players_the_same_samples() -> None:
    """To the last bit, in float64: plain steps, the gradients of one graph of G."""
    one = trained(game())
    G, D = (net.double() for net in nets())
    generator = torch.Generator().manual_seed(0)
    for t in range(STEPS):
        x, z = rows(2 * t)["x"].double(), torch.randn(6, 2, generator=generator).double()
        torch.randint(2**31, (), generator=generator)  # the key of the layers' stream
        fake = G(z)
        critic = (D(x) - D(fake.detach())).mean() + D(x).square().mean()
        down(D, torch.autograd.grad(critic, list(D.parameters())))
        down(G, torch.autograd.grad(D(fake).mean(), list(G.parameters())))
    for name, net in (("G", G), ("D", D)):
        for w, other in zip(one.nets[name].parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(w, other, rtol=1e-12, atol=1e-12)
    assert passes(one) == STEPS


def down(net: nn.Module, grads: tuple[Tensor, ...]) -> None:
    with torch.no_grad():
        for w, grad in zip(net.parameters(), grads, strict=True):
            w.sub_(grad, alpha=0.1)


def test_two_turns_see_one_batch_and_only_where_one_comes_right_after_the_other() -> None:
    logs = Trainer(game(), rows).step()
    assert torch.equal(logs["D/z"], logs["G/z"]) and torch.equal(logs["D/x"], logs["G/x"])
    apart = Trainer(game(share=False), rows).step()
    assert not torch.equal(apart["D/z"], apart["G/z"]) and not torch.equal(apart["D/x"], apart["G/x"])
    assert torch.equal(apart["D/z"], logs["D/z"]) and torch.equal(apart["D/x"], logs["D/x"])
    many = Ensemble([game()] * 2, [rows] * 2, seeds=[0, 1]).step()
    assert torch.equal(many["D/z"], many["G/z"]) and torch.equal(many["D/x"], many["G/x"])


@pytest.mark.parametrize("order", [("G", "D"), ("G",), ("G", "G", "D")])
def test_turns_that_do_not_adjoin_are_played_as_ever(order: tuple[str, ...]) -> None:
    """D's turn comes last: the next step's G has a batch of its own."""
    assert_same(trained(game(order=order)), trained(game(order=order, share=False)))


def test_of_several_turns_the_last_of_D_and_the_first_of_G_share() -> None:
    one = trained(game(order=("D", "D", "G", "G")), steps=1)
    assert passes(one) == 3
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):  # batches of noise, and as many keys
        torch.randn(6, 2, generator=generator), torch.randint(2**31, (), generator=generator)
    assert torch.equal(one.state()["generator"], generator.get_state()) and one.state()["draws"] == 4


# ---- what is kept is what would be drawn again ----


def test_every_game_that_can_share_has_the_same_bits_as_if_it_drew_again(draw_again) -> None:
    compared = 0
    for small in SMALL.values():
        with suppress(UserError):  # no turn of G follows another's
            one, other = (shared(small.build(0, 0)) for _ in range(2))
            assert_same(trained(one, data=source(small)), draw_again(other, data=source(small)))
            compared += 1
    assert compared > len(SMALL) / 2


def test_samples_that_an_objective_draws_without_gradients_still_teach_G(draw_again) -> None:
    def quiet(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        with torch.no_grad():
            fake = p.G(b.z)
        return p.D(fake).mean(), {}

    one = trained(game(D=quiet))
    assert_same(one, draw_again(game(D=quiet)))
    assert passes(one) == STEPS


def test_an_objective_that_does_not_detach_moves_its_own_player_only(draw_again) -> None:
    def careless(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        return (p.D(p.G(b.z)) + p.D(p.G(b.z)) * p.D(b.x)).mean(), {}

    one = trained(game(D=careless))
    assert_same(one, draw_again(game(D=careless)))
    assert passes(one) == STEPS  # the second call of D's turn is the first


def test_a_second_call_in_Gs_turn_has_a_graph_of_its_own(draw_again) -> None:
    def twice(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        return (p.D(p.G(b.z)) * p.G(b.z)).mean(), {}

    moves = (Move(twice, min=("G",)), Move(of_G, min=("G",)))
    one = trained(game(G=moves))
    assert_same(one, draw_again(game(G=moves)))
    assert passes(one) == 3 * STEPS


def test_the_gradient_of_an_argument_is_not_cut_off(draw_again) -> None:
    def steep(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        z = b.z.clone().requires_grad_()
        (slope,) = torch.autograd.grad(p.D(p.G(z)).sum(), z, create_graph=True)
        return slope.square().mean(), {}

    one = trained(game(D=steep))
    assert_same(one, draw_again(game(D=steep)))
    assert passes(one) == 2 * STEPS


def test_other_weights_are_other_calls(draw_again) -> None:
    def ahead(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        half = {k: w / 2 for k, w in p.weights("G").items()}
        return p.D(p.move(G=half).G(b.z)).mean(), {}

    assert_same(trained(game(G=ahead)), draw_again(game(G=ahead)))
    assert_same(trained(game(D=ahead)), draw_again(game(D=ahead)))


def test_nets_that_draw_random_numbers_draw_them_anew(draw_again) -> None:
    one = trained(game(Dropout(0.5)))
    assert_same(one, draw_again(game(Dropout(0.5))))
    assert passes(one) == 2 * STEPS


def test_several_outputs_are_kept_together() -> None:
    class Pair(nn.Linear):
        def forward(self, x: Tensor) -> tuple[Tensor, str, list[Tensor]]:
            y = super().forward(x)
            return y, "name", [y * 2]

    net, z = Pair(1, 1).requires_grad_(False), torch.ones(1, 1)
    kept = KeptCalls({"G": net}, {"G": dict(net.named_parameters())})
    y, name, (doubled,) = kept.calls["G"](z)
    assert name == "name" and not y.requires_grad and not doubled.requires_grad
    net.requires_grad_(True)
    again, name, (doubled,) = kept.calls["G"](z)
    assert torch.equal(again, y) and again.requires_grad and doubled.requires_grad


def test_weights_that_the_user_froze_stay_frozen() -> None:
    played = game()
    played.players["G"].net[0].weight.requires_grad_(False)
    before = played.players["G"].net[0].weight.double()
    assert torch.equal(trained(played).nets["G"][0].weight, before)


def test_parts_of_a_batch_are_drawn_again() -> None:
    parts, whole = trained(game(), microbatches=2), trained(game())
    assert passes(parts) == 2 * 2 * STEPS
    for name, value in leaves(parts.state()["weights"]):
        torch.testing.assert_close(value, dict(leaves(whole.state()["weights"]))[name])


def test_an_error_in_between_leaves_nothing_behind() -> None:
    def fails(p: Players, b: Batch) -> tuple[Tensor, Logs]:
        p.G(b.z)
        raise ValueError("between")

    one = Trainer(game(D=fails), rows)
    with pytest.raises(ValueError, match="between"):
        one.step()
    played = game(BatchNorm(4))
    assert_same(trained(played), trained(game(BatchNorm(4))))


# ---- what is refused ----


def test_a_turn_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"^turn 'G' shares the batch of 'C'; the turns are D, G$"):
        Trainer(game()._replace(share={"G": "C"}), rows)


def test_models_that_share_otherwise_are_no_ensemble() -> None:
    with pytest.raises(UserError, match=r"^models trained as one must share the same turns' batches$"):
        Ensemble([game(), game(share=False)], [rows] * 2, seeds=[0, 1])
