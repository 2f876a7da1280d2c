"""DGN-AM: its small games and their steps by hand, who rests and how still, the losses' units."""

import itertools
from functools import partial

import pytest
import torch
from small_games import MLP, Small
from small_plug_and_play import IMAGE, WIRING, E, build, by_hand, encoder, nets, players, source
from torch import Tensor, nn

from energan.data import ImageSet
from energan.data.pixels import to_unit
from energan.engine import Ensemble, Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.optimizers import Adam
from energan.games.plug_and_play.dgn_am import DeePSiM, dgn_am
from energan.losses.inversion import half_square, pause_rule
from energan.networks.conv.ppgn import Bounds
from energan.recipes.build import build as build_recipe


def bounded(seed: int, i: int) -> Game:
    """Each game has bounds of its own: a test that plays one on fake tensors leaves them in its players."""
    return build(seed, i, make=dgn_am, bounds=Bounds(5))


SMALL = {
    "dgn-am": Small(bounded, MLP, coded=True),
    "dgn-am paired": Small(partial(build, make=dgn_am, paired=True), MLP, coded=True),
}
BY_HAND = {"dgn-am": by_hand, "dgn-am paired": partial(by_hand, paired=True)}
DECAYING = Adam(1e-2, weight_decay=0.1)


def game(**weights: float) -> Game:
    return dgn_am(
        encoder(), *nets(), 4, wiring=WIRING, weights=DeePSiM(**weights), optimizer_G=DECAYING, optimizer_D=DECAYING
    )


def state(one: Trainer | Ensemble, who: str) -> list[Tensor]:
    """Weights and moments."""
    s = one.state()
    return [v.clone() for tree in (s["weights"][who], *s["moments"][who].values()) for v in tree.values()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# ---- who rests ----


def authors(r: float, train_D: bool, train_G: bool) -> tuple[bool, bool]:
    """As End2EndDeepImageReconstruction decides at the end of an iteration: three conditions in turn."""
    if r < 0.1 and train_D:
        train_D, train_G = False, True
    if r > 0.5 and not train_D:
        train_D, train_G = True, True
    if r > 10 and train_G:
        train_D, train_G = True, False
    return train_D, train_G


def test_the_pause_rule_is_the_authors():
    ratios = (0.01, 0.3, 1.0, 20.0)
    for walk in itertools.product(ratios, repeat=5):
        theirs, ours, seen = (True, True), torch.ones(2), []
        for r in walk:
            theirs, ours = authors(r, *theirs), pause_rule(ours, torch.tensor(r))
            seen.append(theirs)
            assert tuple(ours.bool().tolist()) == theirs, walk
        assert (False, False) not in seen


def test_the_gate_follows_the_pause_rule():
    """r is near 2 at first: G is to rest above 1.5, D below 5."""
    for weights, after in (({"pause_G": 1.5}, [1, 0]), ({"pause_D": 5.0, "resume_D": 50.0}, [0, 1]), ({}, [1, 1])):
        one = Trainer(game(**weights), source)
        logs = one.step()
        assert logs["D+gate/D learns"] == logs["D+gate/G learns"] == 1
        assert one.players.gate().tolist() == after


@pytest.mark.parametrize(
    ("weights", "rests", "learns"),
    [({"pause_G": 1.5}, "G", "D"), ({"pause_D": 5.0, "resume_D": 50.0}, "D", "G")],
    ids=["G", "D"],
)
def test_a_paused_player_keeps_its_weights_and_moments(weights, rests, learns):
    """Also by decay; and it goes on from where it was, by the moments it had."""
    one = Trainer(game(**weights), source)
    many = Ensemble([game(**weights), game(pause_G=1e9)], [source, source], seeds=[0, 1])
    one.step(), many.step()
    still, moving = state(one, rests), state(one, learns)
    before = state(many, rests)
    for _ in range(3):
        one.step(), many.step()
    assert same(state(one, rests), still) and not same(state(one, learns), moving)
    after = state(many, rests)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(after, before, strict=True))
    assert not any(torch.equal(a[1], b[1]) for a, b in zip(after, before, strict=True))  # its neighbour goes on
    with torch.no_grad():
        one.nets["gate"].k.fill_(1)
    one.step()
    assert not same(state(one, rests), still)


# ---- the losses' units ----


class Known(nn.Module):
    """Gives the same image for each code."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = nn.Parameter(image)

    def forward(self, h: Tensor) -> Tensor:
        return self.image.expand(len(h), *self.image.shape)


def test_the_image_loss_is_in_the_authors_unit():
    """Pixels of 0 to 255, squares summed over a sample and halved, averaged over samples."""
    x = torch.randint(256, (5, *IMAGE)).float()
    fake = torch.randint(256, IMAGE).float()
    made = dgn_am(E, Known(fake / 127.5 - 1), nets()[1], 4, wiring=WIRING)
    numbers = {k: torch.tensor(v) for k, v in made.hyperparameters.items()}
    players = Players({k: p.net for k, p in made.players.items()})
    ours = x / 127.5 - 1
    _, logs = made.turns["all"][1].objective(players, Batch({"x": ours, "h": E(ours).layers["h"], **numbers}))
    expected = sum(2e-6 * 0.5 * float(((fake - row) ** 2).sum()) for row in x) / 5
    assert logs["L_img"].item() == pytest.approx(expected, rel=1e-5)
    h1 = [E((row / 127.5 - 1)[None]).layers["h1"] for row in (*x, fake)]
    expected = sum(0.01 * 0.5 * float(((h1[-1] - row) ** 2).sum()) for row in h1[:-1]) / 5
    assert logs["L_h1"].item() == pytest.approx(expected, rel=1e-4)
    assert made.hyperparameters["adversarial"] == 100


def test_half_square_by_hand():
    a, b = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert half_square(a, b).item() == pytest.approx((25 + 2) / 2 / 2)


def test_the_encoder_stays_bit_identical():
    one = Trainer(game(), source)
    before = {k: v.clone() for k, v in one.nets["E"].state_dict().items()}
    for _ in range(4):
        one.step()
    assert all(torch.equal(v, before[k]) for k, v in one.nets["E"].state_dict().items())


def test_the_bounds_of_a_run_are_those_of_its_training_images():
    run = build_recipe("dgn-am-mnist", data="digits", width=2, module="tiny_encoder:Net", features="h.1", device="cpu")
    images = torch.randint(256, (600, 1, 28, 28), dtype=torch.uint8)
    run.initialise(ImageSet(images, None, "noise", (), "made here", "", ()))
    codes = run.game.players["E"].net(to_unit(images)).layers["h"]
    low, high = run.game.codes.bounds(players(run.game), Batch({}))
    assert float(low.abs().max()) == 0
    torch.testing.assert_close(high, codes.mean(0) + 3 * codes.std(0, correction=0))
    assert run.game.codes.chain.decay == 0.99 and run.game.codes.chain.gradient == "activation"
