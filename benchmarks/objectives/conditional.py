"""Steps by hand of systems that are told a class, attributes or words, with their games and data; the classifier."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot, relu, softplus

from benchmarks.engine import batches
from benchmarks.objectives import sizes
from benchmarks.objectives.critics import ebgan_pt_G, energy
from benchmarks.objectives.hand import BETA1, ENTROPY, LR, MARGIN, MISMATCH, PT, SIZE, Hand, descend, together
from energan.engine.game import Game, Source
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.conditional.acgan import acgan
from energan.games.conditional.cgan import cgan as cgan_game
from energan.games.conditional.conditional_ebgan import conditional_ebgan
from energan.games.conditional.conditional_faces import conditional_faces
from energan.games.conditional.sgan import sgan as sgan_game
from energan.games.semi_supervised.classifier import classifier
from energan.networks.conditional import cgan, gan_cls
from energan.networks.conditional import conditional_faces as faces
from energan.networks.conv import autoencoder, dcgan, sgan, wgan_gp
from energan.networks.layers.bank import Bank
from energan.networks.layers.condition import Auxiliary, Joined, Standard


def of_class(h: Hand) -> None:
    """CGAN: both players from the same point, by one pass of D over each batch."""
    x, y, z, _ = h.batch()
    with h.autocast:
        fake = h.G(z, y)
        real, unreal = h.D(x, y).float(), h.D(fake, y).float()
    of_D = softplus(-real).mean() + softplus(unreal).mean()
    grads = [*torch.autograd.grad(of_D, list(h.D.parameters()), retain_graph=True)]
    grads += torch.autograd.grad(softplus(-unreal).mean(), list(h.G.parameters()))
    for w, g in zip((*h.D.parameters(), *h.G.parameters()), grads, strict=True):
        w.grad = g
    h.of_D.step()
    h.of_G.step()


def of_attributes(h: Hand) -> None:
    """Conditional faces: both players from the same point, with attributes from the density; one pass of D a batch."""
    K, S = h.nets["K"], h.nets["S"]
    x, y, z, r, e = h.batch()
    with h.autocast:
        y, asked = S(y), S(K(r, e))
        fake = h.G(z, asked)
        real, unreal = h.D(x, y).float(), h.D(fake, asked).float()
    of_D = (softplus(-real).mean() + softplus(unreal).mean()) / 2
    grads = [*torch.autograd.grad(of_D, list(h.D.parameters()), retain_graph=True)]
    grads += torch.autograd.grad(softplus(-unreal).mean(), list(h.G.parameters()))
    for w, g in zip((*h.D.parameters(), *h.G.parameters()), grads, strict=True):
        w.grad = g
    h.of_D.step()
    h.of_G.step()


def of_classifier(h: Hand) -> None:
    """ACGAN: D, which classifies, then G."""
    h.D.requires_grad_(True)
    x, y, z, _ = h.batch()
    with h.autocast:
        with torch.no_grad():
            fake = h.G(z, y)
        (real, k_real), (unreal, k_fake) = h.D(x), h.D(fake)
        loss = softplus(-real.float()).mean() + softplus(unreal.float()).mean()
        loss = loss + cross_entropy(k_real.float(), y) + cross_entropy(k_fake.float(), y)
    descend(h.of_D, loss)
    h.D.requires_grad_(False)
    _, y, z, _ = h.batch()
    with h.autocast:
        unreal, k_fake = h.D(h.G(z, y))
        loss = softplus(-unreal.float()).mean() + cross_entropy(k_fake.float(), y)
    descend(h.of_G, loss)


def of_energy(h: Hand) -> None:
    """Conditional EBGAN-PT with mismatched classes: three passes of D, then G."""

    def E(x: Tensor, y: Tensor) -> Tensor:
        return energy(x, h.D(x, y)[0])

    h.D.requires_grad_(True)
    x, y, z, _, r = h.batch()
    with h.autocast:
        with torch.no_grad():
            fake = h.G(z, y)
        other = one_hot((y.argmax(1) + 1 + r.argmax(1)) % y.shape[1], y.shape[1]).float()
        pushed = relu(MARGIN - E(fake, y)) + MISMATCH * relu(MARGIN - E(x, other))
        loss = (E(x, y) + pushed).mean()
    descend(h.of_D, loss)
    h.D.requires_grad_(False)
    _, y, z, _, _ = h.batch()
    with h.autocast:
        loss = ebgan_pt_G(lambda at: h.D(at, y), x, h.G(z, y))  # type: ignore[arg-type]
    descend(h.of_G, loss)


def worded(h: Hand, wrong: bool, between: bool) -> None:
    """Text to image: D told right words of real images, wrong ones, and samples; then G."""
    x, words, wrong_words, z, *_ = h.batch()
    h.D.requires_grad_(True)
    with h.autocast:
        with torch.no_grad():
            fake = h.G(z, words)
        unlike = softplus(h.D(fake, words).float()).mean()
        if wrong:
            unlike = (unlike + softplus(h.D(x, wrong_words).float()).mean()) / 2
        loss = softplus(-h.D(x, words).float()).mean() + unlike
    descend(h.of_D, loss)
    h.D.requires_grad_(False)
    x, words, _, z, *rest = h.batch()
    with h.autocast:
        loss = softplus(-h.D(h.G(z, words), words).float()).mean()
        if between:
            first, second = words.chunk(2)
            middle = (first + second) / 2
            loss = loss + softplus(-h.D(h.G(rest[0][: len(middle)], middle), middle).float()).mean()
    descend(h.of_G, loss)


def stacked(h: Hand) -> None:
    """SGAN, joint: both discriminators, then both generators."""
    E_0, E_1, G_1, G_0, D_1, D_0 = h.nets.values()

    def judged(D: nn.Module, x: Tensor, fake: Tensor, z: Tensor) -> Tensor:
        real, unreal = D(x), D(fake)
        verdict = softplus(-real.logits.float()).mean() + softplus(unreal.logits.float()).mean()
        return verdict / 2 + ENTROPY * mse_loss(unreal.z.float(), z)

    def fooled(D: nn.Module, fake: Tensor, z: Tensor) -> Tensor:
        unreal = D(fake)
        return softplus(-unreal.logits.float()).mean() + ENTROPY * mse_loss(unreal.z.float(), z)

    x, y, _, z_1, z_0 = h.batch()
    for D in (D_1, D_0):
        D.requires_grad_(True)
    with h.autocast:
        with torch.no_grad():
            h_1, fake_1 = E_0(x), G_1(y, z_1)
            fake_0 = G_0(fake_1, z_0)
        loss = judged(D_1, h_1, fake_1, z_1) + judged(D_0, x, fake_0, z_0)
    together(h, loss, "D_1", "D_0")
    for D in (D_1, D_0):
        D.requires_grad_(False)
    x, y, _, z_1, z_0 = h.batch()
    with h.autocast:
        fake_1 = G_1(y, z_1)
        given = fake_1.detach()
        fake_0 = G_0(given, z_0)
        loss_1 = fooled(D_1, fake_1, z_1) + cross_entropy(E_1(fake_1).float(), y)
        loss_0 = fooled(D_0, fake_0, z_0) + mse_loss(E_0(fake_0).float(), given.float())
    together(h, loss_1 + loss_0, "G_1", "G_0")


def classify(h: Hand) -> None:
    x, y = h.batch()
    with h.autocast:
        loss = cross_entropy(h.G(x).float(), y)
    descend(h.of_G, loss)


def game_of_sgan() -> Game:
    """The authors' nets, on digits' 28 x 28 pixels."""
    with seeded(0):
        E = sgan.Encoder().requires_grad_(False)
        G = (sgan.FeatureGenerator(z=sizes.Z), sgan.ImageGenerator(z=sizes.Z, width=sizes.WIDTH))
        D = (sgan.feature_discriminator(z=sizes.Z), sgan.image_discriminator(z=sizes.Z, width=sizes.WIDTH))
    rates = {"optimizer_G": Adam(LR, BETA1), "optimizer_D": Adam(LR, BETA1)}
    return sgan_game(E.E_0, E.E_1, *G, *D, sizes.Z, 10, entropy=ENTROPY, **rates)


def game_of_cgan() -> Game:
    """The authors' nets, but for their dropout."""
    with seeded(0):
        G, D = cgan.Generator(sizes.Z, dropout=0.0), cgan.Discriminator(dropout=0.0)
    return cgan_game(G, D, sizes.Z, 10, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def game_of_faces() -> Game:
    """Narrow nets of the report, and attributes that are classes."""
    with seeded(0):
        G, D = faces.Generator(sizes.Z, 10, size=256, maps=16), faces.Discriminator(10, width=8, units=32)
        K, S = Bank(10, rows=10), Standard(10)
    K.fill(torch.eye(10), 0.1)
    S.measure(torch.eye(10))
    return conditional_faces(G, D, K, S, sizes.Z, 10, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def game_of_acgan() -> Game:
    with seeded(0):
        G = Joined(dcgan.Generator(sizes.Z + 10, channels=1, size=32, width=sizes.WIDTH), 10)
        D = Auxiliary(wgan_gp.Critic(width=sizes.WIDTH), 10)
    return acgan(G, D, sizes.Z, 10, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def game_of_conditional_ebgan() -> Game:
    with seeded(0):
        G = Joined(dcgan.Generator(sizes.Z + 10, channels=1, size=32, width=sizes.WIDTH), 10)
        D = autoencoder.Autoencoder(channels=1, maps=(sizes.WIDTH, 2 * sizes.WIDTH, 4 * sizes.WIDTH), classes=10)
    rates = {"optimizer_G": Adam(LR, BETA1), "optimizer_D": Adam(LR, BETA1)}
    return conditional_ebgan(G, D, sizes.Z, 10, margin=MARGIN, pt=PT, mismatch=MISMATCH, **rates)


def game_of_words(make: Callable[..., Game]) -> Game:
    """The paper's nets at 32 x 32, told words of as many numbers as the noise has."""
    with seeded(0):
        G = gan_cls.Generator(sizes.Z, sizes.Z, channels=1, size=32, width=sizes.WIDTH // 2)
        D = gan_cls.Discriminator(sizes.Z, channels=1, size=32, width=sizes.WIDTH)
    return make(G, D, Bank(sizes.Z, rows=1), sizes.Z, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def game_of_classifier() -> Game:
    with seeded(0):
        return classifier(sgan.Encoder(), optimizer_E=Adam(LR, BETA1))


def labelled(shape: tuple[int, int, int] = (1, 28, 28)) -> Source:
    """Batches of noise with labels at random."""
    x = batches(shape, sizes.BATCH)
    y = one_hot(torch.randint(10, (sizes.BATCH,), generator=torch.Generator().manual_seed(0)), 10).float()
    return lambda k: {**x(k), "y": y}


def captioned() -> Source:
    """Batches of noise with codes of right words and of wrong ones."""
    x, g = batches(SIZE, sizes.BATCH), torch.Generator().manual_seed(0)
    h, h_wrong = (torch.randn(sizes.BATCH, sizes.Z, generator=g) for _ in range(2))
    return lambda k: {**x(k), "h": h, "h_wrong": h_wrong}
