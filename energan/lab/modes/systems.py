"""The systems that find the modes of a mixture, or not: small nets, the same for all, and each system's rates.

Rates fall to 0 over the second half. They, EBGAN's margin and pull-away weight were chosen in some runs of 4 seeds and
1,500 steps on the ring.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from torch import nn

from energan.engine.game import Game
from energan.engine.optimizers import Adam, RMSProp, linear_decay
from energan.games.energy.began import began
from energan.games.energy.ebgan import ebgan, ebgan_pt
from energan.games.gan.gan import gan
from energan.games.gan.r3gan import r3gan
from energan.games.gan.unrolled import unrolled
from energan.games.gan.wgan import wgan
from energan.games.gan.wgan_gp import wgan_gp
from energan.games.latent.mode_regularised import manifold_diffusion, mode_regularised
from energan.networks.dense.perceptron import Autoencoder, Perceptron


class Settings(NamedTuple):
    """Settings of all systems of a study. steps: of G; batch: points a turn; width: units of each of two hidden layers;
    z: dimensions of the noise; looks: how often models are measured and drawn; seed: of the first model; pack: points
    that D reads at once."""

    seeds: int
    steps: int
    batch: int
    width: int
    z: int
    looks: int
    seed: int
    pack: int = 1

    def G(self) -> nn.Module:
        return Perceptron((self.z, self.width, self.width, 2))

    def D(self) -> nn.Module:
        return Perceptron((2, self.width, self.width, 1), shape=())

    def E(self) -> nn.Module:
        return Perceptron((2, self.width, self.width, self.z))

    def autoencoder(self) -> nn.Module:
        return Autoencoder((2, self.width, self.width))


def _adam(nets: Settings, lr: float, beta1: float = 0.5, beta2: float = 0.999) -> Adam:
    return Adam(lr, beta1, beta2, schedule=linear_decay(nets.steps // 2, nets.steps))


def _gan(nets: Settings) -> Game:
    return gan(nets.G(), nets.D(), nets.z, optimizer_G=_adam(nets, 1e-3), optimizer_D=_adam(nets, 1e-3))


def _unrolled(nets: Settings, steps: int) -> Game:
    adams = {"optimizer_G": _adam(nets, 1e-3), "optimizer_D": _adam(nets, 1e-3)}
    return unrolled(nets.G(), nets.D(), nets.z, steps=steps, **adams)


def _wgan(nets: Settings) -> Game:
    rms = RMSProp(5e-4, schedule=linear_decay(nets.steps // 2, nets.steps))
    return wgan(nets.G(), nets.D(), nets.z, clip=0.1, warm_steps=0, optimizer_G=rms, optimizer_f=rms)


def _wgan_gp(nets: Settings) -> Game:
    adam = _adam(nets, 1e-3, 0.5, 0.9)
    return wgan_gp(nets.G(), nets.D(), nets.z, penalty=0.1, optimizer_G=adam, optimizer_f=adam)


def _ebgan(nets: Settings, pt: float) -> Game:
    adam = _adam(nets, 1e-3)
    if pt:
        return ebgan_pt(nets.G(), nets.autoencoder(), nets.z, margin=1.0, pt=pt, optimizer_G=adam, optimizer_D=adam)
    return ebgan(nets.G(), nets.autoencoder(), nets.z, margin=1.0, optimizer_G=adam, optimizer_D=adam)


def _began(nets: Settings) -> Game:
    adam = _adam(nets, 1e-3)
    game = began(nets.G(), nets.autoencoder(), nets.z, rate=0.01, optimizer_G=adam, optimizer_D=adam)
    return game._replace(sample=lambda p, b: p.G(b.z))  # points are no pixels: nothing to clamp


def _r3gan(nets: Settings) -> Game:
    adam = _adam(nets, 1e-3, 0.0, 0.99)
    return r3gan(nets.G(), nets.D(), nets.z, gamma=0.1, optimizer_G=adam, optimizer_D=adam)


def _mode_regularised(nets: Settings) -> Game:
    adam = _adam(nets, 1e-3)
    adams: dict[str, Any] = {f"optimizer_{letter}": adam for letter in "GDE"}
    return mode_regularised(nets.G(), nets.D(), nets.E(), nets.z, **adams)


def _manifold_diffusion(nets: Settings) -> Game:
    adam = _adam(nets, 1e-3)
    adams: dict[str, Any] = {f"optimizer_{letter}": adam for letter in "GDE"}
    return manifold_diffusion(nets.G(), nets.D(), nets.D(), nets.E(), nets.z, **adams)


SYSTEMS: dict[str, Callable[[Settings], Game]] = {
    "GAN": _gan,
    "unrolled K=0": partial(_unrolled, steps=0),
    "unrolled K=1": partial(_unrolled, steps=1),
    "unrolled K=5": partial(_unrolled, steps=5),
    "unrolled K=10": partial(_unrolled, steps=10),
    "WGAN": _wgan,
    "WGAN-GP": _wgan_gp,
    "EBGAN": partial(_ebgan, pt=0.0),
    "EBGAN-PT": partial(_ebgan, pt=0.02),  # beside a margin of 1; the paper's 0.1 stands beside one of 10
    "BEGAN": _began,
    "R3GAN": _r3gan,
    "mode-regularised": _mode_regularised,
    "manifold-diffusion": _manifold_diffusion,
}
