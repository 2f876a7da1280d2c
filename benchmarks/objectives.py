"""What a step of every game costs beside the loop that one would write by hand for it.

    python -m benchmarks.objectives [--steps 30] [--only NAME] [--precision fp32|bf16] [--json]

Each game of energan.games has a row, the classifiers from few labels in benchmarks.few_labels, DGN-AM and the PPGNs
in benchmarks.plug_and_play: a step by Trainer against the same step in plain PyTorch, on one pair of nets:
DCGAN's generator and a critic without batch norm (for energies, EBGAN's auto-encoder), width 32, on 64 images of
32 x 32 (SGAN and the classifier: the nets of SGAN's authors, 28 x 28; latent discriminators: a second critic, of a
small encoder's codes). Both sides start from the same weights, see the same batches and the same noise; a test holds
them to the same updates. By hand means what one writes for speed: fused optimizers, no graph of G where D learns, D
frozen where G does, every output computed once. They step alternately (A B, B A, ...); the ratio is the median over the
pairs.

A step is what the game's order says: f-GAN's, BEGAN's and unrolled GAN's (K = 5) is one turn of all players, WGAN's and
WGAN-GP's five turns of the critic and one of G (without WGAN's long first ones).
"""

import argparse
import json
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss, one_hot, relu, softplus

from benchmarks.engine import alternate, batches, machine, table
from energan.engine import Trainer
from energan.engine.game import Game, Source
from energan.engine.optimizers import Adam, RMSProp
from energan.engine.rng import seeded
from energan.games import GAMES
from energan.games.conditional import gan_cls as text
from energan.games.conditional.acgan import acgan
from energan.games.conditional.cgan import cgan as cgan_game
from energan.games.conditional.conditional_ebgan import conditional_ebgan
from energan.games.conditional.conditional_faces import conditional_faces
from energan.games.conditional.sgan import sgan as sgan_game
from energan.games.latent.aae import aae
from energan.games.latent.aae_ssl import aae_clusters, aae_ssl
from energan.games.latent.infogan import infogan
from energan.games.latent.mode_regularised import manifold_diffusion, mode_regularised
from energan.games.latent.two_stage import two_stage
from energan.games.latent.vae import vae
from energan.games.latent.vae_gan import vae_gan
from energan.games.plug_and_play.latent_discriminators import latent_discriminators
from energan.games.semi_supervised.classifier import classifier
from energan.networks.conditional import cgan, gan_cls
from energan.networks.conditional import conditional_faces as faces
from energan.networks.conv import autoencoder, dcgan, sgan, wgan_gp
from energan.networks.conv import infogan as info
from energan.networks.conv.latent_discriminators import Standardise
from energan.networks.latent import aae as coders
from energan.networks.latent import vae as vae_nets
from energan.networks.latent import vae_gan as vae_gan_nets
from energan.networks.latent.mode_regularised import encoder as mode_encoder
from energan.networks.latent.refiner import Refiner
from energan.networks.layers import FeatureExtractor
from energan.networks.layers.bank import Bank
from energan.networks.layers.condition import Auxiliary, Joined, Standard

Z, WIDTH, BATCH, SIZE = 64, 32, 64, (1, 32, 32)
LR, BETA1, RATE, CLIP, CRITIC_STEPS, K = 2e-4, 0.5, 5e-5, 0.01, 5, 5
MARGIN, PT, PENALTY, GAMMA, BALANCE, STEP, ENTROPY, MISMATCH = 10.0, 0.1, 10.0, 1.0, 0.5, 1e-3, 10.0, 0.5
FEATURES = 0.01
WIDTHS, EPSILON, ITERATIONS = (4.0, 10.0, 20.0, 40.0, 80.0, 160.0), 10.0, 20


class Hand:
    """The nets, optimizers and random numbers of a loop by hand."""

    def __init__(self, game: Game, source: Source, precision: str) -> None:
        self.nets = {k: player.net.to(memory_format=torch.channels_last) for k, player in game.players.items()}  # type: ignore[call-overload]
        rmsprop = "f" in game.players and not game.hyperparameters
        self.of = {k: _optimizer(self.nets[k], rmsprop) for k, player in game.players.items() if player.optimizer}
        first, second = [*self.of, *self.of][:2]
        self.G, self.D, self.of_G, self.of_D = self.nets[first], self.nets[second], self.of[first], self.of[second]
        self.source, self.noise, self.draws = source, game.noise, 0
        self.generator = torch.Generator().manual_seed(0)
        self.autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")
        self.k = 0.0  # BEGAN's
        self.more: dict[str, torch.optim.Optimizer] = {}  # of players that have one for each turn

    def further(self, letter: str, turn: str) -> torch.optim.Optimizer:
        """A player's own optimizer in a further turn."""
        if turn not in self.more:
            self.more[turn] = _optimizer(self.nets[letter], rmsprop=False)
        return self.more[turn]

    def batch(self) -> tuple[Tensor, ...]:
        """x, any y and h, the game's noise; and a number drawn in vain, because the engine draws one for its layers."""
        data = self.source(self.draws)
        self.draws += 1
        noise = [draw(self.generator, len(data["x"])) for draw in self.noise.values()]
        torch.randint(2**31, (), generator=self.generator)
        return *data.values(), *noise


def _optimizer(net: nn.Module, rmsprop: bool) -> torch.optim.Optimizer:
    if rmsprop:
        return torch.optim.RMSprop(net.parameters(), lr=RATE, foreach=True)
    return torch.optim.Adam(net.parameters(), lr=LR, betas=(BETA1, 0.999), fused=True)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


Loss = Callable[..., Tensor]  # of D, x, G(z) and the game's other noise


def in_turns(h: Hand, of_D: Loss, of_G: Loss, critic_steps: int = 1, clip: float = 0.0) -> None:
    """`critic_steps` turns of D, then one of G."""
    h.D.requires_grad_(True)
    for _ in range(critic_steps):
        x, z, *rest = h.batch()
        with h.autocast:
            with torch.no_grad():
                fake = h.G(z)
            loss = of_D(h.D, x, fake, *rest)
        descend(h.of_D, loss)
        if clip:
            with torch.no_grad():
                weights = list(h.D.parameters())
                torch._foreach_clamp_min_(weights, -clip)
                torch._foreach_clamp_max_(weights, clip)
    h.D.requires_grad_(False)
    x, z, *rest = h.batch()
    with h.autocast:
        loss = of_G(h.D, x, h.G(z))
    descend(h.of_G, loss)


def alone(h: Hand, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    """A turn of G, against a distance between x and G(z)."""
    x, z = h.batch()
    with h.autocast:
        value = loss(x, h.G(z))
    descend(h.of_G, value)


# ---- losses of D and of G ----


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


# ---- distances of two batches ----


def squared(x: Tensor, y: Tensor) -> Tensor:
    """||x_i - y_j||^2; by float64, as the engine's, for close points cancel."""
    a, b = x.double(), y.double()
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).relu().float()


def rows(x: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    return x.flatten(1), fake.float().flatten(1)


def mmd(x: Tensor, fake: Tensor) -> Tensor:
    def kernel(a: Tensor, b: Tensor) -> Tensor:
        distances = squared(a, b)
        return sum((distances / (-2 * w**2)).exp() for w in WIDTHS).mean()  # type: ignore[union-attr]

    x, y = rows(x, fake)
    return (relu(kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)) + 1e-12).sqrt()


def energy_distance(x: Tensor, fake: Tensor) -> Tensor:
    x, y = rows(x, fake)
    n = len(x)
    within = (squared(x, x).sqrt().sum() + squared(y, y).sqrt().sum()) / (n * (n - 1))
    return 2 * squared(x, y).sqrt().mean() - within


def sinkhorn(x: Tensor, fake: Tensor) -> Tensor:
    x, y = rows(x, fake)
    return transport(x, y, False) - (transport(x, x, True) + transport(y, y, True)) / 2


def transport(x: Tensor, y: Tensor, same: bool) -> Tensor:
    """The entropic transport's dual, its potentials held."""
    cost = squared(x, y) / 2
    log_n = torch.tensor(len(x)).log()

    def best(c: Tensor, potential: Tensor, e: Tensor | float) -> Tensor:
        return -e * (((potential - c) / e).logsumexp(1) - log_n)

    with torch.no_grad():
        ratio = (cost.max() / EPSILON).clamp(min=1)
        f = g = torch.zeros(len(x))
        for i in range(ITERATIONS):
            e = EPSILON * ratio ** max(0.0, 1 - 2 * i / ITERATIONS)
            if same:
                f = (f + best(cost, f, e)) / 2
            else:
                g = best(cost.T, f, e)
                f = best(cost, g, e)
        if same:
            g = best(cost, f, EPSILON)
    return f.mean() + g.mean() + EPSILON * (1 - ((f[:, None] + g - cost) / EPSILON).exp().mean())


# ---- steps in which all players move at once ----


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


def together(h: Hand, loss: Tensor, *letters: str) -> None:
    """Several players' step down the sum of their losses."""
    for letter in letters:
        h.of[letter].zero_grad(set_to_none=True)
    loss.backward()
    for letter in letters:
        h.of[letter].step()


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


def classify(h: Hand) -> None:
    x, y = h.batch()
    with h.autocast:
        loss = cross_entropy(h.G(x).float(), y)
    descend(h.of_G, loss)


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
    for D, letter, others in ((D_1, "D_1", ("G", "E")), (D_2, "D_2", ("G",))):
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
        together(h, loss, *others)


def reconstruct(h: Hand) -> None:
    (x,) = h.batch()
    with h.autocast:
        loss = energy(x, h.D(x)[0]).mean()
    descend(h.of_D, loss)


# ---- the rows ----


def _of_sgan() -> Game:
    """The authors' nets, on digits' 28 x 28 pixels."""
    with seeded(0):
        E = sgan.Encoder().requires_grad_(False)
        G = (sgan.FeatureGenerator(z=Z), sgan.ImageGenerator(z=Z, width=WIDTH))
        D = (sgan.feature_discriminator(z=Z), sgan.image_discriminator(z=Z, width=WIDTH))
    rates = {"optimizer_G": Adam(LR, BETA1), "optimizer_D": Adam(LR, BETA1)}
    return sgan_game(E.E_0, E.E_1, *G, *D, Z, 10, entropy=ENTROPY, **rates)


def _of_cgan() -> Game:
    """The authors' nets, but for their dropout."""
    with seeded(0):
        G, D = cgan.Generator(Z, dropout=0.0), cgan.Discriminator(dropout=0.0)
    return cgan_game(G, D, Z, 10, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def _of_faces() -> Game:
    """Narrow nets of the report, and attributes that are classes."""
    with seeded(0):
        G, D = faces.Generator(Z, 10, size=256, maps=16), faces.Discriminator(10, width=8, units=32)
        K, S = Bank(10, rows=10), Standard(10)
    K.fill(torch.eye(10), 0.1)
    S.measure(torch.eye(10))
    return conditional_faces(G, D, K, S, Z, 10, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def _of_acgan() -> Game:
    with seeded(0):
        G = Joined(dcgan.Generator(Z + 10, channels=1, size=32, width=WIDTH), 10)
        D = Auxiliary(wgan_gp.Critic(width=WIDTH), 10)
    return acgan(G, D, Z, 10, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def _of_infogan() -> Game:
    """Narrower nets of the paper, on digits' 28 x 28 pixels."""
    size = {"width": WIDTH // 2, "units": 8 * WIDTH}
    with seeded(0):
        G, D = info.Generator(Z + 12, **size), info.Discriminator(**size)
    return infogan(G, D, Z, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def _of_aae() -> Game:
    """Narrower nets of the reproduction, on digits' 28 x 28 pixels."""
    hidden = (8 * WIDTH, 8 * WIDTH)
    with seeded(0):
        nets = (coders.Encoder(8, hidden=hidden), coders.Decoder(8, hidden=hidden), coders.Critic(8, hidden=hidden))
    return aae(*nets, 8, **{f"optimizer_{name}": Adam(LR, BETA1) for name in "EGDR"})


def _of_categories(make: Callable[..., Game], turns: str) -> Game:
    hidden = (8 * WIDTH, 8 * WIDTH)
    with seeded(0):
        E, G = coders.CategoryEncoder(10, 8, hidden=hidden), coders.Decoder(18, hidden=hidden)
        D = [coders.Critic(n, hidden=hidden) for n in (10, 8)]
    return make(E, G, *D, 8, 10, **{f"optimizer_{name}": Adam(LR, BETA1) for name in turns})


def _of_conditional_ebgan() -> Game:
    with seeded(0):
        G = Joined(dcgan.Generator(Z + 10, channels=1, size=32, width=WIDTH), 10)
        D = autoencoder.Autoencoder(channels=1, maps=(WIDTH, 2 * WIDTH, 4 * WIDTH), classes=10)
    rates = {"optimizer_G": Adam(LR, BETA1), "optimizer_D": Adam(LR, BETA1)}
    return conditional_ebgan(G, D, Z, 10, margin=MARGIN, pt=PT, mismatch=MISMATCH, **rates)


def _of_words(make: Callable[..., Game]) -> Game:
    """The paper's nets at 32 x 32, told words of as many numbers as the noise has."""
    with seeded(0):
        G = gan_cls.Generator(Z, Z, channels=1, size=32, width=WIDTH // 2)
        D = gan_cls.Discriminator(Z, channels=1, size=32, width=WIDTH)
    return make(G, D, Bank(Z, rows=1), Z, optimizer_G=Adam(LR, BETA1), optimizer_D=Adam(LR, BETA1))


def _of_vae() -> Game:
    """The paper's nets."""
    with seeded(0):
        E, G = vae_nets.encoder(Z, size=16 * WIDTH), vae_nets.decoder(Z, size=16 * WIDTH)
    return vae(E, G, Z, optimizer_E=Adam(LR, BETA1), optimizer_G=Adam(LR, BETA1))


def _of_vae_gan() -> Game:
    with seeded(0):
        shape = {"channels": 1, "size": 32, "width": WIDTH}
        E, G = vae_gan_nets.encoder(Z, **shape), vae_gan_nets.decoder(Z, **shape)
        D = vae_gan_nets.discriminator(**shape)
    adams = {f"optimizer_{letter}": Adam(LR, BETA1) for letter in "EGD"}
    return vae_gan(E, G, D, Z, gamma=FEATURES, **adams)


def _of_two_stage() -> Game:
    """The first stage for a step, then the second."""
    with seeded(0):
        shape = {"channels": 1, "size": 32, "width": WIDTH}
        E, G = vae_gan_nets.encoder(Z, **shape), vae_gan_nets.decoder(Z, **shape, tanh=False)
        R, D = Refiner(channels=1, width=WIDTH), vae_gan_nets.discriminator(**shape)
    adams = {f"optimizer_{letter}": Adam(LR, BETA1) for letter in "EGRD"}
    return two_stage(E, G, R, D, Z, clear_from=1, **adams)


def _with_encoder(make: Callable[..., Game], critics: Sequence[str]) -> Game:
    with seeded(0):
        nets: dict[str, nn.Module] = {"G": dcgan.Generator(Z, channels=1, size=32, width=WIDTH)}
        nets |= {letter: wgan_gp.Critic(width=WIDTH) for letter in critics}
        nets["E"] = mode_encoder(Z, channels=1, size=32, width=WIDTH)
    return make(**nets, z=Z, **{f"optimizer_{letter}": Adam(LR, BETA1) for letter in "GDE"})


def _of_classifier() -> Game:
    with seeded(0):
        return classifier(sgan.Encoder(), optimizer_E=Adam(LR, BETA1))


def _of_latent() -> Game:
    """Codes of Z numbers, and a critic of them beside that of images."""
    with seeded(0):
        E = _encoder()
        G = dcgan.Generator(Z, channels=1, size=32, width=WIDTH)
        reader = nn.Sequential(nn.Linear(Z, 4 * WIDTH), nn.ReLU(), nn.Linear(4 * WIDTH, 1), nn.Flatten(0))
        critics = {"x": wgan_gp.Critic(width=WIDTH), "h": reader}
    rates = {"optimizer_G": Adam(LR, BETA1), "optimizer_D": Adam(LR, BETA1)}
    return latent_discriminators(
        E, G, critics, Z, S=Standardise(), penalty=PENALTY, critic_steps=CRITIC_STEPS, warm_steps=0, **rates
    )


def _encoder() -> FeatureExtractor:
    layers = {"flat": nn.Flatten(), "code": nn.Linear(32 * 32, Z), "h": nn.ReLU(), "logits": nn.Linear(Z, 10)}
    return FeatureExtractor(nn.Sequential(OrderedDict(layers)).eval().requires_grad_(False), ["h"])


def labelled(shape: tuple[int, int, int] = (1, 28, 28)) -> Source:
    """Batches of noise with labels at random."""
    x = batches(shape, BATCH)
    y = one_hot(torch.randint(10, (BATCH,), generator=torch.Generator().manual_seed(0)), 10).float()
    return lambda k: {**x(k), "y": y}


def coded() -> Source:
    """Batches of noise with codes of their images."""
    x = batches(SIZE, BATCH)
    with seeded(0), torch.no_grad():
        E = _encoder()
        kept = [E(x(k)["x"]).layers["h"] for k in range(8)]
    return lambda k: {**x(k), "h": kept[k % 8]}


def few_labelled() -> Source:
    """Labelled batches of noise, and as many without labels."""
    x, u = labelled(), batches((1, 28, 28), BATCH)
    return lambda k: {**x(k), "u": u(k + 1)["x"]}


def captioned() -> Source:
    """Batches of noise with codes of right words and of wrong ones."""
    x, g = batches(SIZE, BATCH), torch.Generator().manual_seed(0)
    h, h_wrong = (torch.randn(BATCH, Z, generator=g) for _ in range(2))
    return lambda k: {**x(k), "h": h, "h_wrong": h_wrong}


class Row(NamedTuple):
    """A game's settings, the letter and the net of its other player (or none), and its step by hand.

    whole: the game, where it has other players. source: its data.
    """

    step: Callable[[Hand], None]
    letter: str = "D"
    autoencoder: bool = False
    settings: Mapping[str, Any] = MappingProxyType({})
    whole: Callable[[], Game] | None = None
    source: Callable[[], Source] = lambda: batches(SIZE, BATCH)


def turns(of_D: Loss, of_G: Loss, **settings: Any) -> Callable[[Hand], None]:
    return partial(in_turns, of_D=of_D, of_G=of_G, **settings)


ROWS = {
    "aae": Row(of_prior, whole=_of_aae, source=lambda: batches((1, 28, 28), BATCH)),
    "aae-clusters": Row(
        partial(of_categories, labels=False), whole=partial(_of_categories, aae_clusters, "EGDR"),
        source=lambda: batches((1, 28, 28), BATCH),
    ),
    "aae-ssl": Row(
        partial(of_categories, labels=True), whole=partial(_of_categories, aae_ssl, "EGDRL"), source=few_labelled
    ),
    "acgan": Row(of_classifier, whole=_of_acgan, source=partial(labelled, SIZE)),
    "autoencoder": Row(reconstruct, autoencoder=True),
    "began": Row(began, autoencoder=True, settings={"gamma": BALANCE, "rate": STEP}),
    "cgan": Row(of_class, whole=_of_cgan, source=labelled),
    "classifier": Row(classify, whole=_of_classifier, source=labelled),
    "conditional-faces": Row(of_attributes, whole=_of_faces, source=partial(labelled, (3, 32, 32))),
    "conditional-ebgan": Row(of_energy, whole=_of_conditional_ebgan, source=partial(labelled, SIZE)),
    "ebgan": Row(turns(ebgan_D, ebgan_G), autoencoder=True, settings={"margin": MARGIN}),
    "ebgan-pt": Row(turns(ebgan_D, ebgan_pt_G), autoencoder=True, settings={"margin": MARGIN, "pt": PT}),
    "energy-distance": Row(partial(alone, loss=energy_distance), ""),
    "energy-losses": Row(turns(square_square_D, ebgan_G), autoencoder=True, settings={"margin": MARGIN}),
    "fgan": Row(fgan, "V"),
    "gan": Row(turns(gan_D, gan_G)),
    **{
        name: Row(partial(worded, wrong=wrong, between=between), whole=partial(_of_words, make), source=captioned)
        for name, make, wrong, between in (
            ("gan-text", text.gan_text, False, False), ("gan-cls", text.gan_cls, True, False),
            ("gan-int", text.gan_int, False, True), ("gan-int-cls", text.gan_int_cls, True, True),
        )
    },
    "gmmn": Row(partial(alone, loss=mmd), "", settings={"widths": WIDTHS}),
    "hinge": Row(turns(hinge_D, critic_G)),
    "infogan": Row(of_codes, whole=_of_infogan, source=lambda: batches((1, 28, 28), BATCH)),
    "latent-discriminators": Row(latent, whole=_of_latent, source=coded),
    "lsgan": Row(turns(least_squares_D, least_squares_G)),
    "manifold-diffusion": Row(diffusing, whole=partial(_with_encoder, manifold_diffusion, ("D_1", "D_2"))),
    "mode-regularised": Row(regularised, whole=partial(_with_encoder, mode_regularised, ("D",))),
    "r3gan": Row(turns(r3gan_D, r3gan_G), settings={"gamma": GAMMA}),
    "sgan": Row(stacked, whole=_of_sgan, source=labelled),
    "sinkhorn": Row(partial(alone, loss=sinkhorn), "", settings={"epsilon": EPSILON, "iterations": ITERATIONS}),
    "two-stage": Row(clear, whole=_of_two_stage),
    "unrolled": Row(unrolled, settings={"steps": K}),
    "vae": Row(bound, whole=_of_vae, source=lambda: batches((1, 28, 28), BATCH)),
    "vae-gan": Row(four_losses, whole=_of_vae_gan),
    "wgan": Row(
        turns(wasserstein_D, critic_G, critic_steps=CRITIC_STEPS, clip=CLIP), "f",
        settings={"clip": CLIP, "critic_steps": CRITIC_STEPS, "warm_steps": 0},
    ),
    "wgan-gp": Row(
        turns(wgan_gp_D, critic_G, critic_steps=CRITIC_STEPS), "f",
        settings={"penalty": PENALTY, "critic_steps": CRITIC_STEPS},
    ),
}  # fmt: skip


def game(name: str) -> Game:
    """The game on new nets, always from the same weights."""
    row = ROWS[name]
    if row.whole:
        return row.whole()
    with seeded(0):
        nets: dict[str, nn.Module] = {"G": dcgan.Generator(Z, channels=1, size=32, width=WIDTH)}
        if row.autoencoder:
            nets["D"] = autoencoder.Autoencoder(channels=1, maps=(WIDTH, 2 * WIDTH, 4 * WIDTH))
        elif row.letter:
            nets[row.letter] = wgan_gp.Critic(width=WIDTH)
    rate = RMSProp(RATE) if name == "wgan" else Adam(LR, BETA1)
    if name == "autoencoder":
        return GAMES[name](nets["D"], optimizer_D=rate)
    return GAMES[name](**nets, z=Z, **{f"optimizer_{letter}": rate for letter in nets}, **row.settings)


def sides(name: str, precision: str) -> tuple[Trainer, Hand]:
    """The two that take the same steps."""
    source = ROWS[name].source()
    return Trainer(game(name), source, precision=precision), Hand(game(name), source, precision)


def main(arguments: Sequence[str] | None = None) -> None:
    """Times and prints; `arguments` are the command line's where none are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30, help="pairs of steps that are timed")
    parser.add_argument("--only", choices=tuple(ROWS), help="one game")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--json", action="store_true", help="print JSON instead of markdown")
    args = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for name in [args.only] if args.only else ROWS:
        one, hand = sides(name, args.precision)
        ours, theirs, ratio = alternate(one.step, partial(ROWS[name].step, hand), args.steps)
        rows.append({"game": name, "precision": args.precision, "energan ms": ours, "by hand ms": theirs,
                     "energan / by hand": ratio})  # fmt: skip
        print(rows[-1], file=sys.stderr, flush=True)
    facts = machine(compile=False)
    if args.json:
        print(json.dumps({"machine": facts, "rows": rows}, indent=2))
    else:
        print(f"{', '.join(f'{k}: {v}' for k, v in facts.items())}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
