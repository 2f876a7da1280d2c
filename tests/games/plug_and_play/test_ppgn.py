"""The PPGN family: small games and their steps by hand, the score that denoising learns, noise within E."""

from functools import partial

import torch
from small_games import MLP, Encoder, Small, rates
from small_plug_and_play import IMAGE, WIRING, E, build, by_hand, encoder, nets, players, source
from torch import Tensor, nn

from energan.data.pixels import to_unit
from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.noise import normal
from energan.engine.optimizers import Adam, PauseOnZeroGradient
from energan.engine.rng import seeded
from energan.games.plug_and_play.dgn_am import dgn_am
from energan.games.plug_and_play.ppgn import (
    code_denoising,
    corrupted,
    joint_ppgn_h,
    noiseless_joint_ppgn_h,
    ppgn_h,
    ppgn_x,
)
from energan.networks.conv.mobilenet_v2 import MobileNetClassifier, MobileNetV2
from energan.networks.conv.ppgn import Bounds
from energan.networks.dense.perceptron import Perceptron
from energan.networks.layers import FeatureExtractor
from energan.recipes.build import build as build_recipe


def build_ppgn_x(seed: int, i: int) -> Game:
    with seeded(seed):
        R, E = Perceptron((16, 8, 16), shape=MLP), FeatureExtractor(Encoder().requires_grad_(False), [])
        return ppgn_x(E, R, normal(*MLP), sigma_x=0.3 + i, optimizer_R=rates(i)[0])


def inverting(**settings) -> Small:
    return Small(partial(build, **settings), MLP, coded=True)


SMALL = {
    "ppgn-x": Small(build_ppgn_x, MLP),
    "ppgn-h": inverting(make=ppgn_h, more=lambda: (Perceptron((5, 6, 5)), 5), optimizer_R=Adam(2e-3, eps=1e-3)),
    "joint-ppgn-h": inverting(make=joint_ppgn_h, more=lambda: (5, normal(*MLP), normal(5))),
    "noiseless-joint-ppgn-h": inverting(make=noiseless_joint_ppgn_h, rests="D"),
}


def by_hand_ppgn_x(R, x, n_x, sigma_x, **_):
    return {"R": lambda: sum(((R(x + sigma_x * n_x) - x) ** 2).flatten()) / 2 / len(x)}


BY_HAND = {
    "ppgn-x": by_hand_ppgn_x,
    "ppgn-h": by_hand,
    "joint-ppgn-h": partial(by_hand, noisy=True),
    "noiseless-joint-ppgn-h": by_hand,
}


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


def test_the_encoder_stays_bit_identical():
    one = Trainer(joint(), source)
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
    small = FeatureExtractor(MobileNetClassifier(64).eval(), ("features.13",))
    assert small(x).layers["features.13"].shape == (2, 96, 4, 4)


def test_weight_decay_is_of_the_discriminator_alone():
    """In the authors' nets every layer of G has decay_mult 0, D's have 1."""

    def decays(game: Game) -> list[float]:
        optimizers = [game.players[name].optimizer for name in ("G", "D")]
        assert all(isinstance(optimizer, PauseOnZeroGradient) for optimizer in optimizers)
        return [optimizer.settings()["weight_decay"] for optimizer in optimizers if optimizer]

    small = {"width": 2, "module": "tiny_encoder:Net", "features": "h.1", "device": "cpu"}
    names = ("dgn-am-mnist", "noiseless-ppgn-h-mnist", "ppgn-h-mnist", "joint-ppgn-h-mnist")
    runs = [build_recipe(name, data="digits", **small).game for name in names]
    runs.append(build_recipe("noiseless-ppgn-h-64", data="mine", width=2, device="cpu").game)
    defaults = [dgn_am(E, *nets(), 4), ppgn_h(E, *nets(), nn.Linear(4, 4), 4)]
    assert all(decays(game) == [0, 4e-4] for game in (*runs, *defaults))
