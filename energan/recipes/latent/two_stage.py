"""Two stages: blurred images first, then clear ones. Defaults are for minutes on two cores."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, experiment, padded_digits
from energan.recipes.image_options import Pictures, Views
from energan.recipes.latent.vae_gan import unchanged
from energan.utils.checks import not_negative, positive, share

if TYPE_CHECKING:
    from energan.engine.game import Game


@dataclass(frozen=True, kw_only=True)
class TwoStages:
    """The two stages' settings."""

    clear_from: float = 0.5
    """Share of the steps before which the VAE learns, and from which the refiner does; 1: the VAE alone."""
    kl: float = 1.0
    """Weight of the KL divergence in the VAE's loss."""
    feature: float = 1.0
    """Weight of feature matching in the refiner's loss."""
    pixel: float = 1.0
    """Weight of the pixels' squared difference in the refiner's loss."""
    lr: float = 1e-3
    """Adam's learning rate of the VAE's two players."""
    lr_d: float = 2e-4
    """Adam's learning rate of the refiner and the discriminator, whose beta1 is 0.5."""

    def game(
        self,
        training: GeneratorTraining,
        *,
        z: int,
        channels: int,
        size: int,
        width: int,
        likelihood: Literal["bernoulli", "gaussian"],
        s: float,
    ) -> "Game":
        """The game, on new nets. UserError for settings that cannot be trained with."""
        from energan.engine.optimizers import Adam, step_at
        from energan.games.latent.two_stage import two_stage
        from energan.networks.latent import vae_gan as nets
        from energan.networks.latent.refiner import Refiner

        positive(z=z, width=width, s=s, lr=self.lr, lr_d=self.lr_d)
        not_negative(kl=self.kl, feature=self.feature, pixel=self.pixel)
        share(clear_from=self.clear_from)
        shape: dict[str, Any] = {"channels": channels, "size": size, "width": width}
        with training.seeded():
            E, G = nets.encoder(z, **shape), nets.decoder(z, **shape, tanh=False)
            R, D = Refiner(channels=channels, width=width), nets.discriminator(**shape)
        vae, gan = Adam(self.lr), Adam(self.lr_d, beta1=0.5)
        return two_stage(
            E, G, R, D, z, clear_from=step_at(self.clear_from, training.steps), likelihood=likelihood, s=s, kl=self.kl,
            feature=self.feature, pixel=self.pixel, optimizer_E=vae, optimizer_G=vae, optimizer_R=gan, optimizer_D=gan,
        )  # fmt: skip


def two_stage_mnist(
    *,
    data: Data = "mnist",
    z: int = 32,
    width: int = 16,
    stages: TwoStages = TwoStages(),
    training: GeneratorTraining = GeneratorTraining(steps=4000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """Blurred digits first, by a VAE, then clear ones, by a refiner that a discriminator teaches.

    A step is one turn of the VAE, in the second stage one of the discriminator and one of the refiner.

    Args:
        z: Dimensions of the code.
        width: Feature maps of the nets' first layers; less is faster.
    """
    game = stages.game(training, z=z, channels=1, size=32, width=width, likelihood="bernoulli", s=1.0)
    return _averaged(experiment(game, "two-stage", data, padded_digits, training), training)


def two_stage_64(
    data: Pictures,
    *,
    z: int = 128,
    width: int = 32,
    s: float = 0.25,
    stages: TwoStages = TwoStages(),
    views: Views = Views(),
    training: GeneratorTraining = GeneratorTraining(steps=20000, batch=64, save_every=1000, ema=0.999),
) -> Experiment:
    """Blurred images of 64 x 64 first, by a VAE, then clear ones, by a refiner that a discriminator teaches.

    A step is one turn of the VAE, in the second stage one of the discriminator and one of the refiner.

    Args:
        z: Dimensions of the code.
        width: Feature maps of the nets' first layers; less is faster.
        s: Standard deviation of the VAE's Gaussian likelihood, pixels from -1 to 1: the less, the more a code says.
    """
    unchanged(views)
    game = stages.game(training, z=z, channels=views.channels, size=64, width=width, likelihood="gaussian", s=s)
    run = experiment(game, "two-stage", data, views.prepare(64), training, "mobilenetv2")
    return _averaged(views.shown(run, 64), training)


def _averaged(run: Experiment, training: GeneratorTraining) -> Experiment:
    """The run, in which the refiner's weights are averaged too."""
    return run._replace(ema=dict.fromkeys(("G", "R"), training.ema) if training.averages else {})
