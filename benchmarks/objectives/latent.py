"""Steps by hand of systems with an encoder or codes, with their games and data."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss, softplus

from benchmarks.engine import batches
from benchmarks.objectives import sizes
from benchmarks.objectives.conditional import labelled
from benchmarks.objectives.critics import gan_D, gan_G, wgan_gp_D
from benchmarks.objectives.hand import BETA1, CRITIC_STEPS, FEATURES, LR, PENALTY, SIZE, Hand, descend, together
from energan.engine.game import Game, Source
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.latent.aae import aae
from energan.games.latent.infogan import infogan
from energan.games.latent.two_stage import two_stage
from energan.games.latent.vae import vae
from energan.games.latent.vae_gan import vae_gan
from energan.games.plug_and_play.latent_discriminators import latent_discriminators
from energan.networks.conv import dcgan, wgan_gp
from energan.networks.conv import infogan as info
from energan.networks.conv.latent_discriminators import Standardise
from energan.networks.latent import aae as coders
from energan.networks.latent import vae as vae_nets
from energan.networks.latent import vae_gan as vae_gan_nets
from energan.networks.latent.mode_regularised import encoder as mode_encoder
from energan.networks.latent.refiner import Refiner
from energan.networks.layers import FeatureExtractor


def of_codes(h: Hand) -> None:
    """InfoGAN: D and Q on one trunk, then G."""

    def unread(said: info.Recognised, c1: Tensor, c2: Tensor) -> Tensor:
        return cross_entropy(said.logits.float(), c1) + (said.mean.float() - c2).square().sum(1).mean() / 2

    h.D.requires_grad_(True)
    x, z, c1, c2 = h.batch()
    with h.autocast:
        with torch.no_grad():
            fake = h.G(torch.cat([z, c1, c2], 1))
        real, (unreal, said) = h.D(x)[0], h.D(fake)
        loss = softplus(-real.float()).mean() + softplus(unreal.float()).mean() + unread(said, c1, c2)
    descend(h.of_D, loss)
    h.D.requires_grad_(False)
    _, z, c1, c2 = h.batch()
    with h.autocast:
        unreal, said = h.D(h.G(torch.cat([z, c1, c2], 1)))
        loss = softplus(-unreal.float()).mean() + unread(said, c1, c2)
    descend(h.of_G, loss)


def redrawn(logits: Tensor, x: Tensor) -> Tensor:
    """The cross-entropy of the pixels."""
    white = (x + 1) / 2
    return binary_cross_entropy_with_logits(logits.float(), white, reduction="sum") / len(x)


def of_prior(h: Hand) -> None:
    """Adversarial auto-encoder: the reconstruction, the critic of codes, the encoder against it."""
    E, G, D = h.nets.values()
    x, _ = h.batch()
    with h.autocast:
        loss = redrawn(G(E(x)), x)
    together(h, loss, "E", "G")
    x, z = h.batch()
    with h.autocast:
        with torch.no_grad():
            code = E(x)
        loss = gan_D(D, z, code)
    descend(h.of["D"], loss)
    D.requires_grad_(False)
    x, _ = h.batch()
    with h.autocast:
        loss = softplus(-D(E(x)).float()).mean()
    descend(h.further("E", "regularisation"), loss)
    D.requires_grad_(True)


def of_categories(h: Hand, labels: bool) -> None:
    """The same with two critics, and a turn of labels where there are some."""
    E, G, D_y, D_z = h.nets.values()

    def shown() -> tuple[Tensor, ...]:
        x, *rest = h.batch()
        return rest[1] if labels else x, x, rest[0], *rest[-2:]

    u, *_ = shown()
    with h.autocast:
        said = E(u)
        loss = redrawn(G(said.logits.float().softmax(1), said.z), u)
    together(h, loss, "E", "G")
    u, _, _, c, z = shown()
    with h.autocast:
        with torch.no_grad():
            said = E(u)
        loss = gan_D(D_y, c, said.logits.float().softmax(1)) + gan_D(D_z, z, said.z)
    together(h, loss, "D_y", "D_z")
    for D in (D_y, D_z):
        D.requires_grad_(False)
    u, *_ = shown()
    with h.autocast:
        said = E(u)
        real = (D_y(said.logits.float().softmax(1)), D_z(said.z))
        loss = softplus(-real[0].float()).mean() + softplus(-real[1].float()).mean()
    descend(h.further("E", "regularisation"), loss)
    for D in (D_y, D_z):
        D.requires_grad_(True)
    if labels:
        _, x, y, *_ = shown()
        with h.autocast:
            loss = cross_entropy(E(x).logits.float(), y)
        descend(h.further("E", "labels"), loss)


def latent(h: Hand) -> None:
    """Critics of images and of codes, then the generator."""
    E, S, G, D_x, D_h = h.nets.values()
    for D in (D_x, D_h):
        D.requires_grad_(True)
    for _ in range(CRITIC_STEPS):
        x, code, eps_x, eps_h = h.batch()
        with h.autocast:
            with torch.no_grad():
                fake = G(code)
                found = E(fake).layers["h"]
            loss = wgan_gp_D(D_x, S(x), S(fake), eps_x) + wgan_gp_D(D_h, code, found, eps_h)
        together(h, loss, "D_x", "D_h")
    for D in (D_x, D_h):
        D.requires_grad_(False)
    x, code, *_ = h.batch()
    with h.autocast:
        fake = G(code)
        seen, found = S(fake), E(fake).layers["h"]
        fooled = D_x(seen).float().mean() + D_h(found).float().mean()
        wrong = 2 * mse_loss(seen.float(), S(x)) + 0.1 * mse_loss(found.float(), code)
    descend(h.of["G"], wrong - fooled)


def bound(h: Hand) -> None:
    """VAE: the Bernoulli likelihood and the KL divergence."""
    x, _, eps = h.batch()
    with h.autocast:
        loss = unlike(h, x, eps)
    together(h, loss, "E", "G")


def unlike(h: Hand, x: Tensor, eps: Tensor) -> Tensor:
    mean, log_variance = (part.float() for part in h.nets["E"](x))
    logits = h.nets["G"](mean + (log_variance / 2).exp() * eps).float()
    wrong = binary_cross_entropy_with_logits(logits, (x + 1) / 2, reduction="sum")
    return (wrong + (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2) / len(x)


def feature_distance(features: Tensor) -> Tensor:
    """Half the squared distance of the first half of the rows to the second, summed over features."""
    real, fake = features.float().chunk(2)
    return mse_loss(fake, real, reduction="sum") / (2 * len(real))


def four_losses(h: Hand) -> None:
    """VAE/GAN: E, G and D from one point, D once for E and once for the others."""
    E, G, D = h.nets.values()
    x, z, eps = h.batch()
    with h.autocast:
        mean, log_variance = (part.float() for part in E(x))
        again, drawn = G(mean + (log_variance / 2).exp() * eps), G(z)
        pair, three = D(torch.cat([x, again])), D(torch.cat([x, again, drawn]))
        far, near = (feature_distance(said.features[: 2 * len(x)]) for said in (pair, three))
        logits = three.logits.float()
        real_cost, fake_cost = softplus(-logits[: len(x)]).mean(), softplus(logits[len(x) :]).mean()
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / (2 * len(x))
    losses = ((E, kl + far), (G, FEATURES * near - (1 - FEATURES) * 2 * fake_cost), (D, real_cost + fake_cost))
    sure, lost = min(real_cost, fake_cost) < 0.68 - 0.35, max(real_cost, fake_cost) > 0.68 + 0.35
    rests = {id(D): bool(sure and not lost), id(G): bool(lost and not sure)}
    for net, loss in losses:
        grads = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
        for w, g in zip(net.parameters(), grads, strict=True):
            w.grad = g
    for letter, net in h.nets.items():
        if not rests.get(id(net), False):
            h.of[letter].step()


def clear(h: Hand) -> None:
    """Two stages: the VAE at the first step, then D and R."""
    E, G, R, D = h.nets.values()
    if h.draws == 0:
        bound(h)
        return

    def blurred() -> tuple[Tensor, Tensor, Tensor]:
        x, z, _ = h.batch()
        with torch.no_grad():
            return x, (G(E(x)[0]) / 2).tanh(), (G(z) / 2).tanh()

    D.requires_grad_(True)
    with h.autocast:
        x, first, second = blurred()
        with torch.no_grad():
            fakes = R(first), R(second)
        loss = softplus(-D(x).logits.float()).mean() + sum(softplus(D(y).logits.float()).mean() for y in fakes) / 2
    descend(h.of["D"], loss)
    D.requires_grad_(False)
    with h.autocast:
        x, first, second = blurred()
        again = R(first)
        seen = D(again)
        fooled = softplus(-seen.logits.float()).mean() + softplus(-D(R(second)).logits.float()).mean()
        loss = fooled / 2 + mse_loss(seen.features.float(), D(x).features.float()) + mse_loss(again.float(), x)
    descend(h.of["R"], loss)


def regularised(h: Hand) -> None:
    """Mode-regularised GAN: D, then G and E."""
    G, D, E = h.nets.values()
    D.requires_grad_(True)
    x, z = h.batch()
    with h.autocast:
        with torch.no_grad():
            fake = G(z)
        loss = gan_D(D, x, fake)
    descend(h.of["D"], loss)
    D.requires_grad_(False)
    x, z = h.batch()
    with h.autocast:
        again = G(E(x))
        verdicts = gan_G(D, x, G(z)) + 0.4 * gan_G(D, x, again)
        loss = verdicts + 0.2 * mse_loss(again.float(), x)
    together(h, loss, "G", "E")


def diffusing(h: Hand) -> None:
    """MDGAN: D_1, G and E, D_2, G."""
    G, D_1, D_2, E = h.nets.values()
    for D, letter in ((D_1, "D_1"), (D_2, "D_2")):
        D.requires_grad_(True)
        x, z = h.batch()
        with h.autocast:
            with torch.no_grad():
                again = G(E(x))
                real, fake = (x, again) if letter == "D_1" else (again, G(z))
            loss = gan_D(D, real, fake)
        descend(h.of[letter], loss)
        D.requires_grad_(False)
        x, z = h.batch()
        with h.autocast:
            if letter == "D_1":
                again = G(E(x))
                loss = mse_loss(again.float(), x) + 0.01 * gan_G(D, x, again)
            else:
                loss = gan_G(D, x, G(z))
        if letter == "D_1":
            together(h, loss, "G", "E")
        else:
            descend(h.further("G", "diffusion"), loss)


def game_of_infogan() -> Game:
    """Narrower nets of the paper, on digits' 28 x 28 pixels."""
    size = {"width": sizes.WIDTH // 2, "units": 8 * sizes.WIDTH}
    with seeded(0):
        G, D = info.Generator(sizes.Z + 12, **size), info.Discriminator(**size)
    return infogan(G, D, sizes.Z, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def game_of_aae() -> Game:
    """Narrower nets of the reproduction, on digits' 28 x 28 pixels."""
    hidden = (8 * sizes.WIDTH, 8 * sizes.WIDTH)
    with seeded(0):
        nets = (coders.Encoder(8, hidden=hidden), coders.Decoder(8, hidden=hidden), coders.Critic(8, hidden=hidden))
    return aae(*nets, 8, **{f"optimizer_{name}": Adam(LR, BETA1) for name in "EGDR"})


def game_of_categories(make: Callable[..., Game], turns: str) -> Game:
    hidden = (8 * sizes.WIDTH, 8 * sizes.WIDTH)
    with seeded(0):
        E, G = coders.CategoryEncoder(10, 8, hidden=hidden), coders.Decoder(18, hidden=hidden)
        D = [coders.Critic(n, hidden=hidden) for n in (10, 8)]
    return make(E, G, *D, 8, 10, **{f"optimizer_{name}": Adam(LR, BETA1) for name in turns})


def game_of_vae() -> Game:
    """The paper's nets."""
    with seeded(0):
        E, G = vae_nets.encoder(sizes.Z, size=16 * sizes.WIDTH), vae_nets.decoder(sizes.Z, size=16 * sizes.WIDTH)
    return vae(E, G, sizes.Z, optimizer_E=Adam(LR, BETA1), optimizer_G=Adam(LR, BETA1))


def game_of_vae_gan() -> Game:
    with seeded(0):
        shape = {"channels": 1, "size": 32, "width": sizes.WIDTH}
        E, G = vae_gan_nets.encoder(sizes.Z, **shape), vae_gan_nets.decoder(sizes.Z, **shape)
        D = vae_gan_nets.discriminator(**shape)
    adams = {f"optimizer_{letter}": Adam(LR, BETA1) for letter in "EGD"}
    return vae_gan(E, G, D, sizes.Z, gamma=FEATURES, **adams)


def game_of_two_stage() -> Game:
    """The first stage for a step, then the second."""
    with seeded(0):
        shape = {"channels": 1, "size": 32, "width": sizes.WIDTH}
        E, G = vae_gan_nets.encoder(sizes.Z, **shape), vae_gan_nets.decoder(sizes.Z, **shape, tanh=False)
        R, D = Refiner(channels=1, width=sizes.WIDTH), vae_gan_nets.discriminator(**shape)
    adams = {f"optimizer_{letter}": Adam(LR, BETA1) for letter in "EGRD"}
    return two_stage(E, G, R, D, sizes.Z, clear_from=1, **adams)


def game_with_encoder(make: Callable[..., Game], critics: Sequence[str]) -> Game:
    with seeded(0):
        nets: dict[str, nn.Module] = {"G": dcgan.Generator(sizes.Z, channels=1, size=32, width=sizes.WIDTH)}
        nets |= {letter: wgan_gp.Critic(width=sizes.WIDTH) for letter in critics}
        nets["E"] = mode_encoder(sizes.Z, channels=1, size=32, width=sizes.WIDTH)
    return make(**nets, z=sizes.Z, **{f"optimizer_{letter}": Adam(LR, BETA1) for letter in "GDE"})


def game_of_latent() -> Game:
    """Codes of Z numbers, and a critic of them beside that of images."""
    with seeded(0):
        E = _encoder()
        G = dcgan.Generator(sizes.Z, channels=1, size=32, width=sizes.WIDTH)
        reader = nn.Sequential(
            nn.Linear(sizes.Z, 4 * sizes.WIDTH), nn.ReLU(), nn.Linear(4 * sizes.WIDTH, 1), nn.Flatten(0)
        )
        critics = {"x": wgan_gp.Critic(width=sizes.WIDTH), "h": reader}
    rates = {"optimizer_G": Adam(LR, BETA1), "optimizer_D": Adam(LR, BETA1)}
    return latent_discriminators(
        E, G, critics, sizes.Z, S=Standardise(), penalty=PENALTY, critic_steps=CRITIC_STEPS, warm_steps=0, **rates
    )


def _encoder() -> FeatureExtractor:
    layers = {
        "flat": nn.Flatten(),
        "code": nn.Linear(32 * 32, sizes.Z),
        "h": nn.ReLU(),
        "logits": nn.Linear(sizes.Z, 10),
    }
    return FeatureExtractor(nn.Sequential(OrderedDict(layers)).eval().requires_grad_(False), ["h"])


def coded() -> Source:
    """Batches of noise with codes of their images."""
    x = batches(SIZE, sizes.BATCH)
    with seeded(0), torch.no_grad():
        E = _encoder()
        kept = [E(x(k)["x"]).layers["h"] for k in range(8)]
    return lambda k: {**x(k), "h": kept[k % 8]}


def few_labelled() -> Source:
    """Labelled batches of noise, and as many without labels."""
    x, u = labelled(), batches((1, 28, 28), sizes.BATCH)
    return lambda k: {**x(k), "u": u(k + 1)["x"]}
