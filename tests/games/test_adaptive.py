"""Adaptive augmentation: its heuristics and p by hand, what D sees, and the engine's two ways of playing."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from energan.data import Batches
from energan.data.diffaugment import AUGMENTATIONS, augment_some, changes_of
from energan.engine import Ensemble, Trainer, leaves, tree
from energan.engine.game import Batch, Players
from energan.engine.rng import stream
from energan.games.adaptive import MOST, TARGETS, adaptive, overfitting
from energan.games.energy.ebgan import ebgan
from energan.games.gan.gan import gan
from energan.networks.dense import mlp
from energan.utils.errors import UserError

ALL = tuple(AUGMENTATIONS)


def plus(x: Tensor, chance: Tensor) -> Tensor:
    """A change that shows its probability."""
    return x + chance


class Brightness(nn.Module):
    """D(x) is the sum of its pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).sum(1)


def score(p: Players, b: Batch) -> Tensor:
    return p.D(b.x)


def draw(p: Players, b: Batch) -> Tensor:
    return b.z


def measured(heuristic: str, target: float = 0.6, chance: float = 0.0, **data: list[float]) -> tuple[Tensor, Any]:
    p = Players({"D": Brightness(), "p": lambda: torch.tensor([chance], requires_grad=True)})  # type: ignore[dict-item]
    values = {name: torch.tensor(v)[:, None] for name, v in data.items()}
    return overfitting(p, Batch(values), score, draw, plus, heuristic, target)


def test_r_t_is_the_mean_sign_by_hand() -> None:
    loss, logs = measured("sign", x=[2.0, 0.5, -1.0, 3.0])
    assert float(logs["r"]) == 0.5 and float(loss.detach()) == 0  # (1 + 1 - 1 + 1) / 4; p is 0
    loss, _ = measured("sign", x=[2.0, 0.5, -1.0, 3.0], chance=0.25)
    assert float(loss.detach()) == 0.25  # 0.5 is below the target: p is to fall
    _, logs = measured("sign", x=[-0.1, -0.1, -1.0, 3.0], chance=0.25)
    assert float(logs["r"]) == 0.5  # D sees the changed images: -0.1 + 0.25 is positive


def test_r_v_is_where_withheld_images_lie_by_hand() -> None:
    _, logs = measured("validation", x=[4.0, 6.0], v=[3.0, 4.0], z=[1.0, 3.0])
    assert float(logs["r"]) == 0.5  # (5 - 3.5) / (5 - 2)
    _, logs = measured("validation", x=[1.0, 3.0], v=[3.0, 4.0], z=[4.0, 6.0])
    assert float(logs["r"]) == 0  # D takes samples for real: it does not overfit
    _, same = measured("validation", x=[4.0, 6.0], v=[4.0, 6.0], z=[1.0, 3.0])
    _, known = measured("validation", x=[4.0, 6.0], v=[1.0, 3.0], z=[1.0, 3.0])
    assert float(same["r"]) == 0 and float(known["r"]) == 1


def nets() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    return mlp.Generator(4, (1, 8, 8), layers=2, size=8), mlp.Discriminator((1, 8, 8), layers=2, size=8)


def images() -> Tensor:
    return torch.randint(256, (40, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def p_of(trainer: Trainer) -> float:
    return float(next(trainer.nets["p"].parameters()).detach())


@pytest.mark.parametrize("target, after", [(-2.0, 0.25), (2.0, 0.0)])
def test_p_moves_by_its_rate_every_fourth_step_and_stays_within_bounds(target: float, after: float) -> None:
    game = adaptive(gan(*nets(), 4), partial(augment_some, policy=ALL), rate=0.25, target=target)
    trainer = Trainer(game, Batches(images(), None, 8, 0), seed=0)
    logs = [trainer.step() for _ in range(3)]
    assert p_of(trainer) == 0 and not any("p/r" in each for each in logs)
    assert "p/r" in trainer.step() and p_of(trainer) == after
    for _ in range(16):
        trainer.step()
    assert p_of(trainer) == pytest.approx(MOST if after else 0.0)


def test_with_p_of_zero_training_is_the_game_itself() -> None:
    """Up to the fourth step, in which p's turn draws a batch of its own."""
    plain, changed = nets(), nets()
    source = Batches(images(), None, 8, 0)
    one = Trainer(gan(*plain, 4), source, seed=0)
    other = Trainer(adaptive(gan(*changed, 4), partial(augment_some, policy=ALL), rate=0.0), source, seed=0)
    for _ in range(3):
        a, b = one.step(), other.step()
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_d_sees_changed_images_in_every_move_and_samples_are_as_they_are() -> None:
    G, D = nets()
    game = adaptive(gan(G, D, 4), plus, rate=0.0)
    assert game.sample is not None
    trainer = Trainer(game, Batches(images(), None, 8, 0), seed=0)
    with torch.no_grad():
        trainer.nets["p"].k.fill_(0.5)  # type: ignore[operator, union-attr]
    seen: list[Tensor] = []
    D.register_forward_pre_hook(lambda net, given: seen.append(given[0].detach()))
    drawn: list[Tensor] = []
    G.register_forward_hook(lambda net, given, out: drawn.append(out.detach()))
    trainer.step()
    assert len(seen) == 3  # D(x) and D(G(z)) of D's turn, D(G(z)) of G's
    assert torch.allclose(seen[1], drawn[0] + 0.5) and torch.allclose(seen[2], drawn[1] + 0.5)
    assert float(seen[0].max()) > 1  # images, up to 1, and 0.5
    z = torch.randn(2, 4)
    with torch.no_grad():
        assert torch.equal(game.sample(Players(trainer.nets), Batch({"z": z})), G(z))


def test_each_change_is_made_with_its_probability() -> None:
    x = torch.ones(2000, 1, 8, 8)
    with stream(torch.tensor(0)):
        assert torch.equal(augment_some(x, torch.tensor(0.0), ALL), x)
        changed = (augment_some(x, torch.tensor(0.3), ("cutout",)) != x).flatten(1).any(1)
        assert 0.25 < float(changed.float().mean()) < 0.35
        assert bool((augment_some(x, torch.tensor(1.0), ("cutout",)) != x).flatten(1).any(1).all())
    assert changes_of(("ada",)) == ALL and changes_of(("ada", "cutout")) == ("cutout",) and changes_of(()) == ()
    with pytest.raises(UserError, match=r"augment zoom is no augmentation: choose from colour, .*, or ada"):
        changes_of(("zoom",))


def energies_game() -> Any:
    torch.manual_seed(0)
    G, D = mlp.Generator(4, (1, 8, 8), layers=2, size=8), mlp.Autoencoder((1, 8, 8), layers=2, size=8)
    change = partial(augment_some, policy=ALL)
    return adaptive(ebgan(G, D, 4, margin=5.0), change, rate=0.1, heuristic="validation", target=-10.0)


def test_an_ensemble_does_what_each_would_alone() -> None:
    def source(seed: int) -> Batches:
        return Batches(images(), None, 8, seed, withheld=10)

    one = Trainer(energies_game(), source(0), seed=0, precision="fp64")
    games = [energies_game(), energies_game()]
    many = Ensemble(games, [source(0), source(1)], seeds=[0, 1], precision="fp64")
    for _ in range(9):
        one.step()
        many.step()
    mine, theirs = dict(leaves(one.state()["weights"])), many.players(0)
    for player in ("G", "D", "p"):
        for name, w in theirs.weights(player).items():
            assert torch.allclose(w, mine[f"{player}/{name}"], atol=1e-9)
    assert p_of(one) == pytest.approx(0.2)


def test_a_run_that_goes_on_is_the_uninterrupted_one() -> None:
    def trainer() -> Trainer:
        return Trainer(energies_game(), Batches(images(), None, 8, 0, withheld=10), seed=0)

    whole, cut = trainer(), trainer()
    for _ in range(9):
        whole.step()
    for _ in range(5):
        cut.step()
    state = tree({k: v.clone() for k, v in leaves(cut.state())})
    again = trainer()
    again.load(state)
    for _ in range(4):
        again.step()
    expected = dict(leaves(whole.state()))
    assert all(torch.equal(v, expected[k]) for k, v in leaves(again.state()))


def test_withheld_images_are_never_trained_on() -> None:
    numbered = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(40, 1, 2, 2)
    batches = Batches(numbered, torch.arange(40) % 3, 12, 0, withheld=10)
    for k in range(9):
        b = batches(k)
        x, v = (((b[name][:, 0, 0, 0] + 1) * 127.5).round().long() for name in ("x", "v"))
        assert not bool(((x + 1) % 10 == 0).any()) and bool(((v + 1) % 10 == 0).all())
        assert torch.equal(b["y"].argmax(1), x % 3)
    assert batches.per_epoch == 3
    with pytest.raises(UserError, match="36 images, without those withheld: lower batch to 36"):
        Batches(numbered, None, 37, 0, withheld=10)


def test_the_targets() -> None:
    assert TARGETS == {"sign": 0.6, "validation": 0.5}
