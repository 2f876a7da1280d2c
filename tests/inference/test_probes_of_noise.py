"""Probes of noise: every recipe's, and values worked out by hand."""

import math
from pathlib import Path

import pytest
import torch
from small_runs import SMALL, start
from torch import Tensor, nn

from energan.data.pixels import to_bytes
from energan.engine.game import Game, Player
from energan.engine.noise import Distribution, distribution, gaussian_mixture, normal, one_hot, uniform
from energan.explore import combined as combined_module
from energan.explore import traversed
from energan.explore.combined import AROUND, Concept, Drawn
from energan.explore.traversed import FEW, Rows, code_rows, direction_rows, directions_of, drawing
from energan.inference.model import Model
from energan.inference.probes.arithmetic import combined, mean, neighbours, turned
from energan.inference.probes.directions import factorised, principal
from energan.inference.probes.first_layer import first_layer, seen, weight
from energan.inference.probes.paths import path, spherical, straight, truncated
from energan.inference.probes.steps import fade, step_lengths
from energan.utils.errors import UserError

NORMAL, UNIFORM, CATEGORY = Distribution("normal"), distribution(uniform(1)), Distribution("category")


# ------------------------------------------------------------------------------------------------ every recipe


@pytest.mark.parametrize("recipe", SMALL)
def test_every_recipe_that_draws_is_probed(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traversed, "count", lambda width: 20)
    monkeypatch.setattr(combined_module, "NEW", 1)
    monkeypatch.setattr(combined_module, "STEPS", 2)
    monkeypatch.setattr("energan.inference.model.CHUNK", 8)
    monkeypatch.setattr("energan.inference.chunks.CHUNK", 8)
    run, data = start(tmp_path / "run", recipe)
    c, h, w = run.shown(data).images.shape[1:]
    model = Model(run.game, {name: player.net for name, player in run.game.players.items()}, shape=(c, h, w))
    if model.game.sample is None:
        with pytest.raises(UserError, match="no generator"):
            model.noise_of([0])
        return
    rows, samples, kinds = model.noise_of([3, 0]), model.sample(5), model.distributions
    assert torch.equal(model.decode(rows), samples[[3, 0]])  # all of what an image is drawn from has a name
    unknown = {name for name, noise in kinds.items() if noise.kind == "unknown"}
    mixed = SMALL[recipe].get("prior", "gaussian") != "gaussian" or recipe == "cgan-mnist"  # whose noise has masks, too
    assert kinds and unknown == ({"z"} if mixed else set())
    if unknown:
        with pytest.raises(UserError, match="truncation is of normal or uniform noise, and z of this run is neither"):
            model.sample(2, truncation=0.5)
    for noise in kinds:  # the generator reads each
        draw = drawing(model, {name: z[:1] for name, z in rows.items()}, noise)
        assert not torch.equal(draw(rows[noise]), draw(rows[noise][:1]).expand(2, -1, -1, -1))
    films = model.interpolate(rows, model.noise_of([1, 4]), 3)
    assert films.shape == (2, 3, c, h, w) and torch.equal(films[:, 0], samples[[3, 0]])
    if not unknown:
        assert model.sample(2, truncation=0.01).shape == samples[:2].shape
    drawn = Drawn(model, 0, None)
    mine = drawn.projected(samples[1:2], 0).noise  # one's own image stands beside samples, whatever noise there is
    parts = [Concept([0, 2], "0,2"), Concept([1, 3], "1,3"), Concept([4], "4,mine", mine)]
    summed, turn = drawn.summed(parts[:2], parts[2:], 0.25), drawn.turned(*parts[:2])
    assert [len(row) for row in summed.rows] == [5, 5, 5, 4, 4, 4] and AROUND == 8
    assert [len(row) for row in turn.rows] == [5, 5, 2]
    found = Rows([], [], [])
    for name, noise in kinds.items():
        if rows[name].flatten(1).shape[1] <= FEW:
            code_rows(model, rows, name, noise, 2.0, 3, found)
        planes = rows[name].ndim == 4 and rows[name].shape[2] > 28  # too wide for factors
        for method in () if noise.kind == "category" else ("pca",) if planes else ("pca", "factors"):
            ways = directions_of(model, {each: z[:1] for each, z in rows.items()}, name, method, 2, torch.Generator())
            assert torch.allclose(ways.vectors.norm(dim=1), torch.ones(2), atol=1e-4), method
            assert bool((ways.shares > 0).all()) and float(ways.shares.sum()) <= 1.0001
            direction_rows(model, rows, name, noise, method, (2, 2.0, 3), torch.Generator(), found)
            assert torch.equal(found.images[-1][1], samples[0])  # the sample itself is in the middle
    assert len(found.images) == 2 * len(found.names)


# ------------------------------------------------------------------------------------------------ paths


def test_distributions_of_noise() -> None:
    assert distribution(normal(3, sigma=5.0)) == ("normal", 0.0, 5.0)
    kind, middle, deviation = distribution(uniform(3, low=0.0, high=6.0))
    assert (kind, middle) == ("uniform", 3.0) and deviation == pytest.approx(math.sqrt(3))
    assert distribution(one_hot(10)).kind == "category"
    assert distribution(gaussian_mixture()).kind == "unknown" == distribution(lambda g, n: torch.zeros(n, 2)).kind


def test_a_great_circle_by_hand() -> None:
    """60 degrees apart: half-way, sin 30 / sin 60 of each, which has the length of both."""
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, math.sqrt(3)]])
    middle = spherical(a, b, torch.tensor([0.0, 0.5, 1.0]))[0]
    assert torch.allclose(middle, torch.stack([a[0], (a + b)[0] / math.sqrt(3), b[0]]), atol=1e-6)
    assert torch.allclose(middle.norm(dim=1), torch.full((3,), 2.0))


def test_a_path_keeps_the_length_of_normal_noise_and_its_shape() -> None:
    a, b = (torch.randn(4, 10, 3, 5) for _ in range(2))
    found = path(a, b, 7, NORMAL)
    assert found.shape == (4, 7, 10, 3, 5) and torch.equal(found[:, 0], a) and torch.allclose(found[:, -1], b)
    lengths = found.flatten(2).norm(dim=2)
    low = torch.minimum(lengths[:, 0], lengths[:, -1]) * 0.9
    assert bool((lengths > low[:, None]).all())
    assert bool((path(a, b, 3, UNIFORM).flatten(2).norm(dim=2)[:, 1] < low).all())  # the straight line is short


@pytest.mark.parametrize("scale", [1.0, -1.0, 3.0, 0.0])
def test_ends_on_one_line_with_zero_have_no_circle(scale: float) -> None:
    a, t = torch.tensor([[1.0, 2.0]]), torch.tensor([0.0, 0.25, 1.0])
    assert torch.allclose(spherical(a, scale * a, t), straight(a, scale * a, t))


def test_a_category_is_held() -> None:
    a, b = torch.eye(3)[:1], torch.eye(3)[1:2]
    assert torch.equal(path(a, b, 4, CATEGORY)[0], a.expand(4, -1))


def test_truncated_noise_by_hand() -> None:
    """z = 1 has the rank 0.8413. Within 0.5, ranks go from 0.3085 to 0.6915; there, 0.8413 is the rank 0.6307."""
    found = float(truncated(torch.tensor([[1.0]]), 0.5, NORMAL))
    assert found == pytest.approx(0.3336, abs=3e-4)
    rank = (math.erf(found / math.sqrt(2)) + 1) / 2
    assert rank == pytest.approx(0.3085 + 0.8413 * (0.6915 - 0.3085), abs=2e-4)
    wide = truncated(torch.tensor([[1.0]]), 5.0, Distribution("normal", 2.0, 10.0))
    assert float(wide) == pytest.approx(2 + 10 * -0.1, abs=1e-3)
    assert float(truncated(torch.tensor([[0.9]]), 0.5, UNIFORM)) == pytest.approx(0.9 * 0.5 / math.sqrt(3))


def test_samples_are_drawn_of_truncated_noise() -> None:
    model = linear({"z": normal(1), "k": one_hot(2)})  # an image is z + 1
    rows = model.noise_of(range(50))["z"].flatten()
    moved = 1 + truncated(rows, 0.4, NORMAL)
    assert torch.equal(model.sample(50, truncation=0.4).flatten(), to_bytes(moved.view(-1, 1, 1, 1)).flatten())
    assert not torch.equal(model.sample(50, truncation=0.4), model.sample(50))


def test_truncated_noise_is_noise_drawn_until_it_is_near() -> None:
    z = torch.randn(20000, 1)
    near = z[z.abs() < 0.7].sort().values
    moved = truncated(z, 0.7, NORMAL).flatten().sort().values
    assert float(moved.abs().max()) <= 0.7 and float(moved.std()) == pytest.approx(float(near.std()), rel=0.05)
    assert torch.equal(z.flatten().argsort(), truncated(z.double(), 0.7, NORMAL).flatten().argsort())
    assert torch.allclose(truncated(z, 30.0, NORMAL), z, atol=1e-4)


@pytest.mark.parametrize(
    ("noise", "psi", "told"),
    [
        ({"z": normal(4)}, 0.0, "truncation must be above 0"),
        ({"z": normal(4)}, -1.0, "truncation must be above 0"),
        ({"z": normal(4)}, float("nan"), "truncation must be above 0"),
        ({"z": uniform(4)}, 1.8, "changes nothing"),
        ({"z": gaussian_mixture()}, 0.5, "and z of this run is neither"),
    ],
)
def test_truncations_that_are_none(noise: dict, psi: float, told: str) -> None:
    with pytest.raises(UserError, match=told):
        linear(noise).sample(2, truncation=psi)


# ------------------------------------------------------------------------------------------------ steps, arithmetic


def test_steps_and_fades_by_hand() -> None:
    features = torch.tensor([[[0.0], [1.0], [4.0]], [[2.0], [2.0], [1.0]]])
    assert step_lengths(features).tolist() == [[1, 3], [0, 1]]
    black, grey = torch.zeros(1, 1, 1, 2, dtype=torch.uint8), torch.tensor([[[[90, 30]]]], dtype=torch.uint8)
    assert fade(black, grey, 4)[0, :, 0, 0].tolist() == [[0, 0], [30, 10], [60, 20], [90, 30]]


def test_sums_by_hand() -> None:
    a, b, c = torch.tensor([[1.0], [3.0]]), torch.tensor([[10.0]]), torch.tensor([[4.0], [6.0]])
    assert combined([a, b], [c], NORMAL).tolist() == [[2 + 10 - 5]] and mean(a, NORMAL).tolist() == [[2]]
    votes = torch.eye(3)[[2, 0, 2]]
    assert mean(votes, CATEGORY).tolist() == [[0, 0, 1]]
    assert combined([votes, torch.eye(3)[:1]], [votes], CATEGORY).tolist() == [[1, 0, 0]]
    assert turned(a, b, c, 3, NORMAL)[0].flatten().tolist() == [1, -1.5, -4]
    assert torch.equal(turned(votes, votes[:1], votes[1:2], 2, CATEGORY)[:, 1], votes)


def test_neighbours_are_near() -> None:
    z = torch.randn(1, 1000)
    near = neighbours(z, 4, NORMAL, torch.Generator().manual_seed(0)) - z
    assert 0.24 < float(near.max()) <= 0.25 and -0.25 <= float(near.min()) < -0.24
    assert torch.equal(neighbours(torch.eye(4)[:1], 2, CATEGORY, torch.Generator()), torch.eye(4)[[0, 0]])


# ------------------------------------------------------------------------------------------------ directions


class Asked(nn.Module):
    """[2 z, c] through a linear layer, and ReLU: a generator that is asked."""

    def __init__(self, A: Tensor) -> None:
        super().__init__()
        self.words = nn.Linear(2, 2)
        self.net = nn.Sequential(nn.Linear(A.shape[1], A.shape[0]), nn.ReLU())
        self.net[0].weight.data.copy_(A)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        return self.net(torch.cat([self.words(c), 2 * z[:, :2]], 1))[:, None, None]


def asked(A: Tensor) -> Model:
    G = Asked(A)
    noise = {"z": normal(3), "c": one_hot(2)}
    game = Game(players={"G": Player(G)}, turns={}, noise=noise, sample=lambda p, b: p.G(b.z, b.c))
    return Model(game, {"G": G})


def linear(noise: dict) -> Model:
    """An image of 1 x 1 pixels, the sum of all noise."""
    game = Game(
        players={"G": Player(nn.Identity())}, turns={}, noise=noise,
        sample=lambda p, b: sum(getattr(b, name).flatten(1).sum(1) for name in noise).view(-1, 1, 1, 1),
    )  # fmt: skip
    return Model(game, {"G": nn.Identity()})


def test_the_weight_of_the_noise_alone() -> None:
    """The condition has a layer of its own, and columns of the next; the third number of z is not seen."""
    A = torch.tensor([[9.0, 9.0, 1.0, 0.0], [9.0, 9.0, 0.0, 3.0], [9.0, 9.0, 0.0, 0.0]])
    model = asked(A)
    sample = model.noise_of([0])
    first = first_layer(drawing(model, sample, "z"), sample["z"], model.nets.values())
    assert first is not None and first.layer is model.nets["G"].net[0]
    assert torch.allclose(weight(first), torch.tensor([[2.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 0.0]]), atol=1e-4)
    assert seen(first).tolist() == [True, True, False]
    found = directions_of(model, sample, "z", "factors", 5, torch.Generator())
    assert torch.allclose(found.vectors, torch.eye(3)[[1, 0]], atol=1e-4)
    assert torch.allclose(found.shares, torch.tensor([0.9, 0.1]), atol=1e-4)
    hooks = [net._forward_hooks or net._forward_pre_hooks for net in model.nets["G"].modules()]
    assert not any(hooks)


def test_a_layer_under_spectral_norm_and_a_transposed_convolution() -> None:
    G = nn.Sequential(nn.Unflatten(1, (3, 1, 1)), nn.ConvTranspose2d(3, 1, 2))
    game = Game(players={"G": Player(G)}, turns={}, noise={"z": normal(3)}, sample=lambda p, b: p.G(b.z))
    model = Model(game, {"G": G})
    sample = model.noise_of([0])
    first = first_layer(drawing(model, sample, "z"), sample["z"], [G])
    assert first is not None
    assert torch.allclose(weight(first), G[1].weight.flatten(1).T, atol=1e-5)
    found = directions_of(model, sample, "z", "factors", 1, torch.Generator())
    expected = torch.linalg.svd(G[1].weight.flatten(1).T).Vh[0]
    assert abs(float(found.vectors[0] @ expected)) == pytest.approx(1, abs=1e-4)


def test_factors_by_hand() -> None:
    """A = diag(1, 2) turned by 45 degrees."""
    turn = torch.tensor([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2)
    found = factorised(torch.diag(torch.tensor([1.0, 2.0])) @ turn.T, 2)
    assert torch.allclose(found.vectors.abs(), torch.full((2, 2), math.sqrt(0.5)))
    assert torch.allclose(found.shares, torch.tensor([0.8, 0.2])) and float(found.vectors[0].prod()) < 0


def test_principal_directions_by_hand() -> None:
    """y = (3 z_2, z_1) and more noise than units, and fewer: the first component is moved by z_2 alone."""
    for n, copies in ((500, 1), (40, 50)):
        z = torch.randn(n, 2, generator=torch.Generator().manual_seed(1))
        z = (z - z.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(z.T.cov(correction=0))).T  # white
        y = torch.stack([3 * z[:, 1], z[:, 0]], 1).repeat(1, copies)
        found = principal(y, z, 2)
        assert torch.allclose(found.vectors, torch.tensor([[0.0, 1.0], [1.0, 0.0]]), atol=1e-3)
        assert torch.allclose(found.shares, torch.tensor([0.9, 0.1]), atol=1e-3)
    assert not len(principal(torch.ones(5, 3), torch.randn(5, 2), 2).vectors)  # nothing changes


def test_a_generator_without_a_layer_has_no_directions() -> None:
    model = linear({"z": normal(3)})
    with pytest.raises(UserError, match="no layer with a weight that sees z"):
        directions_of(model, model.noise_of([0]), "z", "pca", 1, torch.Generator())


# ------------------------------------------------------------------------------------------------ Model


@pytest.mark.parametrize("numbers", [[-1], [10**6], [1.5], [True], ["3"], []])
def test_samples_that_have_no_number(numbers: list) -> None:
    with pytest.raises(UserError, match=r"number"):
        linear({"z": normal(2)}).noise_of(numbers)


def test_what_cannot_be_interpolated() -> None:
    model = linear({"z": normal(2)})
    a, b = model.noise_of([0, 1]), model.noise_of([2])
    with pytest.raises(UserError, match="same noise"):
        model.interpolate(a, b)
    with pytest.raises(UserError, match="frames must be 2 or more"):
        model.interpolate(b, b, 1)
    with pytest.raises(UserError, match="reads no noise 'x'"):
        model.interpolate({"x": b["z"]}, {"x": b["z"]})


def test_conditions_go_straight_and_categories_stay() -> None:
    model = linear({"k": one_hot(2), "c": one_hot(3)})
    seen: list[dict] = []
    model.__dict__["decode"] = lambda noise: seen.append(noise) or torch.zeros(len(noise["c"]), 1, 1, 1)
    ends = [{"k": torch.eye(2)[[i]], "c": torch.eye(3)[[i]]} for i in (0, 1)]
    model.interpolate(*ends, 3)
    assert seen[0]["k"].tolist() == [[1, 0]] * 3 and seen[0]["c"].tolist() == [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]]


def test_numbers_of_samples_beyond_a_chunk() -> None:
    model = linear({"z": normal(2)})
    rows = model.noise_of([600, 3, 251])
    assert torch.equal(model.decode(rows), model.sample(601)[[600, 3, 251]])
