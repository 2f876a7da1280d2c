"""Differentiable augmentation: what it does by hand, its gradients, and the engine's two ways of playing."""

import pytest
import torch
from torch import nn
from torch.func import grad, vmap

from energan.data import Batches
from energan.data.diffaugment import AUGMENTATIONS, Augmented, augment, colour, cutout, numbers, translate
from energan.engine import Ensemble, Trainer
from energan.engine.noise import normal
from energan.engine.rng import stream
from energan.games.energy.ebgan import ebgan
from energan.utils.errors import UserError

ALL = tuple(AUGMENTATIONS)


def u(*values: float) -> torch.Tensor:
    return torch.tensor([values])


def picture(h: int = 8, w: int = 8) -> torch.Tensor:
    return torch.arange(1.0, 3 * h * w + 1).view(1, 3, h, w) / (3 * h * w)


def test_each_colour_change_by_hand():
    x = torch.tensor([0.1, 0.3, 0.8])[None, :, None, None].expand(1, 3, 2, 2)
    assert torch.allclose(colour(x, u(0.5, 0.5, 0.5)), x, atol=1e-7)
    assert torch.allclose(colour(x, u(0.75, 0.5, 0.5)), x + 0.25)
    assert torch.allclose(colour(x, u(0.5, 0.0, 0.5)), torch.full_like(x, 0.4))  # no saturation: each pixel's mean
    assert torch.allclose(colour(x, u(0.5, 0.75, 0.5)), 0.4 + 1.5 * (x - 0.4))
    x = picture(2, 2)
    mean = x.mean()
    assert torch.allclose(colour(x, u(0.5, 0.5, 0.0)), mean + 0.5 * (x - mean))
    assert torch.allclose(colour(x, u(0.25, 0.5, 0.75)), mean - 0.25 + 1.25 * (x - mean))  # brightness comes first


def test_colours_change_and_opacity_does_not():
    """By hand: opaque is as three channels are, what is transparent stays white, and between, colours change alone."""
    solid = torch.cat([picture(2, 2) * 2 - 1, torch.ones(1, 1, 2, 2)], 1)
    changed = colour(solid, u(0.7, 0.3, 0.9))
    assert torch.allclose(changed[:, :3], colour(solid[:, :3], u(0.7, 0.3, 0.9)), atol=1e-6)
    colours, opacity = (
        torch.tensor([[-0.6, 0.2, 0.1], [0.4, -0.8, 0.0]]).T[None, :, :, None],
        torch.tensor([0.25, 0.75]),
    )
    a = opacity[None, None, :, None]
    x = torch.cat([a * colours + (1 - a), 2 * a - 1], 1)
    brighter = colour(x, u(0.75, 0.5, 0.5))
    assert torch.allclose(brighter[:, :3], a * (colours + 0.25) + (1 - a), atol=1e-6)
    mean = (a * colours).mean() / a.mean()
    steeper = colour(x, u(0.5, 0.5, 1.0))
    assert torch.allclose(steeper[:, :3], a * (mean + 1.5 * (colours - mean)) + (1 - a), atol=1e-6)
    for made in (changed, brighter, steeper):
        assert torch.equal(made[:, 3:], (solid if made is changed else x)[:, 3:])
    empty = torch.cat([torch.ones(1, 3, 2, 2), -torch.ones(1, 1, 2, 2)], 1)
    assert torch.equal(colour(empty, u(0.9, 0.1, 0.9)), empty)


def test_images_have_changes_of_their_own():
    x = picture().expand(2, 3, 8, 8)
    both = colour(x, torch.tensor([[0.9, 0.2, 0.1], [0.1, 0.8, 0.7]]))
    assert torch.equal(both[:1], colour(x[:1], u(0.9, 0.2, 0.1)))
    assert torch.equal(both[1:], colour(x[:1], u(0.1, 0.8, 0.7)))


@pytest.mark.parametrize(("h", "w"), [(8, 8), (16, 8), (20, 32)])
def test_translation_by_hand(h, w):
    x, (far, wide) = picture(h, w), [int(side / 8 + 0.5) for side in (h, w)]
    assert torch.equal(translate(x, u(0.5, 0.5)), x)
    down = translate(x, u(0.999, 0.5))
    assert torch.equal(down[:, :, far:], x[:, :, :-far]) and not down[:, :, :far].any()
    left = translate(x, u(0.5, 0.0))
    assert torch.equal(left[..., :-wide], x[..., wide:]) and not left[..., -wide:].any()
    both = translate(x, u(0.0, 0.999))
    assert torch.equal(both[:, :, :-far, wide:], x[:, :, far:, :-wide])
    assert int((both != 0).sum()) == 3 * (h - far) * (w - wide)


def test_translation_is_uniform_over_whole_pixels():
    row = torch.zeros(5000, 1, 16, 16)
    row[:, :, 8, 8] = 1
    moved = translate(row, torch.rand(5000, 2))
    for axis in (2, 3):
        counts = torch.bincount(moved.amax(5 - axis).nonzero()[:, 2], minlength=16)
        assert counts.nonzero().squeeze(1).tolist() == [6, 7, 8, 9, 10]  # an eighth of 16 either way
        assert counts[6:11].min() > 880 and counts.max() < 1120  # 1000 expected, 4 standard deviations


@pytest.mark.parametrize("side", [8, 9, 16])
def test_cutout_by_hand(side):
    x, size = picture(side, side), int(side / 2 + 0.5)
    middle = cutout(x, u(0.5, 0.5))
    start = int(0.5 * (side + 1 - size % 2)) - size // 2
    assert int((middle == 0).sum()) == 3 * size**2
    assert not middle[:, :, start : start + size, start : start + size].any()
    corner = cutout(x, u(0.0, 0.0))  # what lies outside is lost
    inside = size - size // 2
    assert int((corner == 0).sum()) == 3 * inside**2 and not corner[:, :, :inside, :inside].any()
    last = cutout(x, u(0.9999, 0.9999))
    assert not last[:, :, -1, -1].any() and torch.equal(last[:, :, : side - size], x[:, :, : side - size])
    kept = middle != 0
    assert torch.equal(middle[kept], x[kept])


def test_a_policy_is_its_parts_one_after_another():
    x, v = torch.randn(4, 3, 16, 16), torch.rand(4, 7)
    expected = cutout(translate(colour(x, v[:, :3]), v[:, 3:5]), v[:, 5:])
    assert torch.equal(augment(x, v, ALL), expected)
    assert torch.equal(augment(x, v[:, :4], ("cutout", "translation")), translate(cutout(x, v[:, :2]), v[:, 2:4]))
    assert numbers(ALL) == 7 and numbers(()) == 0
    with pytest.raises(UserError, match="blur is no augmentation: choose from colour, translation, cutout"):
        numbers(("colour", "blur"))


@pytest.mark.parametrize("name", ALL)
def test_gradients(name):
    function, count = AUGMENTATIONS[name]
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64, requires_grad=True)
    v = torch.rand(2, count, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: function(x, v), x)
    (slope,) = torch.autograd.grad(function(x, v).sum(), x)
    assert slope.abs().sum() > 0
    if name == "cutout":
        assert torch.equal(slope != 0, function(torch.ones_like(x), v) != 0)  # none where it was cut out


@pytest.mark.parametrize("name", ALL)
def test_under_vmap_each_model_has_its_own(name):
    function, count = AUGMENTATIONS[name]
    x, v = torch.randn(3, 2, 3, 8, 8), torch.rand(3, 2, count)
    together = vmap(function)(x, v)
    assert torch.allclose(together, torch.stack([function(a, b) for a, b in zip(x, v, strict=True)]), atol=1e-6)
    slopes = vmap(grad(lambda a, b: function(a, b).square().sum()))(x, v)
    alone = [grad(lambda a, b: function(a, b).square().sum())(a, b) for a, b in zip(x, v, strict=True)]
    assert torch.allclose(slopes, torch.stack(alone), atol=1e-5)


def test_grey_images_and_bf16():
    v = torch.rand(2, 7)
    assert augment(torch.randn(2, 1, 28, 28), v, ALL).shape == (2, 1, 28, 28)
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(augment(x.bfloat16(), v, ALL).float(), augment(x, v, ALL), atol=0.05)


def test_augmented_only_while_training_and_by_the_stream():
    G = Augmented(nn.Unflatten(1, (3, 8, 8)), ALL)
    z = torch.randn(5, 192)
    with stream(torch.tensor(1)):
        first, second = G(z), G(z)
    with stream(torch.tensor(1)):
        assert torch.equal(G(z), first)
    assert not torch.equal(first, second) and not torch.equal(first, z.view(5, 3, 8, 8))
    assert torch.equal(G.eval()(z), z.view(5, 3, 8, 8))
    assert torch.equal(Augmented(nn.Unflatten(1, (3, 8, 8)), ()).train()(z), z.view(5, 3, 8, 8))
    with pytest.raises(UserError, match="no augmentation"):
        Augmented(nn.Identity(), ("mirror",))


class Code(nn.Module):
    """The smallest auto-encoder that EBGAN's games take: (reconstruction, code)."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Linear(192, 6), nn.Linear(6, 192)

    def forward(self, x):
        code = self.encode(x.flatten(1)).tanh()
        return self.decode(code).view(x.shape), code


def game(seed: int):
    torch.manual_seed(seed)
    return ebgan(
        Augmented(nn.Sequential(nn.Linear(4, 192), nn.Tanh(), nn.Unflatten(1, (3, 8, 8))), ALL), Code(), z=normal(4)
    )


def test_a_game_is_played_with_it_unchanged_alone_and_among_many():
    images = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
    source = Batches(images, None, 8, seed=0, augment=ALL)
    many = Ensemble([game(0), game(1)], [source, source], seeds=[5, 6], precision="fp64")
    ones = [Trainer(game(seed), source, seed=seed + 5, precision="fp64") for seed in (0, 1)]
    for _ in range(3):
        together = many.step()
        for i, one in enumerate(ones):
            for name, value in one.step().items():
                assert torch.allclose(together[name][i], value.double(), rtol=1e-6), name
    plain = Trainer(game(0), Batches(images, None, 8, seed=0), seed=5, precision="fp64")
    logs = [plain.step() for _ in range(3)][-1]
    assert any(not torch.allclose(together[name][0], value.double(), rtol=1e-3) for name, value in logs.items())


def test_real_and_generated_images_have_the_same_distribution():
    """Of one image, seen 4,000 times: the mean and the spread of each pixel agree."""
    image = torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    source = Batches(image.expand(400, 3, 8, 8).contiguous(), None, 400, seed=0, augment=ALL)
    real = torch.cat([source(k)["x"] for k in range(10)])
    G = Augmented(nn.Identity(), ALL)
    with stream(torch.tensor(7)):
        fake = G((image / 127.5 - 1).expand(4000, 3, 8, 8))
    error = 4 * (real.std(0) ** 2 / 4000 + fake.std(0) ** 2 / 4000).sqrt()
    assert ((real.mean(0) - fake.mean(0)).abs() <= error + 1e-3).all()
    assert (real.std(0) / fake.std(0) - 1).abs().max() < 0.15
