"""Steps by hand of systems that make pictures of pictures, with their games."""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, softplus

from benchmarks.engine import batches
from benchmarks.objectives import sizes
from benchmarks.objectives.hand import BETA1, LR, SIZE, Hand, descend
from energan.engine.game import Game, Source
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.translation.cyclegan import cyclegan
from energan.games.translation.pix2pix import pix2pix
from energan.games.translation.srgan import srgan, srresnet
from energan.networks.layers import FeatureExtractor
from energan.networks.pretrained import frozen
from energan.networks.translation.patch import patch_critic
from energan.networks.translation.pool import Pool
from energan.networks.translation.resnet import resnet
from energan.networks.translation.srresnet import Discriminator, Generator
from energan.networks.translation.unet import unet, unet_noise

L1, CYCLE, PATCH, ROWS = 100.0, 10.0, 34, 50
SCALE, BLOCKS, CONTENT, ADVERSARIAL = 2, 2, 0.006, 1e-3


def two_domains() -> Source:
    """Batches of noise of two domains."""
    x, y = batches(SIZE, sizes.BATCH), batches(SIZE, sizes.BATCH, seed=1)
    return lambda k: {"x": x(k)["x"], "y": y(k)["x"]}


def of_pairs(h: Hand) -> None:
    """pix2pix: D sees pairs; G is told by D, and by the distance to y."""
    G, D = h.nets["G"], h.nets["D"]
    D.requires_grad_(True)
    x, y, z = h.batch()
    with h.autocast:
        with torch.no_grad():
            fake = G(x, z)
        of_real = softplus(-D(torch.cat([x, y], 1)).float()).mean()
        loss = (of_real + softplus(D(torch.cat([x, fake], 1)).float()).mean()) / 2
    descend(h.of["D"], loss)
    D.requires_grad_(False)
    x, y, z = h.batch()
    with h.autocast:
        fake = G(x, z)
        loss = softplus(-D(torch.cat([x, fake], 1)).float()).mean() + L1 * (fake.float() - y).abs().mean()
    descend(h.of["G"], loss)


def game_of_pix2pix() -> Game:
    """The paper's nets, narrower, on one channel, with smaller squares."""
    with seeded(0):
        G = unet(channels=1, outputs=1, size=SIZE[1], width=sizes.WIDTH)
        D = patch_critic(channels=2, patch=PATCH, width=sizes.WIDTH)
    z = unet_noise(size=SIZE[1], width=sizes.WIDTH)
    return pix2pix(G, D, z, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def of_cycles(h: Hand) -> None:
    """CycleGAN: two generators, then two discriminators, which see images that the generators made before, too."""
    G, F, D_X, D_Y = (h.nets[name] for name in ("G", "F", "D_X", "D_Y"))
    _learning(False, D_X, D_Y), _learning(True, G, F)
    x, y, _, _ = h.batch()
    with h.autocast:
        to_y, to_x = G(x), F(y)
        gan = (D_Y(to_y).float() - 1).square().mean() + (D_X(to_x).float() - 1).square().mean()
        cycle = (F(to_y).float() - x).abs().mean() + (G(to_x).float() - y).abs().mean()
    _together(h, gan + CYCLE * cycle, "G", "F")
    _learning(True, D_X, D_Y), _learning(False, G, F)
    x, y, u_X, u_Y = h.batch()
    with h.autocast:
        with torch.no_grad():
            shown_X, shown_Y = (
                _shown(h, name, net(images).float(), u)
                for name, net, images, u in (("pool_X", F, y, u_X), ("pool_Y", G, x, u_Y))
            )
        real = (D_X(x).float() - 1).square().mean() + (D_Y(y).float() - 1).square().mean()
        loss = (real + D_X(shown_X).float().square().mean() + D_Y(shown_Y).float().square().mean()) / 2
    _together(h, loss, "D_X", "D_Y")
    h.steps += 1


def _learning(learns: bool, *nets: nn.Module) -> None:
    for net in nets:
        net.requires_grad_(learns)


def _together(h: Hand, loss: Tensor, *letters: str) -> None:
    for letter in letters:
        h.of[letter].zero_grad(set_to_none=True)
    loss.backward()
    for letter in letters:
        h.of[letter].step()


def _shown(h: Hand, name: str, images: Tensor, u: Tensor) -> Tensor:
    """What a pool shows of the images, which it keeps some of."""
    kept, shown, count = h.nets[name].images.data, [], h.steps * len(images)  # type: ignore[union-attr]
    for i, image in enumerate(images):
        if count + i < len(kept):  # type: ignore[arg-type]
            kept[count + i] = image  # type: ignore[index]
            shown.append(image)
        elif float(u[i, 0]) < 0.5:
            place = int(u[i, 1] * len(kept))  # type: ignore[arg-type]
            shown.append(kept[place].clone())  # type: ignore[index]
            kept[place] = image  # type: ignore[index]
        else:
            shown.append(image)
    return torch.stack(shown)


def game_of_cyclegan() -> Game:
    """The paper's nets, narrower and with two blocks, on one channel, with smaller squares."""
    with seeded(0):
        G, F = (resnet(channels=1, outputs=1, width=sizes.WIDTH // 2, blocks=2) for _ in range(2))
        D_X, D_Y = (patch_critic(channels=1, patch=PATCH, width=sizes.WIDTH // 2, affine=False) for _ in range(2))
    pools = [Pool(ROWS, SIZE) for _ in range(2)]
    adam = Adam(LR, BETA1)
    return cyclegan(G, F, D_X, D_Y, *pools, batch=sizes.BATCH, optimizer_generators=adam, optimizer_discriminators=adam)


def small_and_large() -> Source:
    """Batches of noise in two sizes."""
    small = (SIZE[0], SIZE[1] // SCALE, SIZE[2] // SCALE)
    x, y = batches(small, sizes.BATCH), batches(SIZE, sizes.BATCH, seed=1)
    return lambda k: {"x": x(k)["x"], "y": y(k)["x"]}


def by_error(h: Hand) -> None:
    """SRResNet: the mean squared error."""
    x, y = h.batch()
    with h.autocast:
        made = h.nets["G"](x)
    descend(h.of["G"], mse_loss(made.float(), y))


def by_adversary(h: Hand) -> None:
    """SRGAN's second part: D, then G by a frozen net's features and by D."""
    G, D, maps = h.nets["G"], h.nets["D"], h.nets["phi"].module.maps
    D.requires_grad_(True)
    x, y = h.batch()
    with h.autocast:
        with torch.no_grad():
            fake = G(x)
        loss = softplus(-D(y).float()).mean() + softplus(D(fake).float()).mean()
    descend(h.of["D"], loss)
    D.requires_grad_(False)
    x, y = h.batch()
    with h.autocast:
        fake = G(x)
        with torch.no_grad():
            true = maps(y).float()
        loss = CONTENT * mse_loss(maps(fake.float()).float(), true)
        loss = loss + ADVERSARIAL * softplus(-D(fake).float()).mean()
    descend(h.of["G"], loss)


def _generator() -> Generator:
    return Generator(SCALE, channels=1, width=sizes.WIDTH, blocks=BLOCKS)


def game_of_srresnet() -> Game:
    """The paper's net, narrower and with two blocks, on one channel."""
    with seeded(0):
        G = _generator()
    return srresnet(G, scale=SCALE, optimizer_G=Adam(LR, BETA1))


class Classifier(nn.Sequential):
    """Any pictures -> logits, by one layer of maps: what a frozen net costs is its own."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(SIZE[0], 8, 3, padding=1), nn.ReLU())
        self.logits = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))


def game_of_srgan() -> Game:
    """The paper's nets, narrower, on one channel, from the first step against D."""
    with seeded(0):
        G, D = _generator(), Discriminator(SIZE[1], channels=1, width=sizes.WIDTH, hidden=64)
        phi = FeatureExtractor(frozen(Classifier()), ("maps",))
    adam = Adam(LR, BETA1)
    return srgan(
        G, D, phi, layer="maps", adversarial_from=0, scale=SCALE, content=CONTENT, adversarial=ADVERSARIAL,
        optimizer_first=adam, optimizer_G=adam, optimizer_D=adam,
    )  # fmt: skip
