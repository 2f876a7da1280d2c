"""DGN-AM and the PPGN family: who rests and how still, units, the score that denoising learns, noise within E."""

import itertools
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from energan.data.pixels import to_unit
from energan.engine import Ensemble, Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.noise import normal
from energan.engine.optimizers import Adam, PauseOnZeroGradient
from energan.engine.rng import seeded
from energan.games.plug_and_play.dgn_am import DeePSiM, Wiring, dgn_am
from energan.games.plug_and_play.ppgn import code_denoising, corrupted, joint_ppgn_h, ppgn_h
from energan.losses.inversion import half_square, pause_rule
from energan.networks.conv.mobilenet_v2 import MobileNetClassifier, MobileNetV2
from energan.networks.conv.ppgn import Bounds
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import FeatureExtractor
from energan.recipes.catalog import RECIPES

IMAGE, WIRING = (1, 3, 3), Wiring("h", "h1")
DECAYING = Adam(1e-2, weight_decay=0.1)


def encoder() -> FeatureExtractor:
    with seeded(0):
        h1, h = nn.Sequential(nn.Flatten(), nn.Linear(9, 6), nn.ReLU()), nn.Sequential(nn.Linear(6, 4), nn.ReLU())
        net = nn.Sequential(OrderedDict(h1=h1, h=h, logits=nn.Linear(4, 3)))
    return FeatureExtractor(net.requires_grad_(False), ("h1", "h"))


E = encoder()


def source(k: int) -> dict[str, Tensor]:
    x = torch.rand(6, *IMAGE, generator=torch.Generator().manual_seed(k)) * 2 - 1
    return {"x": x, "h": E(x).layers["h"]}


def nets(seed: int = 1) -> tuple[nn.Module, nn.Module]:
    with seeded(seed):
        return Perceptron([4, 8, 9], shape=IMAGE), Perceptron([9, 8, 1], shape=())


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


def test_the_rule_is_the_authors():
    ratios = (0.01, 0.3, 1.0, 20.0)
    for walk in itertools.product(ratios, repeat=5):
        theirs, ours, seen = (True, True), torch.ones(2), []
        for r in walk:
            theirs, ours = authors(r, *theirs), pause_rule(ours, torch.tensor(r))
            seen.append(theirs)
            assert tuple(ours.bool().tolist()) == theirs, walk
        assert (False, False) not in seen


def test_the_gate_lands_on_the_rule_and_stays_in_0_and_1():
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
def test_who_rests_is_bit_still_with_its_moments(weights, rests, learns):
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


# ---- the prior ----


def test_the_best_denoiser_is_the_score_of_the_noised_codes():
    """Of h ~ N(m, S) and a linear R: (R(h) - h) / s^2 = -(S + s^2)^-1 (h - m), at the optimum of the game's loss."""
    n, s = 200_000, 0.5
    g = torch.Generator().manual_seed(0)
    root = torch.tensor([[1.0, 0.0], [0.8, 0.6]], dtype=torch.float64)
    mean = torch.tensor([1.0, -2.0], dtype=torch.float64)
    h = mean + torch.randn(n, 2, generator=g, dtype=torch.float64) @ root.T
    noise = torch.randn(n, 2, generator=g, dtype=torch.float64)
    R = nn.Linear(2, 2).double()
    design = torch.cat([h + s * noise, torch.ones(n, 1, dtype=torch.float64)], 1)
    solution = torch.linalg.lstsq(design, h).solution
    R.weight.data, R.bias.data = solution[:2].T.contiguous(), solution[2].clone()
    b = Batch({"h": h, "n_h": noise, "sigma_h": torch.tensor(s, dtype=torch.float64)})
    loss, _ = code_denoising(Players({"R": R}), b)
    loss.backward()
    assert float(R.weight.grad.abs().max()) < 1e-9 and float(R.bias.grad.abs().max()) < 1e-9
    at = torch.tensor([[0.0, 0.0], [2.0, -1.0], [1.0, -2.0]], dtype=torch.float64)
    score = -(at - mean) @ torch.linalg.inv(root @ root.T + s**2 * torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close((R(at) - at).detach() / s**2, score, rtol=0, atol=0.04)


def joint(**sigmas: float) -> Game:
    return joint_ppgn_h(encoder(), *nets(), 4, normal(*IMAGE), normal(6), wiring=WIRING, **sigmas)


def test_noise_is_on_the_image_within_the_encoder_and_on_the_code():
    x, noise = source(0)["x"], {k: f(torch.Generator(), 6) for k, f in joint().noise.items()}
    players = Players({"E": E})

    def given(**sigmas: float) -> Tensor:
        chosen = {"sigma_x": 0.0, "sigma_h1": 0.0, "sigma_h": 0.0, **sigmas}
        b = Batch({"x": x, **noise, **{k: torch.tensor(v) for k, v in chosen.items()}})
        return corrupted(players, b, WIRING)

    h1, h = E.module.h1, E.module.h
    torch.testing.assert_close(given(), h(h1(x)))
    torch.testing.assert_close(given(sigma_x=0.3), h(h1(x + 0.3 * noise["n_x"])))
    torch.testing.assert_close(given(sigma_h1=0.3), h(h1(x) + 0.3 * noise["n_h1"]))
    torch.testing.assert_close(given(sigma_h=0.3), h(h1(x)) + 0.3 * noise["n_h"])


def test_priors_and_bounds():
    """DGN-AM has bounds and no prior; PPGN-h R; joint ones E(G(h))."""
    bounds, codes = Bounds(4), torch.randn(50, 4).abs()
    assert bounds()[1].isinf().all() and bounds()[0].eq(0).all()
    bounds.measure(codes)
    torch.testing.assert_close(bounds()[1], codes.mean(0) + 3 * codes.std(0, correction=0))
    held = dgn_am(E, *nets(), 4, bounds=bounds)
    assert held.codes.prior is None and torch.equal(held.codes.bounds(players(held), Batch({})), bounds())
    h = torch.rand(3, 4)
    denoised = ppgn_h(E, *nets(), nn.Linear(4, 4), 4)
    torch.testing.assert_close(denoised.codes.prior(players(denoised), Batch({"h": h})), denoised.players["R"].net(h))
    both = joint()
    p = players(both)
    torch.testing.assert_close(both.codes.prior(p, Batch({"h": h})), E.module[:2](p.G(h)))
    assert held.codes.start(torch.Generator(), 3).shape == (3, 4)


def players(game: Game) -> Players:
    return Players({k: p.net for k, p in game.players.items()})


@pytest.mark.parametrize("make", [joint, game], ids=["joint", "dgn-am"])
def test_the_encoder_stays_bit_identical(make: Any):
    one = Trainer(make(), source)
    before = {k: v.clone() for k, v in one.nets["E"].state_dict().items()}
    for _ in range(4):
        one.step()
    assert all(torch.equal(v, before[k]) for k, v in one.nets["E"].state_dict().items())


def test_mobilenet_as_an_encoder_is_mobilenet_and_lets_gradients_pass():
    """Of floats in [-1, 1] what it says of their bytes; its layers can be tapped; its weights have the same names."""
    bytes_ = torch.randint(256, (2, 3, 40, 40), dtype=torch.uint8)
    net, encoder = MobileNetV2().eval(), MobileNetClassifier().eval()
    encoder.load_state_dict(net.state_dict())
    x = to_unit(bytes_).requires_grad_()
    read = FeatureExtractor(encoder, ("features.13", "h"))(x)
    expected = net(bytes_)
    torch.testing.assert_close(read.layers["h"], expected, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(read.output, net.classifier(expected), rtol=1e-3, atol=1e-5)
    assert read.layers["features.13"].shape == (2, 96, 14, 14)
    (slope,) = torch.autograd.grad(read.layers["h"].sum(), x)
    assert bool(slope.isfinite().all()) and float(slope.abs().max()) > 0
    assert FeatureExtractor(MobileNetClassifier(64).eval(), ("features.13",))(x).layers["features.13"].shape == (
        2,
        96,
        4,
        4,
    )


def test_weight_decay_is_of_the_discriminator_alone():
    """In the authors' nets every layer of G has decay_mult 0, D's have 1."""

    def decays(game: Game) -> list[float]:
        optimizers = [game.players[name].optimizer for name in ("G", "D")]
        assert all(isinstance(optimizer, PauseOnZeroGradient) for optimizer in optimizers)
        return [optimizer.settings()["weight_decay"] for optimizer in optimizers if optimizer]

    small = {"width": 2, "module": "tiny_encoder:Net", "features": "h.1", "device": "cpu"}
    names = ("dgn-am-mnist", "noiseless-ppgn-h-mnist", "ppgn-h-mnist", "joint-ppgn-h-mnist")
    runs = [RECIPES[name](data="digits", **small).game for name in names]
    runs.append(RECIPES["noiseless-ppgn-h-64"](data="mine", width=2, device="cpu").game)
    defaults = [dgn_am(E, *nets(), 4), ppgn_h(E, *nets(), nn.Linear(4, 4), 4)]
    assert all(decays(game) == [0, 4e-4] for game in (*runs, *defaults))


def test_the_bounds_of_a_run_are_those_of_its_training_images():
    run = RECIPES["dgn-am-mnist"](data="digits", width=2, module="tiny_encoder:Net", features="h.1", device="cpu")
    images = torch.randint(256, (600, 1, 28, 28), dtype=torch.uint8)
    run.initialise(images)
    codes = run.game.players["E"].net(to_unit(images)).layers["h"]
    low, high = run.game.codes.bounds(players(run.game), Batch({}))
    assert float(low.abs().max()) == 0
    torch.testing.assert_close(high, codes.mean(0) + 3 * codes.std(0, correction=0))
    assert run.game.codes.chain.decay == 0.99 and run.game.codes.chain.gradient == "activation"
