"""Steps by hand of a generator against one critic: losses of D and of G, and three games in which both move at once."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import relu, softplus

from benchmarks.objectives import sizes
from benchmarks.objectives.hand import BALANCE, BETA1, GAMMA, LR, MARGIN, PENALTY, PT, STEP, Hand, K, descend
from energan.engine.game import Game
from energan.engine.optimizers import Adam
from energan.engine.rng import seeded
from energan.games.gan.fastgan import fastgan
from energan.networks.conv import fastgan as fastgan_nets


def gan_D(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return softplus(-D(x).float()).mean() + softplus(D(fake).float()).mean()


def gan_G(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return softplus(-D(fake).float()).mean()


def hinge_D(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return relu(1 - D(x).float()).mean() + relu(1 + D(fake).float()).mean()


def critic_G(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return -D(fake).float().mean()


def least_squares_D(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return ((D(x).float() - 1).square().mean() + D(fake).float().square().mean()) / 2


def least_squares_G(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return (D(fake).float() - 1).square().mean() / 2


def wasserstein_D(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return D(fake).float().mean() - D(x).float().mean()


def slope(output: Tensor, x: Tensor) -> Tensor:
    """The gradient of each output by its own input, (n, d)."""
    return torch.autograd.grad(output.sum(), x, create_graph=True)[0].float().flatten(1)


def wgan_gp_D(D: nn.Module, x: Tensor, fake: Tensor, eps: Tensor) -> Tensor:
    eps = eps.view(-1, *[1] * (x.dim() - 1))
    between = (eps * x + (1 - eps) * fake).requires_grad_()
    norms = (slope(D(between).float(), between).square().sum(1) + 1e-12).sqrt()
    return wasserstein_D(D, x, fake) + PENALTY * (norms - 1).square().mean()


def r3gan_D(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    x, fake = x.detach().requires_grad_(), fake.requires_grad_()
    real, unreal = D(x).float(), D(fake).float()
    penalties = slope(real, x).square().sum(1).mean() + slope(unreal, fake).square().sum(1).mean()
    return softplus(unreal - real).mean() + GAMMA / 2 * penalties


def r3gan_G(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return softplus(D(x).float() - D(fake).float()).mean()


def energy(x: Tensor, reconstruction: Tensor) -> Tensor:
    return ((reconstruction.float() - x.float()).flatten(1).square().sum(1) + 1e-12).sqrt()


def ebgan_D(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return (energy(x, D(x)[0]) + relu(MARGIN - energy(fake, D(fake)[0]))).mean()


def square_square_D(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return (energy(x, D(x)[0]).square() + relu(MARGIN - energy(fake, D(fake)[0])).square()).mean()


def ebgan_G(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    return energy(fake, D(fake)[0]).mean()


def ebgan_pt_G(D: nn.Module, x: Tensor, fake: Tensor) -> Tensor:
    reconstruction, code = D(fake)
    s = nn.functional.normalize(code.float().flatten(1))
    with torch.autocast("cpu", enabled=False):
        pull_away = ((s @ s.T).square().sum() - len(s)) / (len(s) * (len(s) - 1))
    return energy(fake, reconstruction).mean() + PT * pull_away


def fgan(h: Hand) -> None:
    """The bound of the GAN's divergence: one backward pass, which G descends and V ascends."""
    x, z = h.batch()
    with h.autocast:
        value = -softplus(-h.D(x).float()).mean() - softplus(h.D(h.G(z)).float()).mean()
    h.of_G.zero_grad(set_to_none=True)
    h.of_D.zero_grad(set_to_none=True)
    value.backward()
    torch._foreach_neg_([w.grad for w in h.D.parameters()])
    h.of_G.step()
    h.of_D.step()


def began(h: Hand) -> None:
    x, z = h.batch()
    h.D.requires_grad_(True)
    with h.autocast:
        fake = h.G(z)
        held = fake.detach()
        real_loss, fake_loss = ((v.float() - h.D(v)[0].float()).abs().mean() for v in (x, held))
        loss_D = real_loss - h.k * fake_loss
    h.of_D.zero_grad(set_to_none=True)
    loss_D.backward()
    h.D.requires_grad_(False)
    with h.autocast:
        loss_G = (fake.float() - h.D(fake)[0].float()).abs().mean()
    descend(h.of_G, loss_G)
    h.of_D.step()
    h.k = min(1.0, max(0.0, h.k + STEP * float((BALANCE * real_loss - fake_loss).detach())))


def unrolled(h: Hand) -> None:
    """K steps of D's Adam, differentiated through; G(z) is computed once for D's loss and all of G's."""
    x, z = h.batch()
    weights = dict(h.D.named_parameters())
    moments = [h.of_D.state[w] for w in weights.values()]
    m, v = ([s[key] if s else torch.zeros_like(w) for s, w in zip(moments, weights.values(), strict=True)]
            for key in ("exp_avg", "exp_avg_sq"))  # fmt: skip
    count = int(moments[0]["step"]) if moments[0] else 0

    def loss(weights: dict[str, Tensor], fake: Tensor) -> Tensor:
        with h.autocast:
            return gan_D(lambda y: functional_call(h.D, weights, y), x, fake)  # type: ignore[arg-type]

    with h.autocast:
        fake = h.G(z)
    of_D = loss(weights, fake.detach())
    ahead = weights
    for i in range(count + 1, count + K + 1):
        grads = torch.autograd.grad(loss(ahead, fake), list(ahead.values()), create_graph=True)
        m = [BETA1 * a + (1 - BETA1) * g for a, g in zip(m, grads, strict=True)]
        v = [0.999 * a + 0.001 * g.square() for a, g in zip(v, grads, strict=True)]
        ahead = {
            name: w - LR / (1 - BETA1**i) * a / ((b / (1 - 0.999**i) + 1e-30).sqrt() + 1e-8)
            for (name, w), a, b in zip(ahead.items(), m, v, strict=True)
        }
    grads = torch.autograd.grad(-loss(ahead, fake), list(h.G.parameters()))
    descend(h.of_D, of_D)
    for w, g in zip(h.G.parameters(), grads, strict=True):
        w.grad = g
    h.of_G.step()


def reconstruct_features(h: Hand) -> None:
    (x,) = h.batch()
    with h.autocast:
        with torch.no_grad():
            features = h.nets["F"](x)
        loss = (features - h.D(features)[0]).float().square().mean()
    descend(h.of_D, loss)


def reconstruct(h: Hand) -> None:
    (x,) = h.batch()
    with h.autocast:
        loss = energy(x, h.D(x)[0]).mean()
    descend(h.of_D, loss)


def decoded(h: Hand) -> None:
    """FastGAN: D with its decoders, then G."""
    G, D, R = h.nets.values()
    x, z = h.batch()
    with h.autocast:
        fake = G(z).detach()
        (real, maps), (unreal, _) = D(x), D(fake)
        whole, target = R(maps, x)
        far = (whole.float() - target.float()).abs().mean()
        loss = relu(1 - real.float()).mean() + relu(1 + unreal.float()).mean() + far
    for letter in "DR":
        h.of[letter].zero_grad(set_to_none=True)
    loss.backward()
    for letter in "DR":
        h.of[letter].step()
    _, z = h.batch()
    with h.autocast:
        loss = -D(G(z))[0].float().mean()
    descend(h.of["G"], loss)


def game_of_fastgan() -> Game:
    with seeded(0):
        shape = {"channels": 1, "size": 32, "width": sizes.WIDTH}
        G, D = fastgan_nets.Generator(sizes.Z, **shape), fastgan_nets.Discriminator(**shape)
        R = fastgan_nets.Decoders(D.features, channels=1, size=32)
    return fastgan(G, D, R, sizes.Z, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))
