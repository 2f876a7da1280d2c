"""SRResNet and SRGAN: their small games and their steps by hand, who learns when, the paper's nets, what is in use."""

from functools import partial

import pytest
import torch
from small_games import Small, rates, scaled
from torch import Tensor, nn

from energan.engine import Trainer
from energan.engine.game import Batch, Game, Players
from energan.engine.rng import seeded
from energan.games.translation.srgan import srgan, srresnet
from energan.networks.layers import BatchNorm, FeatureExtractor, measure_batch_norm
from energan.networks.pretrained import frozen
from energan.networks.translation.srresnet import Discriminator, Generator
from energan.utils.errors import UserError

X, Y, SCALE = (1, 8, 8), (1, 16, 16), 2


class Classifier(nn.Sequential):
    """Y-shaped pictures -> 3 logits, always the same; "maps" are smooth, so that no weight is without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        with seeded(0):
            self.maps = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Tanh())
            self.logits = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3))


def generator(seed: int, bicubic: bool) -> Generator:
    with seeded(seed):
        return Generator(SCALE, channels=1, width=2, blocks=1, bicubic=bicubic, norm=not bicubic)


def of_pixels(seed: int, i: int, bicubic: bool = False) -> Game:
    return scaled(srresnet(generator(seed, bicubic), scale=SCALE, optimizer_G=rates(i)[0]), i)


def build(seed: int, i: int, adversarial_from: int = 1) -> Game:
    with seeded(seed):
        D = Discriminator(16, channels=1, width=1, hidden=4)
    phi = FeatureExtractor(frozen(Classifier()), ("maps",))
    of_G, of_D = rates(i)
    game = srgan(
        generator(seed, False), D, phi, layer="maps", adversarial_from=adversarial_from, scale=SCALE, content=0.5,
        adversarial=0.1, optimizer_first=of_D, optimizer_G=of_G, optimizer_D=of_D,
    )  # fmt: skip
    return scaled(game, i)


def by_hand(G, D=None, phi=None, *, x, y, content=0.0, adversarial=0.0, **_):
    def pixels():
        return ((y - G(x)) ** 2).sum() / y.numel()

    def of_D():
        return -torch.sigmoid(D(y)).log().mean() - (1 - torch.sigmoid(D(G(x).detach()))).log().mean()

    def of_G():
        fake = G(x)
        features = [phi.module.maps(images) for images in (y, fake)]
        far = ((features[0] - features[1]) ** 2).sum() / features[0].numel()
        return content * far - adversarial * torch.sigmoid(D(fake)).log().mean()

    return {"pixels": {"G": pixels}, "D": {"D": of_D}, "G": {"G": of_G}}


SMALL = {
    "srresnet": Small(of_pixels, X, other=Y),
    "srresnet bicubic": Small(partial(of_pixels, bicubic=True), X, other=Y),
    "srgan": Small(build, X, other=Y),
}
BY_HAND = {"srresnet": by_hand, "srresnet bicubic": by_hand, "srgan": by_hand}


def source(k: int) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(k)
    return {"x": torch.rand(3, *X, generator=g) * 2 - 1, "y": torch.rand(3, *Y, generator=g) * 2 - 1}


def test_d_waits_until_pixels_are_learned() -> None:
    one = Trainer(build(0, 0, adversarial_from=2), source, seed=0)
    before = [w.clone() for w in one.nets["D"].parameters()]
    assert [set(one.step()) for _ in range(2)] == [{"pixels/L_MSE"}] * 2
    assert all(torch.equal(a, b) for a, b in zip(before, one.nets["D"].parameters(), strict=True))
    assert {name.split("/")[0] for name in one.step()} == {"D", "G"}
    assert not any(torch.equal(a, b) for a, b in zip(before, one.nets["D"].parameters(), strict=True))


def test_the_frozen_classifier_stays_as_it_is() -> None:
    one = Trainer(build(0, 0, adversarial_from=0), source, seed=0)
    before = {k: w.clone() for k, w in one.nets["phi"].state_dict().items()}
    one.step()
    assert all(torch.equal(w, before[k]) for k, w in one.nets["phi"].state_dict().items())


def test_the_papers_networks() -> None:
    """Figure 4; SRResNet's 16 blocks of 64 maps are 1.5 million weights, as its ports count."""
    G, D = Generator(), Discriminator()
    assert sum(w.numel() for w in G.parameters()) == pytest.approx(1.55e6, rel=0.01)
    convolutions = [m for m in D.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [m.stride[0] for m in convolutions] == [1, 2, 1, 2, 1, 2, 1, 2]
    assert [m.in_features for m in D.modules() if isinstance(m, nn.Linear)] == [512 * 6 * 6, 1024]
    assert sum(isinstance(m, BatchNorm) for m in D.modules()) == 7


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_pictures_of_any_size_become_larger(scale: int) -> None:
    G = Generator(scale, channels=1, width=2, blocks=1)
    assert G(torch.zeros(2, 1, 5, 7)).shape == (2, 1, 5 * scale, 7 * scale)
    assert Discriminator(20, channels=1, width=1, hidden=2)(torch.zeros(3, 1, 20, 20)).shape == (3,)


def test_sizes_that_cannot_be_are_refused() -> None:
    for scale in (0, 1, 3, 6):
        with pytest.raises(UserError, match=r"scale is 2, 4, 8"):
            Generator(scale)
    with pytest.raises(UserError, match="16 pixels a side or more, not 15"):
        Discriminator(15)


def test_without_weights_what_is_left_is_the_bicubic_enlargement() -> None:
    G = Generator(4, channels=1, width=2, blocks=1, bicubic=True)
    for w in G.parameters():
        w.data.zero_()
    plain = torch.full((1, 1, 6, 6), 0.25)
    torch.testing.assert_close(G(plain), torch.full((1, 1, 24, 24), 0.25))


def test_what_is_in_use_depends_on_no_neighbour_and_stays_in_range() -> None:
    game = of_pixels(0, 0)
    G = game.players["G"].net
    x = torch.rand(6, *X) * 2 - 1
    measure_batch_norm([G], lambda: G(x), 1)
    for w in G.last[-1].parameters():
        w.data.mul_(100)
    assert game.translate is not None and game.translate["xy"].scale == SCALE
    with torch.no_grad():
        together = game.translate["xy"].read(Players({"G": G}), Batch({"x": x}))
        alone = game.translate["xy"].read(Players({"G": G}), Batch({"x": x[2:3]}))
    torch.testing.assert_close(alone, together[2:3], rtol=1e-3, atol=1e-3)  # which range is 2
    assert float(together.abs().max()) == 1 and together.shape == (6, *Y)
