"""One file per published system, next to its equations."""

from collections.abc import Callable

from energan.engine.game import Game
from energan.games.adaptation.adda import adda
from energan.games.adaptation.dann import dann
from energan.games.adaptation.pixelda import pixelda
from energan.games.conditional.acgan import acgan
from energan.games.conditional.cgan import cgan
from energan.games.conditional.conditional_ebgan import conditional_ebgan
from energan.games.conditional.conditional_faces import conditional_faces
from energan.games.conditional.gan_cls import gan_cls, gan_int, gan_int_cls, gan_text
from energan.games.conditional.sgan import sgan
from energan.games.critic_free.energy_distance import energy_distance
from energan.games.critic_free.gmmn import gmmn
from energan.games.critic_free.gmmn_ae import gmmn_ae
from energan.games.critic_free.sinkhorn import sinkhorn
from energan.games.energy.autoencoder import autoencoder
from energan.games.energy.began import began
from energan.games.energy.ebgan import ebgan, ebgan_pt
from energan.games.energy.energy_losses import energy_losses
from energan.games.energy.feature_autoencoder import feature_autoencoder
from energan.games.gan.fastgan import fastgan
from energan.games.gan.fgan import fgan
from energan.games.gan.gan import gan
from energan.games.gan.hinge import hinge
from energan.games.gan.lapgan import lapgan
from energan.games.gan.lsgan import lsgan
from energan.games.gan.r3gan import r3gan
from energan.games.gan.unrolled import unrolled
from energan.games.gan.wgan import wgan
from energan.games.gan.wgan_gp import wgan_gp
from energan.games.latent.aae import aae
from energan.games.latent.aae_ssl import aae_clusters, aae_ssl
from energan.games.latent.infogan import infogan
from energan.games.latent.mode_regularised import manifold_diffusion, mode_regularised
from energan.games.latent.two_stage import two_stage
from energan.games.latent.vae import vae
from energan.games.latent.vae_gan import vae_gan
from energan.games.plug_and_play.dgn_am import dgn_am
from energan.games.plug_and_play.latent_discriminators import latent_discriminators
from energan.games.plug_and_play.ppgn import joint_ppgn_h, noiseless_joint_ppgn_h, ppgn_h, ppgn_x
from energan.games.semi_supervised.classifier import classifier
from energan.games.semi_supervised.ebgan_ln import ebgan_ln
from energan.games.semi_supervised.improved_gan import improved_gan_ssl
from energan.games.semi_supervised.ladder import ladder
from energan.games.translation.cyclegan import cyclegan
from energan.games.translation.pix2pix import pix2pix
from energan.games.translation.srgan import srgan, srresnet

GAMES: dict[str, Callable[..., Game]] = {
    "aae": aae,
    "aae-clusters": aae_clusters,
    "aae-ssl": aae_ssl,
    "acgan": acgan,
    "adda": adda,
    "autoencoder": autoencoder,
    "feature-autoencoder": feature_autoencoder,
    "began": began,
    "cgan": cgan,
    "classifier": classifier,
    "conditional-ebgan": conditional_ebgan,
    "conditional-faces": conditional_faces,
    "cyclegan": cyclegan,
    "dann": dann,
    "dgn-am": dgn_am,
    "ebgan": ebgan,
    "ebgan-pt": ebgan_pt,
    "ebgan-ln": ebgan_ln,
    "energy-distance": energy_distance,
    "energy-losses": energy_losses,
    "fastgan": fastgan,
    "fgan": fgan,
    "gan": gan,
    "gan-cls": gan_cls,
    "gan-int": gan_int,
    "gan-int-cls": gan_int_cls,
    "gan-text": gan_text,
    "gmmn": gmmn,
    "gmmn-ae": gmmn_ae,
    "hinge": hinge,
    "improved-gan-ssl": improved_gan_ssl,
    "infogan": infogan,
    "ladder": ladder,
    "lapgan": lapgan,
    "latent-discriminators": latent_discriminators,
    "lsgan": lsgan,
    "manifold-diffusion": manifold_diffusion,
    "mode-regularised": mode_regularised,
    "pixelda": pixelda,
    "ppgn-x": ppgn_x,
    "ppgn-h": ppgn_h,
    "joint-ppgn-h": joint_ppgn_h,
    "noiseless-joint-ppgn-h": noiseless_joint_ppgn_h,
    "pix2pix": pix2pix,
    "r3gan": r3gan,
    "sgan": sgan,
    "sinkhorn": sinkhorn,
    "srgan": srgan,
    "srresnet": srresnet,
    "two-stage": two_stage,
    "unrolled": unrolled,
    "vae": vae,
    "vae-gan": vae_gan,
    "wgan": wgan,
    "wgan-gp": wgan_gp,
}
