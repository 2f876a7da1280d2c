"""VAE/GAN, and the path to it: an auto-encoder, + KL, + feature matching, + GAN (arXiv:1512.09300).

The authors trained for 37,500 steps at twice the width of vae_gan_mnist; defaults here are for minutes on two cores.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from energan.experiment import Experiment
from energan.recipes.common import Data, GeneratorTraining, experiment, padded_digits, resized
from energan.recipes.image_options import Pictures, Views
from energan.utils.checks import not_negative, positive
from energan.utils.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from energan.engine.game import Game


@dataclass(frozen=True, kw_only=True)
class FourLosses:
    """The weights of the four losses, and who rests. A loss of weight 0 is left out."""

    kl: float = 1.0
    """Weight of the KL loss, which makes codes like noise."""
    reconstruction: float = 0.0
    """Weight of the reconstruction loss of pixels; VAE/GAN has none, but that of features."""
    feature: float = 1.0
    """Weight of the feature matching loss: what the discriminator sees in an image and in its reconstruction."""
    adversarial: float = 1.0
    """Weight of the GAN's loss."""
    gamma: float = 1e-5
    """Weight of reconstruction and feature matching in G's loss, beside 1 - gamma of the GAN's; 0 to 1."""
    gate: float = 0.0
    """How far D's costs may be from 0.68 before D, or G, rests (the authors' rule, at 0.35); 0: nobody rests."""
    loss: Literal["minimax", "non-saturating"] = "non-saturating"
    """The GAN's loss of G: log(1 - D(G(z))), the authors', or - log D(G(z)), which pulls where D is sure."""

    def game(self, E: "nn.Module", G: "nn.Module", D: "nn.Module", z: int, lr: float) -> "Game":
        """UserError for weights that cannot be trained with."""
        from energan.engine.optimizers import RMSProp
        from energan.games.latent.vae_gan import Losses, vae_gan

        not_negative(kl=self.kl, reconstruction=self.reconstruction, feature=self.feature)
        not_negative(adversarial=self.adversarial, gamma=self.gamma, gate=self.gate)
        positive(lr=lr)
        if self.gamma > 1:
            raise UserError(f"`gamma` must be 1 or less, got {self.gamma}")
        if not self.reconstruction and not self.feature:
            raise UserError("`reconstruction` or `feature` must be above 0: else no loss is of the images' codes")
        losses = Losses(self.kl, self.reconstruction, self.feature, self.adversarial)
        rms = RMSProp(lr, alpha=0.9)
        return vae_gan(
            E, G, D if losses.judged else None, z, losses=losses, gamma=self.gamma, margin=self.gate or None,
            loss=self.loss, optimizer_E=rms, optimizer_G=rms, optimizer_D=rms,
        )  # fmt: skip


def unchanged(views: Views) -> None:
    """UserError for augmentation: what is drawn again from a changed image would be changed once more."""
    if views.augment:
        raise UserError(
            "`augment` is for systems that draw from noise alone: an auto-encoder's images are compared as they are"
        )


def vae_gan_mnist(
    *,
    data: Data = "mnist",
    net: Literal["conv", "mlp"] = "conv",
    z: int = 64,
    width: int = 16,
    lr: float = 3e-4,
    losses: FourLosses = FourLosses(gamma=4e-3),
    training: GeneratorTraining = GeneratorTraining(steps=3000, batch=64, save_every=250, ema=0.999),
) -> Experiment:
    """VAE/GAN: an auto-encoder that compares images by what a discriminator sees (arXiv:1512.09300).

    A step is one turn of all three players. --gamma weighs a sum over features, 64 times --width: the authors' 5e-5
    would be 8e-4 here; the default was chosen by the distance to training images. So were --gate 0 and --loss
    non-saturating: by the authors' rule D rests in most steps here, for it is sure of real digits, and all samples
    become one scribble (docs/results/latent.md). The path to VAE/GAN is four commands:
    --reconstruction 1 with --kl 0 --feature 0 --adversarial 0 is an auto-encoder; leave out one of the three after
    another.

    Args:
        net: The authors' convolutional nets for 32 x 32 (conv), or their fully connected ones for 28 x 28 (mlp).
        z: Dimensions of the code.
        width: Feature maps of the encoder's first layer (64 in the authors' code); of mlp, whose layers have 64 times
            as many units, 16 is theirs. Less is faster.
        lr: RMSProp's learning rate of all players.
    """
    from energan.networks.latent import vae_gan as nets

    positive(z=z, width=width)
    with training.seeded():
        if net == "conv":
            shape: dict[str, Any] = {"channels": 1, "size": 32, "width": width}
            E, G, D = nets.encoder(z, **shape), nets.decoder(z, **shape), nets.discriminator(**shape)
        else:
            units = 64 * width
            E, G, D = (
                nets.mlp_encoder(z, size=units),
                nets.mlp_decoder(z, size=units),
                nets.mlp_discriminator(size=units),
            )
    prepare = padded_digits if net == "conv" else resized(28, 1)
    return experiment(losses.game(E, G, D, z, lr), "vae-gan", data, prepare, training)


def vae_gan_64(
    data: Pictures,
    *,
    z: int = 128,
    width: int = 64,
    lr: float = 3e-4,
    losses: FourLosses = FourLosses(),
    views: Views = Views(),
    training: GeneratorTraining = GeneratorTraining(steps=37500, batch=64, save_every=1000, ema=0.999),
) -> Experiment:
    """VAE/GAN on 64 x 64 images, with the authors' nets and settings for CelebA but for two.

    A step is one turn of all three players. By the authors' rule of who rests (--gate 0.35 --loss minimax) emoji fell
    apart (docs/results/latent.md): nobody rests, and G's loss pulls where D is sure.

    Args:
        z: Dimensions of the code.
        width: Feature maps of the encoder's first layer; less is faster. --gamma weighs sums over features, of which
            there are so many the fewer.
        lr: RMSProp's learning rate; the authors' falls while they train.
    """
    from energan.networks.latent import vae_gan as nets

    positive(z=z, width=width)
    unchanged(views)
    shape: dict[str, Any] = {"channels": views.channels, "size": 64, "width": width}
    with training.seeded():
        E, G, D = nets.encoder(z, **shape), nets.decoder(z, **shape), nets.discriminator(**shape)
    run = experiment(
        losses.game(E, views.generator(G), D, z, lr), "vae-gan", data, views.prepare(64), training, "mobilenetv2"
    )
    return views.shown(run, 64)
