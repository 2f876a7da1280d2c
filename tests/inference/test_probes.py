"""Probes of layers: every recipe's, and values worked out by hand."""

import math
from pathlib import Path

import pytest
import torch
from small_runs import SMALL, start
from torch import Tensor, nn

from energan.data.pixels import to_unit
from energan.games.gan.lsgan import lsgan
from energan.inference.codes import projection
from energan.inference.critic import critic_of, critics, features, generator_layer, layers_of
from energan.inference.model import Model
from energan.inference.probes import forgetting, linear
from energan.inference.probes.layers import Layer, encoding_part, pooled, reading, weight_layers, without
from energan.inference.probes.projection import bounds, descend, distance, is_category, nearest
from energan.utils.errors import UserError

BLIND = {  # recipes without a player that takes images themselves, learns and draws none
    "gmmn-mnist", "energy-distance-mnist", "sinkhorn-mnist", "noiseless-ppgn-h-mnist", "feature-autoencoder",
    "ladder-features",
}  # fmt: skip

# recipes whose images are not made of their second-highest layer alone
SKIPPING = ("two-stage-mnist", "two-stage-64", "lapgan-mnist", "lapgan-64")


def small_model(folder: Path, recipe: str) -> Model:
    """The recipe's networks, not trained."""
    run, data = start(folder, recipe)
    nets = {name: player.net for name, player in run.game.players.items()}
    c, h, w = run.shown(data).images.shape[1:]
    return Model(run.game, nets, shape=(c, h, w))


# ------------------------------------------------------------------------------------------------ every recipe


@pytest.mark.parametrize("recipe", SMALL)
def test_every_recipe_is_probed_where_it_can_be(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "DRAWS", 4)
    monkeypatch.setattr(projection, "STARTS", 1)
    model = small_model(tmp_path / "run", recipe)
    assert model.shape is not None
    images = torch.randint(0, 256, (2, *model.shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    if recipe in BLIND:
        with pytest.raises(UserError, match="no player that takes images and draws none"):
            critic_of(model.game, model.nets, model.shape)
    else:
        critic = critic_of(model.game, model.nets, model.shape)
        read = features(critic, images, model.device)
        assert [len(rows) for rows in read] == [2] * len(critic.layers) and all(bool(f.isfinite().all()) for f in read)
        assert any(bool((rows.std(0) > 0).any()) for rows in read)  # they see the images
    if model.game.sample is None:
        with pytest.raises(UserError, match="no generator"):
            model.project(images, steps=1)
        return
    found = model.project(images, steps=1)
    assert found.images.shape == images.shape
    # one grey level for rounding: batches of other sizes are added up in another order on some processors
    assert (found.images.int() - model.decode(found.noise).int()).abs().max() <= 1
    assert bool((found.errors >= 0).all()) and set(found.noise) == set(model.decoded)
    layer = generator_layer(model.game, model.nets)
    samples = model.sample(2)
    with without(layer, torch.zeros(layer.shape[0], dtype=torch.bool)):
        assert torch.equal(model.sample(2), samples)
    with without(layer, torch.ones(layer.shape[0], dtype=torch.bool)):
        bare = model.generator(*model.noise(2, model.noise_of_seed(0)))
    if recipe not in SKIPPING:
        assert torch.allclose(bare[0], bare[1], atol=1e-5)  # without its maps, nothing of the noise is left
    assert torch.equal(model.sample(2), samples)


# ------------------------------------------------------------------------------------------------ layers


def test_a_layer_ends_where_the_next_begins() -> None:
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(inplace=True), nn.Unflatten(1, (3, 1, 1)),
        nn.Sequential(nn.Conv2d(3, 2, 1), nn.Upsample(scale_factor=2)), nn.Conv2d(2, 1, 1), nn.Tanh(),
    )  # fmt: skip
    found = weight_layers({"G": net.eval()}, lambda: net(torch.zeros(2, 4)))
    assert [(layer.name, layer.shape) for layer in found] == [
        ("G/3", (3,)), ("G/5.1", (2, 2, 2)), ("G/7", (1, 2, 2)),
    ]  # fmt: skip
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_a_layer_that_another_module_holds_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from energan.networks.layers import SpectralNorm

    net = nn.Sequential(SpectralNorm(nn.Linear(4, 3)), nn.LeakyReLU(), SpectralNorm(nn.Linear(3, 1)))
    assert [layer.shape for layer in weight_layers({"D": net}, lambda: net(torch.zeros(2, 4)))] == [(3,), (1,)]

    def fails(x: Tensor) -> Tensor:
        raise ValueError

    monkeypatch.setattr(net[1], "forward", fails)
    with pytest.raises(ValueError):
        weight_layers({"D": net}, lambda: net(torch.zeros(2, 4)))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_an_auto_encoder_is_read_as_far_as_it_encodes() -> None:
    def shapes(*given: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [layer.shape for layer in encoding_part([Layer("", nn.ReLU(), shape) for shape in given])]

    assert shapes((4, 8, 8), (8, 4, 4), (8, 4, 4), (4, 8, 8), (1, 16, 16)) == [(4, 8, 8), (8, 4, 4), (8, 4, 4)]
    assert shapes((4, 8, 8), (5,), (4, 8, 8), (1, 16, 16)) == [(4, 8, 8), (5,)]
    assert shapes((16,), (4,), (16,), (64,)) == [(16,), (4,)]
    assert shapes((16,), (8,), (1,)) == [(16,), (8,)] and shapes((1,)) == []


def test_reading_is_of_the_output_before_it_is_overwritten() -> None:
    net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(inplace=True))
    net[0].weight.data = torch.tensor([[1.0], [-1.0]])
    with reading(Layer("", net[0], (2,))) as outputs:
        net(torch.ones(1, 1))
    assert outputs[0].tolist() == [[1, -1]]


def test_maps_are_dropped_everywhere_and_only_inside_of_the_block() -> None:
    layer, x = nn.Identity(), torch.ones(2, 3, 2, 2)
    with without(Layer("", layer, (3, 2, 2)), torch.tensor([True, False, True])):
        assert layer(x)[:, 1].eq(1).all() and layer(x)[:, [0, 2]].eq(0).all()
        assert layer(torch.ones(2, 3)).tolist() == [[0, 1, 0]] * 2
    assert torch.equal(layer(x), x)


def test_pooling_keeps_the_largest_of_each_part() -> None:
    maps = torch.arange(64.0).view(1, 1, 8, 8)
    assert pooled(maps)[0].tolist() == [9, 11, 13, 15, 25, 27, 29, 31, 41, 43, 45, 47, 57, 59, 61, 63]
    assert pooled(torch.ones(2, 3, 1, 5)).shape == (2, 12) and pooled(torch.ones(2, 3)).shape == (2, 3)


# ------------------------------------------------------------------------------------------------ critics


class Told(nn.Module):
    """x, c -> their sum's first number, by way of a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(4 + 3, 5), nn.Linear(5, 1)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        return self.out(self.hidden(torch.cat([x.flatten(1), c], 1)))[:, 0]


def small_gan(D: nn.Module | None = None) -> Model:
    G = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 4), nn.Unflatten(1, (1, 2, 2)))
    D = D or nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1), nn.Flatten(0))
    return Model(lsgan(G, D, z=2), {"G": G, "D": D}, shape=(1, 2, 2))


def test_a_critic_that_is_told_classes_is_told_their_mean() -> None:
    from energan.games.conditional.conditional import conditional
    from energan.networks.layers.condition import Joined

    G = Joined(nn.Sequential(nn.Linear(2 + 3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Unflatten(1, (1, 2, 2))), 3)
    D = Told()
    game = conditional(lsgan(G, D, z=2), classes=3)
    critic = critic_of(game, {"G": G, "D": D}, (1, 2, 2))
    (hidden,) = layers_of(critic, torch.zeros(2, 1, 2, 2))
    thirds = D.hidden(torch.cat([torch.zeros(4), torch.full((3,), 1 / 3)])[None])
    assert critic.told and torch.allclose(hidden, thirds.expand(2, -1), atol=0.1)  # the mean of 1,000 draws


def test_players_are_named(tmp_path: Path) -> None:
    model = small_gan()
    assert [critic.name for critic in critics(model.game, model.nets, (1, 2, 2))] == ["D"]
    assert critic_of(model.game, model.nets, (1, 2, 2), "D").name == "D"
    for name in ("E", "G"):
        with pytest.raises(UserError, match=f"player '{name}' is none .*; there are: D"):
            critic_of(model.game, model.nets, (1, 2, 2), name)
    shallow = small_gan(nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0)))
    with pytest.raises(UserError, match="no player"):
        critic_of(shallow.game, shallow.nets, (1, 2, 2))
    assert generator_layer(model.game, model.nets).shape == (4,)
    for height in (1, 3, 0):
        with pytest.raises(UserError, match=f"layer {height} is none"):
            generator_layer(model.game, model.nets, height)


# ------------------------------------------------------------------------------------------------ forgetting


def test_maps_that_go_with_a_feature_have_positive_weights() -> None:
    present = torch.tensor([True, False] * 20)
    activations = torch.zeros(40, 3, 2, 2)
    activations[present, 0], activations[~present, 1], activations[:, 2] = 1.0, 1.0, 5.0
    rows, of = forgetting.places(activations, present, torch.Generator().manual_seed(0))
    assert rows.shape == (160, 3) and torch.equal(of, rows[:, 0] == 1)
    weights = forgetting.map_weights(rows, of)
    assert weights[0] > 0 > weights[1] and weights[2] == 0
    assert forgetting.strongest(weights, 1).tolist() == [True, False, False]
    assert not forgetting.strongest(-weights.abs(), 1).any()
    assert torch.equal(forgetting.places(activations[:, :, 0, 0], present, torch.Generator())[1], present)
    for same in (present | True, present & False):
        with pytest.raises(UserError, match="of the samples show the feature"):
            forgetting.map_weights(activations[:, :, 0, 0], same)


def test_places_are_drawn_from_the_whole_image() -> None:
    maps = torch.arange(400.0).view(1, 1, 20, 20).expand(30, -1, -1, -1)
    rows, _ = forgetting.places(maps, torch.ones(30, dtype=torch.bool), torch.Generator().manual_seed(0))
    assert rows.shape == (30 * 16, 1) and len(rows.unique()) > 200


# ------------------------------------------------------------------------------------------------ linear probes


def test_a_linear_probe_finds_what_is_there_and_chooses_C() -> None:
    draws = torch.Generator().manual_seed(0)

    def rows(n: int) -> linear.Rows:
        labels = torch.arange(n) % 3
        return linear.Rows(4 * torch.eye(3)[labels] + torch.randn(n, 3, generator=draws), labels)

    found = linear.probe([rows(30), rows(30)], rows(90), rows(300))
    assert found.C in linear.CHOICES and len(found.errors) == 2 and max(found.errors) < 5
    blind = linear.Rows(torch.zeros(30, 3), torch.arange(30) % 3)
    assert linear.error(0.1, blind, linear.Rows(torch.zeros(300, 3), torch.arange(300) % 3)) == pytest.approx(
        100 * 2 / 3
    )


def test_layers_are_scaled_by_the_taught_images_alone() -> None:
    taught, others = [torch.tensor([[3.0, 3.0]]), torch.zeros(1, 1)], [torch.tensor([[6.0, 0.0]]), torch.ones(1, 1)]
    by = linear.scales(taught)
    assert by == [3.0, 1.0] and linear.joined(others, by).tolist() == [[2.0, 0.0, 1.0]]


# ------------------------------------------------------------------------------------------------ projection


def test_distance_is_of_pixels_and_of_features_relative_to_the_image() -> None:
    x, y = torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 3.0]]]])
    assert distance(x, y, None, 1.0).item() == 5
    assert distance(x, y, lambda t: [t, 7 * t], 0.5).item() == pytest.approx(5 + 0.5)
    assert distance(y, y, lambda t: [t], 0.5).item() == 0


def test_descent_ends_in_the_least_within_the_bounds() -> None:
    target = torch.tensor([[0.5, 3.0]])
    start = {"z": torch.tensor([[0.0, 0.0]]), "k": torch.tensor([[1.0, 0.0]])}
    within = {"z": (torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 1.0]))}
    found, least = descend(lambda n: n["z"], start, within, lambda x: (x - target).square().sum(1), 300)
    assert torch.allclose(found["z"], torch.tensor([[0.5, 1.0]]), atol=1e-2) and torch.equal(found["k"], start["k"])
    assert least.item() == pytest.approx(4, abs=1e-2)
    same, at_start = descend(lambda n: n["z"], start, within, lambda x: (x - target).square().sum(1), 0)
    assert torch.equal(same["z"], start["z"]) and at_start.item() == pytest.approx(9.25)
    fixed, _ = descend(lambda n: n["z"], start, {}, lambda x: x.sum(1), 5)
    assert torch.equal(fixed["z"], start["z"])


def test_a_sample_is_found_again() -> None:
    torch.manual_seed(0)
    model = small_gan()
    images = model.sample(3, seed=5)
    found = model.project(images, steps=300)
    assert bool((found.errors <= found.start_errors + 1e-6).all()) and float(found.errors.max()) < 0.02
    assert torch.equal(model.project(images, steps=0).images, model.project(images, steps=0).start)
    assert model.project(images, steps=0).errors.max() == model.project(images, steps=0).start_errors.max()


def test_what_is_asked_for_stays_and_categories_are_not_mixed() -> None:
    assert is_category(torch.eye(3)) and not is_category(torch.ones(2, 2)) and not is_category(torch.zeros(4))
    low, high = bounds(torch.tensor([[1.0, -2.0], [0.0, 5.0]]))
    assert low.tolist() == [0, -2] and high.tolist() == [1, 5]
    drawn, wanted = torch.tensor([0.0, 1.0, 9.0]), torch.tensor([8.0, 0.4])
    assert nearest(drawn.view(3, 1, 1, 1), wanted.view(2, 1, 1, 1), 2).tolist() == [[2, 1], [0, 1]]


def test_a_projection_is_of_the_class_that_is_asked_for() -> None:
    from energan.games.conditional.conditional import conditional
    from energan.networks.layers.condition import Joined, Planes

    torch.manual_seed(0)
    G = Joined(nn.Sequential(nn.Linear(2 + 3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Unflatten(1, (1, 2, 2))), 3)
    D = Planes(nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 1), nn.Flatten(0)), 3)
    model = Model(conditional(lsgan(G, D, z=2), classes=3), {"G": G, "D": D}, shape=(1, 2, 2))
    images = model.sample(4, seed=1, class_index=2)
    asked = model.project(images, steps=3, conditions=torch.eye(3)[[0, 1, 2, 0]])
    assert asked.noise["c"].argmax(1).tolist() == [0, 1, 2, 0]
    free = model.project(images, steps=3)
    assert is_category(free.noise["c"])
    with pytest.raises(UserError, match="rows of 3 numbers"):
        model.project(images, conditions=torch.zeros(4, 2))
    with pytest.raises(UserError, match="steps must be 0 or more"):
        model.project(images, steps=-1)
    with pytest.raises(UserError, match="have the shape"):
        model.project(torch.zeros(1, 3, 2, 2, dtype=torch.uint8))


def test_errors_are_of_pixels_from_0_to_1() -> None:
    model = small_gan()
    image = torch.full((1, 1, 2, 2), 255, dtype=torch.uint8)
    found = model.project(image, steps=1)
    expected = ((found.images.double() - 255) / 255).square().mean().sqrt().item()
    assert found.errors.item() == pytest.approx(expected) and not math.isnan(found.start_errors.item())
    assert torch.equal(to_unit(image), torch.ones(1, 1, 2, 2))
